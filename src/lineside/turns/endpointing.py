"""Has the caller finished? From evidence: how it sounded, the words, what was asked, and this caller's own pace.

The rule is one weighing. At a pause, some odds speak for the turn being over (`score`), and every further moment of
silence speaks for it too, because pauses inside a turn seldom last long. Waiting costs the caller time; cutting them
off costs more: so many seconds, the *price* of a profile. The wait that costs least in the end is where the chance
that the caller goes on just now, times the price, has fallen to the chance that they wait for us (`silence`).

The weights lie in `data/end_of_turn.toml`, and are fitted by `training/turns`, which also measures them:
docs/measured/turn-taking.md. Everything here is pure: no clock, no model, no call.
"""

import math
import re
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct

Asked = Literal["open", "yes_no", "digits", "name"]
Profile = Literal["fast", "balanced", "patient", "digits"]

FROM = 0.2  # seconds; shorter silences are within words, and nothing is decided in them
BRISK = 0.22  # seconds of the shortest usual pause: below it the law below has no sense
LIMIT = 9.0  # of a logarithm: no time-out is longer, and nothing overflows
SURE = 4.0  # log odds beyond which the turn model's certainty counts no more: it says 0.98 of half a sentence too
NEVER = -6.0  # log odds below which the language model's doubt counts no more
CLEAR = 20.0  # decibels; in more noise than that the turn model is weighed apart
KNOWN_PAUSES = 4.0  # what is known of all callers weighs as much as so many pauses of this one


class WordEvidence(Struct, frozen=True):
    """What the words of an utterance say about its end."""

    count: int = 0
    hangs: bool = False  # ends with a word that no sentence ends with
    leans: bool = False  # ends with a word that few do
    filled: bool = False  # ends with "um"
    trails: bool = False  # the recogniser heard it trail off, or put a comma
    stops: bool = False  # the recogniser put a full stop, an exclamation or a question mark
    asks: bool = False  # it is a question
    answers: bool = False  # nothing but an answer: "yes, please"
    digits: int = 0  # said in all
    dictating: bool = False  # it ends with a digit, and not the first or second: "the fifteenth" may be written 15


class Evidence(Struct, frozen=True):
    """What is known at one moment of a pause; None is not known yet, or will not be."""

    turn: float | None = None  # the turn model's probability
    clear: float | None = None  # decibels of the voice over the line's noise (`audio.turn.clearness`)
    words: WordEvidence | None = None
    ends: float | None = None  # the language model's log odds that the words may end here
    asked: Asked = "open"  # what the agent had asked for
    wanted: int | None = None  # how many digits, if it said so
    spoken: float | None = None  # seconds of the utterance so far
    pace: float | None = None  # this caller's usual pause inside a turn: half are longer. Seconds (`CallerPace`)


def wait(evidence: Evidence, profile: Profile, timeout: float = math.inf) -> float:
    """Seconds of silence after which the turn is over. Better evidence of an end never waits longer.

    Not longer than the time-out, in seconds, unless their words are known and more speaks for a caller who goes on.
    """
    told = WEIGHTS.profiles[profile]
    seconds = silence(evidence, told.price, told.longest)
    goes_on = evidence.words is not None and score(evidence) < 0
    return seconds if goes_on else min(seconds, timeout)


def silence(evidence: Evidence, price: float, longest: float) -> float:
    """The same for any price of a cut-off, in seconds, and any time-out.

    Of the pauses inside turns that reach `FROM`, the share that lasts t seconds is (FROM / t) ** power, Pareto's law.
    With odds o that the turn is over, waiting until t costs o t, and cut-offs cost `price` times that share. The sum is
    least at the t below.
    """
    if evidence.words is None:
        price *= WEIGHTS.pauses.before_words  # they may come at any moment, and say more
    power = math.log(2) / math.log(max(BRISK, evidence.pace or WEIGHTS.pauses.usual) / FROM)
    level = math.log(power * price) + power * math.log(FROM) - score(evidence)
    return min(longest, max(FROM, math.exp(min(LIMIT, level / (power + 1)))))


def score(evidence: Evidence) -> float:
    """Log odds that the turn is over, at the moment when a silence has lasted `FROM`."""
    return sum(WEIGHTS.odds.get(name, 0.0) * value for name, value in signs(evidence).items())


def signs(evidence: Evidence) -> dict[str, float]:
    """The signs that are weighed, by the names they have in the file."""
    found = {"always": 1.0, "short": float((evidence.spoken or 9.0) < 1.0)}
    found[f"asked_{evidence.asked}"] = 1.0
    if evidence.turn is None:
        found["turn_unknown"] = 1.0
    else:
        sure = min(0.999, max(0.001, evidence.turn))
        found[_trusted(evidence)] = max(-SURE, min(SURE, math.log(sure / (1 - sure))))
    if evidence.words is None:
        found["words_unknown"] = 1.0
    else:
        found |= _said(evidence.words, evidence.asked, evidence.wanted)
    found |= _foreseen(evidence)
    return found


def _foreseen(evidence: Evidence) -> dict[str, float]:
    """What the language model makes of the words; of digits it knows as little as anybody."""
    if evidence.ends is None or evidence.words is None:
        return {"ends_unknown": 1.0}
    return {"ends_of_digits" if evidence.words.dictating else "ends": max(NEVER, min(SURE, evidence.ends))}


def _trusted(evidence: Evidence) -> str:
    """Which weight the turn model's word has: before the words are known, beside them, in noise, of digits."""
    if evidence.clear is not None and evidence.clear < CLEAR:
        return "turn_in_noise"
    digits = evidence.words.dictating if evidence.words else evidence.asked == "digits"
    if digits:
        return "turn_of_digits"
    return "turn" if evidence.words is not None else "turn_before_words"


def _said(words: WordEvidence, asked: Asked, wanted: int | None) -> dict[str, float]:
    ended = not (words.hangs or words.leans or words.filled or words.trails)
    counted = asked == "digits" and wanted is not None
    found = {
        "hangs": words.hangs,
        "leans": words.leans,
        "filled": words.filled,
        "trails": words.trails,
        "stops": words.stops and ended,
        "asks": words.asks and ended,
        "answers": words.answers,
        "answers_yes_no": words.answers and asked == "yes_no",
        "nothing": not words.count,
        "one_name": asked == "name" and words.count == 1,
        "no_digits_yet": asked == "digits" and not words.digits,
        "dictating": words.dictating and not counted,
        "few_digits": words.dictating and not counted and words.digits < 4,
        "many_digits": words.dictating and not counted and words.digits >= 10,
        "too_few": counted and 0 < words.digits < (wanted or 0),
        "enough": counted and words.digits >= (wanted or 0),
    }
    return {name: float(value) for name, value in found.items()}


def words_evidence(text: str) -> WordEvidence:
    """Read the recogniser's words of an utterance so far, with its marks."""
    plain = text.strip().lower().replace("’", "'")
    said = re.findall(r"[a-z']+|\d", plain)
    words = [word for word in said if not word.isdigit() and word not in DIGITS]
    digits = [word for word in said if word.isdigit() or word in DIGITS]
    last = said[-1] if said else ""
    told = WEIGHTS.words
    answer = bool(said) and any(word in told.answers for word in said)
    return WordEvidence(
        count=len(re.findall(r"[\w']+", plain)),
        hangs=last in told.hangs,
        leans=last in told.leans,
        filled=last in told.filled,
        trails=plain.endswith(("...", "…", ",", "-", "–", "—", ":", ";")),
        stops=plain.endswith((".", "!", "?")) and not plain.endswith("..."),
        asks=plain.endswith("?") or (len(words) > 2 and words[0] in told.asks),
        answers=answer and all(word in told.answers or word in told.beside for word in said),
        digits=len(digits),
        dictating=(last.isdigit() or last in DIGITS) and len(digits) > 2,
    )


def bare(text: str) -> str:
    """The words without the mark that the recogniser put behind them: whether one belongs there is the question."""
    return re.sub(r"[\s.,!?;:…–—-]+$", "", text)


def expects(question: str) -> tuple[Asked, int | None]:
    """What the agent's words want to hear next, and how many digits if they say so: "the last four digits"."""
    told = question.strip().lower().replace("’", "'")
    last = re.split(r"(?<=[.!?])\s+", told)[-1]
    asked = told if re.search(r"\b(it|them|those)\b", last) else last  # "we sent you a code. Please read it to me."
    for kind, pattern in WEIGHTS.asked.items():
        if re.search(pattern, asked):
            return kind, (_wanted(asked) if kind == "digits" else None)
    return "open", None


def _wanted(asked: str) -> int | None:
    said = re.search(rf"\b(\d+|{'|'.join(COUNTS)})[- ](?:digit|figure)", asked)
    if said:
        return int(said[1]) if said[1].isdigit() else COUNTS[said[1]]
    return next((int(many) for many, pattern in WEIGHTS.wanted.items() if re.search(pattern, asked)), None)


class CallerPace:
    """A caller's own pauses inside their turns, learnt during the call."""

    def __init__(self) -> None:
        self._logs, self._many = 0.0, 0

    def paused(self, seconds: float) -> None:
        """They were silent for so long and then went on; what is shorter than `FROM` is no pause."""
        if seconds >= FROM:
            self._logs += math.log(seconds / FROM)
            self._many += 1

    @property
    def usual(self) -> float | None:
        """Their usual pause in seconds: half are longer. Between all callers' and their own; None before the first."""
        if not self._many:
            return None
        everybody = math.log(WEIGHTS.pauses.usual / FROM) / math.log(2)  # the mean of the logarithms, in Pareto's law
        mean = (self._logs + KNOWN_PAUSES * everybody) / (self._many + KNOWN_PAUSES)
        return float(FROM * 2**mean)


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
COUNTS = {word: number for number, word in enumerate(NUMBERS.split())}
DIGITS = frozenset([*NUMBERS.split()[:10], "oh", "double", "triple"])


class _Pauses(Struct, frozen=True):
    usual: float  # seconds: half of the pauses inside turns are longer
    before_words: float  # so many times dearer is a cut-off while the words are not known


class _Profile(Struct, frozen=True):
    price: float  # seconds of waiting that one cut-off is worth
    longest: float  # seconds; then the turn is over whatever the evidence


class _Lists(Struct, frozen=True):
    hangs: frozenset[str]
    leans: frozenset[str]
    filled: frozenset[str]
    answers: frozenset[str]
    beside: frozenset[str]
    asks: frozenset[str]


class _Weights(Struct, frozen=True):
    odds: dict[str, float]
    pauses: _Pauses
    profiles: dict[Profile, _Profile]
    words: _Lists
    asked: dict[Asked, str]
    wanted: dict[str, str]  # keys of a table are text


def _read() -> _Weights:
    raw: dict[str, Any] = msgspec.toml.decode((files("lineside.turns") / "data" / "end_of_turn.toml").read_bytes())
    raw["words"] = {name: text.split() for name, text in raw["words"].items()}
    return msgspec.convert(raw, _Weights)


WEIGHTS = _read()
