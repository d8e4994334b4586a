"""The model card of a pack of one's own: what its manifest and files say, and no figure but those that `pack --int8` measured."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .export import stored_as
from .faults import read_text
from .fragment import read_packing

CARD = "MODEL_CARD.md"
TITLE = re.compile(r"^# Model card: (.+?)\s*$", re.MULTILINE)
FIGURES = """\
This card holds no figure of the whole pack. They come from the pipeline's own evaluation alone:

```
npx discflow evaluate --pack FOLDER --data DATA --split test --out OUT
npx tsx scripts/card-figures.ts --card FOLDER/MODEL_CARD.md test=OUT
```

The first measures the pack on the `test` pictures of labelled data; the second, run in discflow's repository,
writes the chief figures below.

<!-- test -->
"""


def write_card(models: Path, manifest: Mapping[str, Any]) -> None:
    """Write a pack's card by an atomic rename; raises `InputFault` where a member's file is no ONNX."""
    precisions = {member["id"]: stored_as(models / member["file"]) for member in manifest["members"]}
    path = models / CARD
    temporary = path.with_suffix(".part")
    temporary.write_text(card_text(manifest, precisions, read_packing(models)), encoding="utf-8")
    os.replace(temporary, path)


def title_of(manifest: Mapping[str, Any]) -> str:
    """What a card's title calls a pack."""
    return f"{manifest['name']} {manifest['version']}"


def told_pack(models: Path) -> str | None:
    """Name and version of the pack that a folder's card tells of; None where there is no card, or one without our title."""
    path = models / CARD
    title = TITLE.search(read_text(path)) if path.exists() else None
    return title[1] if title else None


def card_text(manifest: Mapping[str, Any], precisions: Mapping[str, str], packing: Mapping[str, Any]) -> str:
    """The card; `precisions` by member, `packing` as `read_packing` gives it."""
    sections = [
        (f"# Model card: {title_of(manifest)}", [
            "**Not for diagnostic use.** Research and development only; no regulatory clearance of any kind.",
            f"Licence: {manifest['licence']}",
        ]),
        ("## Intended use", [manifest["intendedUse"]]),
        ("## Training data", _training_data(manifest["trainingData"])),
        ("## Members", _members(manifest["members"], precisions)),
        ("## Ensembles", _ensembles(manifest)),
        ("## Left out, and stored in 8 bits", _packing(manifest, packing)),
        ("## Figures", [FIGURES.rstrip("\n")]),
    ]
    return "\n\n".join(part for title, parts in sections for part in (title, *parts)) + "\n"


def _training_data(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["No fragment of the pack says what its members were trained on."]
    return [_table(("data", "licence", "patients", "images"), [[row.get(key) for key in ("name", "licence", "patients", "images")] for row in rows])]


def _members(members: Sequence[Mapping[str, Any]], precisions: Mapping[str, str]) -> list[str]:
    columns = ("id", "role", "architecture", "width", "bytes", "input", "weights stored as")
    rows = []
    for member in members:
        size = member.get("input", {})
        sees = f"{size['width']} x {size['height']}" if {"width", "height"} <= size.keys() else None
        told = [member.get(key) for key in ("id", "role", "architecture", "width", "bytes")]
        rows.append([*told, sees, precisions[member["id"]]])
    return [_table(columns, rows), "Arithmetic is float32 whatever weights are stored as."]


def _ensembles(manifest: Mapping[str, Any]) -> list[str]:
    targets = [
        [name, rule.get("method"), _weights(rule["weights"]), rule["temperature"], rule["bias"], rule["threshold"]]
        for name, rule in manifest["targets"].items()
    ]
    parts = [_table(("target", "method", "weights", "temperature", "bias", "threshold"), targets)] if targets else []
    segmentation = manifest["segmentation"]
    parts.append(f"Segmentation: {segmentation.get('method', 'not told')}, {_weights(segmentation['weights'])}.")
    tiers = [f"- `{name}`: {_weights(tier)}" for name, tier in manifest["tiers"].items()]
    if tiers:
        parts.append("\n".join(["Tiers beside `ensemble`, which asks every member with a weight:", "", *tiers]))
    gates = ", ".join(f"`{name}`" for name in manifest["gates"])
    return [*parts, f"Gates with limits in `manifest.json`: {gates}." if gates else "The pack sets no limits of gates."]


def _packing(manifest: Mapping[str, Any], packing: Mapping[str, Any]) -> list[str]:
    """What `pack` left out and tried, where it still holds: of no member that is back, and of files that are the same."""
    files = {member["id"]: member["sha256"] for member in manifest["members"]}
    gone = [f"- {entry['id']} ({entry['role']}): {entry['reason']}" for entry in packing["leftOut"] if entry["id"] not in files]
    tried = [trial for trial in packing["int8"] if files.get(trial["id"]) == trial["sha256"]]
    parts = ["\n".join(["Left out by `pack --choose`:", "", *gone])] if gone else ["`pack` left no member out."]
    if not tried:
        return [*parts, "`pack --int8` tried no member of this pack."]
    rows = [
        [trial["id"], "yes" if trial["kept"] else "no", pair.get("name"), pair.get("n"), pair.get("before"), pair.get("after")]
        for trial in tried for pair in trial["figures"] or [{}]
    ]
    told = "Tried in 8 bits by `pack --int8`, each on its own, on labelled `val` pictures and the boxes drawn on them:"
    table = _table(("id", "8 bits kept", "figure", "n", "before", "in 8 bits"), rows)
    if not any(trial["kept"] for trial in tried):
        return [*parts, told, table]
    return [*parts, told, table, "Weights, calibration and thresholds were not fitted again for that."]


def _weights(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def _table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [list(columns)]
    lines += [["not told" if cell is None else " ".join(str(cell).replace("|", "\\|").split()) for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
