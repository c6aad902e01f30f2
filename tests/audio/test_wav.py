"""WAV: our own, other people's, and streams cut anywhere."""

import io
import struct
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.wav import WavStream, read_wav, wav_bytes, wav_header
from lineside.errors import ConfigError

PCM = np.arange(-500, 500, dtype="<i2").tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of RIFF, padded to an even length."""
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def fmt(coding: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16) -> bytes:
    """The chunk that says what the samples are."""
    step = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, rate, rate * step, step, bits))


def riff(*chunks: bytes) -> bytes:
    """A file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def written(pcm: bytes, channels: int, width: int, rate: int = 16000) -> bytes:
    """A file as the standard library writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def test_what_we_write_the_standard_library_reads_and_writes_alike() -> None:
    """Our 44 bytes are the usual 44 bytes."""
    assert wav_bytes(PCM, 22050) == written(PCM, 1, 2, 22050)


def test_a_file_is_read_from_a_path_and_from_bytes(tmp_path: Path) -> None:
    """The rate comes with the sound."""
    path = tmp_path / "order.wav"
    path.write_bytes(wav_bytes(PCM, 8000))

    for frame in (read_wav(path), read_wav(path.read_bytes())):
        assert (frame.pcm, frame.rate) == (PCM, 8000)
        assert frame.seconds == 0.125


def test_two_channels_are_mixed_to_one() -> None:
    """Loud ones do not overflow, and half a frame at the end is left out."""
    stereo = np.array([[100, 200], [32767, 32767], [-32768, -32768], [-100, -202]], "<i2").tobytes()

    assert np.frombuffer(read_wav(riff(fmt(channels=2), chunk(b"data", stereo + b"\1\0"))).pcm, "<i2").tolist() == [
        150,
        32767,
        -32768,
        -151,
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (written(b"\x80" * 10, 1, 1), "8-bit"),
        (written(b"\0" * 30, 1, 3), "24-bit"),
        (riff(fmt(coding=3, bits=32), chunk(b"data", b"\0" * 8)), "not a PCM WAV file"),
        (riff(fmt(rate=0), chunk(b"data", b"\0" * 8)), "sample rate of 0 Hz"),
        (b"", "not a PCM WAV file"),
        (b"RIFF", "not a PCM WAV file"),
        (b"ID3\x03mp3 and so on, long enough for a header of forty-four bytes", "not a PCM WAV file"),
        (wav_bytes(PCM, 16000)[:30], "not a PCM WAV file"),
        (riff(chunk(b"data", PCM)), "not a PCM WAV file"),
    ],
)
def test_another_format_is_refused_with_the_way_out(data: bytes, says: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ConfigError, match=says):
        read_wav(data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """`lineside talk nothing.wav` says which file."""
    with pytest.raises(ConfigError, match=r"nothing\.wav: No such file"):
        read_wav(tmp_path / "nothing.wav")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_wav(tmp_path)


def test_a_saved_stream_of_unknown_length_is_read() -> None:
    """What curl saves of our own speech."""
    assert read_wav(wav_header(22050) + PCM).pcm == PCM


def heard(data: bytes, cuts: list[int]) -> tuple[WavStream, bytes]:
    """The sound of a stream cut at these places."""
    stream = WavStream()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return stream, b"".join(stream.feed(data[a:b]) for a, b in pairwise(places))


NOTES = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf58.76.100\0x")  # as ffmpeg writes it; odd, so padded
FACT = chunk(b"fact", struct.pack("<I", len(PCM) // 2))
GUID = bytes.fromhex("0100000000001000800000aa00389b71")
WIDE = chunk(b"fmt ", struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + GUID)

FILES = {
    "plain": (riff(fmt(), chunk(b"data", PCM)), len(PCM)),
    "with notes before and after": (riff(fmt(), NOTES, FACT, chunk(b"data", PCM), NOTES), len(PCM)),
    "extensible": (riff(WIDE, chunk(b"data", PCM)), len(PCM)),
    "of unknown length": (wav_header(16000) + PCM, None),
    "of unknown length, as ffmpeg says it": (wav_header(16000)[:-4] + b"\xff" * 4 + PCM, None),
    "of unknown length, as sox says it": (wav_header(16000)[:-4] + struct.pack("<I", 0x7FFFFFFF - 36) + PCM, None),
    "of unknown length, as a zero says it": (wav_header(16000, 0) + PCM, None),
}


@pytest.mark.parametrize("kind", FILES)
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 2500), max_size=40))
def test_a_stream_may_be_cut_anywhere(kind: str, cuts: list[int]) -> None:
    """Whatever the network does to the pieces, the same sound comes out, and no byte of the notes around it."""
    data, total = FILES[kind]
    stream, sound = heard(data, cuts)

    assert sound == PCM
    assert (stream.rate, stream.total_bytes) == (16000, total)


def test_a_stream_fed_byte_by_byte() -> None:
    """The rate is known once the header is complete and not before."""
    stream = WavStream()
    data = wav_bytes(PCM, 24000)
    for at in range(43):
        assert stream.feed(data[at : at + 1]) == b""
        assert stream.rate is None

    assert stream.feed(data[43:44]) == b""
    assert stream.rate == 24000
    assert stream.feed(data[44:45]) == PCM[:1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<", "not a WAV stream"),
        (b'{"error": "no voice"}', "not a WAV stream"),
        (b"RIFF\0\0\0\0AVI ", "not a WAV stream"),
        (riff(chunk(b"data", PCM)), "no fmt chunk before data"),
        (riff(chunk(b"fmt ", b"\1\0\1\0")), "its fmt chunk has 4 bytes"),
        (riff(fmt(channels=2)), "2 channels"),
        (riff(fmt(bits=8)), "8 bits"),
        (riff(fmt(coding=3, bits=32)), "coding 3"),
        (riff(fmt(rate=0)), "sample rate of 0 Hz"),
        (riff(fmt(rate=4_000_000_000 // 2)), "2000000000 Hz"),
        (riff(fmt()) + b"LIST\xff\xff\xff\xff", "no audio data in its first 65536 bytes"),
        (riff(fmt(), *(chunk(b"junk", b"\0" * 9000) for _ in range(9))), "no audio data in its first 65536 bytes"),
    ],
)
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 100_000), max_size=5))
def test_a_stream_of_something_else_is_refused(data: bytes, says: str, cuts: list[int]) -> None:
    """As soon as it can be known, and with what was found."""
    with pytest.raises(ConfigError, match=says):
        heard(data, cuts)


FIRST, SECOND = PCM[: len(PCM) // 4 * 2], PCM[len(PCM) // 4 * 2 :]
IN_A_ROW = {
    "files": wav_bytes(FIRST, 16000) + wav_bytes(SECOND, 16000),
    "notes between": riff(fmt(), chunk(b"data", FIRST), chunk(b"LIST", b"made by")) + wav_bytes(SECOND, 16000),
    "lengths unknown": wav_header(16000) + FIRST + wav_header(16000) + SECOND,
    "a file and notes": riff(fmt(), chunk(b"data", PCM), chunk(b"LIST", b"RIFFraff")),
    "garbage after the sound": wav_bytes(PCM, 16000) + bytes(range(128, 256)),
}


@pytest.mark.parametrize("name", IN_A_ROW)
@given(cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_files_in_a_row_are_one_sound_wherever_they_are_cut(name: str, cuts: list[int]) -> None:
    """Some voices send a file for each sentence."""
    raw, stream = IN_A_ROW[name], WavStream()
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    assert b"".join(stream.feed(raw[a:b]) for a, b in pairwise(places)) == PCM
    assert stream.rate == 16000


def test_a_file_of_another_rate_in_the_same_answer_is_refused() -> None:
    """It would be heard at the wrong pitch."""
    with pytest.raises(ConfigError, match="changes its sample rate from 16000 to 24000 Hz"):
        WavStream().feed(wav_bytes(PCM, 16000) + wav_bytes(PCM, 24000))
