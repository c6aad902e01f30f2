"""Speaking: Piper voices. The package `piper-tts` is GPL-3.0: loaded here, in the engine server, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.errors import ConfigError

LEAD = 0.02  # seconds kept before the first sound: every millisecond of silence there is one the caller waits
TAIL = 0.12  # seconds kept after the last
QUIET = 0.01  # of full scale, -40 dBFS
FADE = 0.004  # seconds at both cuts, so that they do not click

Samples = npt.NDArray[np.float32]


class Spoken(Struct, frozen=True):
    """One sentence as signed 16-bit samples; `last` when nothing follows."""

    pcm: bytes
    last: bool


class Piper:
    """One voice. For one thread at a time."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig

        model = folder / f"{folder.name}.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        try:
            import json

            config = PiperConfig.from_dict(json.loads(model.with_suffix(".onnx.json").read_text()))
            session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as cause:
            raise ConfigError(f"the voice in {folder} cannot be loaded: {cause}") from cause
        self._voice = PiperVoice(session=session, config=config)
        self.name = folder.name
        self.rate: int = config.sample_rate

    def speak(self, text: str, speed: float = 1.0) -> Iterator[Spoken]:
        """Yield sentence after sentence, each as soon as it is made."""
        from piper import SynthesisConfig

        sentences = [phonemes for phonemes in self._voice.phonemize(text) if phonemes]
        pace = SynthesisConfig(length_scale=self._voice.config.length_scale / speed)
        for index, phonemes in enumerate(sentences):
            made: Any = self._voice.phoneme_ids_to_audio(self._voice.phonemes_to_ids(phonemes), pace)
            samples = trim(np.clip(made, -1.0, 1.0), self.rate)
            yield Spoken((samples * 32767).astype("<i2").tobytes(), index == len(sentences) - 1)


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
