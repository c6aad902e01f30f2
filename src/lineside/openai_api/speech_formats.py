"""Sound written as clients ask for it: pcm and wav as it is made; mp3, opus, flac and aac when all of it is there."""

import importlib
import io
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import soundfile

from lineside.audio.wav import wav_header
from lineside.openai_api.errors import OpenAiError
from lineside.openai_api.sound_file import has_media

RATE = 24_000  # Hz, of every format: what OpenAI's pcm has
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)
CONTENT_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
STREAMED: tuple[Format, ...] = ("wav", "pcm")  # the others have a length, or a table, at their beginning


def head(shape: Format) -> bytes:
    """What comes before the samples of a format that is streamed."""
    return wav_header(RATE) if shape == "wav" else b""


def check_format(shape: str) -> Format:
    """The format of that name. Raises `OpenAiError` where it is not known, or cannot be written here."""
    for known in FORMATS:
        if known == shape:
            if known == "aac" and not has_media():
                raise OpenAiError(400, "aac needs lineside[media]; mp3 and opus do not", "response_format")
            return known
    raise OpenAiError(400, f"response_format must be one of {', '.join(FORMATS)}", "response_format")


def written(pcm: bytes, shape: Format) -> bytes:
    """All of the sound, signed 16-bit at `RATE`, as a file of a format that is not streamed. For a thread."""
    return WRITERS[shape](pcm)


def _by_libsndfile(container: str, coding: str) -> Callable[[bytes], bytes]:
    def write(pcm: bytes) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, np.frombuffer(pcm, "<i2"), RATE, format=container, subtype=coding)
        return file.getvalue()

    return write


def _aac(pcm: bytes) -> bytes:
    av: Any = importlib.import_module("av")  # an extra: its types may not be here
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


WRITERS: dict[Format, Callable[[bytes], bytes]] = {
    "mp3": _by_libsndfile("MP3", "MPEG_LAYER_III"),
    "opus": _by_libsndfile("OGG", "OPUS"),
    "flac": _by_libsndfile("FLAC", "PCM_16"),
    "aac": _aac,
}
