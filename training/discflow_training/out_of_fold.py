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
from typing import Any

import numpy as np

from .data import REPOSITORY, read_table
from .disc_data import TARGETS, Disc
from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS, member_id

DEFAULT_FOLDER = REPOSITORY / "training" / "results" / "out-of-fold"
OUT_OF_FOLD_HELP = "what `out_of_fold` wrote (default: PACK-out-of-fold beside the pack; of layers/models, results/out-of-fold)"

Predictions = dict[tuple[str, int], tuple[float, ...]]


def folder_of(models: Path) -> Path:
    """Where the answers for a pack's classifiers lie: beside it, as they name pictures, which neither a pack nor the repository
    may carry; those of the default pack, on public data, are the repository's."""
    own = models.resolve()
    return DEFAULT_FOLDER if own == DEFAULT_MODELS else own.with_name(f"{own.name}-out-of-fold")


def join(runs: Sequence[Path]) -> Predictions:
    """Logits by image and order. Raises `InputFault` where two runs answer for one disc: one of them was trained on it."""
    joined: Predictions = {}
    for run in runs:
        for row in _answers(run / "predictions.json"):
            key = row["image"], row["order"]
            if key in joined:
                raise InputFault(f"{run}: a second answer for disc {key[1]} of {key[0]}")
            joined[key] = tuple(row["logits"])
    return joined


def _answers(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text())
        if all({"image", "order", "logits"} <= set(row) for row in rows):
            return rows
    except (ValueError, TypeError) as fault:
        raise InputFault(f"{path} is broken; the run's command writes it again") from fault
    raise InputFault(f"{path} holds no answers of a classifier")


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
    parser.add_argument("--id", type=member_id, required=True, help="the member's id")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="output folders of `classify train`")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--models", type=Path, help="the pack's folder; written into PACK-out-of-fold beside it, which `ensemble` reads")
    place.add_argument("--out", type=Path, help="another folder, for `ensemble --out-of-fold`")
    options = parser.parse_args(arguments)
    predictions = join(options.runs)
    file = (options.out or folder_of(options.models)) / f"{options.id}.csv"
    write_predictions(file, predictions)
    print(f"{len(predictions)} discs in {file}")


if __name__ == "__main__":
    main()
