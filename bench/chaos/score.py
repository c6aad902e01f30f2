"""What callers heard, and what the records have of it. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from lineside.loadtest.plan import CallResult, TurnResult
from lineside.loadtest.results import WELL

NO_CALL = ("refused", "no_ready", "no_connection")  # how reasons of calls begin that were never taken
NUMBERED = re.compile(r"line \d+")  # what makes a question of the mock engines another one than all others
LONG_GAP = 2.0  # seconds without a sound in mid-answer, beyond which a caller says "hello?"
LONG_WAIT = 5.0  # seconds without a sound that a caller would take for a dead line


class Happening(Struct, frozen=True):
    """What was done to the centre, for the picture."""

    at: float  # seconds since the test began
    what: str


class Allowed(Struct, frozen=True):
    """What may come of it; everything else is a fault."""

    cut: int = 0  # calls
    words: int = 0  # questions that no record has


class Kept(Struct, frozen=True):
    """What the database has."""

    calls: int  # that are over
    heard: Sequence[str]  # of all turns
    recordings_lost: int = 0  # that were kept, and stand in no store


class Outcome(Struct, frozen=True):
    """What came of one scenario."""

    name: str
    about: str
    happenings: Sequence[Happening]
    calls: Sequence[CallResult]
    turns: Sequence[TurnResult]
    taken: int  # calls
    cut: int  # calls that ended otherwise than by their caller
    refused: int
    answered: int  # turns
    unanswered: int  # turns whose call was not cut
    longest_wait: float  # seconds from a caller's last word to the first sound of the answer, where there was one
    longest_gap: float  # seconds without sound within an answer
    records_lost: int  # calls
    recordings_lost: int  # of calls; where none is stored none is
    words_lost: int  # questions that were told to the caller as heard and stand in no record
    faults: Sequence[str]


def score(
    name: str,
    about: str,
    happenings: Sequence[Happening],
    calls: Sequence[CallResult],
    turns: Sequence[TurnResult],
    kept: Kept,
    allowed: Allowed,
) -> Outcome:
    """Add it up."""
    taken = [call for call in calls if not call.reason.startswith(NO_CALL)]
    cut = {call.call for call in taken if call.reason != WELL}
    told = Counter(found for turn in turns for found in NUMBERED.findall(turn.transcript))
    written = Counter(found for heard in kept.heard for found in NUMBERED.findall(heard))
    counts = {
        "taken": len(taken),
        "cut": len(cut),
        "refused": len(calls) - len(taken),
        "answered": sum(turn.first_ms is not None and not turn.missing for turn in turns),
        "unanswered": sum(turn.missing and turn.call not in cut for turn in turns),
        "records_lost": max(0, len(taken) - kept.calls),
        "recordings_lost": kept.recordings_lost,
        "words_lost": sum((told - written).values()),
    }
    waits = [turn.first_ms / 1000 for turn in turns if turn.first_ms is not None]
    return Outcome(
        name=name,
        about=about,
        happenings=happenings,
        calls=calls,
        turns=turns,
        longest_wait=round(max(waits, default=0.0), 2),
        longest_gap=round(max((turn.worst_gap_ms for turn in turns), default=0.0) / 1000, 2),
        faults=_faults(counts, allowed, calls),
        **counts,
    )


def _faults(counts: dict[str, int], allowed: Allowed, calls: Sequence[CallResult]) -> list[str]:
    bars = {
        "cut": ("calls cut", allowed.cut),
        "refused": ("calls refused", 0),
        "unanswered": ("questions not answered", 0),
        "records_lost": ("calls without a record", 0),
        "recordings_lost": ("recordings not in the store", 0),
        "words_lost": ("questions in no record", allowed.words),
    }
    said = [f"{counts[each]} {what}, {most} allowed" for each, (what, most) in bars.items() if counts[each] > most]
    if said:
        ends = [call for call in calls if call.reason != WELL]
        said += [f"at {call.began:.1f} s, for {call.seconds:.1f} s: {call.reason}" for call in ends]
    return said if counts["taken"] and counts["answered"] else [*said, "nobody was answered"]
