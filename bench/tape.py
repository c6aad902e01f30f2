"""What a recording costs the media loop: microseconds a frame of 20 ms, both voices taped, against a bare line.

    .venv/bin/python -m bench.tape [--frames 50000] [--runs 5]

The reel's thread, which decodes and writes FLAC, is not in it: the strips are dropped as they are handed on.
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
    told = asked.parse_args()
    for codec, rate, size in FRAMES:
        took = min(_taped(codec, rate, bytes(size), told.frames) for _ in range(told.runs))
        print(f"{codec:10} {took / told.frames * 1e6:.2f} µs a frame, in and out")


def _taped(codec: Codec, rate: int, frame: bytes, frames: int) -> float:
    tape = Recorder(codec, rate, lambda strip: None)
    began = time.perf_counter()
    for number in range(frames):
        tape.caller(frame)
        tape.agent(frame, number * 0.02)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
