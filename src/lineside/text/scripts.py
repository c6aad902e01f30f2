"""Which letters a voice can say: the script of its language, and Latin. Pure."""

import re
from functools import cache

_RANGES = {
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Armenian": "\u0530-\u058f",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Oriya": "\u0b00-\u0b7f",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Sinhala": "\u0d80-\u0dff",
    "Thai": "\u0e00-\u0e7f",
    "Lao": "\u0e80-\u0eff",
    "Tibetan": "\u0f00-\u0fff",
    "Myanmar": "\u1000-\u109f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "Ethiopic": "\u1200-\u139f\u2d80-\u2ddf\uab01-\uab2f",
    "Khmer": "\u1780-\u17ff\u19e0-\u19ff",
    "Hangul": "\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc",
    "Kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Han": (
        "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
        "\U00020000-\U0003ffff"
    ),
    "others": (
        "\u0700-\u074f\u0780-\u086f\u13a0-\u177f\u1800-\u19df\u1a00-\u1c7f\u1cc0-\u1cff\u2c00-\u2c5f\u2c80-\u2cff"
        "\u2d30-\u2d7f\u3105-\u312f\u31a0-\u31bf\ua000-\ua63f\ua6a0-\ua6ff\ua800-\ua8df\ua900-\ua95f\ua980-\uab00"
        "\uab70-\uabff\U00010000-\U0001cfff\U0001e000-\U0001e95f"
    ),
}
_SPOKEN_BY = {
    "Greek": "el",
    "Cyrillic": "ru uk bg sr mk be kk ky mn tg",
    "Armenian": "hy",
    "Hebrew": "he iw yi",
    "Arabic": "ar fa ur ps ku sd ckb",
    "Devanagari": "hi mr ne sa",
    "Bengali": "bn as",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Oriya": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Tibetan": "bo",
    "Myanmar": "my",
    "Georgian": "ka",
    "Ethiopic": "am ti",
    "Khmer": "km",
    "Hangul": "ko",
    "Kana": "ja",
    "Han": "zh yue ja ko cmn",
}
GREEK = _RANGES["Greek"]
CJK_MARKS = "\u3000-\u3004\u3008-\u3020\u3030\u3037\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"


@cache
def foreign_letters(language: str) -> str:
    """The letters that a voice of this language ("en", "pt-BR") cannot say, as the inside of a character class."""
    base = language.lower().replace("_", "-").split("-")[0]
    return "".join(letters for script, letters in _RANGES.items() if base not in _SPOKEN_BY.get(script, "").split())


@cache
def uses_latin(language: str) -> bool:
    """Whether this language is written in Latin letters alone."""
    base = language.lower().replace("_", "-").split("-")[0]
    return not any(base in languages.split() for languages in _SPOKEN_BY.values())


@cache
def _foreign(language: str) -> re.Pattern[str]:
    return re.compile(f"[{foreign_letters(language)}]")


_LETTER = re.compile(r"[^\W\d_]")


def foreign_share(text: str, language: str) -> float:
    """The share of the letters of a text that do not belong to a language, 0 to 1."""
    letters = len(_LETTER.findall(text))
    return min(1.0, len(_foreign(language).findall(text)) / letters) if letters else 0.0
