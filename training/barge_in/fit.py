"""Fits the odds of `lineside/turns/data/barge_in.toml` and the weights of `lineside/engine_server/asr/data/nods.toml`.

    python -m training.barge_in.fit [--cache ~/.cache/lineside-bench] [--write]

On the fitting half of what `training.barge_in.hear` heard, and that alone: it knows no path to the other half. First
what the encoder made of a sound is weighed, then that and the words. What one stage tells the next, and the figures
that are printed, are of voices that the weights were not fitted on (one left out at a time). With `--write` puts the
weights into the files.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from training.barge_in.hear import Moment, read

from lineside.engine_server.asr import backchannel
from lineside.engines.protocols import Transcription
from lineside.turns import interruption

DATA = Path(interruption.__file__).parent / "data"
NODS = Path(backchannel.__file__).parent / "data" / "nods.toml"
HALF = "fit"
RIDGE = 1.0  # how strongly a weight of the words is drawn to 0: as if so many moments spoke against it
SOUND_RIDGE = 300.0  # the same for the sound, which has a hundred times as many weights
MISSED = 0.01  # of the sounds that claim the floor may be taken for nods; the threshold comes from that
STEPS = 50

Doubles = npt.NDArray[np.float64]
Table = dict[str, float]


def main() -> None:
    """Fit, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    half = Half(read(arguments.cache / HALF / "overheard.msgpack"))
    sound = np.array([moment.pooled for moment in half.worded])
    like_a_nod = -half.left_out(sound, SOUND_RIDGE)
    half.show("sound", -like_a_nod)

    found = [interruption.signs(_words(moment), over=moment.over) for moment in half.worded]
    names = sorted({name for each in found for name in each} - {"always"})
    words = np.array([[each.get(name, 0.0) for name in names] for each in found])
    both = np.column_stack([words, like_a_nod])
    tables = {
        "odds": half.odds("words", words, names),
        "odds_with_sound": half.odds("both", both, [*names, "sounds_like_a_nod"]),
    }
    for table, weights in tables.items():
        print(f"[{table}]\n{_lines(weights)}")
    if arguments.write:
        text = (DATA / "barge_in.toml").read_text("utf-8")
        for table, weights in tables.items():
            head, before, rest = re.split(rf"(\[{table}\]\n(?:#.*\n)*)(?:\w+ = .*\n)*", text)
            text = head + before + _lines(weights) + rest
        (DATA / "barge_in.toml").write_text(text, "utf-8")
        NODS.write_text(_kept(-fitted(sound, half.real, SOUND_RIDGE)), "utf-8")


class Half:
    """What was heard. Only moments in which there were words are weighed; the others never claim the floor."""

    def __init__(self, moments: Sequence[Moment]) -> None:
        self.worded = [moment for moment in moments if moment.heard.text.strip()]
        self.real = np.array([float(moment.kind == "claims") for moment in self.worded])
        self._voices = np.array([moment.voice for moment in self.worded])
        self._sounds = {moment.number: moment.kind for moment in moments}
        # One that was never over took the floor by its length.
        self._by_length = set(self._sounds) - {moment.number for moment in moments if moment.over}

    def left_out(self, shown: Doubles, ridge: float) -> Doubles:
        """Log odds of each moment, by weights fitted on the other voices."""
        scores = np.zeros(len(self.real))
        for voice in sorted(set(self._voices)):
            others = self._voices != voice
            *weights, always = fitted(shown[others], self.real[others], ridge)
            scores[~others] = shown[~others] @ np.array(weights) + always
        return scores

    def odds(self, what: str, shown: Doubles, names: Sequence[str]) -> Table:
        """The weights of a table, so that 0 is the threshold."""
        bound = self.show(what, self.left_out(shown, RIDGE))
        *weights, always = fitted(shown, self.real, RIDGE)
        table = dict(zip(names, weights, strict=True)) | {"always": always - bound}
        return {name: round(float(table[name]), 2) for name in sorted(table)}

    def show(self, what: str, scores: Doubles) -> float:
        """Print how many nods take the floor for so many claims missed; the threshold for `MISSED` of them."""
        highest: dict[int, float] = defaultdict(lambda: -np.inf)
        for moment, score in zip(self.worded, scores, strict=True):
            highest[moment.number] = max(highest[moment.number], score)
        reached = {kind: self._reached(highest, kind) for kind in ("nods", "claims")}
        for missed in (0.005, 0.01, 0.02, 0.03, 0.05):
            taken = np.mean(reached["nods"] > _quantile(reached["claims"], missed))
            print(f"{what}: {missed:.1%} of the claims missed, {taken:.0%} of the nods taken")
        return _quantile(reached["claims"], MISSED)

    def _reached(self, highest: dict[int, float], kind: str) -> Doubles:
        them = [number for number, what in self._sounds.items() if what == kind]
        return np.array([np.inf if number in self._by_length else highest[number] for number in them])


def fitted(shown: Doubles, real: Doubles, ridge: float) -> Doubles:
    """Logistic regression by Newton's method: a weight for each column, then one that is always there, unridged."""
    middle, scale = shown.mean(axis=0), shown.std(axis=0) + 1e-3
    columns = np.column_stack([(shown - middle) / scale, np.ones(len(shown))])
    weights = np.zeros(columns.shape[1])
    pull = np.diag([*[ridge] * shown.shape[1], 1e-6])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (real - chance) - pull @ weights
        bend = (columns.T * (chance * (1 - chance))) @ columns + pull
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    plain: Doubles = np.append(weights[:-1] / scale, weights[-1] - np.sum(weights[:-1] * middle / scale))
    return plain


def _quantile(scores: Doubles, share: float) -> float:
    """Among those in which words were heard: no threshold finds the others."""
    return float(np.quantile(scores[scores > -np.inf], share, method="lower"))


def _words(moment: Moment) -> Transcription:
    """What was heard, without its sound."""
    return Transcription(moment.heard.text, sure=moment.heard.sure)


def _lines(table: Table) -> str:
    return "".join(f"{name} = {weight}\n" for name, weight in table.items())


def _kept(weights: Doubles) -> str:
    """`nods.toml`."""
    rows = np.array_split(weights[:-1], len(weights) // 12)
    numbers = "".join(f"    {', '.join(f'{weight:.3g}' for weight in row)},\n" for row in rows)
    return (
        "# How a nod sounds to one recogniser's encoder. `lineside.engine_server.asr.backchannel` says what the\n"
        "# numbers mean; `python -m training.barge_in.fit` writes them.\n\n"
        f'model = "faster-whisper-base"\nalways = {weights[-1]:.4g}\nweights = [\n{numbers}]\n'
    )


if __name__ == "__main__":
    main()
