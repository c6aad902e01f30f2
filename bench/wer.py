"""Word error rate of the recogniser, on clean speech and through a telephone line.

    python bench/wer.py [--audio ../shared/audio] [--models-dir ~/.cache/lineside] [--threads 2] [--most 5]

Each file is heard twice: at 16 kHz, and as 8 kHz mu-law, on the same way through our own resampler and codec that a
call takes. Ends with 1 if either band's total is over `--most` percent.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import re
import sys
import time
from pathlib import Path

import numpy as np
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import STT_RATE, AudioFrame
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.engine_server.asr.whisper import WhisperModel

TELEPHONE_RATE = 8000
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class Score(Struct, frozen=True):
    """How one file was heard in one band."""

    wrong: int
    words: int
    heard: str
    seconds: float

    @property
    def rate(self) -> float:
        """Percent."""
        return 100 * self.wrong / self.words


def main() -> int:
    """Print a line a file and a total for each band; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=Path(__file__).parents[2] / "shared" / "audio")
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=float, default=5.0)
    arguments = parser.parse_args()
    stt = WhisperModel(arguments.models_dir / "faster-whisper-base", arguments.threads)
    good = True
    for band in ("16 kHz", "8 kHz mu-law"):
        scores = []
        for name, words in transcripts(arguments.audio / "README.md").items():
            score = listen(stt, read_wav(arguments.audio / name), words, telephone=band != "16 kHz")
            print(f"{band:13} {name:24} {score.rate:5.1f} %  {score.seconds:4.2f} s  {score.heard}")
            scores.append(score)
        total = 100 * sum(score.wrong for score in scores) / sum(score.words for score in scores)
        print(f"{band:13} {'total':24} {total:5.1f} %")
        good = good and total <= arguments.most
    return 0 if good else 1


def transcripts(readme: Path) -> dict[str, str]:
    """File → what is said in it, from the table in the folder's README; rows of noise are left out."""
    said: dict[str, str] = {}
    for row in readme.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if ".wav" in cells[0] and not cells[0].startswith("noise"):
            said.update(zip(cells[0].split(", "), cells[1].split(" · "), strict=True))
    return said


def listen(stt: WhisperModel, sound: AudioFrame, words: str, *, telephone: bool) -> Score:
    """Hear one file as a call would bring it."""
    pcm, rate = sound.pcm, sound.rate
    if telephone:
        pcm = g711.decode(g711.encode(_resampled(pcm, rate, TELEPHONE_RATE), "g711_ulaw"), "g711_ulaw")
        rate = TELEPHONE_RATE
    samples = np.frombuffer(_resampled(pcm, rate, STT_RATE), np.int16).astype(np.float32) / np.float32(32768)
    began = time.perf_counter()
    heard = stt.transcribe(samples).text
    taken = time.perf_counter() - began
    expected = plain(words)
    return Score(distance(expected, plain(heard)), len(expected), heard, taken)


def plain(text: str) -> list[str]:
    """Words without case, punctuation and hyphens, numbers digit by digit."""
    for digit, word in enumerate(DIGITS):
        text = re.sub(rf"\b{word}\b", str(digit), text, flags=re.IGNORECASE)
    text = re.sub(r"(\d)", r" \1 ", text.casefold().replace("'", "").replace("’", ""))
    return re.findall(r"\w+", text)


def distance(expected: list[str], heard: list[str]) -> int:
    """Words to change, add or leave out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(expected, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def _resampled(pcm: bytes, rate: int, to: int) -> bytes:
    resampler = InputResampler(rate, to)
    return resampler.feed(pcm) + resampler.end()


if __name__ == "__main__":
    sys.exit(main())
