"""What a call costs in processor time: 20 ms of a silent caller, of one who speaks, of one who listens; and a turn.

    PYTHONPATH=. .venv/bin/python bench/cost.py [--calls 100] [--line realtime] [--chunk 100] [--steps]

Real WebSockets on transports of memory, the whole call behind them, mock engines, on a clock that jumps: what other
programs do meanwhile moves the figures by caches only. The kernel's share, sockets and records are not in it; those
`lineside loadtest --mock-engines --turn-every 6s --speech 2.5s` shows. `--steps` counts the functions that are called,
Python's and C's, in place of time: the same number on every machine, and tests/project/test_cost.py holds it to a
budget. Those of the event loop, which is written in Python here and compiled in a gateway, and of the callers are
counted apart. `--profile` writes cProfile's list of one part. `--line realtime`: programs of the Realtime API, at
24 kHz. `--chunk`: milliseconds of sound in a message.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import cProfile
import logging
import pstats
import selectors
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec
import structlog
from msgspec import Struct
from tests import virtual_time
from tests.virtual_time import VirtualLoop

from lineside.agents.agent import Agent
from lineside.audio.turn_model import nobody_knows
from lineside.gateway.call_handle import RegisteredCall
from lineside.gateway.call_runner import LARGEST_MESSAGE, CallRunner, settle
from lineside.gateway.runtime import open_registry, prepare_agent, vad_factory
from lineside.loadtest.plan import LineName, Plan
from lineside.loadtest.realtime_call import appended, session_update
from lineside.loadtest.recordings import read, recordings_in, silence
from lineside.loadtest.server_under_test_main import register_mock_engines, settings_for
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import AudioDone, FirstMessage, ServerMessage
from lineside.realtime.opening import RealtimeOpening, realtime_socket
from lineside.replay import jumping_loop
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, TEXT

FRAME = 0.02  # seconds
SPEECH, TURN_EVERY = 2.5, 7.5  # seconds: what a caller says, and from a turn's start to the next: answers are heard out
GROUPS = 8  # of callers, one after the other within 20 ms
# Whose functions are not the gateway's: the event loop, its clock, the callers.
LOOP = (asyncio.base_events, asyncio.events, asyncio.selector_events, selectors, jumping_loop, virtual_time)
NOT_OURS = frozenset(((lambda: None).__code__.co_filename, *(module.__file__ for module in LOOP)))
MASK = b"\x11\x22\x33\x44"


class Part(Struct, frozen=True):
    """One measured stretch of all calls together."""

    name: str
    cpu: float  # seconds
    steps: int  # functions called, where they are counted
    loop: int  # … of the event loop and the callers, which are not in them
    frames: int  # of 20 ms
    turns: int  # answered


class MemoryTransport(asyncio.Transport):
    """The kernel's end of a socket: takes what is written, and counts it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self._protocol: asyncio.BaseProtocol | None = None
        self._closing = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        self.written += len(data)

    def writelines(self, parts: "object") -> None:
        for part in parts:  # type: ignore[attr-defined]
            self.write(part)

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def close(self) -> None:
        if not self._closing and isinstance(self._protocol, asyncio.Protocol):
            self._closing = True
            self._protocol.connection_lost(None)

    abort = close


class Answers(RegisteredCall):
    """Counts the replies of a call that were heard."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{number:08x}")
        self.count = 0

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        self.count += isinstance(event, AudioDone)


class Caller:
    """One call, fed frame by frame."""

    def __init__(self, runner: CallRunner, number: int, plan: Plan) -> None:
        self.answers = Answers(number)
        self.transport = MemoryTransport()
        realtime = plan.line == "realtime"
        self.ws = realtime_socket(_nothing) if realtime else WebSocket(LARGEST_MESSAGE, 1e9, _nothing)
        self.ws.take_over(self.transport, "dGhlIHNhbXBsZSBub25jZQ==")
        running = (
            runner.run_realtime(self.answers, self.ws, RealtimeOpening())
            if realtime
            else runner.run(self.answers, self.ws)
        )
        self.task = asyncio.create_task(running)
        first = session_update(plan) if realtime else msgspec.json.encode(FirstMessage(codec="pcm")).decode()
        self.ws.data_received(_masked(TEXT, first.encode()))

    async def hang_up(self) -> None:
        """Gone."""
        self.transport.close()
        await self.task


def _nothing(gone: Exception | None) -> None:
    return


def _message(plan: Plan, frame: bytes) -> bytes:
    """Twenty milliseconds, as the line's client sends them."""
    return _masked(TEXT, appended(frame).encode()) if plan.line == "realtime" else _masked(BINARY, frame)


def _messages(plan: Plan, frames: list[bytes], chunk: int) -> list[bytes]:
    """What is sent in each 20 ms: a message of so many frames, with the last of them; nothing before."""
    ends = range(chunk, len(frames) + 1, chunk)
    return [
        part for end in ends for part in [b""] * (chunk - 1) + [_message(plan, b"".join(frames[end - chunk : end]))]
    ]


def _masked(kind: int, payload: bytes) -> bytes:
    """A frame of a client (RFC 6455, 5.3)."""
    size = len(payload)
    head = bytes((128 | kind, 128 | size)) if size < 126 else bytes((128 | kind, 254)) + size.to_bytes(2, "big")
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


class Bench:
    """All calls of the measurement."""

    def __init__(self, callers: list[Caller], profile: str, *, steps: bool) -> None:
        self.callers, self._profile, self._steps = callers, profile, steps
        self._loop = asyncio.get_running_loop()
        self.parts: dict[str, Part] = {}

    async def feed(self, frames: list[bytes], steps: int, *, stagger: int = 0) -> None:
        """Every caller sends its frames in turn, `steps` of them, spread evenly over each 20 ms.

        `stagger`: how many frames the last caller is behind the first, in a circle of `frames`.
        """
        callers, many = self.callers, len(self.callers)
        began = self._loop.time()
        groups = [callers[at::GROUPS] for at in range(GROUPS)]  # who sends in the same 2.5 ms
        offsets = {id(caller): at * stagger // many for at, caller in enumerate(callers)}
        for step in range(steps):
            for number, group in enumerate(groups):
                await self._until(began + step * FRAME + number * FRAME / GROUPS)
                for caller in group:
                    if message := frames[(step - offsets[id(caller)]) % len(frames)]:
                        caller.ws.data_received(message)

    async def _until(self, moment: float) -> None:
        due = self._loop.create_future()
        self._loop.call_at(moment, due.set_result, None)
        await due

    @contextmanager
    def measured(self, name: str, frames: int) -> Iterator[None]:
        """Count the block's processor time, or its steps."""
        counted, looped, answered = 0, 0, self._answered()

        def count(frame: FrameType, event: str, argument: object) -> None:
            nonlocal counted, looped
            if event in ("call", "c_call"):
                ours = frame.f_code.co_filename not in NOT_OURS
                counted, looped = counted + ours, looped + (not ours)

        profile = cProfile.Profile(time.process_time) if name == self._profile else None
        if self._steps:
            sys.setprofile(count)
        elif profile is not None:
            profile.enable()
        began = time.process_time()
        try:
            yield
        finally:
            cpu = time.process_time() - began
            if self._steps:
                sys.setprofile(None)
            self.parts[name] = Part(name, cpu, counted, looped, frames, self._answered() - answered)
            if profile is not None:
                profile.disable()
                pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(70)

    def _answered(self) -> int:
        return sum(caller.answers.count for caller in self.callers)


async def measure(
    calls: int, profile: str, folder: Path, *, steps: bool = False, line: LineName = "browser", chunk: int = 1
) -> dict[str, Part]:
    """Hold the calls. `chunk`: frames of 20 ms in a message."""
    register_mock_engines(folder)
    settings = settings_for(folder, 0, speculation=False)
    plan = Plan("", calls, 0.0, line=line, silence_ms=settings.vad_silence_timeout_ms)
    quiet = _messages(plan, [silence("pcm", plan.rate)] * chunk, chunk)
    speech = _messages(plan, list(read(recordings_in(None)[:1], "pcm", plan.rate, SPEECH)[0].frames), chunk)
    async with open_registry(settings) as registry:
        agent = Agent(name="Cost", prompt="You answer.")
        await prepare_agent(registry, agent)
        runner = CallRunner(settings, lambda: agent, registry, vad_factory(settings), GatewayMetrics(), nobody_knows)
        bench = Bench([Caller(runner, number, plan) for number in range(calls)], profile, steps=steps)
        settle()
        await bench.feed(quiet, 100)
        with bench.measured("silent", 250 * calls):
            await bench.feed(quiet, 250)
        turn = speech + quiet * round((TURN_EVERY - SPEECH) / FRAME / chunk)
        await bench.feed(turn, len(turn), stagger=len(turn))  # everybody comes to be where they are in their turn
        with bench.measured("turns", 2 * len(turn) * calls):
            await bench.feed(turn, 2 * len(turn), stagger=len(turn))
        await bench.feed(quiet, 350)  # all are answered to the end
        with bench.measured("speaking", len(speech) * calls):
            await bench.feed(speech, len(speech))
        await bench.feed(quiet, 70)  # a second and a little: the answers begin
        with bench.measured("listening", 100 * calls):
            await bench.feed(quiet, 100)
        for caller in bench.callers:
            caller.transport.close()
        await asyncio.wait([caller.task for caller in bench.callers])
        await runner.close()
    return bench.parts


class Cost(Struct, frozen=True):
    """What came of it, in seconds or in steps."""

    silent: float  # 20 ms of a caller who is silent
    speaking: float  # … of one who speaks
    listening: float  # … of one to whom the agent speaks
    turn: float  # all that a turn costs beyond silence
    all: float  # 20 ms of a caller who asks something every `TURN_EVERY` seconds
    loop: float = 0.0  # steps of the event loop and the callers in a turn, beyond silence; not in any of the others


def cost(parts: dict[str, Part], *, steps: bool = False) -> Cost:
    """By frame and by turn. Raises `RuntimeError` where turns were not answered: nothing was measured then."""
    turns = parts["turns"]
    if turns.turns < 0.9 * turns.frames * FRAME / TURN_EVERY:
        raise RuntimeError(f"only {turns.turns} turns were answered")
    each = {name: (part.steps if steps else part.cpu) / part.frames for name, part in parts.items()}
    beyond = (each["turns"] - each["silent"]) * turns.frames / turns.turns
    silent = parts["silent"]
    loop = (turns.loop - silent.loop * turns.frames / silent.frames) / turns.turns
    return Cost(each["silent"], each["speaking"], each["listening"], beyond, each["turns"], loop)


def measured(calls: int, profile: str = "", *, steps: bool = False, line: LineName = "browser", chunk: int = 1) -> Cost:
    """Measure on a clock that jumps."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    loop = VirtualLoop()
    try:
        with tempfile.TemporaryDirectory() as folder:
            measuring = measure(calls, profile, Path(folder), steps=steps, line=line, chunk=chunk)
            return cost(loop.run_until_complete(measuring), steps=steps)
    finally:
        loop.close()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--line", choices=["browser", "realtime"], default="browser")
    parser.add_argument("--chunk", type=int, choices=[20, 100], default=20)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--profile", choices=["", "silent", "turns", "speaking", "listening"], default="")
    arguments = parser.parse_args()
    chunk = round(arguments.chunk / 1000 / FRAME)
    found = measured(arguments.calls, arguments.profile, steps=arguments.steps, line=arguments.line, chunk=chunk)
    scale, unit = (1.0, "steps") if arguments.steps else (1e6, "µs")
    print(f"{arguments.calls} calls, " + ("functions called:" if arguments.steps else "processor time:"))
    print(f"  20 ms of a silent caller              {found.silent * scale:8.1f} {unit}")
    print(f"  20 ms of one who speaks               {found.speaking * scale:8.1f} {unit}")
    print(f"  20 ms of one who hears the agent      {found.listening * scale:8.1f} {unit}")
    print(f"  a turn of {SPEECH} s, beyond silence       {found.turn * scale:8.0f} {unit}")
    if arguments.steps:
        print(f"  … of the event loop and the callers, apart {found.loop:6.0f} {unit}")
    else:
        print(f"  of a core per call, a turn every {TURN_EVERY:g} s {found.all / FRAME * 100:8.3f} %")


if __name__ == "__main__":
    main()
