"""G.711 against what ITU-T has published: the tables of the recommendation and the vectors of its software library.

The vectors themselves (G.191 Software Tools Library, src/g711/test_data) are not carried here, because they need not
be: the source is every 16-bit value once, in order, and the library's README gives the CRC-32 of every file.
"""

import subprocess
import sys
import zlib
from bisect import bisect_left, bisect_right
from itertools import pairwise

import numpy as np
import pytest

from lineside.audio.g711 import SILENCE, Law, decode, encode

SWEEP = np.arange(-32768, 32768)
LAWS: list[Law] = ["g711_ulaw", "g711_alaw"]

# CRC-32 of the files in little-endian order (STL, src/g711/README.md); each sample and each code is a 16-bit word.
SWEEP_SRC = 0xC8BA7682
ENCODED = {"g711_ulaw": 0xCD170E15, "g711_alaw": 0x74719FE4}  # sweep-r.u, sweep-r.a
DECODED = {"g711_ulaw": 0x63641C01, "g711_alaw": 0xABCEAA69}  # sweep-r.u-u, sweep-r.a-a

# One period of 1 kHz at 0 dBm0 (G.711, tables 5 and 6).
MILLIWATT: dict[Law, bytes] = {
    "g711_alaw": bytes.fromhex("34 21 21 34 B4 A1 A1 B4"),
    "g711_ulaw": bytes.fromhex("1E 0B 0B 1E 9E 8B 8B 9E"),
}
OVERLOAD = {"g711_alaw": (3.14, 4096 * 8), "g711_ulaw": (3.17, 8159 * 4)}  # dBm0 of a sine that just fills the range


def words(values: bytes) -> bytes:
    """Bytes as the 16-bit words that the library's files have."""
    return np.frombuffer(values, np.uint8).astype("<u2").tobytes()


def test_the_sweep_is_the_published_one() -> None:
    """Every 16-bit value in order is, bit for bit, the library's source file."""
    assert zlib.crc32(SWEEP.astype("<i2").tobytes()) == SWEEP_SRC


@pytest.mark.parametrize("law", LAWS)
def test_encoding_gives_the_published_vector(law: Law) -> None:
    """All 65536 samples have the code that ITU-T's own software gives them."""
    assert zlib.crc32(words(encode(SWEEP.astype("<i2").tobytes(), law))) == ENCODED[law]


@pytest.mark.parametrize("law", LAWS)
def test_decoding_gives_the_published_vector(law: Law) -> None:
    """What ITU-T's software decodes from its own codes, we decode from them."""
    assert zlib.crc32(decode(encode(SWEEP.astype("<i2").tobytes(), law), law)) == DECODED[law]


def a_law_table() -> tuple[list[int], list[int], list[int]]:
    """Decision values, quantised values and codes of table 1a, from its rule: 32 steps of 2, then 16 each of 4, 8 …"""
    decisions = [0]
    for segment_step, count in [(2, 32), (4, 16), (8, 16), (16, 16), (32, 16), (64, 16), (128, 16)]:
        decisions += [decisions[-1] + segment_step * (i + 1) for i in range(count)]
    values = [(low + high) // 2 for low, high in pairwise(decisions)]
    return decisions, values, [(0x80 + n) ^ 0x55 for n in range(128)]  # even bits are inverted on the line


def mu_law_table() -> tuple[list[int], list[int], list[int]]:
    """The same of table 2a: 1 and 15 steps of 2, then 16 each of 4, 8 …; the value 0 stands alone."""
    decisions = [0, 1]
    for segment_step, count in [(2, 15), *((2 << n, 16) for n in range(1, 8))]:
        decisions += [decisions[-1] + segment_step * (i + 1) for i in range(count)]
    values = [0] + [(low + high) // 2 for low, high in pairwise(decisions[1:])]
    return decisions, values, [0xFF - n for n in range(128)]


TABLES = {"g711_alaw": (a_law_table(), 8), "g711_ulaw": (mu_law_table(), 4)}  # and 16-bit units per unit of the table


def test_the_rules_give_the_printed_tables() -> None:
    """Our reading of the segment rules meets the values that the recommendation prints (tables 1a and 2a)."""
    decisions, values, codes = a_law_table()
    printed = {1: 2, 32: 64, 33: 68, 48: 128, 49: 136, 64: 256, 80: 512, 96: 1024, 97: 1088, 112: 2048, 128: 4096}
    assert {n: decisions[n] for n in printed} == printed
    outputs = {1: 1, 33: 66, 49: 132, 65: 264, 81: 528, 97: 1056, 113: 2112, 128: 4032}
    assert {n: values[n - 1] for n in outputs} == outputs
    assert (codes[127], codes[0]) == (0b10101010, 0b11010101)

    decisions, values, codes = mu_law_table()
    printed = {1: 1, 2: 3, 16: 31, 17: 35, 32: 95, 48: 223, 64: 479, 80: 991, 96: 2015, 112: 4063, 113: 4319, 128: 8159}
    assert {n: decisions[n] for n in printed} == printed
    outputs = {0: 0, 1: 2, 16: 33, 32: 99, 48: 231, 64: 495, 80: 1023, 96: 2079, 112: 4191, 127: 8031}
    assert {n: values[n] for n in outputs} == outputs
    assert (codes[0], codes[16], codes[127]) == (0b11111111, 0b11101111, 0b10000000)


@pytest.mark.parametrize("law", LAWS)
def test_every_code_decodes_to_the_printed_value(law: Law) -> None:
    """All 256 codes, both signs (tables 1a, 1b, 2a, 2b)."""
    (_, values, codes), unit = TABLES[law]
    positive = np.frombuffer(decode(bytes(codes), law), "<i2")
    negative = np.frombuffer(decode(bytes(code ^ 0x80 for code in codes), law), "<i2")

    assert positive.tolist() == [value * unit for value in values]
    assert negative.tolist() == [-value * unit for value in values]


@pytest.mark.parametrize("law", LAWS)
def test_every_sample_has_the_code_of_its_interval(law: Law) -> None:
    """A sample between two decision values has their code; on one of them both neighbours are right."""
    (decisions, _, codes), unit = TABLES[law]
    edges = [value * unit for value in decisions]
    coded = encode(SWEEP.astype("<i2").tobytes(), law)
    for sample, code in zip(SWEEP.tolist(), coded, strict=True):
        size = abs(sample)
        below = min(127, max(0, bisect_left(edges, size) - 1))
        above = min(127, bisect_right(edges, size) - 1)
        assert code | 0x80 in (codes[below] | 0x80, codes[above] | 0x80), sample
        assert sample == 0 or (code >= 0x80) == (sample > 0), sample


@pytest.mark.parametrize("law", LAWS)
def test_every_code_comes_back(law: Law) -> None:
    """Decoding and encoding again changes no code, but for the two zeros of μ-law, which sound the same."""
    codes = bytes(range(256))
    again = encode(decode(codes, law), law)

    assert again == (codes.replace(b"\x7f", b"\xff") if law == "g711_ulaw" else codes)


@pytest.mark.parametrize("law", LAWS)
def test_the_digital_milliwatt_is_a_sine_of_its_level(law: Law) -> None:
    """The eight codes that the recommendation prints are 1 kHz at 0 dBm0."""
    period = np.frombuffer(decode(MILLIWATT[law], law), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(period)) / 4  # amplitude in each of 0, 1, 2, 3 and 4 kHz
    dbm0, full = OVERLOAD[law]

    assert abs(20 * np.log10(spectrum[1] / full) + dbm0) < 0.02
    assert np.delete(spectrum, 1).max() < spectrum[1] / 70  # the codes are coarse: 3 kHz is 37 dB down
    assert encode(decode(MILLIWATT[law], law), law) == MILLIWATT[law]


@pytest.mark.parametrize("law", LAWS)
def test_speech_levels_keep_their_distance_from_the_noise(law: Law) -> None:
    """A sine at -20 dBFS comes back at least 33 dB over the error (ITU-T G.712 asks for as much)."""
    sine = np.rint(3276.8 * np.sin(2 * np.pi * 1020 / 8000 * np.arange(8000))).astype("<i2")
    error = np.frombuffer(decode(encode(sine.tobytes(), law), law), "<i2") - sine.astype(float)

    assert 10 * np.log10(np.mean(sine.astype(float) ** 2) / np.mean(error**2)) > 33


def test_silence_is_silent() -> None:
    """Silence decodes to nothing louder than the codec's own smallest value."""
    assert decode(SILENCE["g711_ulaw"] * 3, "g711_ulaw") == b"\0\0" * 3
    assert decode(SILENCE["g711_alaw"] * 3, "g711_alaw") == b"\x08\0" * 3  # A-law has no zero: half its first step


@pytest.mark.parametrize("law", LAWS)
def test_half_a_sample_is_not_coded(law: Law) -> None:
    """An odd number of bytes is an error, not a click."""
    with pytest.raises(ValueError, match="whole number of samples"):
        encode(b"\0\0\0", law)


def test_importing_the_codec_warns_of_nothing() -> None:
    """The deprecation of audioop is silenced there and only there."""
    command = "import warnings, lineside.audio.g711; warnings.warn('old', DeprecationWarning)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", command], capture_output=True, text=True, check=False)

    assert run.stderr.strip().endswith("DeprecationWarning: old")
