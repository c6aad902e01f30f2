"""Sound files of any usual kind, read in pieces: WAV, FLAC, Ogg (Vorbis, Opus) and MP3 by libsndfile, others by FFmpeg.

libsndfile comes with lineside. What browsers record (WebM) and telephones (M4A) it cannot read: those need the extra
`media`, which brings FFmpeg's libraries inside the package `av`.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import soundfile

from lineside.audio.frame import STT_RATE
from lineside.audio.output_resampler import OutputResampler
from lineside.openai_api.errors import OpenAiError

BLOCK_SECONDS = 10.0  # read at a time
LONGEST = 4 * 3600.0  # seconds of sound in one file; a longer one is refused when that is known
RATES = range(1000, 384_001)  # Hz
CHANNELS = 32
NEEDS_MEDIA = "this file is no WAV, FLAC, Ogg or MP3 that can be read"

Samples = npt.NDArray[np.int16]


def has_media() -> bool:
    """Whether FFmpeg's libraries are here."""
    return importlib.util.find_spec("av") is not None


def pcm_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The sound of a file at `STT_RATE`, one channel, signed 16-bit, some seconds at a time. For a thread.

    Raises:
        OpenAiError: it is no sound that can be read, is empty or too long.
    """
    seconds = 0.0
    resampler: OutputResampler | None = None
    for samples, rate in _blocks(file):
        resampler = resampler or OutputResampler(rate, STT_RATE)
        seconds += len(samples) / rate
        if seconds > LONGEST:
            raise OpenAiError(400, f"the file is longer than {LONGEST / 3600:g} hours", "file")
        if pcm := resampler.feed(samples.tobytes()):
            yield pcm
    if resampler is None:
        raise OpenAiError(400, "the file has no sound", "file")
    yield resampler.end()


def _blocks(file: IO[bytes]) -> Iterator[tuple[Samples, int]]:
    try:
        sound = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        file.seek(0)
        yield from _by_ffmpeg(file)
        return
    with sound:
        if sound.samplerate not in RATES or sound.channels > CHANNELS:
            raise OpenAiError(400, f"the file has {sound.samplerate} Hz and {sound.channels} channels", "file")
        try:
            while len(block := sound.read(int(BLOCK_SECONDS * sound.samplerate), dtype="float32", always_2d=True)):
                yield _mono(block), sound.samplerate
        except (soundfile.LibsndfileError, RuntimeError):
            raise OpenAiError(400, "the file is damaged and cannot be read to its end", "file") from None


def _by_ffmpeg(file: IO[bytes]) -> Iterator[tuple[Samples, int]]:
    if not has_media():
        raise OpenAiError(400, f"{NEEDS_MEDIA}; for M4A, MP4 and WebM install lineside[media]", "file")
    av: Any = importlib.import_module("av")  # an extra: its types may not be here
    errors = av.error.FFmpegError
    try:
        with av.open(file, mode="r") as container:
            if not container.streams.audio:
                raise OpenAiError(400, "the file has no sound", "file")
            converter = av.AudioResampler(format="flt", layout="mono", rate=STT_RATE)
            for frame in container.decode(container.streams.audio[0]):
                for converted in converter.resample(frame):
                    yield _mono(converted.to_ndarray().reshape(-1, 1)), STT_RATE
            for converted in converter.resample(None):
                yield _mono(converted.to_ndarray().reshape(-1, 1)), STT_RATE
    except (errors, ValueError, EOFError):
        raise OpenAiError(400, f"{NEEDS_MEDIA}, nor anything else", "file") from None


def _mono(block: "npt.NDArray[np.float32]") -> Samples:
    scaled = np.clip(np.nan_to_num(block).mean(axis=1) * 32768.0, -32768, 32767)
    samples: Samples = np.rint(scaled).astype("<i2")
    return samples
