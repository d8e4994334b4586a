"""The part of `docs/results.md` that tells of the shipped pack: figures of the TypeScript pipeline, recorded as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import tables
from .answers import keep_answers
from .intervals import told_with
from .records import read_records
from .sizes import members_section, read_speed

FOLDER = "shipped"
DISTURBED = "disturbed-"
NOTES = "notes.md"
UNSEEN = "out-of-fold"
OUT_OF_FOLD = {
    "discs.md": (
        "### The disc detector on slices that it was not trained on (Python)",
        "Five folds of the training patients, the shipped recipe at 34 of its 46 epochs; the region is the shipped detector's, which knows the"
        " patients; `python -m discflow_training.unseen_discs --runs …`.",
    ),
    "figures.md": (
        "### Classifiers on discs that no member was trained on (Python)",
        "Five folds of the training patients and val; weights, calibration and thresholds for each fold are those that the"
        " other patients choose. `python -m discflow_training.unseen_figures --found results/found-discs.json`.",
    ),
    "tiers.md": (
        "### What the `auto` tier costs and buys on those discs (Python)",
        "The other classifiers are asked for the discs whose probability by the single one lies within a distance of a"
        " threshold; the pack's manifest says which. Calibration and thresholds are the pack's own here, chosen on all folds, so"
        " that balanced accuracies are higher than above. `python -m discflow_training.unseen_figures --tiers"
        " --found results/found-discs.json`.",
    ),
    "left-out.md": (
        "### Classifiers on a source that they never saw (Python)",
        "Train and val patients of the source that was left out in training, T2, the five lowest discs; beside it the same"
        " network trained on both sources and read out of fold on the same discs. Temperature and bias of the calibration are"
        " those of the other source's val discs. `python -m discflow_training.left_out --found results/found-discs.json`.",
    ),
    "masks.md": (
        "### Segmenters on slices that no member was trained on (Python)",
        "Five folds of the training patients, the shipped networks' recipe without self-training, DeepLabv3+ with the rates"
        " 12, 24 and 36 that it had up to 0.2.5, plain average;"
        " `python -m discflow_training.unseen_masks --runs … --least-canal-piece 0.08`.",
    ),
}
CLASSIFICATION = ("rocAuc", "balancedAccuracy", "recall", "specificity")
SEGMENTATION = ("meanIou", "meanDice")
WORDS = {
    "ap50": "mAP50",
    "ap50To95": "mAP50-95",
    "rocAuc": "ROC AUC",
    "levelOnlyRocAuc": "ROC AUC of the level alone",
    "rocAucAboveLevelOnly": "ROC AUC above the level alone",
    "calibrationExcess": "calibration error above chance",
    "f1": "F1",
    "meanIou": "mean IoU",
    "iou": "IoU",
    "meanIouWithBackground": "mean IoU with background",
}
NOTHING: dict[str, Any] = {"value": None, "ci95": None}
COUNTS = ("truths", "discs", "positives", "slices", "pictures", "patients")


def record_evaluation(results: Path, name: str, folder: Path) -> None:
    """Keep `folder/metrics.json` of `discflow evaluate` as `shipped/NAME.json`, without the pictures that it names.

    The answers of `folder/predictions.csv` go beside it as `NAME-discs.csv`, but for imitated scanners.
    Raises `FileNotFoundError` where nothing was evaluated.
    """
    evaluation = json.loads((folder / "metrics.json").read_text())
    evaluation.pop("worst", None)
    path = results / FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(evaluation, indent=1) + "\n", encoding="utf-8")
    answers, predictions = answers_path(results, name), folder / "predictions.csv"
    answers.unlink(missing_ok=True)
    if predictions.exists() and not name.startswith(DISTURBED):
        keep_answers(predictions, answers)


def answers_path(results: Path, name: str) -> Path:
    """Where the answers of an evaluation are kept."""
    return results / FOLDER / f"{name}-discs.csv"


def shipped_section(results: Path, errors: Sequence[str] = ()) -> list[str]:
    """Figures by recorded evaluation and source, the networks' speed, `errors` drawn, imitated scanners, figures out of fold, and notes."""
    records = read_records(results, FOLDER)
    lines = ["## Shipped pack (TypeScript)", ""]
    timed = members_section(read_speed(results))
    if not records:
        return [*lines, "No evaluation is recorded yet: `results --record NAME=DIR` keeps one of `discflow evaluate`.", "", *timed]
    for name, evaluation in sorted(records.items()):
        if not name.startswith(DISTURBED):
            lines += _evaluation(evaluation)
    lines += timed
    lines += errors
    lines += _disturbed({name: found for name, found in records.items() if name.startswith(DISTURBED)})
    for name, (title, what) in OUT_OF_FOLD.items():
        path = results / UNSEEN / name
        if path.exists():
            lines += [title, "", what, "", path.read_text(encoding="utf-8").strip(), ""]
    if (results / FOLDER / NOTES).exists():
        lines += [(results / FOLDER / NOTES).read_text(encoding="utf-8").strip(), ""]
    return lines


def _evaluation(evaluation: dict[str, Any]) -> list[str]:
    pack, splits = evaluation["pack"], ",".join(evaluation["splits"])
    lines = [
        f"### {pack['name']} {pack['version']}, `npx discflow evaluate --data {evaluation['data']} --split {splits}`",
        "",
    ]
    for figures in evaluation["sources"]:
        whole = {name: part for name, part in figures.items() if name != "subsets"}
        rows = [(_words(path), told(found), count) for path, found, count in estimates(whole)]
        lines += [
            f"{figures['source']}: {figures['pictures']} pictures of {figures['patients']} patients ({_ends(figures)})",
            "",
            *tables.markdown_table(("Figure", "Value (95 %)", "Over"), rows),
            "",
            *_parts(figures["subsets"]),
        ]
    return lines + _tiers(evaluation.get("tiers") or [])


def _tiers(tiers: list[dict[str, Any]]) -> list[str]:
    """Each tier on the same pictures, one picture at a time: the networks' time, and how it ranks beside the ensemble."""
    rows = []
    for found in tiers:
        times, row = found["networksMs"], [found["source"], found["tier"]]
        row.append(f"{times['median']:.0f}, {times['p95']:.0f}")
        for target in ("bulgeOrHerniation", "herniation"):
            answers = found["classification"][target] or {}
            row += [told(answers.get(name) or NOTHING) for name in ("rocAuc", "rocAucAboveReference", "balancedAccuracy")]
        rows.append((*row, told(found["meanIou"] or NOTHING)))
    if not rows:
        return []
    chief = ("ROC AUC", "above the ensemble", "balanced accuracy")
    columns = [f"{target}, {name}" for target in ("Bulge or herniation", "Herniation") for name in chief]
    header = ("Source", "Tier", "Networks, ms: median, 95 %", *columns, "Mean IoU")
    return [
        "Tiers on the same pictures (`--compare-tiers`), one at a time on two processors:",
        "",
        *tables.markdown_table(header, rows),
        "",
    ]


def _ends(figures: dict[str, Any]) -> str:
    """`done 23, needs_review 1`."""
    return ", ".join(f"{status} {count}" for status, count in figures["statuses"].items())


def _parts(subsets: list[dict[str, Any]]) -> list[str]:
    """Chief figures by level, scanner and slice."""
    classified = [
        (
            f"{subset['by']} {subset['name']}",
            _words(target),
            *(told(found[name]) for name in CLASSIFICATION),
            f"{found['discs']} discs, {found['positives']} positive, {found['patients']} patients",
        )
        for subset in subsets
        for target, found in (subset["classification"] or {}).items()
        if found
    ]
    segmented = [
        (
            f"{subset['by']} {subset['name']}",
            *(told(found[name]) for name in SEGMENTATION),
            f"{found['pictures']} pictures, {found['patients']} patients",
        )
        for subset in subsets
        if (found := subset["segmentation"])
    ]
    lines: list[str] = []
    for names, rows in ((("target", *CLASSIFICATION), classified), (SEGMENTATION, segmented)):
        if rows:
            lines += [*tables.markdown_table(("Part", *map(_words, names), "Over"), rows), ""]
    return lines


def _words(path: str) -> str:
    """`classification herniation rocAuc` as `classification, herniation, ROC AUC`."""
    return ", ".join(WORDS.get(part) or _spaced(part) for part in path.split())


def _spaced(name: str) -> str:
    return name if "_" in name else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _disturbed(records: dict[str, Any]) -> list[str]:
    """One row a kind of imitated scanner: what became of the pictures, discs and areas under the curve."""
    if not records:
        return []
    rows = []
    for name, evaluation in sorted(records.items()):
        figures = evaluation["sources"][0]
        areas = [told(figures["classification"][target]["rocAuc"]) for target in ("bulgeOrHerniation", "herniation")]
        rows.append((name.removeprefix(DISTURBED), _ends(figures), told(figures["discs"]["ap50"]), *areas))
    return [
        "### Other scanners imitated",
        "",
        "Val pictures disturbed by `python -m discflow_training.disturbed`, each kind evaluated like a hospital of its own.",
        "",
        *tables.markdown_table(
            ("Kind", "Pictures", "Discs, mAP50", "Bulge or herniation, ROC AUC", "Herniation, ROC AUC"), rows
        ),
        "",
    ]


def estimates(node: Any, path: str = "", count: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every `{value, ci95}` of an evaluation with its path and the counts beside it."""
    if isinstance(node, dict):
        if "value" in node and "ci95" in node:
            yield path, node, count
            return
        own = ", ".join(f"{node[name]} {name}" for name in COUNTS if isinstance(node.get(name), int))
        for name, part in node.items():
            yield from estimates(part, f"{path} {name}".strip(), own or count)
    elif isinstance(node, list):
        for index, part in enumerate(node):
            yield from estimates(part, f"{path} {index}".strip(), count)


def told(found: dict[str, Any]) -> str:
    """`0.874 (0.831 to 0.910)`; a dash where there is none."""
    if found["value"] is None:
        return tables.MISSING
    return told_with(found["value"], found["ci95"])
