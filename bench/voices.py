"""Voices side by side: what their sentences cost, and how many words a recogniser hears wrong in them.

    PYTHONPATH=. .venv/bin/python bench/voices.py [--sentences 100] [hibari-heart en_US-joe-medium ...]

Sentences of the golden set, as a call would say them, spoken on one thread; heard by Whisper base at 16 kHz and as
8 kHz mu-law. Numbers are written out on both sides before words are compared; where the recogniser writes a date or a
telephone number its own way that still counts as wrong, for all voices alike.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import random
import re
import time
from pathlib import Path

import numpy as np
import soxr
from bench.wer import distance, plain

from lineside.audio import g711
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engine_server.tts.hibari import HibariModel
from lineside.engine_server.tts.kokoro import KokoroModel
from lineside.engine_server.tts.piper import PiperModel
from lineside.models.catalogue import find
from lineside.text.normalize import said

GOLDEN = Path(__file__).parents[1] / "tests" / "text" / "normalize" / "golden.tsv"
LENGTHS = range(6, 17)  # words of the sentences
SIGNS = re.compile(r"[*|`\\#_/&]")  # sentences about signs test the rules of writing, not a voice


def sentences(count: int) -> list[str]:
    """As a voice gets them; the same ones each time."""
    rows = [row.split("\t") for row in GOLDEN.read_text("utf-8").splitlines() if "\t" in row]
    fit = [written for written, spoken in rows if len(spoken.split()) in LENGTHS and not SIGNS.search(written)]
    random.Random(1).shuffle(fit)  # noqa: S311 - not for secrets
    return [said(written) for written in fit[:count]]


def words(text: str) -> list[str]:
    """What counts as the same: numbers written out, letters of abbreviations apart from their points."""
    text = text.replace("a.m.", "AM").replace("p.m.", "PM").replace(".M.", " m ")
    return plain(said(" ".join(text.split())).replace("-", " "))


def model(name: str, folder: Path) -> HibariModel | KokoroModel | PiperModel:
    """A voice of the catalogue, on one thread."""
    match find(name).engine:
        case "hibari":
            return HibariModel(folder / name)
        case "kokoro":
            return KokoroModel(folder / name, 1)
        case _:
            return PiperModel(folder / name, 1)


def heard(stt: WhisperModel, pcm: bytes, rate: int, *, telephone: bool) -> str:
    """What the recogniser makes of it."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32)
    if telephone:
        narrow = soxr.resample(sound, rate, 8000).clip(-32768, 32767).astype("<i2").tobytes()
        sound = np.frombuffer(g711.decode(g711.encode(narrow, "g711_ulaw"), "g711_ulaw"), "<i2").astype(np.float32)
        rate = 8000
    return stt.transcribe(soxr.resample(sound / 32768, rate, 16_000).astype(np.float32)).text


def main() -> None:
    """Print a line a voice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["hibari-heart", "en_US-joe-medium"])
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    given = parser.parse_args()
    stt = WhisperModel(given.models_dir / "faster-whisper-base", 1)
    texts = sentences(given.sentences)
    for name in given.names:
        voice = model(name, given.models_dir)
        style = "af_heart" if name.startswith("kokoro") else name
        list(voice.speak("Hello.", style))
        costs, wrong, count, seconds = [], {False: 0, True: 0}, 0, 0.0
        for text in texts:
            began = time.process_time()
            pcm = b"".join(part.pcm for part in voice.speak(text, style))
            costs.append(time.process_time() - began)
            seconds += len(pcm) / 2 / voice.rate
            expected = words(text)
            count += len(expected)
            for telephone in wrong:
                wrong[telephone] += distance(expected, words(heard(stt, pcm, voice.rate, telephone=telephone)))
        costs.sort()
        print(
            f"{name}: {len(texts)} sentences, {seconds:.0f} s of sound; processor time a sentence p50 "
            f"{costs[len(costs) // 2] * 1000:.0f} ms, p95 {costs[len(costs) * 95 // 100] * 1000:.0f} ms, "
            f"{sum(costs) / seconds:.3f} a second of sound; words wrong {100 * wrong[False] / count:.1f} %, "
            f"8 kHz {100 * wrong[True] / count:.1f} %"
        )


if __name__ == "__main__":
    main()
