"""Ensembles on unseen data, written into a pack: `python -m discflow_training.ensemble` (paper, Methods, weighted average
ensemble).

Classifiers: weights by grid search (WAE) where they carry over to other patients, else equal ones; temperature and bias on
the ensemble's logit, and a threshold with the best balanced accuracy, all on out-of-fold predictions of train and val
patients. Segmenters: weights on val slices. The arithmetic is the one of `docs/model-pack.md`. Test data is read only by
`--report test`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit as sigmoid
from sklearn.metrics import roc_auc_score

from .calibration import balanced_accuracy, best_threshold, calibrated, fit_calibration, log_loss, logit, source_shares
from .classifier_members import member_logits
from .classify import figures
from .data import DEFAULT_DATA_ROOT, SOURCES, fold_of
from .disc_data import TARGETS, Disc, labelled, of_source, read_discs
from .escalation import choose
from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS, members_of, read_fragment, write_fragment
from .out_of_fold import OUT_OF_FOLD_HELP, common, folder_of, read_predictions
from .overlap import Probabilities, confusion, measure, overlap_figures
from .region_data import CLASSES, Region, read_regions
from .segment import member_probabilities

LEAST_GAIN = 0.005
"""Mean IoU that other weights of the segmenters must gain on `val`, which has three patients with masks."""


def weight_grid(members: int, steps: int = 10) -> Iterator[np.ndarray]:
    """Every vector of non-negative multiples of `1 / steps` that sums to 1."""
    for cuts in itertools.combinations(range(steps + members - 1), members - 1):
        edges = np.array([-1, *cuts, steps + members - 1])
        yield (np.diff(edges) - 1) / steps


def search_weights(members: int, score: Callable[[np.ndarray], float], steps: int = 10) -> np.ndarray:
    """Weights of the highest score; among equals the nearest to equal weights."""
    equal = np.full(members, 1 / members)
    return max(weight_grid(members, steps), key=lambda w: (round(score(w), 6), -float(np.abs(w - equal).sum())))


def combine(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of `members x n` probabilities."""
    return np.tensordot(weights, probabilities, axes=1)


def fit_weights(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The grid's weights of the best score on `members x n` probabilities."""
    return search_weights(len(probabilities), lambda w: _calibrated_score(combine(probabilities, w), labels))


def carried_weights(probabilities: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """`fit_weights`, or equal weights unless those that the other folds choose are better on each fold of patients.

    The best of hundreds of weights on some discs owes part of its score to them.
    """
    equal = np.full(len(probabilities), 1 / len(probabilities))
    crossed = np.empty(len(labels))
    for fold in np.unique(folds):
        own = folds == fold
        if not 0 < labels[~own].sum() < (~own).sum():
            return equal
        crossed[own] = combine(probabilities[:, own], fit_weights(probabilities[:, ~own], labels[~own]))
    better = _calibrated_score(crossed, labels) > _calibrated_score(combine(probabilities, equal), labels)
    return fit_weights(probabilities, labels) if better else equal


def fit_target(
    ids: Sequence[str], probabilities: np.ndarray, labels: np.ndarray, folds: np.ndarray, shares: np.ndarray | None = None
) -> dict[str, Any]:
    """A manifest target from `members x n` probabilities of unseen discs, labels 0 or 1, folds and weights for calibration."""
    weights = carried_weights(probabilities, labels, folds)
    pooled = combine(probabilities, weights)
    temperature, bias = fit_calibration(pooled, labels, shares)
    threshold = best_threshold(calibrated(pooled, temperature, bias), labels)
    chosen = {name: round(float(w), 4) for name, w in zip(ids, weights, strict=True) if w > 0}
    method = "single" if len(chosen) == 1 else "wae"
    return {"method": method, "weights": chosen, "temperature": temperature, "bias": bias, "threshold": threshold}


def _calibrated_score(pooled: np.ndarray, labels: np.ndarray) -> float:
    """Negative log loss after calibration, so that weights are judged by ranking and sharpness alone."""
    return -log_loss(sigmoid((logit(pooled) + (c := fit_calibration(pooled, labels))[1]) / c[0]), labels)


def apply_target(target: dict[str, Any], by_member: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The target's probabilities and disagreements, both rounded to 4 decimals, from each member's `n` probabilities."""
    ids = list(target["weights"])
    weights = np.array([target["weights"][name] for name in ids])
    stacked = np.stack([by_member[name] for name in ids])
    pooled = combine(stacked, weights)
    spread = np.sqrt(np.tensordot(weights, (stacked - pooled) ** 2, axes=1))
    return calibrated(pooled, target["temperature"], target["bias"]), np.round(spread, 4)


def target_report(target: dict[str, Any], by_member: dict[str, np.ndarray], discs: Sequence[Disc], index: int) -> dict:
    """AUC, balanced accuracy, recall, specificity and Brier score of each source, with n and positives."""
    p, _ = apply_target(target, by_member)
    report = {}
    for source in SOURCES:
        known, labels = labelled(discs, of_source(discs, source), index)
        if not 0 < labels.sum() < len(labels):
            continue
        found = p[known] >= target["threshold"]
        report[source] = {
            "auc": round(float(roc_auc_score(labels, p[known])), 4),
            "balancedAccuracy": round(balanced_accuracy(p[known], labels, target["threshold"]), 4),
            "recall": round(float(found[labels == 1].mean()), 4),
            "specificity": round(float((~found[labels == 0]).mean()), 4),
            "brier": round(float(((p[known] - labels) ** 2).mean()), 4),
            "n": len(labels),
            "positive": int(labels.sum()),
        }
    return report


def scored_discs(root: Path, splits: Sequence[str], found: Path | None) -> list[Disc]:
    """The five lowest discs of every T2 slice of some splits."""
    return [d for d in read_discs(root, ("t2",), found) if d.split in splits and d.scored]


def unseen_outputs(
    folder: Path, members: Sequence[dict], root: Path, found: Path | None
) -> tuple[list[Disc], dict[str, np.ndarray]]:
    """Train and val discs with the probabilities of classifiers that were not trained on them, `n x targets` each."""
    predictions = {entry["id"]: read_predictions(folder / f"{entry['id']}.csv") for entry in members}
    discs, logits = common(scored_discs(root, ("train", "val"), found), predictions)
    return discs, {name: sigmoid(values) for name, values in logits.items()}


def _classifier_outputs(models: Path, members: Sequence[dict], discs: Sequence[Disc]) -> dict[str, np.ndarray]:
    """`n x targets` probabilities of each classifier."""
    return {entry["id"]: sigmoid(member_logits(models, entry, discs).astype(np.float64)) for entry in members}


def fit_targets(outputs: dict[str, np.ndarray], discs: Sequence[Disc]) -> dict[str, Any]:
    """Every target of the manifest.

    Raises `InputFault` where a target has no disc of either kind, as a pack answers both, or where all are answered alike.
    """
    targets = {}
    for index, name in enumerate(TARGETS):
        known, labels = labelled(discs, range(len(discs)), index)
        if not 0 < labels.sum() < len(labels):
            raise InputFault(f"{name}: {labels.sum()} of {len(labels)} labelled discs are positive; a pack needs both kinds")
        stacked = np.stack([values[known, index] for values in outputs.values()])
        folds = np.array([fold_of(discs[i].patient) for i in known])
        try:
            targets[name] = fit_target(list(outputs), stacked, labels, folds, source_shares([discs[i].source for i in known]))
        except InputFault as fault:
            raise InputFault(f"{name}: {fault}") from fault
    return targets


def _mean_maps(outputs: dict[str, list[Probabilities]], weights: dict[str, float]) -> list[Probabilities]:
    first = next(iter(outputs.values()))
    return [
        (sum(weight * outputs[name][i][0] for name, weight in weights.items()), first[i][1]) for i in range(len(first))
    ]


def fit_segmentation(outputs: dict[str, list[Probabilities]], regions: Sequence[Region]) -> dict[str, Any]:
    """Weights of the highest mean IoU without background on validation crops, in steps of a quarter; the plain average
    unless others gain `LEAST_GAIN`."""
    ids = list(outputs)

    def score(weights: np.ndarray) -> float:
        maps = _mean_maps(outputs, dict(zip(ids, weights, strict=True)))
        counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
        for region, (values, (x0, y0, x1, y1)) in zip(regions, maps, strict=True):
            counts += confusion(region.mask[y0:y1, x0:x1], values.argmax(axis=0))
        return overlap_figures(counts)["mIoU"]

    equal = np.full(len(ids), 1 / len(ids))
    weights = search_weights(len(ids), score, steps=4)
    if score(weights) < score(equal) + LEAST_GAIN:
        weights = equal
    chosen = {name: round(float(w), 4) for name, w in zip(ids, weights, strict=True) if w > 0}
    return {"method": "single" if len(chosen) == 1 else "wae", "weights": chosen}


def fit_segmenters(maps: dict[str, list[Probabilities]], regions: Sequence[Region], fragment: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The manifest's segmentation and the segmenter of the single tier, by val slices.

    Without any, both stay as the pack has them where they name its segmenters; else all count the same and the first is the
    single one. Either is said on standard error.
    """
    if regions:
        def overlap(name: str) -> float:
            return float(np.mean([values["mIoU"] for values in measure(regions, maps[name]).values()]))
        return fit_segmentation(maps, regions), max(maps, key=overlap)
    before, single = fragment.get("segmentation", {}), fragment.get("tiers", {}).get("single", {}).get("segmenter")
    if before and set(before["weights"]) <= set(maps) and single in maps:
        print(f"no val slice has a mask: the segmenters' weights stay as they were, the single one is {single}", file=sys.stderr)
        return before, single
    single = next(iter(maps))
    print(f"no val slice has a mask: the segmenters count the same, and the single one is the first, {single}", file=sys.stderr)
    return fit_segmentation(maps, regions), single


def tier_answers(
    targets: dict[str, Any], classifier: str, outputs: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Calibrated probabilities of the single tier and of the ensemble, `targets x n` each, and the thresholds."""
    rules = [targets[name] for name in TARGETS]
    by_target = [{name: values[:, index] for name, values in outputs.items()} for index in range(len(TARGETS))]
    alone = [apply_target({**rule, "weights": {classifier: 1.0}}, by)[0] for rule, by in zip(rules, by_target, strict=True)]
    pooled = [apply_target(rule, by)[0] for rule, by in zip(rules, by_target, strict=True)]
    return np.stack(alone), np.stack(pooled), [rule["threshold"] for rule in rules]


def _best_single(outputs: dict[str, np.ndarray], discs: Sequence[Disc]) -> str:
    """The classifier of the best mean AUC over sources and targets."""
    def mean_auc(name: str) -> float:
        return float(np.mean([values["auc"] for values in figures(discs, outputs[name]).values()]))
    return max(outputs, key=mean_auc)


def run(models: Path, root: Path, report: str, found: Path | None, unseen: Path) -> dict[str, Any]:
    """Fit, write the fragment, and measure members and ensemble: on what they were fitted on, or on `test`."""
    fragment = read_fragment(models)
    classifiers, segmenters = (members_of(models, role) for role in ("disc-classifier", "spine-segmenter"))
    discs, outputs = unseen_outputs(unseen, classifiers, root, found)
    regions = [region for region in read_regions(root) if region.split == "val"]
    maps = {entry["id"]: member_probabilities(models, entry, regions) for entry in segmenters}
    fragment["targets"] = fit_targets(outputs, discs)
    fragment["segmentation"], single = fit_segmenters(maps, regions, fragment)
    classifier = _best_single(outputs, discs)
    fragment["tiers"] = {
        "single": {"classifier": classifier, "segmenter": single},
        "auto": {"escalateWithin": choose(*tier_answers(fragment["targets"], classifier, outputs))},
    }
    write_fragment(models, fragment)
    if report == "test":
        discs = scored_discs(root, ("test",), found)
        regions = [region for region in read_regions(root) if region.split == "test"]
        outputs = _classifier_outputs(models, classifiers, discs)
        maps = {entry["id"]: member_probabilities(models, entry, regions) for entry in segmenters}
    return _report(fragment, outputs, discs, maps, regions)


def _report(fragment: dict, outputs: dict, discs: Sequence[Disc], maps: dict, regions: Sequence[Region]) -> dict[str, Any]:
    targets = {
        name: target_report(target, {key: values[:, TARGETS.index(name)] for key, values in outputs.items()}, discs, TARGETS.index(name))
        for name, target in fragment["targets"].items()
    }
    return {
        "members": {name: figures(discs, values) for name, values in outputs.items()},
        "targets": targets,
        "levelOnly": level_only(discs),
        "segmenters": {name: measure(regions, values) for name, values in maps.items()},
        "segmentation": measure(regions, _mean_maps(maps, fragment["segmentation"]["weights"])),
    }


def level_only(discs: Sequence[Disc]) -> dict[str, Any]:
    """AUC of the disc's level alone, lowest highest: what a classifier must beat."""
    scores = np.array([[-disc.order] * len(TARGETS) for disc in discs], dtype=np.float64)
    return figures(discs, scores)


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.ensemble", description=__doc__)
    parser.add_argument(
        "--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder, whose members/networks.json is written (default: layers/models)"
    )
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument("--found", type=Path, help="a file of find_discs: more SPIDER discs")
    parser.add_argument("--out-of-fold", type=Path, help=OUT_OF_FOLD_HELP)
    parser.add_argument("--report", choices=("fitted", "test"), default="fitted", help="what to measure on: what was fitted on, or test")
    options = parser.parse_args(arguments)
    unseen = options.out_of_fold or folder_of(options.models)
    report = run(options.models, options.data_root, options.report, options.found, unseen)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
