"""A warm transfer at Twilio and at Telnyx: who hears what, who is joined, and who is back. Against a fake of each."""

import asyncio
import io
import re
import wave
from collections.abc import Awaitable, Callable

import pytest

from lineside.errors import EngineError
from lineside.gateway.carriers.account import twilio_signature
from lineside.gateway.carriers.colleague_calls import FETCHED, WATCHED
from lineside.protocol import EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.hold_music import hold_music
from lineside.transports.line_control import TransferOutcome, TransferTarget
from lineside.transports.media_streams.stream import MediaStream, started
from lineside.transports.media_streams.warm_stream import WarmStream
from lineside.transports.warm_transfer import WarmRules
from tests.gateway.test_app import ServedGateway, with_served_gateway
from tests.gateway.twiml_carrier import KEYS, PUBLIC, TwimlCarrier
from tests.transports.carriers import StreamRig, Telnyx, Twilio
from tests.transports.conformance import Listening
from tests.virtual_time import run

LINES = ("twilio", "telnyx")
SAYS = "+1 555 0100 calls about a late parcel. Press 1 to take the call."
SPOKEN = b"\x31" * 16_000  # two seconds of μ-law
FAILED: TransferOutcome = TransferOutcome("failed")


async def speak(text: str) -> bytes:
    assert text == SAYS
    return SPOKEN


TARGET = TransferTarget("+15550122", ring_seconds=20, summary=SAYS, speak=speak)


class WarmRig(StreamRig):
    """A caller on a stream whose call can be handed on warm."""

    def __init__(self, line: str) -> None:
        super().__init__(Twilio() if line == "twilio" else Telnyx())
        self.rest = TwimlCarrier(line)
        self.line: WarmStream
        self.rest.on_caller_moved = self._stop  # the document that they were in is over, and with it our stream

    async def open(self) -> None:
        for message in self.carrier.opening():
            self.receive(message)
        begun, early = await started(self.ws, self._dialect)
        control = self.rest.control()
        self.line = WarmStream(MediaStream(self.ws, self._dialect, begun, AudioMeter(), early, control), control)


Story = Callable[[WarmRig, Listening, "asyncio.Task[EndReason]"], Awaitable[None]]


def with_caller(line: str, story: Story) -> None:
    """Run it with a caller who is there."""

    async def main() -> None:
        rig, listener = WarmRig(line), Listening()
        await rig.open()
        watching = asyncio.create_task(rig.watch())
        running = asyncio.create_task(rig.line.run(listener))
        try:
            await asyncio.sleep(0.1)
            await story(rig, listener, running)
        finally:
            for task in (running, watching):
                task.cancel()
            await asyncio.wait([running, watching])

    run(main())


def transferring(rig: WarmRig, target: TransferTarget = TARGET) -> "asyncio.Task[TransferOutcome]":
    return asyncio.create_task(rig.line.transfer(target, "warm"))


async def until_placed(rig: WarmRig) -> None:
    async with asyncio.timeout(30):
        while not rig.rest.placed:  # noqa: ASYNC110 - on virtual time
            await asyncio.sleep(0.01)


def room(document: str) -> str:
    found = re.search(r'<Dial><Conference [^>]*endConferenceOnExit="true">([0-9a-f]{32})</Conference></Dial>', document)
    assert found is not None, document
    return found[1]


@pytest.mark.parametrize("line", LINES)
def test_the_colleague_hears_who_calls_presses_1_and_has_the_caller(line: str) -> None:
    """The caller hears music meanwhile, and the agent nothing of them; then both are in one room, and we are out."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer, rest = transferring(rig), rig.rest
        await until_placed(rig)
        (order,) = rest.placed
        assert (order["To"], order["From"], order["Timeout"]) == ("+15550122", "+15550199", "20")
        rig.line.send(b"\x55" * 1600)  # an agent who talks on is not heard
        await rig.say(b"\x42" * 160)
        await asyncio.sleep(4.0)
        assert b"<Pause" in (await rest.tells("answered")).encode()
        summary = await rest.hears("<Gather")
        assert f"<Play>{PUBLIC}/lines/{line}/colleague/{rest.name}/summary.wav</Play>" in summary
        assert f'action="{PUBLIC}/lines/{line}/colleague/{rest.name}/key"' in summary
        sound = rest.account.colleagues.summary(rest.name)
        assert sound is not None
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (8000, 16_000, 2)
        await asyncio.sleep(1.0)
        assert listener.holds == [True]
        assert b"\x42" not in listener.sound
        music = rig.heard()
        assert len(music) > 4 * 8000
        assert music[:32_000] == hold_music("g711_ulaw", 8000)[:32_000]
        await rest.tells("key", Digits="1")
        assert (await transfer).done
        assert room(rest.documents["colleague"][-1]) == room(rest.documents["caller"][-1])
        assert await running == "transferred"
        await rig.line.hang_up("transferred")
        assert rest.ended == [], "neither call is ours to end"

    with_caller(line, story)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("how", ["2", "hangs up", "busy", "rejected", "nobody", "machine"])
def test_whoever_does_not_take_the_call_the_caller_is_back_with_the_agent(line: str, how: str) -> None:
    """The same stream, the same call: the music stops, and both hear each other again."""
    results = {"2": "rejected", "hangs up": "rejected", "busy": "busy", "rejected": "rejected"}

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer, rest = transferring(rig), rig.rest
        await until_placed(rig)
        await asyncio.sleep(2.0)
        if how in ("busy", "rejected"):
            await rest.tells("progress", CallStatus="busy" if how == "busy" else "rejected")
        elif how != "nobody":
            await rest.tells("answered")
            await rest.hears("<Gather")
            if how == "2":
                await rest.tells("key", Digits="7")
                await rest.tells("key", Digits="2")
            elif how == "hangs up":
                await rest.tells("progress", CallStatus="completed")
        outcome = await transfer
        assert outcome.result == results.get(how, "no_answer")
        if how == "machine":
            assert len([one for one in rest.documents["colleague"] if "<Play>" in one]) == WarmRules().times
        unknown = (line, how) == ("telnyx", "nobody")  # no webhook came, and their own timeout ends the ringing
        assert rest.ended == ([] if unknown else ["colleague"])
        assert rest.documents["caller"] == [], "the caller never left"
        assert listener.holds == [True, False]
        assert not running.done()
        await asyncio.sleep(1.0)
        before = len(rig.heard())
        await rig.say(b"\x42" * 160)
        rig.line.send(b"\x55" * 800)
        await asyncio.sleep(1.0)
        assert listener.sound.endswith(b"\x42" * 160)
        assert rig.heard()[before:] == b"\x55" * 800, "the agent, and no music"
        assert "<Hangup/>" in await rest.tells("answered"), "who answers now is hung up on"
        assert rest.account.colleagues.summary(rest.name) is None

    with_caller(line, story)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("when", ["rings", "whispers"])
def test_a_caller_who_hangs_up_meanwhile_leaves_no_colleague_behind(line: str, when: str) -> None:
    """It is a hang-up, not a transfer; the colleague's call ends."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer, rest = transferring(rig), rig.rest
        await until_placed(rig)
        await rest.tells("progress", CallStatus="ringing")
        if when == "whispers":
            await rest.tells("answered")
            await rest.hears("<Gather")
        await rig.leave()
        assert await running == "caller_hung_up"
        transfer.cancel()  # as the call does, which is over
        await asyncio.wait([transfer])
        assert rest.ended == ["colleague"]

    with_caller(line, story)


@pytest.mark.parametrize("line", LINES)
def test_where_the_two_cannot_be_joined_nobody_is_left_in_a_room(line: str) -> None:
    """The caller's call cannot be changed: the colleague is let go, and the caller told so."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer, rest = transferring(rig), rig.rest
        await until_placed(rig)
        await rest.tells("answered")
        await rest.hears("<Gather")
        rest.status["caller"] = 500
        await rest.tells("key", Digits="1")
        outcome = await transfer
        assert (outcome.result, "500" in outcome.detail) == ("failed", True)
        assert rest.ended == ["colleague"]
        assert listener.holds == [True, False]
        assert not running.done()

    with_caller(line, story)


@pytest.mark.parametrize("line", LINES)
def test_a_colleague_who_leaves_before_the_caller_came_does_not_leave_them_alone(line: str) -> None:
    """Else the caller would wait in an empty room for ever; later the room's own end ends both."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transfer, rest = transferring(rig), rig.rest
        await until_placed(rig)
        await rest.tells("answered")
        await rest.hears("<Gather")
        await rest.tells("key", Digits="1")
        assert (await transfer).done
        await rest.tells("progress", CallStatus="completed")
        assert rest.ended == ["caller"]
        await asyncio.sleep(WATCHED + 1)

    with_caller(line, story)


@pytest.mark.parametrize(("status", "result"), [(400, "invalid"), (422, "invalid"), (401, "failed"), (500, "failed")])
def test_a_call_to_a_colleague_that_the_carrier_refuses_costs_the_caller_a_moment(status: int, result: str) -> None:
    """They are back at once."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        rig.rest.status["place"] = status
        assert (await transferring(rig)).result == result
        assert listener.holds == [True, False]

    with_caller("twilio", story)


def test_where_our_voice_fails_the_carriers_says_the_summary() -> None:
    """And as long is waited for a key as that takes."""

    async def broken(text: str) -> bytes:
        raise EngineError("no voice")

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        target = TransferTarget("+15550122", summary="A & B call. Press 1.", speak=broken)
        transfer, rest = transferring(rig, target), rig.rest
        await until_placed(rig)
        await rest.tells("answered")
        document = await rest.hears("<Gather")
        assert "<Say>A &amp; B call. Press 1.</Say>" in document
        assert rest.account.colleagues.summary(rest.name) is None
        await asyncio.sleep(FETCHED + 2)
        await rest.tells("key", Digits="1")
        assert (await transfer).done

    with_caller("telnyx", story)


def test_a_caller_can_be_held_by_music_of_ours() -> None:
    """And is back at once; hanging up ends it too."""

    async def story(rig: WarmRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        assert {"hold", "transfer_warm", "transfer_cold"} <= rig.line.abilities
        await rig.line.hold(on=True)
        await asyncio.sleep(3.0)
        assert rig.most_queued <= 0.85, "sent ahead no more than a reply is"
        await rig.line.hold(on=False)
        heard = len(rig.heard())
        assert 2.8 * 8000 <= heard <= 3.1 * 8000
        await asyncio.sleep(2.0)
        assert len(rig.heard()) == heard
        await rig.line.hold(on=True)
        rig.rest.on_caller_moved = lambda: None
        running.cancel()
        await asyncio.wait([running])
        await asyncio.sleep(1.0)

    with_caller("twilio", story)


def test_hold_music_is_soft_goes_round_without_a_click_and_is_in_a_telephones_band() -> None:
    """At any rate a line has."""
    import numpy as np

    for rate in (8000, 16_000, 48_000):
        sound = np.frombuffer(hold_music("pcm", rate), "<i2").astype(np.float64) / 32768
        assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.12
        assert np.max(np.abs(sound)) < 0.6
        assert abs(sound[0] - sound[-1]) < 0.05
        power = np.abs(np.fft.rfft(sound)) ** 2
        pitch = np.fft.rfftfreq(len(sound), 1 / rate)
        assert power[(pitch > 300) & (pitch < 3400)].sum() / power.sum() > 0.99


def test_only_the_carrier_is_told_what_a_colleague_hears() -> None:
    """No signature: 403; a colleague whom nobody calls any more is hung up on; no sound of theirs is served."""

    async def story(gateway: ServedGateway) -> None:
        path = f"/lines/twilio/colleague/{'0' * 32}/answered"
        form = {"AccountSid": "AC1", "CallSid": "CA9"}
        async with gateway.http.post(gateway.url + path, data=form) as answer:
            assert answer.status == 403
        signature = {"X-Twilio-Signature": twilio_signature("12345", PUBLIC + path, form)}
        async with gateway.http.post(gateway.url + path, data=form, headers=signature) as answer:
            assert "<Hangup/>" in await answer.text()
        async with gateway.http.get(f"{gateway.url}/lines/twilio/colleague/{'0' * 32}/summary.wav") as answer:
            assert answer.status == 403

    with_served_gateway(story, **KEYS)
