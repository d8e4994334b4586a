"""What a classifier says of discs that it was not trained on: `python -m discflow_training.out_of_fold`.

Joins the `predictions.json` of a member's runs, one for each fold of the training patients and one of the run on all of
them (which holds out `val`), into `<member>.csv`: image, order from the bottom (0 is L5-S1) and a logit a target.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .data import REPOSITORY, read_table
from .disc_data import TARGETS, Disc
from .faults import InputFault, told_plainly

DEFAULT_FOLDER = REPOSITORY / "training" / "results" / "out-of-fold"

Predictions = dict[tuple[str, int], tuple[float, ...]]


def join(runs: Sequence[Path]) -> Predictions:
    """Logits by image and order. Raises `InputFault` where two runs answer for one disc: one of them was trained on it."""
    joined: Predictions = {}
    for run in runs:
        for row in json.loads((run / "predictions.json").read_text()):
            key = row["image"], row["order"]
            if key in joined:
                raise InputFault(f"{run}: a second answer for disc {key[1]} of {key[0]}")
            joined[key] = tuple(row["logits"])
    return joined


def write_predictions(path: Path, predictions: Predictions) -> None:
    """One row a disc, by image and order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["image", "order", *TARGETS])
        writer.writerows([image, order, *logits] for (image, order), logits in sorted(predictions.items()))


def read_predictions(path: Path) -> Predictions:
    """What `write_predictions` wrote."""
    return {
        (row["image"], int(row["order"])): tuple(float(row[name]) for name in TARGETS) for row in read_table(path)
    }


def common(discs: Sequence[Disc], by_member: dict[str, Predictions]) -> tuple[list[Disc], dict[str, np.ndarray]]:
    """The discs that every member answers, and each member's `n x targets` logits of them."""
    kept = [disc for disc in discs if all((disc.image, disc.order) in found for found in by_member.values())]
    return kept, {
        name: np.array([found[disc.image, disc.order] for disc in kept]).reshape(len(kept), len(TARGETS))
        for name, found in by_member.items()
    }


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.out_of_fold", description=__doc__)
    parser.add_argument("--id", required=True, help="the member's id")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="output folders of `classify train`")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="the folder that `ensemble` reads")
    options = parser.parse_args(arguments)
    predictions = join(options.runs)
    write_predictions(options.out / f"{options.id}.csv", predictions)
    print(f"{len(predictions)} discs")


if __name__ == "__main__":
    main()
