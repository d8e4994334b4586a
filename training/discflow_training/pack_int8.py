"""Members of a pack stored in 8 bits where their figures on `val` hold (docs/adr/0011).

Only storage changes: arithmetic stays float32, so no calibration pictures are needed, and the ONNX file is enough.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .classify import figures, member_logits
from .ensemble import scored_discs
from .export import store_in_int8, stored_as
from .faults import InputFault
from .fragment import change_parts, keep_packing
from .region_data import read_regions
from .segment import measure, member_probabilities

LARGEST_LOSS = 0.002
"""ROC AUC of a target, or mean IoU, that a member may lose: 8 bits cost the shipped InceptionV3 at most 0.0015."""

Figures = dict[str, tuple[float, int]]
Measure = Callable[[dict[str, Any]], Figures]
"""Figures of a member by name, each with the number of discs or slices; empty where `val` cannot judge it."""


def quantise(models: Path, members: Sequence[dict[str, Any]], root: Path, largest_loss: float) -> list[dict[str, Any]]:
    """Store each float classifier and segmenter of a pack in 8 bits unless a figure falls by more than `largest_loss`.

    Returns what came of each, with its figures, which `members/packing.json` keeps. Raises `InputFault`, before any file
    is changed, where `val` can judge none.
    """
    tried = [m for m in members if m["role"] in ("disc-classifier", "spine-segmenter") and stored_as(models / m["file"]) != "int8"]
    measures = _measures(models, root, {member["role"] for member in tried})
    before = {member["id"]: measures[member["role"]](member) for member in tried}
    if tried and not any(before.values()):
        raise InputFault(f"{root} has no val disc or val mask that could judge a member: nothing is stored in 8 bits")
    trials = []
    for member in tried:
        if not before[member["id"]]:
            print(f"{member['id']}: no val case can judge all it answers; it stays as it is", file=sys.stderr)
            continue
        trial = _try(models, member, before[member["id"]], measures[member["role"]], largest_loss)
        keep_packing(models, "int8", [trial])
        trials.append(trial)
    return trials


def _measures(models: Path, root: Path, roles: set[str]) -> dict[str, Measure]:
    discs = scored_discs(root, ("val",), None) if "disc-classifier" in roles else []
    regions = [region for region in read_regions(root) if region.split == "val"] if "spine-segmenter" in roles else []

    def aucs(member: dict[str, Any]) -> Figures:
        found = figures(discs, member_logits(models, member, discs)) if discs else {}
        answered = all(any(name.endswith(f"/{target}") for name in found) for target in member["output"]["targets"])
        return {f"ROC AUC {name}": (value["auc"], value["n"]) for name, value in found.items()} if answered else {}

    def overlaps(member: dict[str, Any]) -> Figures:
        found = measure(regions, member_probabilities(models, member, regions)) if regions else {}
        return {f"mean IoU {source}": (value["mIoU"], value["slices"]) for source, value in found.items()}

    return {"disc-classifier": aucs, "spine-segmenter": overlaps}


def _try(models: Path, member: dict[str, Any], before: Figures, measured: Measure, largest_loss: float) -> dict[str, Any]:
    """Put the 8-bit file in the place of a member's where its figures hold."""
    path = models / member["file"]
    trial = path.with_suffix(".int8.part")
    try:
        if not store_in_int8(path, trial):
            return _told(path, member, False, "no large weights to store in 8 bits", [])
        after = measured({**member, "file": trial.name})
        pairs = [{"name": name, "n": n, "before": value, "after": after[name][0]} for name, (value, n) in before.items()]
        kept = all(round(pair["before"] - pair["after"], 4) <= largest_loss for pair in pairs)
        sizes = f"{path.stat().st_size} to {trial.stat().st_size} bytes"
        if kept:
            os.replace(trial, path)
    finally:
        trial.unlink(missing_ok=True)
    if not kept:
        return _told(path, member, False, f"stays as it is, a figure falls by more than {largest_loss}", pairs)
    told = _told(path, member, True, f"stored in 8 bits, {sizes}", pairs)
    stamp = {"sha256": told["sha256"], "bytes": path.stat().st_size}
    change_parts(models, lambda part: _stamped(part, member["file"], stamp))
    return told


def _told(path: Path, member: dict[str, Any], kept: bool, what: str, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    figures_told = [f"{pair['name']} {pair['before']:.4f} to {pair['after']:.4f} (n {pair['n']})" for pair in pairs]
    said = "; ".join([what, *figures_told])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"id": member["id"], "sha256": sha256, "kept": kept, "said": said, "figures": pairs}


def _stamped(part: dict[str, Any], file: str, stamp: dict[str, Any]) -> dict[str, Any]:
    if "members" not in part:
        return part
    return {**part, "members": [member | stamp if member["file"] == file else member for member in part["members"]]}
