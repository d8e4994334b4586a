"""What the weighted averages were chosen on, and what they buy, as Markdown from records alone."""

from __future__ import annotations

from .protocol import CHOSEN_ON
from .tables import Record, Records, difference, estimate, markdown_table


def ensemble_gains(ensembles: Records) -> list[str]:
    """What the weighted average buys over the plain one and over the best single network, paired."""
    rows = []
    for group, record in sorted(ensembles.items()):
        names = (
            ("accuracy", "balancedAccuracy", "auc")
            if group.startswith("classifiers")
            else ("mIoU", "mIoUWithBackground")
        )
        for comparison, found in record["differences"].items():
            told = "; ".join(f"{name} {difference(found.get(name))}" for name in names)
            rows.append((group, _cases(group, record, "test"), comparison, told))
    return markdown_table(("Ensemble", "Test", "Difference", "Percentage points (95 % interval), p of swaps of patients"), rows)


def weights_table(ensembles: Records) -> list[str]:
    """The weights that the grid search chose, what on, and how the averages and the best single network do there."""
    rows = []
    for group, record in sorted(ensembles.items()):
        part, name = record.get("chosenOn", "val"), "accuracy" if group.startswith("classifiers") else "mIoU"
        found = (estimate(record["figures"][part][method]["all"], name) for method in ("wae", "aem", "single"))
        rows.append((
            group, f"{CHOSEN_ON[part]}: {_cases(group, record, part)}",
            ", ".join(f"{member} {weight:g}" for member, weight in record["weights"]["wae"].items()),
            ", ".join(record["weights"]["single"]), *found,
        ))
    header = ("Ensemble", "Chosen on", "Weights (grid search)", "Best single", "There: WAE", "AEM", "Best single")
    return [
        "What was chosen, and accuracy of classifiers and mIoU of segmenters on what it was chosen on. Where rows of table 1 were"
        " chosen on different patients, that is part of their difference.", "",
        *markdown_table(header, rows),
    ]


def _cases(group: str, record: Record, split: str) -> str:
    """`275 discs, 54 patients`."""
    figures = record["figures"][split]["wae"]["all"]
    return f"{figures['n']} {'discs' if 'disc' in group else 'slices'}, {figures['patients']} patients"
