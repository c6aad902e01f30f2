"""What a recording costs the media loop: microseconds a frame of 20 ms, both voices recorded, against a bare line.

    .venv/bin/python -m bench.recorder [--frames 50000] [--runs 5]

The thread that decodes and writes FLAC is not in it: stretches are dropped as they are handed on.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import time

from lineside.protocol import Codec
from lineside.records.recorder import Recorder

FRAMES: tuple[tuple[Codec, int, int], ...] = (("pcm", 16_000, 640), ("g711_ulaw", 8000, 160))  # codec, rate, bytes


def main() -> None:
    """Measure and print the best run of each codec."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--frames", type=int, default=50_000)
    asked.add_argument("--runs", type=int, default=5)
    arguments = asked.parse_args()
    for codec, rate, size in FRAMES:
        took = min(_recorded(codec, rate, bytes(size), arguments.frames) for _ in range(arguments.runs))
        print(f"{codec:10} {took / arguments.frames * 1e6:.2f} µs a frame, in and out")


def _recorded(codec: Codec, rate: int, frame: bytes, frames: int) -> float:
    recorder = Recorder(codec, rate, lambda stretch: None)
    began = time.perf_counter()
    for number in range(frames):
        recorder.caller(frame)
        recorder.agent(frame, number * 0.02)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
