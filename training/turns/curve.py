"""Delay against false cut-offs on the held-out half: silence alone, Smart Turn alone, ours.

    python -m training.turns.curve [--half held] [--cache ~/.cache/lineside-bench] [--picture FILE.svg]

Ends with 1 if ours is not the quickest at every level, or takes more than 750 ms on average at 5 % false cut-offs.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from training.turns.doubt import doubt
from training.turns.hear import HeardTurn, read
from training.turns.picture import draw
from training.turns.play import (
    LEVELS,
    LONGEST,
    TIMEOUT,
    Moment,
    Outcome,
    Policy,
    at_level,
    moments,
    our_policies,
    outcome,
    profile,
    silence_only,
    silence_policies,
    smart_turn_policies,
    tally,
)

from lineside.turns.endpointing import WEIGHTS

BAR = 0.75  # seconds at 5 %
EVERY = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.12, 0.15, 0.20)  # levels at which ours has to be the quickest

KINDS: dict[str, Callable[[Moment], bool]] = {
    "sentences, names": lambda moment: moment.turn.turn.kind in ("open", "name"),
    "questions": lambda moment: moment.turn.turn.kind == "question",
    "yes or no": lambda moment: moment.turn.turn.kind == "yes_no",
    "finished, then goes on": lambda moment: moment.turn.turn.kind == "goes_on",
    "digits": lambda moment: moment.turn.turn.kind == "digits",
    "no noise": lambda moment: not moment.turn.turn.noise,
    "babble": lambda moment: moment.turn.turn.noise == "babble",
    "phone, dog": lambda moment: moment.turn.turn.noise == "phone",
    "noise at 5 dB": lambda moment: moment.turn.turn.snr == 5,
    "telephone band": lambda moment: moment.turn.turn.band == "telephone",
    "recorded people": lambda moment: moment.turn.turn.speaker.startswith("recorded/"),
    "Kokoro, Piper": lambda moment: moment.turn.turn.speaker.startswith(("kokoro/", "piper/")),
    "flite, espeak": lambda moment: moment.turn.turn.speaker.startswith(("flite/", "espeak/")),
}


def main() -> int:
    """Print the tables, draw the picture; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["fit", "held"], default="held")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    turns = read(arguments.cache / arguments.half / "heard.jsonl")
    found = moments(turns)
    print(f"{arguments.half}: {_size(turns, found)}\n")
    tried = {
        "silence alone": silence_policies(),
        "Smart Turn alone": smart_turn_policies(found),
        "lineside": our_policies(),
    }
    curves = {name: [(outcome(found, each), each) for each in policies] for name, policies in tried.items()}
    _levels(curves | {"lineside, no language model": _without_opinion(turns)})
    _doubt(found, tried)
    _kinds(found, curves)
    _profiles(found)
    if arguments.picture:
        arguments.picture.write_text(
            draw({name: [each for each, _ in curve] for name, curve in curves.items()}), "utf-8"
        )
    return 0 if _bars(curves) else 1


Curves = dict[str, list[tuple[Outcome, Policy]]]


def _best(curve: Sequence[tuple[Outcome, Policy]], level: float) -> tuple[Outcome, Policy]:
    allowed = [each for each in curve if each[0].cut <= level]
    return min(allowed, key=lambda each: each[0].mean)


def _levels(curves: Curves) -> None:
    print("delay in ms, mean / median  " + "".join(f"{level:>14.0%}" for level in LEVELS))
    for name, curve in curves.items():
        best = [_best(curve, level)[0] for level in LEVELS]
        print(f"{name:28}" + "".join(f"{1000 * each.mean:>7.0f} / {1000 * each.median:<4.0f}" for each in best))
    print()


def _without_opinion(turns: Sequence[HeardTurn]) -> list[tuple[Outcome, Policy]]:
    """Where the engine cannot say whether the words may end: the same weights, and that sign missing."""
    plain = [
        msgspec.structs.replace(turn, pauses=[msgspec.structs.replace(pause, ends=None) for pause in turn.pauses])
        for turn in turns
    ]
    found = moments(plain)
    return [(outcome(found, policy), policy) for policy in our_policies()]


def _size(turns: Sequence[HeardTurn], found: Sequence[Moment]) -> str:
    heard = {moment.turn.turn.file for moment in found if moment.over}
    inside = sum(not moment.over for moment in found)
    labelled = sum(len(turn.turn.pauses) for turn in turns)
    return (
        f"{len(turns)} turns, {labelled} pauses inside them, in {inside} of which 0.2 s and more were heard; "
        f"{len(turns) - len(heard)} turns are too short to begin one, or their end was not heard: in no figure"
    )


def _doubt(found: Sequence[Moment], tried: Mapping[str, Sequence[Policy]]) -> None:
    """How far each figure goes in nineteen of twenty draws, and how often ours is the quicker one."""
    drawn = doubt(found, tried, LEVELS)
    print("95 % of 400 draws of turns  " + "".join(f"{level:>14.0%}" for level in LEVELS))
    for name, columns in drawn.items():
        spans = [np.quantile(np.minimum(column, LONGEST), [0.025, 0.975]) * 1000 for column in columns]
        print(f"{name:28}" + "".join(f"{low:>8.0f}–{high:<5.0f}" for low, high in spans))
    *others, own = drawn.values()
    ahead = [np.mean([own[at] < np.minimum(*(each[at] for each in others))]) for at in range(len(LEVELS))]
    print(f"{'ours quicker than both in':28}" + "".join(f"{share:>14.0%}" for share in ahead) + "\n")


def _kinds(found: Sequence[Moment], curves: Curves) -> None:
    """What each does to one kind of turn, set so that it cuts off 5 % of all."""
    print("at 5 % overall: cut off, mean delay in ms" + " " * 12 + "".join(f"{name:>20}" for name in curves))
    chosen = {name: _best(curve, 0.05)[1] for name, curve in curves.items()}
    for kind, belongs in KINDS.items():
        some = [moment for moment in found if belongs(moment)]
        if not any(moment.over for moment in some):
            continue
        inside = len(tally(some, silence_only(LONGEST))[0])
        row = [outcome(some, policy) for policy in chosen.values()]
        cells = "".join(f"{each.cut:>12.1%} {1000 * each.mean:>7.0f}" for each in row)
        print(f"{kind:24} {inside:4} pauses, {sum(moment.over for moment in some):4} ends   {cells}")
    print()


def _profiles(found: Sequence[Moment]) -> None:
    arguments = {"silence": silence_only(TIMEOUT)} | {name: profile(name) for name in WEIGHTS.profiles}
    for name, policy in arguments.items():
        each = outcome(found, policy)
        print(f"profile {name:10} {each.cut:6.1%} cut off, {1000 * each.mean:5.0f} / {1000 * each.median:.0f} ms")
    print()


def _bars(curves: Curves) -> bool:
    good = True
    for level in EVERY:
        delays = {name: at_level([each for each, _ in curve], level) for name, curve in curves.items()}
        means = {name: each.mean if each else float("inf") for name, each in delays.items()}
        if means["lineside"] >= min(means["silence alone"], means["Smart Turn alone"]):
            print(f"NOT the quickest at {level:.0%}")
            good = False
        if level == 0.05 and means["lineside"] > BAR:
            print(f"NOT within {1000 * BAR:.0f} ms at 5 %")
            good = False
    return good


if __name__ == "__main__":
    sys.exit(main())
