"""Fits [odds] of `lineside/data/barge_in.toml` on the fitting half of what `bench.barge_in.hear` heard, and that alone.

    python -m bench.barge_in.fit [--cache ~/.cache/lineside-bench] [--write]

Prints the weights, and how many nods would take the floor for so many interruptions missed, on voices that the weights
were not fitted on (one left out at a time). With `--write` puts them into the file. It knows no path to the other half.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bench.barge_in.hear import read

from lineside import barge_in

FILE = Path(barge_in.__file__).parent / "data" / "barge_in.toml"
HALF = "fit"
RIDGE = 1.0  # how strongly a weight is drawn to 0: as if so many moments spoke against it
MISSED = 0.05  # of the moments in which the floor is claimed may be taken for nods; the threshold comes from that
STEPS = 50

Doubles = npt.NDArray[np.float64]


def main() -> None:
    """Fit, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    moments = [moment for moment in read(told.cache / HALF / "overheard.msgpack") if moment.heard.text.strip()]
    found = [barge_in.signs(moment.heard, over=moment.over) for moment in moments]
    names = sorted({name for each in found for name in each})
    shown = np.array([[each.get(name, 0.0) for name in names] for each in found])
    real = np.array([float(moment.kind == "claims") for moment in moments])
    voices = np.array([moment.voice for moment in moments])
    left_out = np.zeros(len(moments))
    for voice in sorted(set(voices)):
        others = voices != voice
        left_out[~others] = shown[~others] @ fitted(shown[others], real[others], names)
    for missed in (0.02, 0.03, 0.05, 0.1):
        bound = np.quantile(left_out[real == 1], missed)
        print(f"{missed:.0%} of the interruptions missed: {np.mean(left_out[real == 0] > bound):.0%} of the nods taken")
    weights = fitted(shown, real, names)
    weights[names.index("always")] -= np.quantile(left_out[real == 1], MISSED)
    for name, weight in zip(names, weights, strict=True):
        print(f"{name:12} {weight:6.2f}")
    if told.write:
        lines = "".join(f"{name} = {round(float(weight), 2)}\n" for name, weight in zip(names, weights, strict=True))
        text = re.sub(r"(\[odds\]\n(?:#.*\n)*)(?:\w+ = .*\n)*", lambda held: held[1] + lines, FILE.read_text("utf-8"))
        FILE.write_text(text, "utf-8")


def fitted(shown: Doubles, real: Doubles, names: list[str]) -> Doubles:
    """Logistic regression by Newton's method; what is always there is free of the ridge."""
    weights = np.zeros(len(names))
    ridge = np.diag([1e-6 if name == "always" else RIDGE for name in names])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-shown @ weights))
        slope = shown.T @ (real - chance) - ridge @ weights
        bend = (shown.T * (chance * (1 - chance))) @ shown + ridge
        weights = weights + np.linalg.solve(bend, slope)
    return weights


if __name__ == "__main__":
    main()
