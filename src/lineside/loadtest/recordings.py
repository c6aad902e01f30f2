"""What callers say: recordings as frames of the line's codec, ready to be sent, shared by all callers of a worker."""

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import get_args

import numpy as np
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.errors import ConfigError
from lineside.protocol import Codec

CODECS: tuple[Codec, ...] = get_args(Codec)
OWN = Path(__file__).parent / "voices"
QUIET = 0.03  # of the loudest 10 ms: what is softer before or after all else is silence
BLOCK = 0.01  # seconds; the end of speech is known this closely
MAX_RECORDING_SECONDS = 60.0  # seconds of one recording; a longer one is no turn


class Recording(Struct, frozen=True):
    """One turn, without silence before and after: its last sample is the last sample of the last frame."""

    name: str
    frames: tuple[bytes, ...]


def silence(codec: Codec, rate: int) -> bytes:
    """A frame in which nobody speaks."""
    samples = round(rate * FRAME_SECONDS)
    return bytes(samples * SAMPLE_BYTES) if codec == "pcm" else g711.SILENCE[codec] * samples


def recordings_in(folder: Path | None) -> tuple[str, ...]:
    """The WAV files of a folder; without one, the package's own. Raises `ConfigError` when there are none."""
    files = sorted(str(file.resolve()) for file in (folder or OWN).glob("*.wav"))
    if not files:
        raise ConfigError(f"--audio-dir {folder} has no .wav files")
    return tuple(files)


def read(files: Sequence[str], codec: Codec, rate: int, seconds: float = 0.0) -> list[Recording]:
    """All of them, in the line's codec.

    Args:
        files: WAV files.
        codec: of the line.
        rate: samples a second on it.
        seconds: that each one lasts: said again from its beginning, or cut off; 0: as long as it is.

    Raises:
        ConfigError: naming the one that cannot be spoken.
    """
    recordings = [_recording(Path(file), codec, rate) for file in files]
    frames = max(1, round(seconds / FRAME_SECONDS)) if seconds else 0
    return [_lasting(recording, frames) for recording in recordings] if frames else recordings


def _lasting(recording: Recording, frames: int) -> Recording:
    return Recording(recording.name, tuple(islice(cycle(recording.frames), frames)))


def _recording(file: Path, codec: Codec, rate: int) -> Recording:
    sound = read_wav(file)
    if sound.seconds > MAX_RECORDING_SECONDS:
        raise ConfigError(f"{file} lasts {sound.seconds:.0f} s; one turn is at most {MAX_RECORDING_SECONDS:g} s")
    resampler = InputResampler(sound.rate, rate)
    pcm = _speech(resampler.feed(sound.pcm) + resampler.end(), rate)
    if not pcm:
        raise ConfigError(f"{file} contains only silence")
    size = round(rate * FRAME_SECONDS) * SAMPLE_BYTES
    pcm = bytes(-len(pcm) % size) + pcm  # filled up in front: the end of speech is the end of a frame
    frames = (pcm[at : at + size] for at in range(0, len(pcm), size))
    return Recording(file.name, tuple(frame if codec == "pcm" else g711.encode(frame, codec) for frame in frames))


def _speech(pcm: bytes, rate: int) -> bytes:
    """From the first to the last block that is not silence."""
    size = round(rate * BLOCK)
    samples = np.frombuffer(pcm, "<i2")
    blocks = np.abs(samples[: len(samples) // size * size].astype(np.int32)).reshape(-1, size).mean(axis=1)
    if not blocks.size or not blocks.max():
        return b""
    loud = np.flatnonzero(blocks > QUIET * blocks.max())
    return pcm[int(loud[0]) * size * SAMPLE_BYTES : (int(loud[-1]) + 1) * size * SAMPLE_BYTES]
