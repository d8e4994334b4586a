"""The part of a manifest that networks fill: `members/networks.json` in the pack's folder, replaced by atomic renames."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .data import REPOSITORY
from .faults import InputFault

DEFAULT_MODELS = REPOSITORY / "layers" / "models"
FRAGMENT = Path("members") / "networks.json"


def read_fragment(models: Path) -> dict[str, Any]:
    """The fragment of a pack, empty where there is none yet."""
    path = models / FRAGMENT
    return json.loads(path.read_text()) if path.exists() else {"members": []}


def read_fragments(models: Path) -> list[dict[str, Any]]:
    """Every fragment of a pack, in order of name; a bare list is a list of members."""
    contents = [json.loads(path.read_text()) for path in sorted((models / FRAGMENT.parent).glob("*.json"))]
    return [{"members": content} if isinstance(content, list) else content for content in contents]


def write_fragment(models: Path, fragment: dict[str, Any]) -> None:
    """Replace the fragment."""
    write_json(models / FRAGMENT, fragment)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON by an atomic rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    os.replace(temporary, path)


def upsert_member(models: Path, entry: dict[str, Any]) -> None:
    """Add a member's entry, or replace the one of the same id."""
    fragment = read_fragment(models)
    others = [member for member in fragment["members"] if member["id"] != entry["id"]]
    fragment["members"] = sorted([*others, entry], key=lambda member: (member["role"], member["id"]))
    write_fragment(models, fragment)


def find_member(models: Path, member_id: str) -> dict[str, Any]:
    """A member's entry by its id."""
    for member in read_fragment(models)["members"]:
        if member["id"] == member_id:
            return member
    raise InputFault(f"no member {member_id} in {models / FRAGMENT}")
