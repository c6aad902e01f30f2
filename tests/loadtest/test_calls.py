"""The load tester's callers on the line: their pace on virtual time, and a whole test against a real gateway."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from lineside.audio.wav import wav_bytes
from lineside.cli import loadtest
from lineside.errors import ConfigError
from lineside.gateway.audiosocket_line import AudioSocketLine
from lineside.loadtest.plan import HeardAnswer, LineName, Plan, WorkerReport
from lineside.loadtest.recordings import Recording, recordings_in
from lineside.loadtest.results import Goal, LoadTestResults
from lineside.loadtest.runner import RunProgress, hold_test
from lineside.loadtest.server_under_test_main import free_port
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.loadtest.wer import distance, plain, word_error_rate
from lineside.loadtest.worker import LoadWorker
from lineside.transports.scripted import ScriptedTransport
from tests.call.fixtures import settings
from tests.gateway.test_app import opened
from tests.gateway.test_sip_line import line
from tests.virtual_time import run

SPEECH = Recording("a.wav", (b"\x01\x10" * 320,) * 25)


class FakeSocket:
    """A WebSocket that notes when each message was sent, and may hold the sender up."""

    def __init__(self, holds_up: dict[int, float] | None = None) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self._holds_up = holds_up or {}

    async def send_bytes(self, frame: bytes) -> None:
        self.sent.append((asyncio.get_running_loop().time(), frame))
        if held := self._holds_up.get(len(self.sent)):
            await asyncio.sleep(held)


async def speak(plan: Plan, socket: Any) -> LoadWorker:
    crowd = LoadWorker(plan, [SPEECH])
    dice = Random(1)  # noqa: S311 - the same every time
    caller = SimulatedCaller("0.0", plan, [SPEECH], dice, at=0.0)
    await crowd._frame_by_frame(caller, dice, socket.send_bytes)
    return crowd


def test_frames_leave_at_their_deadlines() -> None:
    """A frame every 20 ms, the last one of a minute as punctual as the first; nothing adds up."""
    socket = FakeSocket()
    crowd = run(speak(Plan(url="", callers=1, duration=60.0), socket))
    assert len(socket.sent) >= 60 * 50
    assert max(abs(at - (n + 1) * 0.02) for n, (at, _) in enumerate(socket.sent)) < 1e-6
    assert crowd._late.ms(1.0) <= 0.1
    assert SPEECH.frames[0] in {frame for _, frame in socket.sent}


def test_a_late_frame_makes_no_later_one_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a stall of the load tester the missed frames leave at once, are counted as late, and the pace is kept."""
    socket = FakeSocket()
    sleep = asyncio.sleep
    naps = iter([0.0] * 10 + [0.5])

    async def oversleeping(seconds: float) -> None:
        await sleep(seconds + next(naps, 0.0))

    monkeypatch.setattr("lineside.loadtest.worker.asyncio.sleep", oversleeping)
    crowd = run(speak(Plan(url="", callers=1, duration=5.0), socket))
    assert crowd._late.ms(1.0) == pytest.approx(500, abs=1)
    assert sum(crowd._late.counts[100:]) == pytest.approx(25, abs=1)
    at, _ = socket.sent[-1]
    assert at == pytest.approx(len(socket.sent) * 0.02)


def test_a_server_that_does_not_read_is_not_our_lateness() -> None:
    """A second in one sending: the sound of that second is dropped and counted, the next frame is punctual."""
    socket = FakeSocket({20: 1.0})
    crowd = run(speak(Plan(url="", callers=1, duration=5.0), socket))
    assert crowd._stuck == 50
    assert crowd._late.ms(1.0) < 21


def test_a_lossy_path_sends_less() -> None:
    """Lost frames are never sent, and counted apart."""
    socket = FakeSocket()
    crowd = run(speak(Plan(url="", callers=1, duration=50.0, loss=0.1, jitter=0.03), socket))
    assert crowd._frames == len(socket.sent)
    assert crowd._lost + crowd._frames >= 50 * 50
    assert crowd._lost == pytest.approx(0.1 * (crowd._lost + crowd._frames), rel=0.25)
    assert crowd._late.ms(1.0) <= 0.1, "jitter is the path's, not ours"


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A folder with one recording, 0.6 s that a loudness detector takes for speech."""
    loud, _ = ScriptedTransport([])._frames()
    (tmp_path / "tone.wav").write_bytes(wav_bytes(loud * 30, 16_000))
    return tmp_path


def test_callers_hold_real_calls_and_say_what_they_heard(tones: Path) -> None:
    """A whole test: workers of their own, real sockets, a gateway with scripted engines."""

    async def main() -> tuple[LoadTestResults, list[WorkerReport], list[RunProgress]]:
        outlooks: list[RunProgress] = []
        async with opened(vad_silence_timeout_ms=200, api_keys=("secret",)) as door:
            plan = Plan(
                url=door.url,
                key="secret",
                callers=4,
                duration=2.5,
                ramp=0.1,
                recordings=recordings_in(tones),
                barge_in_rate=0.5,
                codec="g711_ulaw",
            )
            found, reports = await hold_test(plan, Goal(60_000), notice=outlooks.append)
        return found, reports, outlooks

    began = time.monotonic()
    found, reports, outlooks = asyncio.run(main(), debug=True)
    turns = [turn for report in reports for turn in report.turns]
    assert found.misses == (), f"after {time.monotonic() - began:.1f} s"
    assert found.calls == 4
    assert found.answered == len(turns) >= 4
    assert found.caller["first sound"].p50 > 180, "nobody may answer before the turn is over"
    assert found.server["e2e_ms"].count >= 1
    whole = [turn for turn in turns if not turn.barged]
    assert all(turn.seconds == pytest.approx(2.7, abs=0.1) for turn in whole)
    assert all(turn.overlap_ms is not None for turn in turns if turn.barged)
    assert outlooks
    assert outlooks[-1].turns >= 1


def test_telephones_hold_calls_over_sip_and_say_what_they_heard(tones: Path) -> None:
    """The same over SIP, RTP and G.722, as `lineside loadtest` calls by itself: sound alone tells of answers."""

    async def main() -> LoadTestResults:
        async with line(vad_silence_timeout_ms=200) as one:
            plan = Plan(
                url=one.url, line="sip", sip=one.uri, callers=3, duration=3.0, ramp=0.1,
                recordings=recordings_in(tones), codec="pcm", barge_in_rate=0.3,
            )  # fmt: skip
            found, _ = await hold_test(plan, Goal(60_000), notice=lambda outlook: None)
        return found

    found = asyncio.run(main())
    assert set(found.errors) <= {"clipped answer"}
    assert found.calls == 3
    assert found.answered >= 3
    assert found.caller["first sound"].p50 > 180
    assert found.caller["packet interval"].p50 == pytest.approx(20, abs=5)


@pytest.mark.parametrize("name", ["twilio", "asterisk-ws", "audiosocket"])
def test_telephones_hold_calls_over_each_line(tones: Path, name: LineName) -> None:
    """The real protocols, with a far end that buffers and plays, or plays what comes; every call is a test call."""

    async def main() -> tuple[LoadTestResults, int]:
        port = free_port()
        async with opened(
            vad_silence_timeout_ms=200, asterisk=True, audiosocket_port=port, twilio_auth_token="t",  # noqa: S106
            public_url="https://voice.example.com",
        ) as served, AsyncExitStack() as stack:  # fmt: skip
            lines, tickets = served.gateway.lines, served.gateway.telephones.tickets
            chosen = settings(audiosocket_port=port)
            await stack.enter_async_context(AudioSocketLine(chosen, lines, tickets).opened())
            plan = Plan(
                url=served.url, line=name, audiosocket=f"127.0.0.1:{port}", callers=3, duration=3.0, ramp=0.1,
                recordings=recordings_in(tones), codec="g711_ulaw" if name == "twilio" else "pcm", barge_in_rate=0.3,
            )  # fmt: skip
            found, _ = await hold_test(plan, Goal(60_000), notice=lambda outlook: None)
        return found, served.gateway.calls

    found, calls = asyncio.run(main())
    assert calls == 0
    assert set(found.errors) <= {"clipped answer"}
    assert found.calls == 3
    assert found.answered >= 3
    assert found.caller["first sound"].p50 > 180


def test_programs_of_the_realtime_api_hold_calls_that_are_tests(tones: Path) -> None:
    """Sound at 24 kHz in JSON, answers by events, some talked over; the gateway takes them for no customers' calls."""

    async def main() -> tuple[LoadTestResults, set[str]]:
        lines = set[str]()
        async with opened() as served:
            plan = Plan(
                url=served.url, line="realtime", callers=3, duration=3.0, ramp=0.1, recordings=recordings_in(tones),
                barge_in_rate=0.3, silence_ms=200,
            )  # fmt: skip
            await loadtest._check_line(plan)
            watch = served.gateway.call_registry
            found, _ = await hold_test(
                plan, Goal(60_000), notice=lambda outlook: lines.update(call.line for call in watch.list())
            )
        return found, lines

    found, lines = asyncio.run(main())
    assert set(found.errors) <= {"clipped answer"}
    assert found.calls == 3
    assert found.answered >= 3
    assert found.caller["first sound"].p50 > 180
    assert lines == {"test"}


def test_no_call_is_made_over_a_line_that_issues_no_ticket(tones: Path) -> None:
    """A line that is off is not called: a call without a ticket could reach real tools."""

    async def main() -> LoadTestResults:
        async with opened() as served:
            plan = Plan(
                url=served.url, line="sip", sip="sip:agent@127.0.0.1:9", callers=2, duration=0.5,
                recordings=recordings_in(tones),
            )  # fmt: skip
            with pytest.raises(ConfigError, match="ticket"):
                await loadtest._check_line(plan)
            found, _ = await hold_test(plan, Goal(60_000), notice=lambda outlook: None)
        return found

    assert asyncio.run(main()).errors == {"no_ticket": 2}


def test_a_lossy_and_jittery_path_is_what_the_gateway_hears_and_answers(tones: Path) -> None:
    """A third of the frames is lost, the others come late and in bunches: the gateway counts that, all are answered."""

    async def main() -> tuple[LoadTestResults, dict[str, float]]:
        async with opened(vad_silence_timeout_ms=300) as door, aiohttp.ClientSession() as http:
            plan = Plan(
                url=door.url, callers=4, duration=4.0, ramp=0.1, recordings=recordings_in(tones), loss=0.3, jitter=0.03
            )
            found, _ = await hold_test(plan, Goal(60_000), notice=lambda outlook: None)
            async with http.get(f"{door.url}/metrics") as answer:
                lines = [line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#"]
        return found, {name: float(value) for name, value in lines}

    found, counted = asyncio.run(main())
    assert found.misses == ()
    assert found.answered >= 4
    heard = counted['lineside_audio_seconds_total{direction="in",line="test"}']
    assert heard / counted['lineside_call_seconds_sum{line="test"}'] == pytest.approx(0.7, abs=0.08)


def test_a_gateway_that_is_not_there_is_an_error_of_every_caller(tones: Path) -> None:
    """No hanging, no traceback: errors by name, and the goal is missed."""
    plan = Plan(url="http://127.0.0.1:9", callers=2, duration=0.5, recordings=recordings_in(tones))
    found, _ = asyncio.run(hold_test(plan, Goal(1000), notice=lambda outlook: None), debug=True)
    assert found.errors == {"no_connection": 2}
    assert found.misses == ("nobody heard an answer", "errors: no_connection 2")


def test_a_recording_that_cannot_be_read_stops_the_test(tmp_path: Path) -> None:
    """Named, before anybody calls."""
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    plan = Plan(url="http://127.0.0.1:9", callers=1, duration=0.5, recordings=recordings_in(tmp_path))
    with pytest.raises(ConfigError, match=r"bad\.wav"):
        asyncio.run(hold_test(plan, Goal(1000), notice=lambda outlook: None), debug=True)


def test_what_callers_heard_is_written_down_and_compared() -> None:
    """Two of three words are what was meant: one word in three is wrong."""

    async def main() -> float | None:
        async with opened(vad_silence_timeout_ms=300) as door:
            loud, quiet = ScriptedTransport([])._frames()
            answer = HeardAnswer("Scripted words, indeed.", loud * 30 + quiet * 5, 16_000)
            return await word_error_rate(door.url, "", [answer, HeardAnswer("", b"", 16_000)])

    assert asyncio.run(main(), debug=True) == pytest.approx(1 / 3)


def test_words_are_compared_as_they_are_spoken() -> None:
    """Case, marks and the way an amount is written are no mistakes; a changed, a missing and an added word are."""
    assert plain("It's $5, “now”.") == plain("it's five dollars now")
    assert [distance(["a", "b", "c"], other.split()) for other in ("a b c", "a x c", "a c", "a b b c", "")] == [
        *(0, 1, 1, 1),
        3,
    ]
