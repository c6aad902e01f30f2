"""Whether the turn model holds up the sound: calls in one process, in real time, each asking it at every pause.

    python -m bench.turn_gaps [--calls 20] [--seconds 60] [--without]

Callers speak recordings of `shared/audio`, a sentence every ten seconds, half a second after one another, so that
pauses of one fall into answers of others. Voice detector and turn model are the real ones, engines are scripted. Told
are the gaps in the sound of replies as the callers heard them, how late 20 ms of sound came in or went out (the media
loop standing still), and what the turn model did. `--without` runs the same without it.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import time
from functools import cache
from pathlib import Path

import uvloop

from lineside.agents.agent import Agent
from lineside.audio.frame import FRAME_SECONDS, STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.turn_model import TurnModelThread, nobody_knows
from lineside.audio.vad import VadModel
from lineside.audio.vad_batcher import VadBatcher
from lineside.audio.wav import read_wav
from lineside.call.observers import Observer
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.models.store import locate
from lineside.protocol import AudioStarted, EndReason, FirstMessage
from lineside.settings import load_settings
from lineside.transports.base import TransportListener
from lineside.transports.scripted import ScriptedTransport

SHARED = Path(__file__).parents[2] / "shared" / "audio"
SAID = ("order_status", "check_order_12345", "austen_0880", "help_me")
EVERY = 10.0  # seconds from one sentence of a caller's to the next
APART = 0.5  # seconds between callers
BOUND = 0.04  # seconds


class Measured(Observer):
    """Gaps in replies that sounded."""

    def __init__(self) -> None:
        self.gaps: list[float] = []

    def on_playout_gap(self, seconds: float) -> None:
        self.gaps.append(seconds)


class Recorded(ScriptedTransport):
    """A caller who speaks a recording every ten seconds, by deadline; how late each frame was."""

    def __init__(self, number: int, seconds: float) -> None:
        super().__init__(())
        self._number, self._rounds = number, round(seconds / EVERY)
        self.late: list[float] = []

    async def run(self, listener: TransportListener) -> EndReason:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._number * APART
        await asyncio.sleep(self._number * APART)
        for turn in range(self._rounds):
            sound = _recording(SAID[(self._number + turn) % len(SAID)])
            sound += bytes(round(EVERY * STT_RATE) * 2 - len(sound))
            for at in range(0, len(sound), 640):
                listener.on_audio(sound[at : at + 640])
                due += FRAME_SECONDS
                await asyncio.sleep(max(0.0, due - loop.time()))
                self.late.append(loop.time() - due)
        return "caller_hung_up"


class Counted:
    """The turn model, with a count of what it did."""

    def __init__(self, listener: TurnModelThread) -> None:
        self._listener = listener
        self.took: list[float] = []
        self.unanswered = 0

    async def probability(self, pcm: bytes) -> float | None:
        """See `TurnModelThread`."""
        began = time.perf_counter()
        over = await self._listener.probability(pcm)
        self.took.append(time.perf_counter() - began)
        self.unanswered += over is None
        return over


async def measure(calls: int, seconds: float, *, with_model: bool) -> bool:
    """Hold the calls and print what was measured; whether no gap was over the bound."""
    settings = load_settings()
    folder = settings.models_dir
    batcher = VadBatcher(
        VadModel(locate("silero-vad", folder) / "silero_vad.onnx"), asyncio.get_running_loop().call_later
    )
    listener = TurnModelThread(locate("smart-turn-v3.2", folder) / "smart-turn-v3.2-cpu.onnx")
    counted, meters = Counted(listener), [Measured() for _ in range(calls)]
    lines = [Recorded(number, seconds) for number in range(calls)]
    agent = Agent(name="Bench", prompt="You answer.")

    async def hold(number: int) -> None:
        tts = CachedTTS(ScriptedTTS())
        llm = ScriptedLLM(answers=[f"{number} {turn} " + "word " * 16 for turn in range(99)])
        engines = Engines(ScriptedSTT(takes=0.4), llm, tts, {}, tts)
        call = CallSession(
            lines[number],
            FirstMessage(codec="pcm"),
            agent=agent,
            engines=engines,
            settings=settings,
            vad=batcher.new_vad(),
            observers=(meters[number],),
            turn_model=counted.probability if with_model else nobody_knows,
        )
        await call.run()

    await asyncio.gather(*(hold(number) for number in range(calls)))
    listener.close()
    gaps = sorted(gap for meter in meters for gap in meter.gaps)
    late = sorted(each for line in lines for each in line.late)
    answers = sum(isinstance(event, AudioStarted) for line in lines for event in line.events)
    took = sorted(counted.took) or [0.0]
    over = [gap for gap in gaps if gap > BOUND]
    model = "with" if with_model else "without"
    print(f"{calls} calls of {seconds:.0f} s, {model} the turn model: {answers} answers heard")
    longest = 1000 * max(gaps, default=0.0)
    print(f"gaps in their sound: {len(gaps)}, over {BOUND * 1000:.0f} ms: {len(over)}, longest {longest:.1f} ms")
    print(
        f"frames late: median {at(late, 0.5):.1f} ms, 99.9 % {at(late, 0.999):.1f} ms, most {at(late, 1.0):.1f} ms, "
        f"over {BOUND * 1000:.0f} ms: {sum(each > BOUND for each in late)} of {len(late)}"
    )
    print(
        f"turn model: asked {len(counted.took)} times, no answer in time {counted.unanswered}, "
        f"median {at(took, 0.5):.0f} ms, 95 % {at(took, 0.95):.0f} ms"
    )
    return not over


def at(ordered: list[float], share: float) -> float:
    """The quantile, in milliseconds."""
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> int:
    """Measure; 1 if a gap was longer than allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--without", action="store_true", help="the same without the turn model")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(measure(arguments.calls, arguments.seconds, with_model=not arguments.without)) else 1


@cache
def _recording(name: str) -> bytes:
    frame = read_wav(SHARED / f"{name}.wav")
    resampler = InputResampler(frame.rate, STT_RATE)
    return resampler.feed(frame.pcm) + resampler.end()


if __name__ == "__main__":
    raise SystemExit(main())
