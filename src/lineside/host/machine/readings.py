"""The machine, read at most twice a second however many ask, in a thread of its own, because a driver may hang."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import psutil
from msgspec.structs import replace

from lineside.host.machine.amd import read_amd
from lineside.host.machine.nvidia import NvidiaReader
from lineside.host.machine.values import Cpu, Gpu, Machine, Ram
from lineside.processes.cpu_count import cores

FRESH = 0.5  # seconds in which a reading serves whoever asks
PATIENCE = 2.0  # seconds; a driver that has not answered by then counts as silent, and is not asked a second time
NO_GPU = "no GPU detected: no AMD GPU in /sys/class/drm, no NVIDIA driver"
DRIVER_SILENT = "a graphics driver does not answer: its cards are shown as they were read last"

Cards = tuple[tuple[Gpu, ...], str]  # with a note


class MachineReader:
    """The latest reading, shared by all who ask; one thread reads at a time, and none while nobody asks."""

    def __init__(self, root: Path = Path("/"), cards: Callable[[], Cards] | None = None) -> None:
        self._cards = cards or CardReader(root).read
        self._load = _Load()
        self._latest: tuple[float, Machine] | None = None  # with the time it was read at, which no clock is set back
        self._seen: Cards = ((), "")
        self._asked: Future[Cards] | None = None
        self._turn = asyncio.Lock()

    async def latest(self) -> Machine:
        """A reading at most `FRESH` old, after at most `PATIENCE`."""
        async with self._turn:  # whoever waits here is served by the reading of the one before
            if self._latest is None or time.monotonic() - self._latest[0] >= FRESH:
                machine = await self._read()
                self._latest = time.monotonic(), machine
            return self._latest[1]

    async def _read(self) -> Machine:
        if self._asked is None or self._asked.done():
            self._asked = _in_thread(self._cards)
        try:
            async with asyncio.timeout(PATIENCE):
                self._seen = await asyncio.shield(asyncio.wrap_future(self._asked))
            gpus, note = self._seen
        except TimeoutError:
            gpus, note = self._seen[0], DRIVER_SILENT
        return replace(self._load.read(), gpus=gpus, note=note)


class CardReader:
    """All graphics cards of a machine."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root, self._nvidia = root, NvidiaReader(root)

    def read(self) -> Cards:
        """The cards and a note on what is odd: some milliseconds, unless a driver hangs. So not in an event loop."""
        amd, odd = read_amd(self._root)
        nvidia, odder = self._nvidia.read()
        said = [*odd, *odder] or ([] if amd or nvidia else [NO_GPU])
        return (*amd, *nvidia), "; ".join(said)


def read(root: Path = Path("/")) -> Machine:
    """One reading for whoever wants no more; the load of the processor is left at 0, for it takes two."""
    gpus, note = CardReader(root).read()
    return replace(_Load().read(), gpus=gpus, note=note)


class _Load:
    """Processor and memory, which can be read at any time. The load is that since the reading before."""

    def __init__(self) -> None:
        self._before = _cpu_seconds()

    def read(self) -> Machine:
        busy, whole = _cpu_seconds()
        spent, passed = busy - self._before[0], whole - self._before[1]
        self._before = busy, whole
        percent = round(min(100.0, max(0.0, 100.0 * spent / passed)), 1) if passed > 0 else 0.0
        memory = psutil.virtual_memory()
        return Machine(time.time(), Cpu(cores(), percent), Ram(int(memory.total), int(memory.total - memory.available)))


def _cpu_seconds() -> tuple[float, float]:
    """Busy and all, of all processors together. psutil's own percentage is kept for each thread, and ours change."""
    times = psutil.cpu_times()._asdict()
    whole = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)  # both are in user, nice too
    return whole - times["idle"] - times.get("iowait", 0.0), whole


def _in_thread(cards: Callable[[], Cards]) -> "Future[Cards]":
    """Read in a thread that the end of the program need not wait for."""
    answer: Future[Cards] = Future()

    def run() -> None:
        try:
            answer.set_result(cards())
        except BaseException as fault:
            answer.set_exception(fault)

    threading.Thread(target=run, name="machine", daemon=True).start()
    return answer
