"""Fits [odds] and [pauses] of `lineside/turns/data/end_of_turn.toml` on the fitting half, and that half alone.

    python -m training.turns.fit [--cache ~/.cache/lineside-bench] [--write]

Prints the weights, and what they do on voices they were not fitted on (one voice left out at a time). With `--write`
puts them into the file. It knows no path to the other half.
"""

import argparse
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from training.turns.hear import read
from training.turns.play import (
    LEVELS,
    LONGEST,
    Moment,
    Outcome,
    at_level,
    moments,
    our_policies,
    silence_policies,
    smart_turn_policies,
    summary,
    sweep,
    tally,
)

from lineside.turns import endpointing
from lineside.turns.endpointing import FROM, Evidence, signs

FILE = Path(endpointing.__file__).parent / "data" / "end_of_turn.toml"
HALF = "fit"
RIDGE = 1.0  # how strongly a weight is drawn to 0: as if so many pauses spoke against it; by leaving out voices
STEPS = 4000
BEFORE_WORDS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)

# A sign may only say what it can mean: it never speaks for the other side, whatever a small set shows by chance.
FOR_AN_END = {
    "turn",
    "turn_before_words",
    "turn_in_noise",
    "turn_of_digits",
    "stops",
    "asks",
    "answers",
    "answers_yes_no",
}
FOR_AN_END |= {"many_digits", "enough", "ends", "ends_of_digits"}
AGAINST = {"hangs", "leans", "filled", "trails", "nothing", "one_name", "no_digits_yet", "few_digits", "too_few"}
PAUSES = ("usual", "before_words")
FREE_OF_RIDGE = {"always", "turn_unknown", "words_unknown", "ends_unknown"}

Doubles = npt.NDArray[np.float64]


def main() -> None:
    """Fit, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    all_moments = moments(read(arguments.cache / HALF / "heard.jsonl"))
    weights = fitted(all_moments)
    for name, value in weights.items():
        print(f"{name:18} {value:6.2f}")
    print(f"silence    {row(sweep(all_moments, silence_policies()))}")
    print(f"Smart Turn {row(sweep(all_moments, smart_turn_policies(all_moments)))}")
    with using(weights):
        print(f"fitted     {row(sweep(all_moments, our_policies()))}")
    print(f"left out   {row(left_out(all_moments))}")
    if arguments.write:
        write(weights)


def fitted(found: Sequence[Moment]) -> dict[str, float]:
    """Odds by name, then `usual` and `before_words`."""
    weights = odds(found) | {"usual": usual_pause(found), "before_words": 1.0}
    scored = {times: _worth(found, weights | {"before_words": times}) for times in BEFORE_WORDS}
    return weights | {"before_words": min(scored, key=lambda times: scored[times])}


def odds(found: Sequence[Moment]) -> dict[str, float]:
    """Logistic regression with a ridge and signs that may not turn, by projected gradient."""
    rows: list[dict[str, float]] = []
    over: list[bool] = []
    share: list[float] = []
    for moment in found:
        if not moment.pause.turn:
            continue
        last = moment.stages[-1].evidence
        for evidence, weight in (
            (last, 1.0),
            (_without(last, "ends"), 0.5),
            (_without(last, "words"), 0.5),
            (_without(last, "turn"), 0.25),
            (_without(_without(last, "words"), "turn"), 0.25),
        ):
            rows.append(signs(evidence))
            over.append(moment.over)
            share.append(weight)
    names = sorted({name for row in rows for name in row if name != "asked_open"})
    table = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    ends, shares = np.array(over, float), np.array(share)
    ridge = np.array([0.0 if name in FREE_OF_RIDGE else RIDGE for name in names])
    weights = np.zeros(len(names))
    step = 1.0 / (0.25 * float(np.linalg.norm(table * np.sqrt(shares)[:, None], 2)) ** 2 + RIDGE)
    ahead, speed = weights.copy(), 1.0
    for _ in range(STEPS):  # with Nesterov's momentum
        chance = 1 / (1 + np.exp(-(table @ ahead)))
        slope = table.T @ (shares * (chance - ends)) + ridge * ahead
        new = ahead - step * slope
        for index, name in enumerate(names):
            if name in FOR_AN_END:
                new[index] = max(0.0, new[index])
            if name in AGAINST:
                new[index] = min(0.0, new[index])
        faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
        ahead, weights, speed = new + (speed - 1) / faster * (new - weights), new, faster
    return {name: round(float(weight), 2) for name, weight in zip(names, weights, strict=True)}


def usual_pause(found: Sequence[Moment]) -> float:
    """The median in Pareto's law that makes the pauses of this half most likely."""
    logs = [math.log(max(FROM, moment.lasts) / FROM) for moment in found if not moment.over]
    return round(FROM * 2 ** float(np.mean(logs)), 3)


def left_out(found: Sequence[Moment]) -> list[Outcome]:
    """How the weights do on voices that they were not fitted on: each voice in turn, then all together."""
    policies = our_policies()
    cuts: list[list[bool]] = [[] for _ in policies]
    waited: list[list[float]] = [[] for _ in policies]
    for speaker in sorted({moment.turn.turn.speaker for moment in found}):
        theirs = [moment for moment in found if moment.turn.turn.speaker == speaker]
        with using(fitted([moment for moment in found if moment.turn.turn.speaker != speaker])):
            for index, policy in enumerate(policies):
                more_cuts, more_waited = tally(theirs, policy)
                cuts[index] += more_cuts
                waited[index] += more_waited
    return [summary(*each) for each in zip(cuts, waited, strict=True)]


@contextmanager
def using(weights: dict[str, float]) -> Iterator[None]:
    """Let the rule decide with other weights than those in the file."""
    kept = endpointing.WEIGHTS
    odds = {name: value for name, value in weights.items() if name not in PAUSES}
    law = msgspec.convert({name: weights[name] for name in PAUSES}, type(kept.pauses))
    endpointing.WEIGHTS = msgspec.structs.replace(kept, odds=odds, pauses=law)
    try:
        yield
    finally:
        endpointing.WEIGHTS = kept


def write(weights: dict[str, float]) -> None:
    """Put the fitted numbers into the file; what people wrote in it stays."""
    text = FILE.read_text("utf-8")
    for section, wanted in (("odds", False), ("pauses", True)):
        lines = "".join(f"{name} = {value}\n" for name, value in weights.items() if (name in PAUSES) == wanted)
        text = re.sub(rf"(\[{section}\]\n(?:#.*\n)*)(?:\w+ = .*\n)*", lambda found, put=lines: found[1] + put, text)  # type: ignore[misc]
    FILE.write_text(text, "utf-8")


def _worth(found: Sequence[Moment], weights: dict[str, float]) -> float:
    """Mean delay over the levels, seconds: what is to be small."""
    with using(weights):
        outcomes = sweep(found, our_policies(40))
    best = [at_level(outcomes, level) for level in LEVELS]
    return sum(each.mean if each else LONGEST for each in best)


def row(outcomes: Sequence[Outcome]) -> str:
    """Mean and median delay at each level, milliseconds."""
    cells = []
    for level in LEVELS:
        best = at_level(outcomes, level)
        cells.append(f"{level:3.0%} " + (f"{1000 * best.mean:5.0f} / {1000 * best.median:4.0f}" if best else "   -"))
    return "  ".join(cells)


def _without(evidence: Evidence, name: str) -> Evidence:
    return msgspec.structs.replace(evidence, **{name: None})


if __name__ == "__main__":
    main()
