"""The parts of a manifest, `members/*.json` in the pack's folder; networks fill `members/networks.json` by atomic renames."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .data import REPOSITORY
from .faults import InputFault, read_text

DEFAULT_MODELS = REPOSITORY / "layers" / "models"
FRAGMENT = Path("members") / "networks.json"
PACKING = Path("members") / "packing.json"
ROLES = ("lumbar-detector", "disc-detector", "disc-classifier", "spine-segmenter")
MEMBER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""What `discflow` takes for a member's name."""
TEXT, NUMBER, PARTS, LIST = (str, "a text"), ((int, float), "a number"), (dict, "an object"), (list, "a list")
KINDS = {
    "members": LIST, "trainingData": LIST, "targets": PARTS, "segmentation": PARTS, "detection": PARTS, "gates": PARTS, "tiers": PARTS,
    "name": TEXT, "version": TEXT, "licence": TEXT, "intendedUse": TEXT, "leftOut": LIST, "int8": LIST,
}
ENTRY = {"id": TEXT, "role": TEXT, "file": TEXT}
PACKED = {
    "leftOut": {"id": TEXT, "role": TEXT, "reason": TEXT},
    "int8": {"id": TEXT, "sha256": TEXT, "figures": LIST, "kept": (bool, "true or false")},
}
TARGET = {"weights": PARTS, "temperature": NUMBER, "bias": NUMBER, "threshold": NUMBER}

Kinds = dict[str, tuple[Any, str]]


def read_fragment(models: Path) -> dict[str, Any]:
    """The networks' fragment of a pack, empty where there is none yet; raises `InputFault` where it is broken."""
    path = models / FRAGMENT
    return {"members": []} | read_part(path) if path.exists() else {"members": []}


def read_fragments(models: Path) -> list[dict[str, Any]]:
    """Every fragment of a pack, in order of name; raises `InputFault` where one is broken."""
    return [read_part(path) for path in sorted((models / FRAGMENT.parent).glob("*.json"))]


def read_part(path: Path) -> dict[str, Any]:
    """One fragment; a bare list is a list of members. Raises `InputFault` where it is no JSON, or not what a manifest holds."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as fault:
        raise InputFault(f"{path}, line {fault.lineno}: {fault.msg}") from fault
    fragment = {"members": content} if isinstance(content, list) else content
    if wrong := next(_faults(fragment), None):
        raise InputFault(f"{path}: {wrong}")
    return fragment


def _faults(fragment: Any) -> Iterator[str]:
    """What of a fragment is not of the kind that is read of it."""
    yield from _unlike("it", fragment, {})
    yield from _unlike("it", fragment, {name: kind for name, kind in KINDS.items() if name in fragment})
    for place, entry in enumerate(fragment.get("members", []), 1):
        yield from _member_faults(f"member {place}", entry)
    for name, target in fragment.get("targets", {}).items():
        yield from _unlike(f"target {name}", target, TARGET)
        yield from _unlike(f"target {name}, weights", target["weights"], dict.fromkeys(target["weights"], NUMBER))
    if segmentation := fragment.get("segmentation"):
        yield from _unlike("segmentation", segmentation, {"weights": PARTS})
        yield from _unlike("segmentation, weights", segmentation["weights"], dict.fromkeys(segmentation["weights"], NUMBER))
    tiers = fragment.get("tiers", {})
    yield from _unlike("tiers", tiers, dict.fromkeys(tiers, PARTS))
    for name, kinds in PACKED.items():
        for place, entry in enumerate(fragment.get(name, []), 1):
            yield from _unlike(f"{name} {place}", entry, kinds)


def _member_faults(place: str, entry: Any) -> Iterator[str]:
    yield from _unlike(place, entry, ENTRY)
    if not MEMBER_ID.fullmatch(entry["id"]):
        yield f"{place}: the id {entry['id']} is not of small letters, digits and hyphens"
    if entry["role"] not in ROLES:
        yield f"{place}: the role {entry['role']} is none of {', '.join(ROLES)}"
    if entry["role"] == "disc-classifier":
        yield from _unlike(place, entry, {"output": PARTS})
        yield from _unlike(f"{place}, output", entry["output"], {"targets": LIST})


def _unlike(place: str, values: Any, kinds: Kinds) -> Iterator[str]:
    """What of an object is missing, or is of another kind."""
    if not isinstance(values, dict):
        yield f"{place} is no object"
    for name, (kind, title) in kinds.items():
        if name not in values:
            yield f"{place} has no {name}"
        elif not isinstance(values[name], kind):
            yield f"{place}: {name} is not {title}"


def member_id(text: str) -> str:
    """A reader of ids for `argparse`."""
    if not MEMBER_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not of small letters, digits and hyphens, 64 at most")
    return text


def members_of(models: Path, role: str) -> list[dict[str, Any]]:
    """A pack's members of a role from all its fragments; raises `InputFault` where there is none."""
    found = [member for fragment in read_fragments(models) for member in fragment.get("members", []) if member["role"] == role]
    if not found:
        raise InputFault(f"no {role} in {models / FRAGMENT.parent}; export one first")
    return found


def write_fragment(models: Path, fragment: dict[str, Any]) -> None:
    """Replace the networks' fragment."""
    write_json(models / FRAGMENT, fragment)


def change_parts(models: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace every fragment of a pack that `change` makes another of; a bare list of members stays one."""
    for path in sorted((models / FRAGMENT.parent).glob("*.json")):
        part = read_part(path)
        changed = change(part)
        if changed != part:
            write_json(path, changed["members"] if isinstance(json.loads(read_text(path)), list) else changed)


def read_packing(models: Path) -> dict[str, Any]:
    """What `pack` left out and tried in 8 bits, as `members/packing.json` keeps it for the card."""
    path = models / PACKING
    return {"leftOut": [], "int8": []} | (read_part(path) if path.exists() else {})


def keep_packing(models: Path, part: str, found: Sequence[dict[str, Any]]) -> None:
    """Add to a part of `members/packing.json`, in place of what it says of the same members."""
    kept = read_packing(models)
    others = [entry for entry in kept[part] if entry["id"] not in {new["id"] for new in found}]
    write_json(models / PACKING, {**kept, part: sorted([*others, *found], key=lambda entry: entry["id"])})


def write_json(path: Path, value: dict[str, Any] | list[Any]) -> None:
    """Write JSON by an atomic rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def upsert_member(models: Path, entry: dict[str, Any]) -> None:
    """Add a member's entry, or replace the one of the same id."""
    fragment = read_fragment(models)
    others = [member for member in fragment["members"] if member["id"] != entry["id"]]
    fragment["members"] = sorted([*others, entry], key=lambda member: (member["role"], member["id"]))
    write_fragment(models, fragment)


def find_member(models: Path, name: str, role: str | None = None) -> dict[str, Any]:
    """A member's entry by its id; raises `InputFault` where there is none, or one of another role than asked for."""
    for member in read_fragment(models)["members"]:
        if member["id"] == name:
            if role not in (None, member["role"]):
                raise InputFault(f"{name} is a {member['role']} and no {role}")
            return member
    raise InputFault(f"no member {name} in {models / FRAGMENT}")
