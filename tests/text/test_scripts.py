"""Which letters belong to a language."""

import pytest

from lineside.text.scripts import foreign_share, uses_latin


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("Hello, Łódź!", "en", 0.0),
        ("계속", "en", 1.0),
        ("계속", "ko-KR", 0.0),
        ("Привет", "ru", 0.0),
        ("Привет", "uk_UA", 0.0),
        ("OK, 계속", "en", 0.5),
        ("12 - 5!", "en", 0.0),
        ("Καλημέρα", "el", 0.0),
    ],
)
def test_the_share_of_foreign_letters(text: str, language: str, share: float) -> None:
    """Digits and punctuation belong to all languages, and so do Latin letters."""
    assert foreign_share(text, language) == share


def test_some_languages_are_written_in_latin_letters_alone() -> None:
    """The region does not matter."""
    assert uses_latin("de-AT")
    assert not uses_latin("ja-JP")
