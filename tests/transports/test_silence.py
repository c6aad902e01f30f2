"""Silence is known as such whatever codec it came through; soft sound is none."""

from collections.abc import Callable

import pytest

from lineside.audio import g711
from lineside.protocol import Codec
from lineside.rtp.codecs import new_codec
from lineside.transports.silence import is_silence
from tests.rtp.tones import tone


def through_g722(pcm: bytes) -> bytes:
    return new_codec("G722").decode(new_codec("G722").encode(pcm))


def through_both_laws(pcm: bytes) -> bytes:
    return g711.encode(g711.decode(g711.encode(pcm, "g711_alaw"), "g711_alaw"), "g711_ulaw")


@pytest.mark.parametrize(
    ("codec", "through"),
    [
        ("pcm", bytes),
        ("pcm", through_g722),
        ("g711_ulaw", lambda pcm: g711.encode(pcm, "g711_ulaw")),
        ("g711_ulaw", through_both_laws),
        ("g711_alaw", lambda pcm: g711.encode(pcm, "g711_alaw")),
    ],
    ids=["as it is", "G.722", "mu-law", "A-law, then mu-law", "A-law"],
)
def test_silence_is_known_and_a_whisper_is_none(codec: Codec, through: Callable[[bytes], bytes]) -> None:
    """Half a second through the codec."""
    assert is_silence(through(bytes(16_000)), codec)
    assert not is_silence(through(tone(0.5, 16_000, loudness=60)), codec)
