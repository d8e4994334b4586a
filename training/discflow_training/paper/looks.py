"""Looks at test: those that records in place tell of, those of records that later ones replaced, and those noted by hand.

`test-looks.csv` (`date,commit,what`) is kept by hand; `replaced-looks.csv` (`date,commit,record`) gets a row whenever a
record with figures gives way to another, which would take its date and commit along.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

from .tables import MISSING, markdown_table

NOTED = "test-looks.csv"
REPLACED = "replaced-looks.csv"
REPLACED_HEADER = "date,commit,record\n"


def keep_look(results: Path, path: Path) -> None:
    """Note the look of the record at `path`, if one is there and has figures, before another takes its place."""
    if not path.exists():
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    if "figures" not in record:
        return
    # One short write at the end of the file: runs side by side do not mix their rows.
    with (results / REPLACED).open("a", encoding="utf-8") as handle:
        if handle.tell() == 0:
            handle.write(REPLACED_HEADER)
        handle.write(f"{record['date']},{record['commit']},{path.parent.name}/{path.stem}\n")


def looks_section(results: Path, records: list[dict[str, Any]]) -> list[str]:
    """A row a day and commit of recorded runs and of replaced ones, and the rows noted by hand."""
    present = Counter((record["date"], record["commit"]) for record in records if "figures" in record)
    replaced = Counter((row["date"], row["commit"]) for row in _rows(results / REPLACED))
    rows = [
        (date, commit or MISSING, f"{n} {what}, nothing chosen by it")
        for counted, what in (
            (present, "recorded runs and ensembles of the zoo"),
            (replaced, "runs and ensembles of the zoo whose records later ones replaced"),
        )
        for (date, commit), n in counted.items()
    ]
    rows += [(row["date"], row["commit"], row["what"]) for row in _rows(results / NOTED)]
    return ["## Looks at test", "", *markdown_table(("Date", "Commit", "What was measured"), sorted(rows)), ""]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
