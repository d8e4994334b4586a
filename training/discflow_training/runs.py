"""What every training run keeps in its output folder: checkpoint, curves, averaged weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def resume(out: Path, state: dict[str, Any]) -> list[dict[str, Any]]:
    """Load `out/checkpoint.pt` into the parts of `state` where it exists; returns the curves so far."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return []
    stored = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in state.items():
        part.load_state_dict(stored[name])
    return json.loads(stored["curves"])


def save_checkpoint(out: Path, state: dict[str, Any], curves: list[dict[str, Any]]) -> None:
    """Write the state dicts and curves by an atomic rename."""
    stored = {name: part.state_dict() for name, part in state.items()} | {"curves": json.dumps(curves)}
    torch.save(stored, out / "checkpoint.part")
    os.replace(out / "checkpoint.part", out / "checkpoint.pt")


def load_average(out: Path) -> dict[str, Tensor]:
    """The averaged weights of a finished run, or of its last checkpoint."""
    if (out / "weights.pt").exists():
        return torch.load(out / "weights.pt", map_location="cpu", weights_only=True)
    return torch.load(out / "checkpoint.pt", map_location="cpu", weights_only=True)["average"]


def tupled(values: dict[str, Any]) -> dict[str, Any]:
    """JSON lists as the tuples that a recipe holds."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
