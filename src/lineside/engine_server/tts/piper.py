"""Speaking: Piper voices. The package `piper-tts` is GPL-3.0: loaded here, in the engine server, and nowhere else."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.errors import ConfigError

# Piper begins with 30 to 60 ms of silence and ends with 150 to 370 ms. Every millisecond at the beginning is one that
# the caller waits.
LEAD, TAIL = 0.02, 0.12  # seconds that are kept before the first sound and after the last
QUIET = 0.004  # of full scale, -48 dBFS: below it are neither the h of "hello" nor the d of "road"
FADE = 0.004  # seconds at both cuts, so that they do not click
MAX_PHONEMES = 250  # phonemes made at once, some 10 s of speech: more keep all other callers waiting, and take memory

# What turns text into phonemes speaks one language at a time, in the whole process.
ESPEAK = threading.Lock()

Samples = npt.NDArray[np.float32]


class SynthesizedSentence(Struct, frozen=True):
    """One sentence as signed 16-bit samples; `last` when nothing follows."""

    pcm: bytes
    last: bool


class PiperModel:
    """One voice. For one thread at a time.

    The level is the model's own, -24 dBFS on average and peaks under -3: what telephones want (ITU-T P.56 measures
    -26 there), and the same from sentence to sentence, which bringing each to the same peak would not be.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        from piper import PiperVoice, SynthesisConfig
        from piper.config import PiperConfig

        model = folder / f"{folder.name}.onnx"
        try:
            config = PiperConfig.from_dict(json.loads(model.with_suffix(".onnx.json").read_text("utf-8")))
            session = network(model, threads)
        except Exception as cause:  # onnxruntime's errors have no common class
            raise ConfigError(f"the voice in {folder} cannot be loaded: {cause}") from cause
        self._voice = PiperVoice(session=session, config=config)
        self._pace = SynthesisConfig
        self.rate: int = config.sample_rate

    def speak(self, text: str, voice: str = "", speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """Yield sentence after sentence, each as soon as it is made. `speed` 2 is twice as fast; there is one voice."""
        plain = text.replace("[[", "[ [")  # what stands between two of them Piper takes for phonemes
        with ESPEAK:
            sentences = self._voice.phonemize(plain)
        pieces = [piece for phonemes in sentences for piece in cut(phonemes, MAX_PHONEMES)]
        pace = self._pace(length_scale=self._voice.config.length_scale / speed)
        for index, phonemes in enumerate(pieces):
            made: Any = self._voice.phoneme_ids_to_audio(self._voice.phonemes_to_ids(phonemes), pace)
            yield spoken(made, self.rate, last=index == len(pieces) - 1)


def network(file: Path, threads: int) -> Any:
    """A session of onnxruntime on the CPU."""
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = False  # it would keep the memory of the longest sentence for ever; no slower
    # No busy loop between two sentences or operators: see GENTLE_THREADS in __main__.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def spoken(made: Samples, rate: int, last: bool) -> SynthesizedSentence:
    """A sentence as a network made it, without the silence around it."""
    samples = trim(np.clip(made, -1.0, 1.0), rate)
    return SynthesizedSentence((samples * 32767).astype("<i2").tobytes(), last)


def cut(phonemes: list[str], longest: int) -> list[list[str]]:
    """Pieces of at most `longest`, cut between words where that can be."""
    pieces = []
    while len(phonemes) > longest:
        at = next((i for i in range(longest, longest // 2, -1) if phonemes[i] == " "), longest)
        pieces.append(phonemes[:at])
        phonemes = phonemes[at:]
    return [*pieces, phonemes] if phonemes else pieces


def trim(samples: Samples, rate: int) -> Samples:
    """Cut the silence off both ends down to `LEAD` and `TAIL`, and fade the cuts."""
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    if not len(loud):
        return samples[:0]
    start = max(0, int(loud[0]) - round(LEAD * rate))
    end = min(len(samples), int(loud[-1]) + 1 + round(TAIL * rate))
    kept = samples[start:end].copy()
    ramp = np.linspace(0.0, 1.0, min(round(FADE * rate), len(kept)), dtype=np.float32)
    kept[: len(ramp)] *= ramp
    kept[len(kept) - len(ramp) :] *= ramp[::-1]
    return kept
