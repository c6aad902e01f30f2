"""A caller whose program stops sending is silent after a grace, on virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import AudioStarted, ClientMessage, Codec, EndReason, ServerMessage, TurnEnded
from lineside.transports.base import ProbedTransport, TransportListener
from lineside.transports.frame_grace import GRACE, LOOK_EVERY, FrameGrace
from lineside.transports.scripted import CallerSilent, CallerSpeaks, CallerStalls, ScriptedTransport
from tests.call.fixtures import run_call
from tests.virtual_time import run


class Stalling:
    """Sends so many pieces of so many seconds, then nothing, and hangs up."""

    rate = 16_000

    def __init__(
        self,
        pieces: int,
        seconds: float,
        *,
        stays: float,
        again: int = 0,
        codec: Codec = "pcm",
        reachable: bool = True,
        takes: float = 0.05,
    ) -> None:
        self.codec: Codec = codec
        self._reachable, self._takes = reachable, takes
        self._asked: asyncio.TimerHandle | None = None
        self._pieces, self._seconds, self._stays, self._again = pieces, seconds, stays, again

    async def run(self, listener: TransportListener) -> EndReason:
        for pieces in (self._pieces, self._again):
            for _ in range(pieces):
                listener.on_audio(b"\1\1" * round(self._seconds * self.rate))
                await asyncio.sleep(self._seconds)
            await asyncio.sleep(self._stays)
        return "caller_hung_up"

    def probe(self, answered: Callable[[], None]) -> None:
        if self._asked is not None:
            self._asked.cancel()  # a later probe takes the place of an earlier one
        if self._reachable:
            self._asked = asyncio.get_running_loop().call_later(self._takes, answered)

    def send(self, payload: bytes) -> None: ...

    def clear(self) -> float | None:
        return None

    def mark(self, name: str) -> bool:
        return False

    def on_event(self, event: ServerMessage) -> None: ...


class Heard:
    """Seconds of sound and of silence as they came."""

    def __init__(self, quiet: bytes = b"\0\0") -> None:
        self.sound = self.silence = 0.0
        self._quiet = quiet

    def on_audio(self, payload: bytes) -> None:
        if payload.strip(self._quiet):
            self.sound += len(payload) / 32_000
        else:
            self.silence += len(payload) / (16_000 * len(self._quiet))

    def on_message(self, message: ClientMessage) -> None: ...

    def on_hold(self, held: bool) -> None: ...

    def on_mark(self, name: str) -> None: ...

    def on_line_measured(self, measured: LineMeasured) -> None: ...

    def on_bad_message(self, fault: TransportError) -> None: ...

    def on_line_away(self) -> None: ...

    def on_line_back(self, away: float, unheard: float) -> None: ...


def heard(transport: ProbedTransport, listener: Heard | None = None) -> Heard:
    listener = listener or Heard()
    run(FrameGrace(transport).run(listener))
    return listener


def test_silence_counts_from_the_last_frame() -> None:
    """Three seconds of nothing are three seconds of silence, to a look."""
    found = heard(Stalling(50, 0.02, stays=1.5, again=0))
    assert found.sound == pytest.approx(1.0)
    assert found.silence == pytest.approx(3.0, abs=2 * LOOK_EVERY)


def test_jitter_and_lumps_are_not_silence() -> None:
    """A program that sends half a second at a time, and one that is late by less than the grace."""
    assert heard(Stalling(10, 0.5, stays=0.4)).silence == 0.0
    assert heard(Stalling(50, 0.02, stays=GRACE - 2 * LOOK_EVERY)).silence == 0.0


def test_a_caller_who_has_sent_nothing_yet_is_not_silent() -> None:
    """Their program may still ask for the microphone."""
    assert heard(Stalling(0, 0.02, stays=10.0)).silence == 0.0


def test_a_caller_who_comes_back_is_heard_as_before() -> None:
    """And may stop once more."""
    found = heard(Stalling(50, 0.02, stays=2.0, again=50))
    assert found.sound == pytest.approx(2.0)
    assert found.silence == pytest.approx(4.0, abs=4 * LOOK_EVERY)


def test_a_network_that_delivers_nothing_is_not_silence() -> None:
    """The program does not answer either: its sound is still to come."""
    assert heard(Stalling(50, 0.02, stays=4.0, reachable=False)).silence == 0.0


def test_silence_counts_on_the_other_side_of_the_world_too() -> None:
    """A sign of life that takes longer than a look is waited for, and not asked for anew."""
    found = heard(Stalling(50, 0.02, stays=2.0, takes=0.7))
    assert found.silence == pytest.approx(4.0, abs=0.7 + 4 * LOOK_EVERY)


class StandsStill(ScriptedTransport):
    """A program that does nothing for a while; then it answers, and sends what it is behind with."""

    began, ends = 1.0, 2.5
    behind: list[bytes]
    asked: Callable[[], None] | None = None

    def deliver(self, payload: bytes, listener: TransportListener) -> None:
        now = asyncio.get_running_loop().time()
        self.behind = [*getattr(self, "behind", []), payload]
        if not self.began <= now < self.ends:
            for late in self.behind:
                listener.on_audio(late)
            self.behind = []

    def probe(self, answered: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time(), self.ends - 0.001), answered)


def test_a_program_that_stood_still_in_the_middle_of_a_word_has_not_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sound comes late and whole: one turn, and no silence in it."""
    monkeypatch.setattr("tests.call.fixtures.ScriptedTransport", StandsStill)
    call = run_call(CallerSpeaks(3.0), CallerSilent(6.0))
    assert call.one(TurnEnded).turn == 1
    (utterance,) = [each for each in call.stt.utterances if each.seconds > 2.5]
    assert utterance.seconds == pytest.approx(3.2, abs=0.3)


@pytest.mark.parametrize(("codec", "quiet"), [("g711_ulaw", b"\xff"), ("g711_alaw", b"\xd5")])
def test_silence_is_that_of_the_codec(codec: Codec, quiet: bytes) -> None:
    """Zero bytes are a loud click in G.711."""
    assert heard(Stalling(50, 0.02, stays=2.0, codec=codec), Heard(quiet)).silence > 1.0


def test_a_caller_who_speaks_and_then_sends_nothing_is_answered_within_two_seconds() -> None:
    """Their program stops sending when its user stops speaking."""
    call = run_call(CallerSpeaks(1.5), CallerStalls(6.0))
    assert call.one(TurnEnded).turn == 1
    answered = call.one(AudioStarted)
    (first, _), *_ = call.transport.sent
    assert first < 1.5 + 2.0
    assert answered.turn == 1
