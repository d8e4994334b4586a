"""Members of a pack that nothing asks: no ensemble gives them a weight and no tier needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .fragment import change_parts, keep_packing


def unused(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Why a classifier or segmenter can be left out of a pack, by id; empty where every one is asked."""
    named = {value for tier in manifest["tiers"].values() for value in tier.values() if isinstance(value, str)}
    weights = {
        "disc-classifier": [target["weights"] for target in manifest["targets"].values()],
        "spine-segmenter": [manifest["segmentation"]["weights"]],
    }
    parts = {"disc-classifier": f"for {' or '.join(manifest['targets'])}", "spine-segmenter": "in the segmentation"}
    reasons = {}
    for member in manifest["members"]:
        role, name = member["role"], member["id"]
        if role in weights and name not in named and not any(given.get(name, 0) for given in weights[role]):
            reasons[name] = f"no weight {parts[role]}, and no tier needs it"
    return reasons


def trimmed(part: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A manifest or fragment without some members and without their weights of 0."""
    rest = dict(part)
    if "members" in part:
        rest["members"] = [member for member in part["members"] if member["id"] not in names]
    if "targets" in part:
        rest["targets"] = {name: _without(target, names) for name, target in part["targets"].items()}
    if part.get("segmentation"):
        rest["segmentation"] = _without(part["segmentation"], names)
    return rest


def leave_out(models: Path, manifest: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Take members out of a pack's fragments, keep the reasons for its card, and delete their files.

    A file that another member has too stays, and so does one outside the pack's folder.
    """
    gone = [member for member in manifest["members"] if member["id"] in reasons]
    if not gone:
        return
    keep_packing(models, "leftOut", [{"id": m["id"], "role": m["role"], "reason": reasons[m["id"]]} for m in gone])
    change_parts(models, lambda part: trimmed(part, reasons))
    shared = {member["file"] for member in manifest["members"] if member["id"] not in reasons}
    for name in {member["file"] for member in gone} - shared:
        if Path(name).name == name:
            (models / name).unlink()


def _without(rule: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {**rule, "weights": {name: weight for name, weight in rule["weights"].items() if name not in names}}
