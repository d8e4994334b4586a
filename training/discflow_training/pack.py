"""Assemble a pack: `python -m discflow_training.pack --models FOLDER`.

Merges the fragments `members/*.json` (members, targets, segmentation, tiers, detection, training data) into
`manifest.json`, with each file's SHA-256 and size, and checks what `docs/model-pack.md` asks for. A pack of one's own can
be rid of members that nothing asks, have its networks stored in 8 bits where their figures hold, and gets a model card.
Metrics are left empty: they come from the pipeline's own evaluation.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .data import DEFAULT_DATA_ROOT
from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS, ROLES, read_fragments, write_json
from .pack_card import CARD, title_of, told_pack, write_card
from .pack_choice import leave_out, trimmed, unused
from .pack_int8 import LARGEST_LOSS, quantise

LARGEST_BYTES = 32 * 1024 * 1024
HEADER: dict[str, Any] = {
    "schema": "discflow.pack/1",
    "name": "discflow-default",
    "version": "0.2.7",
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
    return found


def too_large(manifest: dict[str, Any]) -> list[str]:
    """The fault of a pack that has more bytes than a layer takes; fewer members or 8 bits mend it."""
    total = sum(member["bytes"] for member in manifest["members"])
    return [f"{total} bytes are more than {LARGEST_BYTES}"] if total > LARGEST_BYTES else []


def unnamed(fragments: Sequence[dict[str, Any]]) -> list[str]:
    """What no fragment says of a pack of one's own, which would pass for the default pack."""
    return [f"no fragment says its {name} (members/own.json)" for name in OWN_WORDS if not any(name in part for part in fragments)]


def _weight_faults(part: str, weights: dict[str, float], able: set[str]) -> list[str]:
    found = [f"{part}: {name} does not answer it" for name in weights if name not in able]
    total = sum(weights.values())
    if abs(total - 1) > 1e-3:
        found.append(f"{part}: weights sum to {total:.4f}")
    return found + [f"{part}: weight of {name} is negative" for name, weight in weights.items() if weight < 0]


def joined(models: Path) -> tuple[dict[str, Any], list[str]]:
    """The manifest of a pack's fragments and files as they are, and what is wrong with it but for its size."""
    fragments = read_fragments(models)
    manifest = merge_fragments(fragments)
    stamp_files(manifest, models)
    named = {member["file"] for member in manifest["members"]}
    strays = [f"{path.name} belongs to no member" for path in sorted(models.glob("*.onnx")) if path.name not in named]
    return manifest, faults(manifest) + strays + ([] if _is_default(models) else unnamed(fragments))


def assemble(models: Path) -> dict[str, Any]:
    """Write `manifest.json` from the fragments; raises `PackError` and writes nothing where it breaks the contract."""
    manifest, wrong = joined(models)
    _refuse(models, wrong + too_large(manifest))
    write_json(models / "manifest.json", manifest)
    return manifest


def choose(models: Path) -> dict[str, str]:
    """Take the members that nothing asks out of a pack, entries and files; why, by id.

    Raises `PackError`, and leaves all as it was, where the pack breaks the contract before or after.
    """
    manifest, wrong = joined(models)
    _refuse(models, wrong)
    if not manifest["targets"]:
        raise InputFault(f"{models}: no fragment holds the ensembles' weights, by which members are chosen; run evaluate ensemble first")
    reasons = unused(manifest)
    _refuse(models, faults(trimmed(manifest, reasons)))
    leave_out(models, manifest, reasons)
    return reasons


def store(models: Path, root: Path, largest_loss: float) -> list[dict[str, Any]]:
    """`quantise` the members of a pack that keeps the contract, whatever its size."""
    manifest, wrong = joined(models)
    _refuse(models, wrong)
    return quantise(models, manifest["members"], root, largest_loss)


def _refuse(models: Path, wrong: Sequence[str]) -> None:
    if wrong:
        raise PackError(f"{models}: {'; '.join(wrong)}")


def _is_default(models: Path) -> bool:
    return models.resolve() == DEFAULT_MODELS


def _require_own_card(models: Path) -> None:
    """Raise `InputFault` where the card is another pack's: its figures and members would pass for this one's."""
    told, own = told_pack(models), title_of(merge_fragments(read_fragments(models)))
    if told not in (None, own):
        raise InputFault(f"{models / CARD} is the card of {told}, and the pack is {own}: --card writes it anew")


def _loss(text: str) -> float:
    """A reader of what a figure may lose, for `argparse`."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.pack", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    parser.add_argument(
        "--choose", action="store_true", help="delete the classifiers and segmenters that no ensemble weighs and no tier needs, entries and files"
    )
    parser.add_argument("--int8", action="store_true", help="store classifiers and segmenters in 8 bits where their figures on val hold")
    parser.add_argument(
        "--int8-loss", type=_loss, default=LARGEST_LOSS, metavar="LOSS",
        help=f"ROC AUC, or mean IoU, that a member may lose by --int8 (default: {LARGEST_LOSS})",
    )
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data for --int8 (default: ../shared/data)")
    parser.add_argument("--card", action="store_true", help=f"write {CARD} anew; without it, only where the pack has none")
    return parser


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    models, default = options.models, _is_default(options.models)
    if default and (options.choose or options.int8 or options.card):
        raise InputFault("--choose, --int8 and --card are for packs of one's own (--models); the figures of layers/models hold for its files")
    if not (default or options.card):
        _require_own_card(models)
    reasons = choose(models) if options.choose else {}
    for name, reason in reasons.items():
        print(f"left out {name}: {reason}")
    if options.int8:
        trials = store(models, options.data_root, options.int8_loss)
        print("\n".join(f"{trial['id']}: {trial['said']}" for trial in trials) or "every classifier and segmenter is in 8 bits already")
    manifest = assemble(models)
    for name, reason in unused(manifest).items() if manifest["targets"] else []:
        print(f"{name}: {reason}; --choose leaves it out")
    total = sum(member["bytes"] for member in manifest["members"])
    print(f"{len(manifest['members'])} members, {total / 2**20:.1f} MiB")
    if options.card or not (default or (models / CARD).exists()):
        write_card(models, manifest)
        print(f"wrote {models / CARD}")
    elif not default:
        print(f"{models / CARD} stays as it was; --card writes it anew")


if __name__ == "__main__":
    main()
