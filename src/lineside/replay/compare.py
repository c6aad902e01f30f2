"""A call and its replay, turn by turn. Pure. Turns are the same where their speech overlaps: both count one sound."""

from collections.abc import Sequence

from msgspec import Struct

from lineside.loadtest.wer import distance, plain
from lineside.records.entries import KeptTurn, WholeCall
from lineside.replay.runner import ReplayResult

ONSET = 0.1  # seconds of speech, where only its end is known


class TurnPair(Struct, frozen=True):
    """One turn of the caller's, then and now; None: it was none there."""

    kept: KeptTurn | None
    now: KeptTurn | None
    wer: float | None  # word errors for every word that was heard then; None: nothing to compare

    @property
    def at(self) -> float:
        """Seconds of caller audio at which its speech ended."""
        return _ends(self.kept or self.now)


class Comparison(Struct, frozen=True):
    """A call and its replay."""

    call: str
    seconds: float  # of the caller's sound
    took: float  # seconds that the replay took
    wer: float | None  # over all words of the call
    pairs: tuple[TurnPair, ...]


def compared(whole: WholeCall, again: ReplayResult) -> Comparison:
    """Side by side, in the order of the call."""
    before, after = _spoken(whole.turns), _spoken(again.turns)
    pairs, left = list[TurnPair](), list(after)
    for kept in before:
        now = max(left, key=lambda other: _overlap(kept, other), default=None)
        if now is None or _overlap(kept, now) <= 0:
            pairs.append(TurnPair(kept, None, 1.0 if plain(kept.heard) else None))
            continue
        left.remove(now)
        pairs.append(TurnPair(kept, now, word_error_rate(kept.heard, now.heard)))
    pairs += [TurnPair(None, now, None) for now in left]
    pairs.sort(key=lambda pair: pair.at)
    return Comparison(
        call=whole.call.id,
        seconds=again.seconds,
        took=again.took,
        wer=word_error_rate(*(" ".join(turn.heard for turn in turns) for turns in (before, after))),
        pairs=tuple(pairs),
    )


def word_error_rate(meant: str, heard: str) -> float | None:
    """Wrong, missing and added words for every word that was meant; None when none was."""
    words = plain(meant)
    return round(distance(words, plain(heard)) / len(words), 4) if words else None


def _spoken(turns: Sequence[KeptTurn]) -> list[KeptTurn]:
    """Those that were spoken, each once: what was typed or said unasked is no sound of the caller's."""
    first: dict[int, KeptTurn] = {}
    for turn in turns:
        if turn.turn > 0 and turn.speech_ended_at is not None:
            first.setdefault(turn.turn, turn)
    return list(first.values())


def _overlap(one: KeptTurn, other: KeptTurn) -> float:
    """Seconds in which both speak."""
    return min(_ends(one), _ends(other)) - max(_begins(one), _begins(other))


def _begins(turn: KeptTurn) -> float:
    return turn.speech_began_at if turn.speech_began_at is not None else _ends(turn) - ONSET


def _ends(turn: KeptTurn | None) -> float:
    return (turn.speech_ended_at or 0.0) if turn is not None else 0.0
