"""What comes over the agent's words: who says what, and on which line it is said."""

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct
from training.turns.build import noises_of, on_the_line, phone_call
from training.turns.voices import Samples, Studio, at_stt_rate, trimmed

from lineside.audio.frame import STT_RATE

AUDIO = Path(__file__).parents[3] / "shared" / "audio"
VOICES = {
    "fit": [
        *("kokoro/af_heart", "kokoro/am_adam", "kokoro/bm_george", "piper/en_US-joe-medium"),
        *("flite/slt", "flite/kal16", "espeak/en-us+m3"),
        *("kokoro/af_sarah", "kokoro/am_onyx", "kokoro/bf_alice", "kokoro/bm_lewis", "kokoro/af_nicole"),
        *("kokoro/am_puck", "kokoro/af_sky", "kokoro/bm_daniel", "kokoro/am_eric", "kokoro/bf_lily"),
    ],
    "held": [
        *("kokoro/af_bella", "kokoro/am_michael", "kokoro/bf_emma", "kokoro/am_fenrir", "kokoro/bf_isabella"),
        *("flite/awb", "flite/rms", "espeak/en-gb+f3"),
    ],
}
RECORDED = {"nods": ["yes", "thank_you"], "claims": ["no", "hello", "help_me", "order_status", "hi_how_are_you"]}
LINES = 2  # on which everything is said: each in its own band, room and noise


class Over(Struct, frozen=True):
    """One sound over the agent's."""

    voice: str
    kind: str  # nods, claims
    text: str
    line: str  # band, noise and its distance
    pcm: bytes  # signed 16-bit
    rate: int


def overs(half: str, studio: Studio) -> Iterator[Over]:
    """All of a half: first the voices, then, in the held-out half, people's recordings."""
    said = tomllib.loads((Path(__file__).parent / "said.toml").read_text("utf-8"))[half]
    noises = noises_of(half)
    for voice in VOICES[half]:
        for kind in ("nods", "claims"):
            for text in said[kind]:
                yield from _lines(voice, kind, text, studio.say(voice, text), noises)
    for kind, names in RECORDED.items() if half == "held" else ():
        for name in names:
            sound = trimmed(at_stt_rate(AUDIO / f"{name}.wav"))
            yield from _lines("recorded", kind, name, sound, noises)


def _lines(voice: str, kind: str, text: str, sound: Samples, noises: dict[str, list[Samples]]) -> Iterator[Over]:
    for number in range(LINES):
        chance = random.Random(f"barge-in {voice} {text} {number}")  # noqa: S311  (a set that can be made again)
        call = phone_call(voice, chance)
        level = np.float32(10 ** (call.level / 20) / _loudness(sound))
        dice = np.random.default_rng(chance.getrandbits(32))
        pcm, rate = on_the_line(sound * level, call, noises, dice)
        where = f"{call.band} {call.noise} {call.snr or ''}".strip()
        yield Over(voice, kind, text, where, pcm, rate)


def _loudness(sound: Samples) -> float:
    """RMS of its loud part: of the steps of 10 ms within 20 dB of the loudest."""
    step = STT_RATE // 100
    steps = np.square(sound[: max(step, len(sound) // step * step)]).reshape(-1, step).mean(axis=1)
    return float(np.sqrt(steps[steps > 0.01 * steps.max()].mean()))
