"""How classifiers carry over to a source that they never saw: `python -m discflow_training.left_out`.

Reads answers of networks that were trained without a source (`train classifier --sources`, joined by `out_of_fold --out
FOLDER/SOURCE`) to that source's train and val discs, and prints Markdown: the area under the curve beside that of the same
members trained on every source and read out of fold, the paired difference, and calibration beyond chance with temperature
and bias chosen on the val discs of the other sources. Intervals are 95 % over patients drawn with replacement.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import expit as sigmoid

from .calibration import calibrated, fit_calibration
from .data import DEFAULT_DATA_ROOT, REPOSITORY, SOURCES
from .disc_data import TARGETS, Disc, labelled, of_source
from .ensemble import scored_discs
from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS
from .out_of_fold import OUT_OF_FOLD_HELP, common, folder_of, read_predictions
from .paper.intervals import area_under_curve, interval, patient_draws, resampled_areas, told_with
from .unseen_figures import excess_error

DEFAULT_FOLDER = REPOSITORY / "training" / "results" / "left-out"
AVERAGE = "plain average"
CALIBRATION_RESAMPLES, CALIBRATION_DRAWS = 200, 50
HEADER = (
    "left out", "target", "over", "network", "ROC AUC, never saw the source", "ROC AUC, saw it, out of fold", "difference",
    "calibration error beyond chance, never saw it",
)


def read_answers(folder: Path, unseen: Path, discs: Sequence[Disc]) -> tuple[list[Disc], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The discs that all answer, and each member's probabilities, `n x targets`: without the source, and with it out of fold.

    The home source's train discs are not among them, as the members were trained on those.
    """
    without = {path.stem: read_predictions(path) for path in sorted(folder.glob("*.csv"))}
    if not without:
        raise InputFault(f"{folder}: no answers of networks that were trained without {folder.name}")
    files = {f"without/{name}": found for name, found in without.items()}
    files |= {f"saw/{name}": read_predictions(unseen / f"{name}.csv") for name in without}
    kept, logits = common(discs, files)
    return kept, *({name: sigmoid(logits[f"{kind}/{name}"]) for name in without} for kind in ("without", "saw"))


def excess_interval(p: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> list[float] | None:
    """The interval of `excess_error` over patients drawn with replacement."""
    counts, index = patient_draws(patients, CALIBRATION_RESAMPLES)
    drawn = [np.repeat(np.arange(len(p)), times[index]) for times in counts]
    return interval(np.array([excess_error(p[cases], labels[cases], CALIBRATION_DRAWS) for cases in drawn]))


def rows(folder: Path, unseen: Path, discs: Sequence[Disc]) -> list[list[str]]:
    """One row a source left out, target and network; where there are several networks, one of their plain average."""
    table = []
    for source in SOURCES:
        if not (folder / source).is_dir():
            continue
        kept, without, saw = read_answers(folder / source, unseen, discs)
        if len(without) > 1:
            without, saw = (
                {**members, AVERAGE: np.mean(list(members.values()), axis=0)} for members in (without, saw)
            )
        away = of_source(kept, source)
        home = [i for i, disc in enumerate(kept) if disc.source != source]
        for index, target in enumerate(TARGETS):
            known, labels = labelled(kept, away, index)
            at_home, home_labels = labelled(kept, home, index)
            patients = [kept[i].patient for i in known]
            for name in without:
                p, other = without[name][known, index], saw[name][known, index]
                rule = fit_calibration(without[name][at_home, index], home_labels)
                carried = calibrated(p, *rule)
                areas = [resampled_areas(values, labels, patients) for values in (p, other)]
                whole = [area_under_curve(values, labels) for values in (p, other)]
                table.append([
                    source, target, f"{len(labels)} discs, {labels.sum()} positive, {len(set(patients))} patients", name,
                    *(told_with(area, interval(drawn)) for area, drawn in zip(whole, areas, strict=True)),
                    told_with(whole[0] - whole[1], interval(areas[0] - areas[1])),
                    told_with(excess_error(carried, labels), excess_interval(carried, labels, patients)),
                ])
    return table


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.left_out", description=__doc__)
    parser.add_argument(
        "--left-out", type=Path, default=DEFAULT_FOLDER, help="answers by source that was left out (default: training/results/left-out)"
    )
    parser.add_argument("--out-of-fold", type=Path, default=folder_of(DEFAULT_MODELS), help=OUT_OF_FOLD_HELP)
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument("--found", type=Path, help="a file of find_discs: more SPIDER discs")
    options = parser.parse_args(arguments)
    discs = scored_discs(options.data_root, ("train", "val"), options.found)
    table = rows(options.left_out, options.out_of_fold, discs)
    print("\n".join("| " + " | ".join(cells) + " |" for cells in [HEADER, ["---"] * len(HEADER), *table]))


if __name__ == "__main__":
    main()
