"""Assemble a pack: `python -m discflow_training.pack --models ../layers/models`.

Merges the fragments `members/*.json` (members, targets, segmentation, tiers, detection, training data) into
`manifest.json`, with each file's SHA-256 and size, and checks what `docs/model-pack.md` asks for. Metrics are left empty:
they come from the pipeline's own evaluation.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS, ROLES, read_fragments, write_json

LARGEST_BYTES = 32 * 1024 * 1024
HEADER: dict[str, Any] = {
    "schema": "discflow.pack/1",
    "name": "discflow-default",
    "version": "0.2.6",
    "licence": "CC-BY-4.0",
    "intendedUse": (
        "Research and development: naming lumbar discs on a mid-sagittal T2-weighted MR slice of an adult and estimating"
        " whether each is bulging or herniated. Not for diagnosis, triage or treatment."
    ),
    "trainingData": [],
    "metrics": [],
}
OWN_WORDS = ("name", "version", "licence", "intendedUse")
DEFAULTS: dict[str, Any] = {
    "detection": {"confidence": 0.25, "nmsIou": 0.7},
    "targets": {},
    "segmentation": {"method": "single", "weights": {}},
    "gates": {},
    "tiers": {},
}


class PackError(InputFault):
    """A pack that breaks the contract; the message lists every fault."""


def merge_fragments(fragments: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One manifest of the fragments, in order; later ones replace the named parts, members are collected."""
    merged = {**HEADER, **DEFAULTS, "members": []}
    for fragment in fragments:
        merged["members"] = merged["members"] + fragment.get("members", [])
        merged["trainingData"] = merged["trainingData"] + fragment.get("trainingData", [])
        for name in (*DEFAULTS, *OWN_WORDS):
            if name in fragment:
                merged[name] = fragment[name]
    merged["members"].sort(key=lambda member: (ROLES.index(member["role"]), member["id"]))
    names = ("schema", "name", "version", "licence", "intendedUse", "trainingData", "metrics", "members")
    return {name: merged[name] for name in (*names, "detection", "targets", "segmentation", "gates", "tiers")}


def stamp_files(manifest: dict[str, Any], models: Path) -> None:
    """Set each member's `sha256` and `bytes` from its file."""
    for member in manifest["members"]:
        content = (models / member["file"]).read_bytes()
        member["sha256"] = hashlib.sha256(content).hexdigest()
        member["bytes"] = len(content)


def faults(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest; empty when it keeps the contract."""
    found = []
    ids = [member["id"] for member in manifest["members"]]
    found += [f"two members are named {name}" for name in sorted(set(ids)) if ids.count(name) > 1]
    by_role = {role: {m["id"]: m for m in manifest["members"] if m["role"] == role} for role in ROLES}
    found += [f"no {role}" for role in ROLES if not by_role[role]]
    found += [f"{role} has more than one member" for role in ROLES[:2] if len(by_role[role]) > 1]
    for name, target in manifest["targets"].items():
        able = {key for key, m in by_role["disc-classifier"].items() if name in m["output"]["targets"]}
        found += _weight_faults(f"target {name}", target["weights"], able)
        found += [f"target {name}: {key} is not positive" for key in ("temperature",) if target[key] <= 0]
        found += [] if 0 < target["threshold"] < 1 else [f"target {name}: threshold {target['threshold']}"]
    found += _weight_faults("segmentation", manifest["segmentation"]["weights"], set(by_role["spine-segmenter"]))
    single = manifest["tiers"].get("single", {})
    for key, role in (("classifier", "disc-classifier"), ("segmenter", "spine-segmenter")):
        if key in single and single[key] not in by_role[role]:
            found.append(f"tier single names no {role}: {single[key]}")
    total = sum(member["bytes"] for member in manifest["members"])
    return found + ([f"{total} bytes are more than {LARGEST_BYTES}"] if total > LARGEST_BYTES else [])


def unnamed(fragments: Sequence[dict[str, Any]]) -> list[str]:
    """What no fragment says of a pack of one's own, which would pass for the default pack."""
    return [f"no fragment says its {name} (members/own.json)" for name in OWN_WORDS if not any(name in part for part in fragments)]


def _weight_faults(part: str, weights: dict[str, float], able: set[str]) -> list[str]:
    found = [f"{part}: {name} does not answer it" for name in weights if name not in able]
    total = sum(weights.values())
    if abs(total - 1) > 1e-3:
        found.append(f"{part}: weights sum to {total:.4f}")
    return found + [f"{part}: weight of {name} is negative" for name, weight in weights.items() if weight < 0]


def assemble(models: Path) -> dict[str, Any]:
    """Write `manifest.json` from the fragments; raises `PackError` and writes nothing where it breaks the contract."""
    fragments = read_fragments(models)
    manifest = merge_fragments(fragments)
    stamp_files(manifest, models)
    named = {member["file"] for member in manifest["members"]}
    strays = [f"{path.name} belongs to no member" for path in sorted(models.glob("*.onnx")) if path.name not in named]
    if wrong := faults(manifest) + strays + ([] if models.resolve() == DEFAULT_MODELS else unnamed(fragments)):
        raise PackError(f"{models}: {'; '.join(wrong)}")
    write_json(models / "manifest.json", manifest)
    return manifest


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.pack", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder")
    options = parser.parse_args(arguments)
    manifest = assemble(options.models)
    total = sum(member["bytes"] for member in manifest["members"])
    print(f"{len(manifest['members'])} members, {total / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
