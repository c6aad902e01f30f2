"""Sentences with places for values: "An engineer comes on {day}." Names and kinds only, no code. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct

PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Filled(Struct, frozen=True):
    """A sentence with its values, and how much of it tells all of them."""

    text: str
    up_to_last_value: str  # the text up to the end of the last value: who has heard that has heard all values


def places(template: str) -> set[str]:
    """The names in it."""
    return set(PLACE.findall(template))


def render(template: str, values: Mapping[str, str]) -> Filled:
    """Put the values in. A sentence that lacks one is left out."""
    sentences = [part for part in _SENTENCE.split(template.strip()) if places(part) <= values.keys()]
    text, last = "", 0
    for sentence in sentences:
        text += " " if text else ""
        here = 0
        for place in PLACE.finditer(sentence):
            text += sentence[here : place.start()] + values[place[1]]
            here, last = place.end(), len(text)
        text += sentence[here:]
    return Filled(text, text[:last])


def shown(kind: str, value: str) -> str:
    """A value as it is written into a sentence, so that the voice says it as people do."""
    match kind:
        case "digits" | "phone":
            return _in_groups(value)
        case "spelled":
            return ", ".join(value.replace("-", ""))
        case "date":
            return _day(value)
        case "time":
            return _clock(value)
        case "amount":
            return value.removesuffix(".00")
    return value


def _in_groups(value: str) -> str:
    """Digits in threes and fours, with spaces between them: "1 2 3, 4 5"."""
    plus, digits = ("plus ", value[1:]) if value.startswith("+") else ("", value)
    if not digits.isdecimal():
        return value
    if plus and digits.startswith("1") and len(digits) == 11:
        plus, digits = "", digits[1:]  # at home nobody says the country code
    groups = []
    while digits:
        size = 4 if len(digits) in (4, 8) else min(3, len(digits))
        if len(digits) - size == 1:
            size = 2 if size == 3 else size
        groups.append(" ".join(digits[:size]))
        digits = digits[size:]
    return plus + ", ".join(groups)


_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _day(value: str) -> str:
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return value
    return f"{_DAYS[day.weekday()]}, {_MONTHS[day.month - 1]} {day.day}"


def _clock(value: str) -> str:
    found = re.fullmatch(r"(\d{1,2}):(\d\d)(?::\d\d)?", value)
    if not found or int(found[1]) > 23:
        return value
    hour = int(found[1])
    return f"{hour % 12 or 12}:{found[2]} {'AM' if hour < 12 else 'PM'}"


def plain_read_back(about: str, names: Iterable[str]) -> str:
    """A read-back where a tool has none that fits: what it does, each value in a sentence of its own."""
    values = [f"{name.replace('_', ' ').capitalize()}: {{{name}}}." for name in names]
    return " ".join([f"{about.strip().rstrip('.')}.", *values, "Shall I do that?"])


def reached(text: str, heard: str) -> bool:
    """Whether all words of `text` are among the words that were heard, in order and one after the other."""
    wanted, had = _bare(text), _bare(heard)
    if not wanted:
        return True
    return any(had[at : at + len(wanted)] == wanted for at in range(len(had) - len(wanted) + 1))


def _bare(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word]
