"""A call over SIP, beyond what every line must do: hold, keys by two ways, strangers, loss, transfer, who vanishes."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from lineside.rtp.packet import RtpPacket, build_rtp, parse_rtp
from lineside.transports.line_control import CannotDo, TransferTarget
from lineside.transports.sip import FIRST_SOUND, SOUND
from tests.transports.conformance import Listening, frames, with_call
from tests.transports.sip_rig import STRANGER, SipRig, sip
from tests.virtual_time import run

Story = Callable[[SipRig, Listening, "asyncio.Task[str]"], Awaitable[None]]


def play(story: Story) -> None:
    """A story on a line that is up."""
    run(with_call(sip, story))  # type: ignore[arg-type]


def loud(sound: bytes) -> bytes:
    return sound.replace(b"\xff", b"")


def test_a_held_call_hears_no_music_and_says_nothing_and_then_goes_on() -> None:
    """The call is told of both; what was queued is sent to nobody."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        assert rig.call.session is not None
        rig.call.session.hold(True)
        await asyncio.sleep(0.5)
        assert listener.holds == [False, True]
        sent, said = len(rig.ours.sent), len(listener.sound)
        for frame in frames(rig, 25):
            await rig.say(frame)
            rig.transport.send(frame)
            await asyncio.sleep(0.02)
        assert len(rig.ours.sent) == sent
        assert len(listener.sound) == said
        rig.transport.clear()
        rig.call.session.hold(False)
        await asyncio.sleep(0.5)
        assert listener.holds == [False, True, False]
        await rig.say(b"\x11" * 160)
        await asyncio.sleep(0.2)
        assert b"\x11" * 160 in listener.sound

    play(story)


def test_a_key_that_comes_in_rtp_and_as_info_is_one_key() -> None:
    """And the same key again, by the same way, is another."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        assert rig.call.session is not None
        session = rig.call.session
        await rig.press("5")
        body = b"Signal=5\r\nDuration=160\r\n"
        request = session.dialog.request(
            "INFO", rig.caller.agent.via(session.dialog.flow), (("Content-Type", "application/dtmf-relay"),), body
        )
        rig.caller.agent.start(request, session.dialog.flow, lambda response: None)
        await asyncio.sleep(0.4)
        assert listener.keys == "5"
        await asyncio.sleep(0.5)
        await rig.press("5")
        await asyncio.sleep(0.5)
        assert listener.keys == "55"

    play(story)


def test_a_stranger_is_not_heard_and_hears_nothing() -> None:
    """Whoever sends to the port, with the caller's own SSRC and numbers too."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        for number in range(50):
            copied = parse_rtp(rig.theirs.sent[-1][1])
            assert copied is not None
            forged = RtpPacket(0, False, copied.sequence + 1, copied.timestamp + 160, copied.ssrc, b"\x66" * 160)
            rig.ours.on_rtp(build_rtp(forged), STRANGER)
            rig.ours.on_rtp(build_rtp(RtpPacket(0, False, number, number * 160, 3, b"\x66" * 160)), STRANGER)
            await asyncio.sleep(0.02)
        assert b"\x66" not in listener.sound
        assert rig.transport.quality.strangers == 100
        assert {to for _, to in rig.ours.targets} == {rig.theirs.at}

    play(story)


def test_sound_is_whole_over_a_network_that_loses_and_swaps() -> None:
    """Five packets of a hundred lost, others swapped: what comes through stands in order, and no time is lost."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        dice = random.Random(4)  # noqa: S311 - loss of a test
        rig.theirs.loses = lambda: dice.random() < 0.05
        rig.theirs.late = lambda: 0.03 if dice.random() < 0.1 else 0.0
        before, began = len(listener.sound), asyncio.get_running_loop().time()
        for frame in frames(rig, 400):
            await rig.say(frame)
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        seconds = asyncio.get_running_loop().time() - began
        assert (len(listener.sound) - before) / 8000 == pytest.approx(seconds, abs=0.2)
        assert 5 <= rig.transport.quality.concealed <= 45

    play(story)


def test_sound_stops_with_the_next_packet_after_a_barge_in() -> None:
    """Twenty milliseconds, and nothing of it is heard later."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        rig.transport.send(b"\x22" * 8000)
        await asyncio.sleep(0.305)
        at = asyncio.get_running_loop().time()
        rig.transport.clear()
        await asyncio.sleep(0.5)
        late = [sent - at for sent, packet in rig.ours.sent if b"\x22" in packet[12:] and sent > at]
        assert late == []

    play(story)


def test_the_goodbye_is_heard_to_its_end_before_the_line_is_hung_up() -> None:
    """What is queued leaves first, then BYE."""

    async def story(rig: SipRig, listener: Listening, running: object) -> None:
        goodbye = b"".join(frames(rig, 20))
        rig.transport.send(goodbye)
        await rig.leg.control.hang_up("caller_silent")
        await asyncio.sleep(0.1)
        assert loud(rig.ear) == goodbye
        assert [end.by for end in rig.phone.ends] == ["them"]
        assert rig.ours.closed

    play(story)


def test_a_caller_whose_sound_stops_is_gone_after_a_while() -> None:
    """Fifteen seconds, thirty before the first packet; the reason says what was missing."""

    async def story(rig: SipRig, listener: Listening, running: "asyncio.Task[str]") -> None:
        began = asyncio.get_running_loop().time()
        rig.pacer.remove(rig.far)
        assert await running == "no_audio"
        assert asyncio.get_running_loop().time() - began == pytest.approx(SOUND, abs=1.5)
        assert FIRST_SOUND == 2 * SOUND

    play(story)


def test_a_transfer_that_the_other_side_declines_leaves_the_caller_with_us() -> None:
    """603 is `rejected`; a warm transfer is refused with a sentence."""

    async def story(rig: SipRig, listener: Listening, running: "asyncio.Task[str]") -> None:
        outcome = await rig.leg.control.transfer(TransferTarget("200"))
        assert (outcome.result, outcome.detail) == ("rejected", "603 Decline")
        assert not running.done()
        with pytest.raises(CannotDo, match="cold"):
            await rig.leg.control.transfer(TransferTarget("200"), "warm")
        with pytest.raises(CannotDo, match="no key"):
            await rig.leg.control.send_digits("12!")
        await rig.leg.control.send_digits("12")
        await rig.leg.control.hold(True)
        await asyncio.sleep(0.5)
        assert rig.phone.plans[-1].held

    play(story)


def test_a_caller_who_cancels_before_the_answer_is_gone_at_once() -> None:
    """No slot is held for them."""

    async def story() -> None:
        async with sip() as rig:
            running = asyncio.create_task(rig.transport.run(Listening()))
            rig.offered.on_cancelled = rig.transport.cancelled
            rig.call.give_up()
            await asyncio.sleep(0.5)
            assert await running == "caller_hung_up"
            await rig.leg.control.answer()
            await rig.leg.control.hang_up("caller_hung_up")
            assert rig.phone.ends[0].status == 487

    run(story())
