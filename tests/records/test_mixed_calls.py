"""Many recorded calls that end in every way there is: each recording is finished, and the stop is quick."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from lineside.audio.vad import LoudnessVad
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import TransportError
from lineside.protocol import Dtmf, EndReason, FirstMessage, HangUp, Text
from lineside.records.archive import Archive
from lineside.transports.base import TransportListener
from lineside.transports.call_facts import CallFacts
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing, ScriptedTransport
from tests.call.fixtures import AGENT, settings
from tests.virtual_time import run

CALLS = 150
AT_ONCE = 30
STOP = 5.0  # seconds

WAYS: tuple[tuple[Doing, ...], ...] = (
    (CallerSpeaks(0.4), CallerSends(HangUp())),
    (CallerSpeaks(1.0), CallerSilent(2.0)),  # gone in the middle of the answer
    (CallerSends(Text("Hello")), CallerSilent(0.5), CallerSends(HangUp())),
    (CallerSends(Dtmf("1")),),
    (CallerSilent(0.02),),
    (),
    (CallerSpeaks(0.6), CallerSilent(1.2), CallerSpeaks(0.6), CallerSilent(0.4)),
)


class Breaks(ScriptedTransport):
    """A line that breaks at the end of its script."""

    async def run(self, listener: TransportListener) -> EndReason:
        await super().run(listener)
        raise TransportError("line_lost", "it broke")


async def recorded_call(archive: Archive, number: int) -> None:
    """One call, recorded, on the running loop; every third line breaks, every fifth call is ended by an operator."""
    script: Sequence[Doing] = WAYS[number % len(WAYS)]
    line = (Breaks if number % 3 == 0 else ScriptedTransport)(script, rate=8000)
    name, hello = f"call{number}", FirstMessage(codec="pcm", record=True)
    recorder = archive.begin(name, FrameGrace(line), hello, {}, "Test", CallFacts(line="browser"))
    voice = CachedTTS(ScriptedTTS())
    call = CallSession(
        recorder.transport,
        hello,
        agent=AGENT,
        engines=Engines(ScriptedSTT(), ScriptedLLM(), voice, {}, voice),
        settings=settings(),
        vad=LoudnessVad(),
        observers=[recorder],
    )
    if number % 5 == 0:
        asyncio.get_running_loop().call_later(0.3, call.end, "server_stopping")
    await call.run()
    recorder.ended()


def test_every_recording_of_many_mixed_calls_is_finished(tmp_path: Path) -> None:
    """Thirty at a time, on virtual time; the archive's threads are real."""

    async def callers(archive: Archive) -> None:
        numbers = itertools.count()

        async def some() -> None:
            while (number := next(numbers)) < CALLS:
                await recorded_call(archive, number)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await asyncio.to_thread(run, callers(archive))
            stopping = time.monotonic()
        assert time.monotonic() - stopping < STOP
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            calls = await archive.whole_calls([f"call{number}" for number in range(CALLS)])
        assert len(calls) == CALLS
        assert all(whole.call.reason for whole in calls)
        assert {whole.call.recording for whole in calls} == {"kept", "none"}
        kept = {whole.call.id for whole in calls if whole.call.recording == "kept"}
        assert len(kept) > CALLS / 2
        assert {path.stem for path in (tmp_path / "recordings").glob("*.flac")} == kept

    asyncio.run(story())
