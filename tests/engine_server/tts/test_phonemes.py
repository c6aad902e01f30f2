"""English as Kokoro reads it. No model is needed; espeak, which comes with Piper, writes the phonemes."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.engine_server.tts.kokoro import AMERICAN, BRITISH, MAX_PHONEMES
from lineside.engine_server.tts.phonemes import NUMBERS, kokoro
from lineside.engine_server.tts.piper import ESPEAK, cut


@pytest.mark.parametrize(
    ("espeak", "american"),
    [
        ("həlˈoʊ", "həlˈO"),  # hello
        ("tʃˈɔɪs", "ʧˈYs"),  # choice
        ("dʒˈaɪənt", "ʤˈIənt"),  # giant
        ("nˈaʊ", "nˈW"),  # now
        ("plˈeɪ", "plˈA"),  # play
        ("lˈɪɾəl", "lˈɪTᵊl"),  # little
        ("pˈiːpəl", "pˈipᵊl"),  # people
        ("ˈɑːnəlˌaɪn", "ˈɑnəlˌIn"),  # an l that begins a syllable
        ("bˈʌʔn̩", "bˈʌtn"),  # button
        ("bˈɜːd", "bˈɜɹd"),  # bird
        ("mˈiː", "mˈi"),  # me
        ("wˈɔːɾɚ", "wˈɔTəɹ"),  # water
        ("ˌaʊɚɹ ˈɑːfɪs", "ˌWəɹ ˈɑfɪs"),  # our office
        ("ɹˈɪðm̩", "ɹˈɪðᵊm"),  # rhythm
    ],
)
def test_american_phonemes(espeak: str, american: str) -> None:
    """Diphthongs and affricates are one letter, no vowel is long, the r is in the vowel."""
    assert kokoro(unicodedata.normalize("NFD", espeak), british=False) == american


@pytest.mark.parametrize(
    ("espeak", "british"),
    [
        ("həlˈəʊ", "həlˈQ"),  # hello
        ("skwˈeə", "skwˈɛː"),  # square
        ("nˈiə", "nˈɪə"),  # near
        ("bˈɜːd", "bˈɜːd"),  # bird
        ("fˈɑːst", "fˈɑːst"),  # fast
        ("nˈeɪʃən", "nˈAʃən"),  # nation
    ],
)
def test_british_phonemes(espeak: str, british: str) -> None:
    """Long vowels stay long, and the diphthongs are those of there."""
    assert kokoro(unicodedata.normalize("NFD", espeak), british=True) == british


@settings(deadline=None, max_examples=60)  # other work on the machine is no fault
@given(st.text(max_size=200), st.booleans())
def test_whatever_is_said_every_phoneme_has_its_number(text: str, british: bool) -> None:
    """Any text of any script, in pieces that the model can take."""
    from piper.phonemize_espeak import EspeakPhonemizer

    with ESPEAK:
        sentences = EspeakPhonemizer().phonemize(BRITISH if british else AMERICAN, text.replace("\0", ""))
    for sentence in sentences:
        for piece in cut(list(kokoro(sentence, british)), MAX_PHONEMES):
            assert len(piece) <= MAX_PHONEMES
            assert set(piece) <= set(NUMBERS)


def test_the_numbers_are_the_published_ones() -> None:
    """A few of config.json's, and none twice."""
    assert [NUMBERS[letter] for letter in (";", "?", " ", "A", "ʤ", "ɹ", "ˈ", "ᵻ")] == [1, 6, 16, 24, 82, 123, 156, 177]
    assert len(set(NUMBERS.values())) == len(NUMBERS)
