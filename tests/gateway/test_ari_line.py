"""Calls over Asterisk's REST interface, on a fake that answers as documented and counts what is left behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from lineside.ari.connection import AriGone, AriRefused
from lineside.gateway.asterisk.ari_legs import LEASE, MEDIA_WITHIN, RENEW
from lineside.protocol import EndReason
from lineside.reasons import DialResult
from lineside.transports.base import AudioMeter
from lineside.transports.dialer import CannotDial, DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import CannotDo, OfferedCall, TransferOutcome, TransferTarget
from tests.gateway.ari_rig import AriRig, ari
from tests.gateway.fake_ari import FakeChannel
from tests.transports.conformance import Listening, frames
from tests.virtual_time import run

Story = Callable[[AriRig, Listening, "asyncio.Task[EndReason]"], Awaitable[None]]
LEAVE_TIME = 4.0
WHISPER = bytes([7]) * 32_000  # one second of what the colleague hears, at 16 kHz


def with_ari_call(story: Story) -> None:
    """A story on a call that is up and answered."""

    async def told() -> None:
        async with ari() as rig:
            listener = Listening()
            running = asyncio.create_task(rig.leg.transport.run(listener))
            await rig.leg.control.answer()
            await asyncio.sleep(0.2)
            try:
                await story(rig, listener, running)
            finally:
                await rig.leg.control.hang_up("caller_hung_up")
                running.cancel()
                await asyncio.wait([running])

    run(told())


def without_call(story: Callable[[AriRig], Awaitable[None]]) -> None:
    """A story on a line without a call."""

    async def told() -> None:
        rig = AriRig()
        async with asyncio.TaskGroup() as rig.tasks, rig.line.opened():
            rig.asterisk.connect(rig.line.ari)
            watching = rig.tasks.create_task(rig.watch())
            try:
                await story(rig)
            finally:
                rig.host.let_go.set()
                await asyncio.sleep(LEAVE_TIME)
                watching.cancel()
                rig.ws.abort()
        assert rig.asterisk.ours == []
        assert rig.host.slots == 0

    run(told())


async def whispered(text: str) -> bytes:
    """The agent's voice."""
    assert text == "Mr Jones, about his router. Press 1."
    return WHISPER


WARM = TransferTarget("support", summary="Mr Jones, about his router. Press 1.", speak=whispered, ring_seconds=20.0)


# ── calls that come ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_caller_is_answered_once_their_sound_has_a_way() -> None:
    """Ringing, our sound's channel, a bridge of both, then the answer: nobody pays for a call that nobody hears."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        asked = [line.rpartition("/")[2] for line in rig.asterisk.asked if "variable" not in line]
        assert asked[0] == "ring"
        assert asked[1] == "externalMedia"
        assert asked[-2:] == ["addChannel", "answer"]
        assert rig.asterisk.channels[rig.channel.id].state == "Up"
        facts = rig.offered.facts
        assert (facts.line, facts.caller, facts.called) == ("asterisk", "+15550100", "100")
        assert (facts.carrier_call_id, facts.codec, facts.direction) == (rig.channel.id, "l16", "inbound")

    with_ari_call(story)


def test_a_full_gateway_leaves_the_caller_to_the_queue() -> None:
    """At once, before anything is made for them."""

    async def story(rig: AriRig) -> None:
        rig.host.full = True
        channel = rig.asterisk.calls()
        await asyncio.sleep(0.5)
        assert channel.went_on == "next"
        assert channel.variables["TIMEOUT(absolute)"] == "0"
        assert not any("externalMedia" in line for line in rig.asterisk.asked)

    without_call(story)


@pytest.mark.parametrize("fails", ["externalMedia", "addChannel", "no socket"])
def test_a_call_that_cannot_be_put_together_goes_to_the_queue(fails: str) -> None:
    """Whatever Asterisk refuses, or where its media socket does not come: in time, and nothing is left."""

    async def story(rig: AriRig) -> None:
        if fails == "no socket":
            rig.asterisk.open_media = lambda ticket: None
        else:
            rig.asterisk.fails[fails] = 500
        channel = rig.asterisk.calls()
        await asyncio.sleep(MEDIA_WITHIN + 1)
        assert channel.went_on == "next"

    without_call(story)


def test_a_caller_who_hangs_up_while_it_is_put_together_leaves_nothing() -> None:
    """No slot, no channel, no bridge."""

    async def story(rig: AriRig) -> None:
        rig.asterisk.open_media = lambda ticket: None
        channel = rig.asterisk.calls()
        await asyncio.sleep(0.2)
        rig.asterisk.hangs_up(channel.id)
        await asyncio.sleep(0.2)
        assert rig.host.slots == 0

    without_call(story)


@pytest.mark.parametrize(
    ("reason", "goes"),
    [
        ("caller_silent", "hung up"),
        ("agent_said_goodbye", "hung up"),
        ("ended_by_operator", "hung up"),
        ("engines_failed", "next"),
        ("server_stopping", "next"),
        ("internal_error", "next"),
        ("asked_for_person", "next"),
    ],
)
def test_a_call_that_is_over_is_hung_up_and_one_that_failed_goes_to_the_queue(reason: EndReason, goes: str) -> None:
    """The caller is never left in silence."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        await rig.leg.control.hang_up(reason)
        await asyncio.sleep(0.1)
        there = rig.channel.id in rig.asterisk.channels
        assert (rig.channel.went_on if there else "hung up") == goes
        assert rig.asterisk.ours == []

    with_ari_call(story)


def test_the_end_of_the_media_socket_is_not_the_callers_end() -> None:
    """They are there still: the line is lost, and they go to the queue."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        await rig.vanish()
        assert await running == "line_lost"
        await rig.leg.control.hang_up("line_lost")
        assert rig.channel.went_on == "next"

    with_ari_call(story)


def test_the_caller_is_lent_to_us_and_the_loan_is_renewed() -> None:
    """A lineside that dies renews nothing: Asterisk takes them back by itself."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        assert rig.channel.variables.pop("TIMEOUT(absolute)") == str(LEASE)
        await asyncio.sleep(RENEW + 0.1)
        assert rig.channel.variables["TIMEOUT(absolute)"] == str(LEASE)
        assert LEASE > 2 * RENEW, "one renewal may be lost"

    with_ari_call(story)


# ── control ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cold_transfer_goes_on_in_the_dialplan() -> None:
    """Into ARI_CONTEXT, without a time limit; our side ends as transferred."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        assert (await rig.leg.control.transfer(TransferTarget("support"))).done
        assert await running == "transferred"
        assert rig.channel.went_on == "people,support"
        assert rig.channel.variables["TIMEOUT(absolute)"] == "0"

    with_ari_call(story)


def test_a_target_that_the_dialplan_does_not_have_loses_nobody() -> None:
    """The call is still ours."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        for to in ("nobody", "sip:anna@example.com", "a,b"):
            outcome = await rig.leg.control.transfer(TransferTarget(to))
            assert outcome.result == "invalid"
        rig.asterisk.fails["continue"] = 412
        assert (await rig.leg.control.transfer(TransferTarget("support"))).result == "failed"
        assert not running.done()
        assert rig.channel.went_on == ""

    with_ari_call(story)


def test_keys_are_pressed_to_their_end() -> None:
    """120 ms each and a pause; what is no key is refused."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        began = asyncio.get_running_loop().time()
        await rig.leg.control.send_digits("12w#")
        assert rig.asterisk.pressed == "12w#"
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.16, abs=0.05)
        with pytest.raises(CannotDo):
            await rig.leg.control.send_digits("12x")

    with_ari_call(story)


def test_on_hold_the_caller_hears_music_and_the_call_nothing() -> None:
    """And back again."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        bridge = next(iter(rig.asterisk.bridges))
        await rig.leg.control.hold(on=True)
        assert rig.asterisk.music == {bridge}
        assert rig.asterisk.bridges[bridge] == [rig.channel.id]
        await rig.say(frames(rig, 1)[0])
        await rig.press("5")
        rig.leg.transport.send(frames(rig, 1)[0])
        await asyncio.sleep(0.2)
        assert (listener.sound, listener.keys, rig.heard()) == (b"", "", b"")
        await rig.leg.control.hold(on=False)
        assert rig.asterisk.music == set()
        assert len(rig.asterisk.bridges[bridge]) == 2
        await rig.press("6")
        assert (listener.holds, listener.keys) == ([True, False], "6")

    with_ari_call(story)


def test_a_caller_on_hold_for_minutes_is_not_taken_for_lost() -> None:
    """Asterisk sends nothing to a channel outside a bridge: its socket is asked for signs of life."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        await rig.leg.control.hold(on=True)
        await asyncio.sleep(300.0)
        assert not running.done()
        await rig.leg.control.hold(on=False)

    with_ari_call(story)


# ── warm transfer ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_colleague_who_presses_1_has_the_caller() -> None:
    """The dialplan joins them; the caller has heard nothing of the summary, and lineside is out of it."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        assert "transfer_warm" in rig.leg.control.abilities
        transfer = asyncio.create_task(rig.leg.control.transfer(WARM, "warm"))
        await asyncio.sleep(1.0)
        colleague = rig.asterisk.named(".colleague")
        assert colleague is not None
        assert colleague.variables["_endpoint"] == "Local/support@lineside-dial/n"
        assert len(rig.asterisk.music) == 1, "music, never dead air"
        rig.asterisk.picks_up(colleague.id)
        await asyncio.sleep(2.5)
        aside = next(members for name, members in rig.asterisk.bridges.items() if name.endswith(".aside"))
        assert sorted(name.rpartition(".")[2] for name in aside) == ["colleague", "media"]
        assert rig.heard() == WHISPER
        rig.asterisk.presses(colleague.id, "1")
        assert await transfer == TransferOutcome("transferred")
        assert rig.channel.went_on == "lineside-join,s"
        assert await running == "transferred"
        await rig.leg.control.hang_up("transferred")
        assert rig.channel.id in rig.asterisk.channels, "the two go on talking"

    with_ari_call(story)


@pytest.mark.parametrize(
    ("cause", "result"), [(17, "busy"), (19, "no_answer"), (21, "rejected"), (1, "invalid"), (38, "failed")]
)
def test_a_colleague_who_cannot_be_had_gives_the_caller_back(cause: int, result: str) -> None:
    """Agent and caller hear each other again, and nothing of the attempt is left."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        rig.asterisk.on_originate = lambda channel: rig.asterisk.hangs_up(channel.id, cause)
        outcome = await rig.leg.control.transfer(WARM, "warm")
        assert outcome.result == (result if result != "failed" else "no_answer")
        assert listener.holds == [True, False]
        assert rig.asterisk.music == set()
        assert [len(members) for members in rig.asterisk.bridges.values()] == [2]
        await rig.press("6")
        assert listener.keys == "6"
        assert not running.done()

    with_ari_call(story)


def test_a_caller_who_hangs_up_during_the_music_frees_the_colleague() -> None:
    """Their telephone stops ringing."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer = asyncio.create_task(rig.leg.control.transfer(WARM, "warm"))
        await asyncio.sleep(1.0)
        await rig.leave()
        assert await running == "caller_hung_up"
        transfer.cancel()  # as the call's tasks are at its end
        await asyncio.wait([transfer])
        await rig.leg.control.hang_up("caller_hung_up")
        assert rig.asterisk.ours == []

    with_ari_call(story)


def test_no_warm_transfer_is_promised_without_its_place_in_the_dialplan() -> None:
    """The line says so, and refuses."""

    async def story(rig: AriRig) -> None:
        rig.asterisk.dialplan.discard(("lineside-join", "s"))
        await rig.open()
        control = rig.leg.control
        assert control.abilities == {"answer", "transfer_cold", "send_digits", "hold"}
        with pytest.raises(CannotDo, match="lineside-join"):
            await control.transfer(WARM, "warm")
        await control.hang_up("caller_silent")

    without_call(story)


# ── connections ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_connection_a_call_goes_on_and_its_end_waits_for_nothing() -> None:
    """Requests fail at once; the caller's loan runs out in Asterisk; the next connection sweeps the rest."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        rig.asterisk.break_connection()
        await rig.say(frames(rig, 1)[0])
        assert listener.sound, "sound has its own socket"
        with pytest.raises(AriGone):
            await rig.leg.control.send_digits("1")
        assert (await rig.leg.control.transfer(TransferTarget("support"))).result == "failed"
        assert not running.done()
        await rig.leg.control.hang_up("engines_failed")
        rig.host.let_go.set()
        await asyncio.sleep(1.0)
        assert rig.asterisk.ours, "left behind"
        rig.asterisk.connect(rig.line.ari)
        await rig.line._connected()
        assert rig.asterisk.ours == []
        assert rig.channel.went_on == "next", "a caller whom nobody has goes to the queue"

    with_ari_call(story)


def test_a_caller_who_left_while_there_was_no_connection_is_noticed() -> None:
    """Their call ends when the connection is back."""

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        rig.asterisk.break_connection()
        await rig.leave()
        await asyncio.sleep(5.0)
        assert not running.done()
        rig.asterisk.connect(rig.line.ari)
        await rig.line._connected()
        assert await running == "caller_hung_up"

    with_ari_call(story)


def test_what_asterisk_refuses_is_told_with_its_words() -> None:
    """And what is no message, or an answer that nobody waits for, harms nothing."""

    async def story(rig: AriRig) -> None:
        with pytest.raises(AriRefused, match="404 Channel not found"):
            await rig.line.ari.ask("POST", "channels", "none/such?x=1", "answer")
        chance = random.Random(7)  # noqa: S311
        sound = '{"type":"StasisStart","channel":{"id":"1.1","caller":{"number":"1"}},"args":["100"]}'
        rig.host.full = True
        for _ in range(3000):
            text = bytearray(sound.encode())
            for _ in range(chance.randrange(1, 6)):
                text[chance.randrange(len(text))] = chance.randrange(256)
            rig.line.ari.received(bytes(text))
        for nonsense in ("", "null", "[]", '{"type":1}', '{"type":"RESTResponse","request_id":"99"}', "[" * 100_000):
            rig.line.ari.received(nonsense)

    without_call(story)


# ── calls of ours ──────────────────────────────────────────────────────────────────────────────────────────────────


def dialled(happens: Callable[[AriRig, FakeChannel], None], ring_seconds: float = 20.0) -> tuple[DialOutcome, int]:
    """One call of ours; how often it rang."""
    outcomes: list[DialOutcome] = []
    rang: list[bool] = []

    async def story(rig: AriRig) -> None:
        async def hold(offered: OfferedCall) -> EndReason:
            leg = offered.connect(AudioMeter())
            facts = offered.facts
            assert (facts.direction, facts.caller, facts.called) == ("outbound", "+15550100", "+15550111")
            running = asyncio.create_task(leg.transport.run(Listening()))
            await leg.control.answer()
            await asyncio.sleep(1.0)
            leg.transport.send(bytes([9]) * 640)
            await asyncio.sleep(1.0)
            assert rig.heard() == bytes([9]) * 640
            await leg.control.hang_up("caller_silent")
            running.cancel()
            await asyncio.wait([running])
            return "caller_silent"

        rig.asterisk.on_originate = lambda channel: happens(rig, channel)
        order = DialOrder(to="+15550111", caller_id="+15550100", ring_seconds=ring_seconds, headers={"X-Lineside": "7"})
        outcomes.append(await rig.line.dial(order, DialedCall("1", hold, lambda: rang.append(True))))

    without_call(story)
    return outcomes[0], len(rang)


def test_a_call_of_ours_rings_is_answered_and_held() -> None:
    """With our number, our header, and their channel hung up on at its end."""

    def answers(rig: AriRig, channel: FakeChannel) -> None:
        assert channel.variables["PJSIP_HEADER(add,X-Lineside)"] == "7"
        rig.asterisk.rings(channel.id)
        asyncio.get_running_loop().call_later(3.0, rig.asterisk.picks_up, channel.id)

    outcome, rang = dialled(answers)
    assert outcome == DialOutcome("answered", ended="caller_silent")
    assert rang == 1


@pytest.mark.parametrize(
    ("cause", "result"),
    [(17, "busy"), (19, "no_answer"), (16, "no_answer"), (21, "rejected"), (1, "invalid"), (34, "failed")],
)
def test_a_call_of_ours_that_nobody_takes_says_why(cause: int, result: DialResult) -> None:
    """By the Q.850 cause of the hang-up."""
    outcome, _ = dialled(lambda rig, channel: rig.asterisk.hangs_up(channel.id, cause))
    assert outcome == DialOutcome(result, f"cause {cause}")


def test_a_telephone_that_rings_for_ever_is_given_up() -> None:
    """Even where Asterisk forgets its own limit."""
    outcome, _ = dialled(lambda rig, channel: None, ring_seconds=5.0)
    assert outcome.result == "no_answer"


def test_a_call_of_ours_can_be_given_up_and_needs_a_connection() -> None:
    """Cancelled, the telephone stops ringing; an address, or no Asterisk, is refused before anything is dialled."""

    async def story(rig: AriRig) -> None:
        async def hold(offered: OfferedCall) -> EndReason:
            raise AssertionError("answered")

        call = DialedCall("1", hold, lambda: None)
        dialling = asyncio.create_task(rig.line.dial(DialOrder(to="200"), call))
        await asyncio.sleep(1.0)
        assert rig.asterisk.named(".callee")
        dialling.cancel()
        await asyncio.wait([dialling])
        assert rig.asterisk.ours == []
        with pytest.raises(CannotDial, match="addresses"):
            await rig.line.dial(DialOrder(to="sip:anna@example.com"), call)
        rig.asterisk.break_connection()
        with pytest.raises(CannotDial, match="ARI_URL"):
            await rig.line.dial(DialOrder(to="200"), call)

    without_call(story)


# ── whatever happens ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(150), ids=str)
def test_in_whatever_order_things_happen_no_channel_and_no_bridge_is_left(seed: int) -> None:
    """Callers, colleagues, sockets and connections come and go at random; the caller is never with nobody."""
    chance = random.Random(seed)  # noqa: S311

    async def story(rig: AriRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        fake, control = rig.asterisk, rig.leg.control
        transfers: list[asyncio.Task[TransferOutcome]] = []

        def colleague(does: Callable[[str], None]) -> None:
            if (channel := fake.named(".colleague")) is not None:
                does(channel.id)

        def reconnect() -> None:
            fake.break_connection()
            fake.connect(rig.line.ari)
            rig.tasks.create_task(rig.line._connected())

        things: list[Callable[[], object]] = [
            lambda: transfers.append(asyncio.create_task(control.transfer(WARM, "warm"))) if not transfers else None,
            lambda: colleague(fake.picks_up),
            lambda: colleague(lambda name: fake.presses(name, chance.choice("127"))),
            lambda: colleague(lambda name: fake.presses(name, "1")),
            lambda: colleague(lambda name: fake.hangs_up(name, chance.choice([16, 17, 19]))),
            lambda: fake.hangs_up(rig.channel.id) if chance.random() < 0.3 else None,
            lambda: rig.wire.abort() if chance.random() < 0.2 else None,
            lambda: fake.break_connection() if chance.random() < 0.3 else None,
            reconnect,
            lambda: fake.fails.update({chance.choice(["moh", "addChannel", "removeChannel", "continue"]): 500}),
            fake.fails.clear,
        ]
        things[0]()
        for _ in range(chance.randrange(3, 14)):
            await asyncio.sleep(chance.choice([0.0, 0.002, 0.3, 2.0, 9.0]))
            chance.choice(things)()
        for transfer in transfers:
            transfer.cancel()
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0)), *transfers])
        fake.fails.clear()
        reason: EndReason = running.result() if running.done() else "engines_failed"
        await control.hang_up(reason)
        rig.host.let_go.set()
        await asyncio.sleep(1.0)
        reconnect()
        await asyncio.sleep(1.0)
        assert fake.ours == []
        there = rig.channel.id in fake.channels
        assert not there or rig.channel.went_on, "a caller who is there is the dialplan's"

    with_ari_call(story)
