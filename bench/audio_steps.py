"""What each step of the caller's audio costs on one core, and how long it holds the sound back.

    python bench/audio_steps.py

The first figure is one go, for all its calls together; the second is what 20 ms of one call cost: a browser's frame of
128 samples comes 7.5 times in them, a window of the voice detector 0.625 times. The budget: 200 calls on two cores
leave each 200 µs for 20 ms.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import soxr
from rich.console import Console
from rich.table import Table
from tests.audio.single_vad import SileroVad, SingleVad

from lineside.audio import g711
from lineside.audio.echo_detector import EchoDetector
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.silero import WINDOW
from lineside.audio.vad import EnergyGate, VadModel, VadState
from lineside.models.store import locate
from lineside.settings import load_settings

ROUNDS = 300  # of a millisecond each; the quickest counts, the others were disturbed by other programs
Feed = Callable[[bytes], bytes]


class Step(NamedTuple):
    """One line of the table."""

    name: str
    go: Callable[[], object]
    seconds: float  # of sound that one go is for, all calls together
    held: float | None = None  # seconds that it holds back, on average


def main() -> None:
    """Measure all steps and print them."""
    table = Table("step", "µs", "µs for 20 ms", "holds back, ms")
    for step in [*codecs(), *resamplers(), *detectors()]:
        cost = quickest(step.go)
        held = "" if step.held is None else f"{1000 * step.held:.1f}"
        table.add_row(step.name, f"{1e6 * cost:.1f}", f"{1e6 * cost * 0.02 / step.seconds:.1f}", held)
    Console(width=100).print(table)


def codecs() -> Iterator[Step]:
    """G.711, both ways."""
    laws: tuple[g711.Law, ...] = ("g711_ulaw", "g711_alaw")
    for law in laws:
        yield Step(f"{law} decode", partial(g711.decode, b"\x9b" * 160, law), 0.02)
        yield Step(f"{law} encode", partial(g711.encode, noise(160), law), 0.02)


def resamplers() -> Iterator[Step]:
    """Ours, and the soxr streams that it stands in for."""
    every = ("QQ", "LQ", "MQ", "HQ", "VHQ")
    for from_rate, to_rate, samples, qualities in [
        (8000, STT_RATE, 160, every),
        (48000, STT_RATE, 128, every),
        (48000, STT_RATE, 960, ("HQ",)),
        (44100, STT_RATE, 882, ("HQ",)),
        (22050, 8000, 441, ("HQ",)),
        (22050, 48000, 441, ("HQ",)),
    ]:
        feeds: list[tuple[str, Feed]] = [("", InputResampler(from_rate, to_rate).feed)]
        feeds += [(f" (soxr {quality})", soxr_stream(from_rate, to_rate, quality)) for quality in qualities]
        for name, feed in feeds:
            held = held_back(feed, from_rate, to_rate)
            go = partial(feed, noise(samples))
            yield Step(f"{from_rate} → {to_rate}, {samples} samples{name}", go, samples / from_rate, held)


def soxr_stream(from_rate: int, to_rate: int, quality: str) -> Feed:
    """The usual choice."""
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality=quality)

    def feed(pcm: bytes) -> bytes:
        return bytes(stream.resample_chunk(np.frombuffer(pcm, np.int16)).tobytes())

    return feed


def held_back(feed: Feed, from_rate: int, to_rate: int) -> float:
    """Seconds of what it was given that it has not given back, on average over two of them."""
    samples = from_rate // 50
    fed = given = 0
    behind = []
    for _ in range(200):
        given += len(feed(b"\0\0" * samples)) // 2
        fed += samples
        behind.append(fed / from_rate - given / to_rate)
    return float(np.mean(behind[100:]))


def detectors() -> Iterator[Step]:
    """The gate, and the network alone and for several calls at once."""
    loud, quiet, seconds = noise(WINDOW), b"\0\0" * WINDOW, WINDOW / STT_RATE
    model = VadModel(locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx")
    yield Step("gate", partial(EnergyGate().feed, loud), seconds)
    echo = EchoDetector()
    yield Step("echo gate, told what is played", partial(echo.played, noise(320), STT_RATE, 0.0), 0.02)
    yield Step("echo gate, nothing played", partial(EchoDetector().heard, loud), seconds)
    echo.played(noise(60 * STT_RATE), STT_RATE, 1e4)  # so far ahead that all of it may still come back
    yield Step("echo gate, while we speak, nobody heard", partial(echo.passed, quiet), seconds)
    yield Step("echo gate, while we speak, somebody heard", partial(echo.heard, loud), seconds)
    voice = SingleVad(model)
    for _ in range(100):
        voice.feed(quiet)
    yield Step("gate, closed", partial(voice.feed, quiet), seconds)
    yield Step("network, one window", partial(SileroVad(model).probability, loud), seconds)
    for calls in (8, 32):
        states = [VadState(model.memories) for _ in range(calls)]
        go = partial(model.probabilities, [loud] * calls, states)
        yield Step(f"network, {calls} calls at once", go, calls * seconds)


def noise(samples: int) -> bytes:
    """Something loud enough to be worth the trouble."""
    return np.random.default_rng(1).integers(-9000, 9000, samples).astype("<i2").tobytes()


def quickest(go: Callable[[], object]) -> float:
    """Seconds of one go, in the quickest of many short rounds."""
    go()
    goes, began = 0, time.perf_counter()
    while time.perf_counter() - began < 0.001:
        go()
        goes += 1
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(goes):
            go()
        best = min(best, (time.perf_counter() - began) / goes)
    return best


if __name__ == "__main__":
    main()
