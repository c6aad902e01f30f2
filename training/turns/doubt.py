"""How sure the curve is: its figures in many sets drawn from this one, turn by turn (the bootstrap; Efron 1979).

The takes of one spoken turn are drawn together: they share their words and their melody.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from training.turns.play import Moment, Policy, each_turn

DRAWS = 400
SEED = 5

Doubles = npt.NDArray[np.float64]


def doubt(
    found: Sequence[Moment], tried: Mapping[str, Sequence[Policy]], levels: Sequence[float]
) -> dict[str, list[Doubles]]:
    """For every way and level the least mean delay in each draw, seconds; infinite where no policy cuts so seldom.

    The best policy is chosen anew in every draw, for every way alike. Draws are the same for all ways, so that they may
    be compared draw by draw.
    """
    files = sorted({_spoken(moment.turn.turn.file) for moment in found})
    dice = np.random.default_rng(SEED)
    drawn = dice.multinomial(len(files), np.full(len(files), 1 / len(files)), DRAWS).astype(float)
    return {name: _least(found, policies, files, drawn, levels) for name, policies in tried.items()}


def _least(
    found: Sequence[Moment], policies: Sequence[Policy], files: Sequence[str], drawn: Doubles, levels: Sequence[float]
) -> list[Doubles]:
    at = {file: index for index, file in enumerate(files)}
    cuts, delays = np.zeros((2, len(policies), len(files)))
    inside, ended = np.zeros((2, len(files)))
    for row, policy in enumerate(policies):
        cut, waited = each_turn(found, policy)
        for file, each in cut.items():
            cuts[row, at[_spoken(file)]] += sum(each)
            inside[at[_spoken(file)]] += len(each) if not row else 0
        for file, seconds in waited.items():
            delays[row, at[_spoken(file)]] += seconds
            ended[at[_spoken(file)]] += 1.0 if not row else 0.0
    share = (drawn @ cuts.T) / np.maximum(1.0, drawn @ inside)[:, None]
    mean = (drawn @ delays.T) / np.maximum(1.0, drawn @ ended)[:, None]
    return [np.where(share <= level, mean, np.inf).min(axis=1) for level in levels]


def _spoken(file: str) -> str:
    """The turn that a file is a take of: "kokoro-af_bella-007-2.wav" is "kokoro-af_bella-007"."""
    return re.sub(r"(-\d{3})(-\d+)?\.wav$", r"\1", file)
