"""The paper's tables beside ours as Markdown, from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..classifiers import TITLES as CLASSIFIER_TITLES
from ..decoders import ENCODER_TITLES, PAPER_ZOO
from ..decoders import TITLES as DECODER_TITLES
from .intervals import telling
from .protocol import CLASSIFIERS, OUT_OF_FOLD
from .published import ABLATIONS, CLASSIFICATION, CLASSIFICATION_COLUMNS, DETECTION, SEGMENTATION, SPINE_ENSEMBLE

Record = dict[str, Any]
Records = dict[str, Record]
MISSING = "–"
SINGLE_TITLE = "Best single where weights were chosen"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table with its first column to the left."""
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(['---'] + ['---:'] * (len(header) - 1))}|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def estimate(figures: Record | None, name: str) -> str:
    """`87.4 (83.1 to 91.0)` in percent, the value alone where resamples tell nothing; a dash where there is none."""
    found = (figures or {}).get(name)
    if found is None or found["value"] is None:
        return MISSING
    value, bounds = f"{100 * found['value']:.1f}", found["ci95"]
    return f"{value} ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if telling(bounds) else value


def plain(figures: Record | None, name: str) -> str:
    """A figure in percent without its interval; a dash where there is none."""
    found = (figures or {}).get(name)
    return MISSING if found is None or found["value"] is None else f"{100 * found['value']:.1f}"


def difference(found: Record | None) -> str:
    """A paired difference in percentage points with interval and p."""
    if found is None or found["value"] is None:
        return MISSING
    bounds = found["ci95"]
    told = f" ({100 * bounds[0]:+.1f} to {100 * bounds[1]:+.1f})" if telling(bounds) else ""
    return f"{100 * found['value']:+.1f}{told}, p {found['p']:.3f}"


def counted(figures: Record | None) -> str:
    """`275, 115 positive`, or the number of slices."""
    if figures is None:
        return MISSING
    positive = f", {figures['positive']} positive" if "positive" in figures else ""
    return f"{figures['n']}{positive}"


def percent(value: float) -> str:
    return f"{value:.2f}"


def figures_of(record: Record | None, split: str = "test", source: str = "all") -> Record | None:
    """A run's figures of a split and source."""
    return None if record is None else record["figures"].get(split, {}).get(source)


def method_figures(
    ensembles: Records, group: str, method: str, split: str = "test", source: str = "all"
) -> Record | None:
    """An ensemble's figures of a split and source."""
    record = ensembles.get(group)
    return None if record is None else record["figures"][split][method].get(source)


def unseen_figures(ensembles: Records, group: str, part: str, name: str, source: str = "all") -> Record | None:
    """Figures out of fold of one of an ensemble's `members` or of its `figures` by method, where it was chosen out of fold."""
    record = ensembles.get(group, {})
    if record.get("chosenOn") != OUT_OF_FOLD:
        return None
    return (record["members"] if part == "members" else record["figures"][OUT_OF_FOLD]).get(name, {}).get(source)


def table_1(ensembles: Records) -> list[str]:
    """Ablations of the weighted averages."""
    rows = []
    for title, group, published in (
        ("WAE, crop and fine-tuning", "classifiers-disc-finetuned", "proposed"),
        ("Without fine-tuning", "classifiers-disc-frozen", "without fine-tuning"),
        ("No crop (whole slice)", "classifiers-slice-finetuned", "no crop"),
    ):
        figures, by_patient = method_figures(ensembles, group, "wae"), _by_patient(ensembles, group)
        unseen = unseen_figures(ensembles, group, "figures", "wae")
        rows.append(
            (
                title,
                percent(ABLATIONS[published]),
                estimate(figures, "accuracy"),
                estimate(figures, "auc"),
                counted(figures),
                estimate(by_patient, "accuracy"),
                estimate(by_patient, "auc"),
                counted(by_patient),
                estimate(unseen, "accuracy"),
                estimate(unseen, "auc"),
                counted(unseen),
            )
        )
    lines = markdown_table(
        (
            "Classification, test",
            "Paper, accuracy",
            "Accuracy",
            "ROC AUC",
            "n",
            "Accuracy by patient",
            "ROC AUC by patient",
            "Patients",
            "Out of fold, accuracy",
            "Out of fold, ROC AUC",
            "Out of fold, n",
        ),
        rows,
    )
    spine = []
    for title, group, published in (
        ("WAE, Dice plus focal loss", "segmenters-dice-focal", "segmentation"),
        ("No custom loss (cross-entropy)", "segmenters-cross-entropy", "no custom loss"),
    ):
        figures, unseen = method_figures(ensembles, group, "wae"), unseen_figures(ensembles, group, "figures", "wae")
        spine.append(
            (
                title, percent(ABLATIONS[published]), estimate(figures, "mIoUWithBackground"), estimate(figures, "mIoU"),
                counted(figures), estimate(unseen, "mIoU"), counted(unseen),
            )
        )
    header = (
        "Segmentation, test", "Paper, mIoU", "mIoU with background", "mIoU without", "Slices", "Out of fold, mIoU without",
        "Out of fold, slices",
    )
    return [*lines, "", *markdown_table(header, spine)]


def _by_patient(ensembles: Records, group: str) -> Record | None:
    record = ensembles.get(group)
    return None if record is None else record["byPatient"]["test"]["wae"]


def detection_table(runs: Records) -> list[str]:
    """Both detectors on test, all images and each source."""
    rows = []
    for task, title in (("lumbar", "Lumbar region"), ("disc", "Discs in the labelled region")):
        record = runs.get(f"yolov8n-{task}")
        overlap, precision, recall = DETECTION[task]
        for source in record["figures"]["test"] if record else ["all"]:
            figures = figures_of(record, source=source)
            rows.append((
                title if source == "all" else f"{title}, {source}", _beside(overlap, estimate(figures, "map50")),
                estimate(figures, "map50_95"), _beside(precision, plain(figures, "precision50")),
                _beside(recall, plain(figures, "recall50")), counted(figures),
            ))
    return markdown_table(("Detector", "mAP50", "mAP50-95", "Precision", "Recall", "Boxes"), rows)


def table_2(runs: Records, ensembles: Records, source: str = "all") -> list[str]:
    """Every classifier and the averages on test."""
    rows = []
    for name in (*CLASSIFIERS, "aem", "wae"):
        if name in CLASSIFIERS:
            title = CLASSIFIER_TITLES[name]
            unseen = unseen_figures(ensembles, "classifiers-disc-finetuned", "members", f"{name}-disc-finetuned", source)
            tuned = figures_of(runs.get(f"{name}-disc-finetuned"), source=source)
            frozen = figures_of(runs.get(f"{name}-disc-frozen"), source=source)
        else:
            title = name.upper()
            unseen = unseen_figures(ensembles, "classifiers-disc-finetuned", "figures", name, source)
            tuned = method_figures(ensembles, "classifiers-disc-finetuned", name, source=source)
            frozen = method_figures(ensembles, "classifiers-disc-frozen", name, source=source)
        paper = dict(zip(CLASSIFICATION_COLUMNS, CLASSIFICATION[name], strict=True))
        rows.append(
            (
                title,
                _beside(paper["accuracy"], estimate(tuned, "accuracy")),
                _beside(paper["frozen"], estimate(frozen, "accuracy")),
                _beside(paper["auc"], estimate(tuned, "balancedAccuracy")),
                estimate(tuned, "auc"),
                *(
                    _beside(paper[column], plain(tuned, column))
                    for column in ("specificity", "precision", "recall", "f1")
                ),
                counted(tuned),
                estimate(unseen, "accuracy"),
                estimate(unseen, "auc"),
                counted(unseen),
            )
        )
    header = (
        "Network", "Accuracy, fine-tuned", "Accuracy, frozen", "Balanced accuracy (the paper's 'AUC')", "ROC AUC",
        "Specificity", "Precision", "Recall", "F1", "n", "Out of fold, accuracy", "Out of fold, ROC AUC", "Out of fold, n",
    )
    return markdown_table(header, rows)


def level_table(ensembles: Records) -> list[str]:
    """The fine-tuned average on crops by level, and what the level alone tells."""
    record = ensembles.get("classifiers-disc-finetuned")
    if record is None:
        return ["No ensemble is recorded."]
    rows = [
        (
            level,
            estimate(figures, "accuracy"),
            estimate(figures, "balancedAccuracy"),
            estimate(figures, "auc"),
            counted(figures),
        )
        for level, figures in record["byLevel"]["test"].items()
    ]
    alone = record["levelAlone"]["test"]
    rows.append(("Level alone, no picture", MISSING, MISSING, estimate(alone, "auc"), counted(alone)))
    return markdown_table(("WAE, test", "Accuracy", "Balanced accuracy", "ROC AUC", "n"), rows)


def _beside(published: float, own: str) -> str:
    """The paper's figure, then ours."""
    return f"{percent(published)} / {own}"


def table_4(runs: Records, ensembles: Records, source: str = "all") -> list[str]:
    """Every segmenter on test."""
    rows = []
    for decoder, encoder in PAPER_ZOO:
        figures = figures_of(runs.get(f"{decoder}-{encoder}-dice-focal"), source=source)
        without = figures_of(runs.get(f"{decoder}-{encoder}-cross-entropy"), source=source)
        unseen, unseen_without = (
            unseen_figures(ensembles, f"segmenters-{loss}", "members", f"{decoder}-{encoder}-{loss}", source)
            for loss in ("dice-focal", "cross-entropy")
        )
        overlap, dice = SEGMENTATION[decoder, encoder]
        rows.append(
            (
                f"{DECODER_TITLES[decoder]} {ENCODER_TITLES[encoder]}",
                _beside(overlap, estimate(figures, "mIoUWithBackground")),
                _beside(dice, estimate(figures, "diceWithBackground")),
                estimate(figures, "mIoU"),
                estimate(without, "mIoU"),
                counted(figures),
                estimate(unseen, "mIoU"),
                estimate(unseen_without, "mIoU"),
                counted(unseen),
            )
        )
    header = (
        "Network",
        "mIoU with background",
        "Dice with background",
        "mIoU without",
        "mIoU without, cross-entropy",
        "Slices",
        "Out of fold, mIoU without",
        "Out of fold, cross-entropy",
        "Out of fold, slices",
    )
    return markdown_table(header, rows)


def table_5(ensembles: Records) -> list[str]:
    """The segmentation ensemble by class."""
    columns = (
        ("diceWithBackground", "Dice"), ("iou/canal", "Spine (canal) IoU"), ("iou/vertebra", "Vertebra IoU"),
        ("iou/disc", "Disc IoU"), ("mIoUWithBackground", "mIoU with background"),
    )
    rows = [("Paper, WAEM", *(percent(SPINE_ENSEMBLE[name]) for name, _ in columns), "403 patients in all")]
    for title, method, source in (
        ("WAE", "wae", "all"), ("WAE, T2 SPACE", "wae", "space"), ("WAE, ordinary T2", "wae", "t2w"),
        ("AEM", "aem", "all"), (SINGLE_TITLE, "single", "all"),
    ):
        figures = method_figures(ensembles, "segmenters-dice-focal", method, source=source)
        rows.append((title, *(estimate(figures, name) for name, _ in columns), counted(figures)))
    return markdown_table(("Test", *(title for _, title in columns), "Slices"), rows)
