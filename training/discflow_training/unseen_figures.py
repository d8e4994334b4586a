"""Figures of a pack's classifiers on discs that no member was trained on: `python -m discflow_training.unseen_figures`.

Prints Markdown for the model card: each target and source with the area under the curve, what the ensemble gains over its
best single member on these discs and over the plain average (paired over patients), and calibration. The discs are those of
`out_of_fold`; weights, temperature, bias and threshold are for each fold of patients those that the other folds choose. The
pack's own were chosen on all folds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .calibration import balanced_accuracy
from .data import DEFAULT_DATA_ROOT, SOURCES, fold_of
from .disc_data import TARGETS, Disc, labelled, of_source
from .ensemble import apply_target, combine, fit_targets, tier_answers, unseen_outputs
from .escalation import STEPS, changed, escalated, unsure
from .faults import told_plainly
from .fragment import DEFAULT_MODELS, read_fragment
from .out_of_fold import OUT_OF_FOLD_HELP, folder_of
from .paper.intervals import area_under_curve, interval, resampled_areas, told_with

BINS = 10
DRAWS = 500


def bin_error(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Mean distance of predicted and observed rates over bins of equal mass, ordered by prediction."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(len(part) * abs(p[part].mean() - labels[part].mean()) for part in parts if len(part)) / len(p))


def excess_error(p: np.ndarray, labels: np.ndarray, draws: int = DRAWS, seed: int = 0) -> float:
    """`bin_error` less its mean over labels drawn from the predictions: what chance does not explain."""
    rng = np.random.default_rng(seed)
    chance = np.mean([bin_error(p, (rng.random(len(p)) < p).astype(float)) for _ in range(draws)])
    return bin_error(p, labels) - float(chance)


def _unseen(
    models: Path, root: Path, found: Path | None, unseen: Path
) -> tuple[dict[str, Any], list[Disc], dict[str, np.ndarray]]:
    """The pack's fragment, and what its classifiers answer to discs that they were not trained on."""
    fragment = read_fragment(models)
    members = [m for m in fragment["members"] if m["role"] == "disc-classifier"]
    return fragment, *unseen_outputs(unseen, members, root, found)


def cross_fitted(outputs: dict[str, np.ndarray], discs: Sequence[Disc]) -> tuple[np.ndarray, np.ndarray]:
    """The ensemble's probabilities and verdicts, `targets x n`, by weights and thresholds of the other folds' patients."""
    folds = np.array([fold_of(disc.patient) for disc in discs])
    probabilities = np.zeros((len(TARGETS), len(discs)))
    verdicts = np.zeros((len(TARGETS), len(discs)), dtype=bool)
    for fold in np.unique(folds):
        own, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        targets = fit_targets({name: values[others] for name, values in outputs.items()}, [discs[i] for i in others])
        for index, target in enumerate(TARGETS):
            p, _ = apply_target(targets[target], {name: values[own, index] for name, values in outputs.items()})
            probabilities[index, own] = p
            verdicts[index, own] = p >= targets[target]["threshold"]
    return probabilities, verdicts


def rows(models: Path, root: Path, found: Path | None, unseen: Path) -> list[list[str]]:
    """One row a target and source; with `found`, one more of SPIDER's labelled boxes alone."""
    _, discs, outputs = _unseen(models, root, found, unseen)
    probabilities, verdicts = cross_fitted(outputs, discs)
    names = set(json.loads(found.read_text())) if found else set()
    groups = {name: of_source(discs, name) for name in SOURCES}
    if names:
        groups["spider, labelled boxes"] = [i for i in groups["spider"] if discs[i].image not in names]
    table = []
    for index, target in enumerate(TARGETS):
        for group, positions in groups.items():
            known, labels = labelled(discs, positions, index)
            patients = [discs[i].patient for i in known]
            single = {name: values[known, index] for name, values in outputs.items()}
            p, verdict = probabilities[index, known], verdicts[index, known].astype(np.float64)
            stacked = np.stack(list(single.values()))
            others = {
                "single": max(stacked, key=lambda values: area_under_curve(values, labels)),
                "average": combine(stacked, np.full(len(stacked), 1 / len(stacked))),
            }
            area, drawn = area_under_curve(p, labels), resampled_areas(p, labels, patients)
            gains = [
                (area - area_under_curve(other, labels), drawn - resampled_areas(other, labels, patients))
                for other in others.values()
            ]
            table.append([
                group, target, f"{len(labels)} discs, {labels.sum()} positive, {len(set(patients))} patients",
                told_with(area, interval(drawn)), *(told_with(gain, interval(differences)) for gain, differences in gains),
                f"{balanced_accuracy(verdict, labels, 0.5):.3f}", f"{np.mean((p - labels) ** 2):.3f}",
                f"{excess_error(p, labels):.3f}",
            ])
    return table


def tier_rows(models: Path, root: Path, found: Path | None, unseen: Path) -> list[list[str]]:
    """One row a distance at which the `auto` tier asks the others: what it costs, and what it says."""
    fragment, discs, outputs = _unseen(models, root, found, unseen)
    tiers = fragment["tiers"]
    single, pooled, thresholds = tier_answers(fragment["targets"], tiers["single"]["classifier"], outputs)
    table = []
    for within in (*STEPS, np.inf):
        answers = escalated(single, pooled, thresholds, within)
        row = [
            "all" if np.isinf(within) else f"{within:g}", f"{unsure(single, thresholds, within).mean():.3f}",
            f"{changed(answers, pooled, thresholds):.4f}",
        ]
        for source in SOURCES:
            for index in range(len(TARGETS)):
                known, labels = labelled(discs, of_source(discs, source), index)
                p = answers[index, known]
                row.append(f"{area_under_curve(p, labels):.3f}, {balanced_accuracy(p, labels, thresholds[index]):.3f}")
        table.append(row)
    return table


TIER_HEADER = [
    "within, log odds", "discs that all are asked for", "verdicts unlike the ensemble's",
    *(f"{source}, {target}: AUC, balanced accuracy" for source in SOURCES for target in TARGETS),
]
HEADER = [
    "source", "target", "over", "ROC AUC", "above the best single member", "above the plain average", "balanced accuracy",
    "Brier score", "calibration error beyond chance",
]


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.unseen_figures", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument("--found", type=Path, help="a file of find_discs: more SPIDER discs")
    parser.add_argument("--out-of-fold", type=Path, help=OUT_OF_FOLD_HELP)
    parser.add_argument("--tiers", action="store_true", help="the auto tier's rule instead: what it costs and buys")
    options = parser.parse_args(arguments)
    given = (options.models, options.data_root, options.found, options.out_of_fold or folder_of(options.models))
    header, table = (TIER_HEADER, tier_rows(*given)) if options.tiers else (HEADER, rows(*given))
    print("\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *table]))


if __name__ == "__main__":
    main()
