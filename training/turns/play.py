"""Plays the heard pauses back to a policy: when would it have said that the turn is over?"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from training.turns.hear import LOOKS, WORDS_AT, HeardPause, HeardTurn

from lineside.turns.endpointing import FROM, CallerPace, Evidence, Profile, expects, silence, wait, words_evidence

LONGEST = 3.0  # seconds; no policy waits longer
TURN_TAKES = 0.12  # seconds of the turn model, with its features, beside other work on the machine
WORDS_TAKE, WORDS_TAKE_MORE = 0.15, 0.07  # seconds of the recogniser, and so much more for each second of speech
ENDS_TAKE = 0.21  # seconds of the language model, which reads the words and takes one step

TIMEOUT = 1.0  # seconds, the default of VAD_SILENCE_TIMEOUT_MS

LEVELS = (0.02, 0.03, 0.05, 0.10, 0.20)  # false cut-offs


class Stage(Struct, frozen=True):
    """What is known from a certain silence on."""

    at: float
    evidence: Evidence


class Moment(Struct, frozen=True):
    """One pause as a policy meets it."""

    turn: HeardTurn
    pause: HeardPause
    stages: tuple[Stage, ...]
    lasts: float  # seconds until the ear notices that the caller goes on; LONGEST if they do not
    late: float  # seconds from the true end to where the ear's silence begins; 0 for a pause inside

    @property
    def over(self) -> bool:
        """It is the end of the turn."""
        return self.pause.over


class Outcome(Struct, frozen=True):
    """What a policy did with a set of pauses."""

    cut: float  # share of the labelled pauses inside turns
    mean: float  # seconds from the true end to the decision
    median: float


Policy = Callable[[Moment], float]  # seconds of silence after which it decides


def moments(turns: Sequence[HeardTurn]) -> list[Moment]:
    """All pauses, in the order of their calls, with what is known at each moment of each."""
    found: list[Moment] = []
    paces: dict[str, CallerPace] = {}
    for heard in turns:
        pace = paces.setdefault(heard.turn.call, CallerPace())
        asked, wanted = expects(heard.turn.asked)
        for pause in heard.pauses:
            inside = pause.ended is not None and not pause.over
            lasts = LONGEST if pause.until is None else pause.until - pause.since
            if inside and (pause.ended or 0.0) - pause.since < FROM:
                continue
            plain = Evidence(
                asked=asked, wanted=wanted, spoken=pause.spoken or None, clear=pause.clear, pace=pace.usual
            )
            late = pause.since - heard.turn.ended if pause.over else 0.0
            found.append(Moment(heard, pause, tuple(_stages(pause, plain)), lasts, late))
            if inside and pause.ended is not None:
                pace.paused(pause.ended - pause.since)
    return found


def _stages(pause: HeardPause, plain: Evidence) -> Iterator[Stage]:
    yield Stage(0.0, plain)
    takes = WORDS_TAKE + WORDS_TAKE_MORE * pause.spoken
    news: list[tuple[float, str, object]] = [
        (at + TURN_TAKES, "turn", probability)
        for at, probability in zip(LOOKS, pause.turn, strict=False)
        if at == LOOKS[0] or at < WORDS_AT + takes  # as a call does: again only while the words are not known
    ]
    if pause.turn:
        news.append((WORDS_AT + takes, "words", words_evidence(pause.words)))
        if pause.ends is not None:
            news.append((WORDS_AT + takes + ENDS_TAKE, "ends", pause.ends))
    known: dict[str, object] = {name: getattr(plain, name) for name in plain.__struct_fields__}
    for at, name, value in sorted(news, key=lambda each: each[0]):
        known[name] = value
        yield Stage(at, Evidence(**known))  # type: ignore[arg-type]


def ours(price: float, longest: float = LONGEST) -> Policy:
    """The rule of `lineside.turns.endpointing`, at a price of a cut-off."""
    return _by_stages(lambda evidence: silence(evidence, price, longest))


def _by_stages(rule: Callable[[Evidence], float]) -> Policy:
    def decide(moment: Moment) -> float:
        stages = moment.stages
        for stage, after in zip(stages, [*(later.at for later in stages[1:]), LONGEST], strict=True):
            at = max(stage.at, rule(stage.evidence))
            if at < after:
                return at
        return LONGEST

    return decide


def silence_only(seconds: float) -> Policy:
    """A timer."""
    return lambda moment: seconds


def smart_turn_only(sure: float, soon: float, late: float, looks: int) -> Policy:
    """After `soon` if the model is sure at one of its looks, else after `late`."""

    def decide(moment: Moment) -> float:
        for at, probability in zip(LOOKS[:looks], moment.pause.turn, strict=False):
            if probability >= sure:
                return min(late, max(soon, at + TURN_TAKES))
        return late

    return decide


def outcome(moments: Sequence[Moment], policy: Policy) -> Outcome:
    """How a policy does."""
    return summary(*tally(moments, policy))


def tally(moments: Sequence[Moment], policy: Policy) -> tuple[list[bool], list[float]]:
    """For each pause inside a turn whether it was cut, for each turn the seconds from its end to the decision."""
    cuts, waited = each_turn(moments, policy)
    return [cut for turn in cuts.values() for cut in turn], list(waited.values())


def each_turn(moments: Sequence[Moment], policy: Policy) -> tuple[dict[str, list[bool]], dict[str, float]]:
    """The same by the turn's file.

    Every pause that is in the labels counts, also one in which nobody can be cut off because the ear noticed less than
    `FROM` of it: a detector's hangover makes pauses shorter, and those of 0.2 s vanish.
    """
    cuts: dict[str, list[bool]] = {}
    waited: dict[str, float] = {}
    for moment in moments:
        if not moment.over:
            cuts.setdefault(moment.turn.turn.file, []).append(policy(moment) < moment.lasts)
    for heard in {moment.turn.turn.file: moment.turn for moment in moments}.values():
        missed = len(heard.turn.pauses) - len(cuts.setdefault(heard.turn.file, []))
        cuts[heard.turn.file] += [False] * missed
    for moment in reversed(moments):
        if moment.over:
            name, at = moment.turn.turn.file, policy(moment)
            if at < moment.lasts:
                waited[name] = moment.late + at
            else:  # a noise was taken for a voice, or nothing was decided before the recording ends
                waited.setdefault(name, LONGEST)
    return cuts, waited


def summary(cuts: Sequence[bool], waited: Sequence[float]) -> Outcome:
    """The same in three numbers."""
    return Outcome(sum(cuts) / max(1, len(cuts)), float(np.mean(waited)), float(np.median(waited)))


def sweep(moments: Sequence[Moment], policies: Sequence[Policy]) -> list[Outcome]:
    """Every policy's outcome, from few cut-offs to many."""
    return sorted((outcome(moments, policy) for policy in policies), key=lambda each: (each.cut, each.mean))


def at_level(outcomes: Sequence[Outcome], level: float) -> Outcome | None:
    """The quickest on average of those that cut off no more than `level`."""
    return min((each for each in outcomes if each.cut <= level), key=lambda each: each.mean, default=None)


def silence_policies() -> list[Policy]:
    """Every timer."""
    return [silence_only(seconds) for seconds in np.arange(0.1, LONGEST + 0.01, 0.02).tolist()]


def smart_turn_policies(moments: Sequence[Moment]) -> list[Policy]:
    """Every way of using the model alone that we could think of: the best of them is taken at each level."""
    said = [moment.pause.turn[0] for moment in moments if moment.pause.turn]
    bounds = sorted({round(float(np.quantile(said, share)), 4) for share in np.arange(0.02, 1.0, 0.04)})
    lates = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.65, 1.8, 2.0, 2.2, 2.4, 2.7, LONGEST]
    return [
        smart_turn_only(sure, soon, late, looks)
        for sure in bounds
        for soon in (0.32, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
        for late in lates
        for looks in (1, 2)
        if late > soon
    ]


def our_policies(many: int = 100) -> list[Policy]:
    """Every price: one number alone is swept, the weights stay."""
    return [ours(float(price)) for price in np.geomspace(0.05, 500, many)]


def profile(name: Profile) -> Policy:
    """One of the profiles, as a call has it that nobody set up otherwise."""
    return _by_stages(lambda evidence: wait(evidence, name, TIMEOUT))
