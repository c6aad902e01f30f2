"""Digits that were asked for, heard a second time by a model that may write nothing but digits.

Whisper writes what people say, and people seldom say five digits: "It's 571 point 6 is 58". Asked for digits alone it
finds them, with the encoder's work done already; but it finds digits in everything. So what it found counts only where
what it wrote freely speaks for digits too, or where nothing could be written freely.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from lineside.agents.slots.numbers import HOMOPHONES, UNITS

BEAM = 5
TOKENS_AT_LEAST, TOKENS_A_SECOND = 6, 6.0
SECONDS_A_DIGIT = (0.15, 1.6)  # the fastest and the slowest that anybody says digits, pauses counted
NEARLY = 0.4  # of the same: digits of the wanted number this little below the likeliest are taken
SCORE_ALONE = -0.85  # mean log-probability among digits below which digits alone are not believed
MOST_DIGITS = 40
_FIGURES = {name: str(figure) for name, figure in UNITS.items() if len(name) > 1}
_SIGNS = re.compile(r"\d|[a-z]+", re.IGNORECASE)
_OTHER_NUMBERS = re.compile(r"\b(?:double|triple|hundred|thousand|\w+ty|\w+teen|ten|eleven|twelve|plus)\b|\+\d", re.I)
_REPAIRS = re.compile(
    r"\b(?:no|not|sorry|wait|mean|meant|actually|rather|make|scratch|correct(?:ion)?|but)\b", re.IGNORECASE
)  # callers who correct themselves say more digits than they mean
_DENIES = re.compile(r"^\W*no\b(?:\W+(?:no|not|sorry)\b)*", re.IGNORECASE)  # what was read back, and says it again
_FILLERS = re.compile(
    r"\b(?:it'?s|it|is|the|my|order|account|code|number|phone|yes|yeah|um|uh|er|so|well|okay|and|then|please|that'?s)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]{2,}", re.IGNORECASE)  # letters alone are no words: "246 A, D" is 24680 misheard
_ALLOWED = re.compile(r" ?\d{1,5}|[ ]?[,.\-]")


class Hypothesis(Struct, frozen=True):
    """Digits that may have been said; mean natural log-probability of its tokens, among digits alone."""

    digits: str
    score: float


class ListenedText(Struct, frozen=True):
    """The text of a turn in which digits were asked for. `clear`: both ways of hearing agree; None: no digits."""

    text: str
    clear: bool | None = None


class DigitListener:
    """Which of a model's tokens are digits."""

    def __init__(self, tokenizer: Any, timestamps: int) -> None:
        """`timestamps`: the first token that is a time; none is written without."""
        self._tokenizer = tokenizer
        words = range(tokenizer.token_to_id("<|endoftext|>"))
        allowed = {token for token in words if _ALLOWED.fullmatch(tokenizer.decode([token]))}
        self._suppressed = [token for token in range(timestamps) if token not in allowed and token in words]
        self._suppressed += list(range(words.stop + 1, timestamps))
        self._no_times = timestamps - 1

    def listen(self, model: Any, encoded: Any, start: list[int], seconds: float) -> list[Hypothesis]:
        """What was said, the likeliest first, if it was nothing but digits."""
        [result] = model.generate(
            encoded,
            [[*start, self._no_times]],
            beam_size=BEAM,
            num_hypotheses=BEAM,
            max_length=2 * round(TOKENS_AT_LEAST + TOKENS_A_SECOND * seconds),
            return_scores=True,
            suppress_blank=False,
            suppress_tokens=self._suppressed,
        )
        return [
            Hypothesis(re.sub(r"\D", "", self._tokenizer.decode(tokens)), score)
            for tokens, score in zip(result.sequences_ids, result.scores, strict=True)
        ]


def listened(free: str, found: Sequence[Hypothesis], wanted: int, seconds: float) -> ListenedText:
    """What was written freely, or the digits that were found, where they are more likely what was said.

    Args:
        free: what the model wrote when it might write anything.
        found: what it wrote when it might write digits alone.
        wanted: so many digits were asked for; 0: any number.
        seconds: of the sound.
    """
    said, alone = written_digits(free), [once(each, wanted) for each in found if each.digits]
    words = [sign for sign, figure in _figures(_FILLERS.sub("", free)) if not figure and _WORD.fullmatch(sign)]
    if not said and words:
        return ListenedText(free)
    if not alone or _REPAIRS.search(_DENIES.sub("", free)) or _OTHER_NUMBERS.search(free):
        return ListenedText(free, clear=bool(free) and any(each.digits == said for each in alone))
    best = next((each for each in alone if len(each.digits) == wanted), None) if wanted else alone[0]
    if not said:  # nothing was written, or letters alone
        return ListenedText(_believed(best, seconds) if best is not None else "", clear=False)
    both = alone[0].digits == said
    if best is None or best.digits == said or len(said) in (1, wanted) or not wanted or (both and _long(said, wanted)):
        return ListenedText(free, clear=not words and any(each.digits == said for each in alone[:2]))
    if len(said) < wanted and not words and (len(said) < wanted - 1 or best.score < alone[0].score - NEARLY):
        return ListenedText(free, clear=said == alone[0].digits)  # a part of them; the rest comes in another breath
    return ListenedText(" ".join(best.digits), clear=False)


def _long(said: str, wanted: int) -> bool:
    """Whether it is a telephone number with the 1 that North Americans may dial before its ten digits."""
    return wanted == len(said) - 1 == 10 and said.startswith("1")


def once(found: Hypothesis, wanted: int) -> Hypothesis:
    """Without what the model says again because it may not stop: "674286742867" is 67428, "0000000000" is nothing."""
    digits = found.digits
    again = bool(wanted) and len(digits) > wanted and digits == (digits[:wanted] * len(digits))[: len(digits)]
    return Hypothesis(digits[:wanted], found.score) if again and len(set(digits)) > 1 else found


def written_digits(text: str) -> str:
    """The figures in a text, and number words as figures; "for" is four and "free" three among others."""
    return "".join(figure for _, figure in _figures(text))


def _figures(text: str) -> list[tuple[str, str]]:
    """Every figure and word with the figure that it stands for; empty: it is a word like any other."""
    signs: list[tuple[str, str]] = []
    for sign in _SIGNS.findall(text.lower()):
        figure = sign if sign.isdecimal() else _FIGURES.get(sign, "")
        if not figure and signs and signs[-1][1]:
            figure = _FIGURES.get(HOMOPHONES.get(sign, ""), "")
        signs.append((sign, figure))
    return signs


def _believed(best: Hypothesis, seconds: float) -> str:
    """Digits where nothing could be written freely: only if they are likely, and take as long as digits do."""
    fastest, slowest = (len(best.digits) * each for each in SECONDS_A_DIGIT)
    likely = best.score >= SCORE_ALONE and fastest <= seconds <= slowest + 1.0
    return " ".join(best.digits) if likely else ""
