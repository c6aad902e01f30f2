"""A long run of random inputs, that can be stopped at any time and goes on where it was.

How far each reader has come stands in a file. What a reader fails on is kept in `corpus/NAME`, and tried first from
then on, here and in the suite.
"""

import ctypes
import gc
import hashlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import msgspec
import psutil
from msgspec import Struct

from tests.fuzz.mutation import BLOCK, inputs

CORPUS = Path(__file__).parent / "corpus"
SLOW = 2.0  # seconds of the processor that one input may take
HANGS = 60  # seconds that one block may take beside that, before it counts as hung; inputs are then tried one by one
LEAK = 24e6  # bytes that the process may grow between the first tenth of a run and its end
Reader = Callable[[bytes], None]


class Progress(Struct):
    """How far a reader has come."""

    inputs: int = 0
    seconds: float = 0.0  # of the processor
    slowest: float = 0.0  # seconds of the processor that one input took
    grown: float = 0.0  # bytes, from the first block of a process to its last; the largest of all processes
    faults: int = 0


class FoundFault(Exception):
    """A reader raised, hung, took too long or leaked."""


class Campaign:
    """One run over some readers."""

    def __init__(self, state: Path, seed: int) -> None:
        self._state, self._seed = state / f"seed-{seed}.json", seed
        state.mkdir(parents=True, exist_ok=True)
        self.progress: dict[str, Progress] = {}
        if self._state.exists():
            self.progress = msgspec.json.decode(self._state.read_bytes(), type=dict[str, Progress])

    def block(self, name: str, read: Reader, seeds: Sequence[bytes]) -> None:
        """The next block of inputs for a reader. Raises `FoundFault`, having kept the input."""
        done = self.progress.setdefault(name, Progress())
        for number, raw in enumerate(inputs(seeds, name, self._seed, done.inputs // BLOCK)):
            began = time.process_time()
            try:
                with _Alarm():
                    read(raw)
            except Exception as fault:
                done.faults += 1
                kept = keep(name, raw)
                self._write()
                where = f"{name}: block {done.inputs // BLOCK}, input {number}, kept as {kept}"
                raise FoundFault(f"{where}: {type(fault).__name__}: {fault}") from fault
            took = time.process_time() - began
            done.seconds += took
            done.slowest = max(done.slowest, took)
            if took > SLOW:
                raise FoundFault(f"{name}: {took:.1f} s of the processor for {keep(name, raw)}")
        done.inputs += BLOCK
        self._write()

    def grew(self, name: str, size: float) -> None:
        """The process has grown by so many bytes. Raises `FoundFault` for a leak."""
        done = self.progress.setdefault(name, Progress())
        done.grown = max(done.grown, size)
        self._write()
        if size > LEAK:
            raise FoundFault(f"{name}: the process has grown by {size / 1e6:.0f} MB")

    def _write(self) -> None:
        draft = self._state.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self.progress)))
        draft.replace(self._state)


def run_in_turn(campaign: Campaign, readers: dict[str, tuple[Reader, Sequence[bytes]]], most: int) -> None:
    """All readers to so many inputs, each for some blocks at a time. Raises `FoundFault`."""
    for name, (read, _) in readers.items():
        for raw in corpus(name):
            read(raw)
    at_first: dict[str, float] = {}
    while left := [name for name in readers if campaign.progress.get(name, Progress()).inputs < most]:
        for name in left:
            read, seeds = readers[name]
            before = memory()
            for _ in range(10):
                campaign.block(name, read, seeds)
                if campaign.progress[name].inputs >= most:
                    break
            if name in at_first:  # the first round fills caches
                at_first[name] += memory() - before
                campaign.grew(name, at_first[name])
            else:
                at_first[name] = 0.0
            done = campaign.progress[name]
            print(
                f"{name}: {done.inputs} inputs, {done.seconds:.0f} s, slowest {done.slowest * 1e3:.0f} ms", flush=True
            )


def memory() -> float:
    """Of this process, in bytes, after what can go has gone: pages that the allocator keeps for later as well."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return float(psutil.Process(os.getpid()).memory_info().rss)


def keep(name: str, raw: bytes) -> Path:
    """Keep an input that a reader failed on."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / hashlib.sha256(raw).hexdigest()[:16]
    file.write_bytes(raw)
    return file.relative_to(CORPUS.parent)


def corpus(name: str) -> list[bytes]:
    """What a reader failed on once."""
    return [file.read_bytes() for file in sorted((CORPUS / name).glob("*"))] if (CORPUS / name).is_dir() else []


class _Alarm:
    """Raise in the middle of an input that never ends."""

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, _hung)
        signal.alarm(HANGS)

    def __exit__(self, *raised: object) -> None:
        signal.alarm(0)


def _hung(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"hung for {HANGS} s")
