"""The voices of training/turns: who speaks, and how a piece of text becomes their sound.

Each voice belongs to one half for good. Synthetic sound is kept in the cache folder, by voice and text, and made once.
"""

import hashlib
import os
import subprocess
import tempfile
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.log_mel import log_mel
from lineside.audio.wav import read_wav, wav_bytes
from lineside.engine_server.tts.kokoro import KokoroModel
from lineside.engine_server.tts.piper import PiperModel

Samples = npt.NDArray[np.float32]  # between -1 and 1, 16 kHz

EDGE = 0.012  # of the loudest: what is softer at both ends of a piece is silence (-38 dB)
STEP = 160  # samples measured together
NEAR = 6  # steps around the aligned end of a word in which the softest is looked for
FADE = 80  # samples


class Speaker(Struct, frozen=True):
    """One voice, how many turns it speaks, and how often each is put on the line: with other pauses, in other noise."""

    name: str
    half: str  # fit or held
    turns: int
    takes: int = 1


# Kokoro's and Piper's voices sound like people, the small ones like machines; Allison (Debian's recorded prompts), the
# reader of Austen and Kennedy are people. Kokoro takes a second of a core for each second of speech, so that its turns
# have several takes.
SPEAKERS = (
    Speaker("kokoro/af_heart", "fit", 45, 2),
    Speaker("kokoro/am_adam", "fit", 45, 2),
    Speaker("kokoro/bm_george", "fit", 45, 2),
    Speaker("piper/en_US-joe-medium", "fit", 100, 2),
    Speaker("flite/slt", "fit", 40),
    Speaker("flite/kal16", "fit", 20),
    Speaker("espeak/en-us+m3", "fit", 20),
    Speaker("recorded/austen", "fit", 12, 2),
    Speaker("recorded/tau2", "fit", 12, 2),
    Speaker("kokoro/af_bella", "held", 45, 3),
    Speaker("kokoro/am_michael", "held", 45, 3),
    Speaker("kokoro/bf_emma", "held", 45, 3),
    Speaker("kokoro/am_fenrir", "held", 30, 3),
    Speaker("kokoro/bf_isabella", "held", 30, 3),
    Speaker("flite/awb", "held", 60),
    Speaker("flite/rms", "held", 60),
    Speaker("espeak/en-gb+f3", "held", 20),
    Speaker("recorded/allison", "held", 240),
    Speaker("recorded/jfk", "held", 4, 3),
)


class Studio:
    """Makes the sound of synthetic voices, once each."""

    def __init__(self, models: Path, cache: Path, flite: Path, kokoro: Path | None = None) -> None:
        """`kokoro`: a folder with more of its voices than the product brings."""
        self._models, self._cache, self._flite = models, cache, flite
        self._kokoro_folder = kokoro or models / "kokoro-82m"

    def say(self, voice: str, text: str) -> Samples:
        """The sound of the text, without silence at its ends."""
        kept = self._cache / f"{hashlib.sha256(f'{voice} {text}'.encode()).hexdigest()[:24]}.wav"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(self._made(voice, text))
        return trimmed(at_stt_rate(kept))

    def cut(self, voice: str, texts: list[str]) -> list[Samples]:
        """The sound of a sentence in pieces, each from where the one before ended."""
        whole = self.say(voice, " ".join(texts))
        parts = [self.say(voice, text) for text in texts] if len(texts) > 1 else []
        ends = [0]
        for index in range(1, len(texts)):
            end = boundary(np.concatenate(parts[:index]), np.concatenate(parts[index:]), whole)
            ends.append(max(ends[-1], min(len(whole) - STEP, end)))
        return [trimmed(faded(whole[start:end])) for start, end in pairwise([*ends, len(whole)])]

    def _made(self, voice: str, text: str) -> bytes:
        kind, _, name = voice.partition("/")
        match kind:
            case "kokoro":
                pieces = [piece.pcm for piece in self._kokoro.speak(text, name)]
                return wav_bytes(b"".join(pieces), self._kokoro.rate)
            case "piper":
                return wav_bytes(b"".join(piece.pcm for piece in self._piper.speak(text)), self._piper.rate)
            case "espeak":
                return _program(["espeak-ng", "-v", name, "-w", "FILE", text], {})
            case "flite":
                libraries = str(self._flite / "lib" / "x86_64-linux-gnu")
                program = str(self._flite / "bin" / "flite")
                return _program([program, "-voice", name, "-t", text, "-o", "FILE"], {"LD_LIBRARY_PATH": libraries})
            case _:
                raise ValueError(f"{voice} is no synthetic voice")

    @cached_property
    def _kokoro(self) -> KokoroModel:
        return KokoroModel(self._kokoro_folder, 1)

    @cached_property
    def _piper(self) -> PiperModel:
        return PiperModel(self._models / "en_US-joe-medium", 1)


def boundary(before: Samples, after: Samples, whole: Samples) -> int:
    """The sample of the whole where the words of one part end and those of the other begin; each was spoken alone too.

    Both are aligned with the whole, the one from its beginning, the other from its end; where they fit together best,
    the softest place nearby is taken.
    """
    first, last, both = (log_mel(sound)[:, : len(sound) // STEP].T for sound in (before, after, whole))
    fits = aligned(first, both)[:-1] + aligned(last[::-1], both[::-1])[::-1][1:]
    if not np.isfinite(fits).any():  # much longer or shorter than the parts: in proportion
        return round(len(whole) * len(first) / (len(first) + len(last)))
    end = int(fits.argmin()) + 1
    start, stop = max(0, end - NEAR), min(len(whole) // STEP, end + NEAR)
    level = np.square(whole[start * STEP : stop * STEP]).reshape(-1, STEP).mean(axis=1)
    return (start + int(level.argmin())) * STEP + STEP // 2


def aligned(part: Samples, whole: Samples) -> npt.NDArray[np.float64]:
    """Dynamic time warping, each step of the part taking none to two of the whole: the cost of ending at each step."""
    apart = np.sqrt(np.square(part[:, None, :] - whole[None, :, :]).mean(axis=2))
    cost = np.full(len(whole), np.inf)
    cost[0] = apart[0, 0]
    for row in apart[1:]:
        cost = np.stack([cost, np.r_[np.inf, cost[:-1]], np.r_[np.inf, np.inf, cost[:-2]]]).min(axis=0) + row
    return cost


def faded(samples: Samples) -> Samples:
    """Without a click at its ends."""
    ramp = np.linspace(0, 1, min(FADE, len(samples) // 2), dtype=np.float32)
    out = samples.copy()
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out


def at_stt_rate(file: Path) -> Samples:
    """A recording at 16 kHz, between -1 and 1."""
    sound = read_wav(file)
    resampler = InputResampler(sound.rate, STT_RATE)
    pcm = resampler.feed(sound.pcm) + resampler.end()
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def loud_steps(samples: Samples) -> npt.NDArray[np.bool_]:
    """For every 10 ms, whether there is speech in it."""
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    level = np.sqrt(np.square(steps).mean(axis=1))
    loud: npt.NDArray[np.bool_] = level > EDGE * float(level.max(initial=1e-6))
    return loud


def trimmed(samples: Samples) -> Samples:
    """Without the silence at both ends: the last sample is where the speaker stopped."""
    loud = np.flatnonzero(loud_steps(samples))
    return samples[int(loud[0]) * STEP : (int(loud[-1]) + 1) * STEP] if len(loud) else samples[:0]


def _program(command: list[str], more: dict[str, str]) -> bytes:
    """The WAV that a program writes; FILE in the command stands for its name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        named = [str(file) if word == "FILE" else word for word in command]
        subprocess.run(named, capture_output=True, check=True, timeout=60, env={**os.environ, **more})
        return file.read_bytes()
