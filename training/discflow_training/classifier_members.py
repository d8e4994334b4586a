"""Exported classifiers of a pack: how one sees a disc, and its logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .disc_data import TARGETS, Disc, DiscInput, SliceCache, exact_batch
from .export import open_session, run_session
from .faults import InputFault
from .imaging import CropRule


def member_view(entry: dict[str, Any]) -> DiscInput:
    """How an exported member sees a disc."""
    size = entry["input"]
    rule = CropRule(entry["crop"]["kind"], entry["crop"]["factor"])
    return DiscInput(rule, size["width"], size["height"], size["mean"], size["std"], size["resize"])


def member_logits(models: Path, entry: dict[str, Any], discs: Sequence[Disc]) -> np.ndarray:
    """`N x targets` logits of an exported member on the discs' boxes, in the order of `TARGETS`; NaN where it answers none.

    Raises `InputFault` where there is no disc.
    """
    if not discs:
        raise InputFault("no disc of this split has a box: there is nothing to measure on")
    images = exact_batch(discs, member_view(entry), SliceCache()).numpy()
    logits, output = run_session(open_session(models / entry["file"]), images), entry["output"]
    if output["activation"] == "softmax":
        logits = logits[:, 1:] - logits[:, :1]
    ordered = np.full((len(discs), len(TARGETS)), np.nan, dtype=logits.dtype)
    ordered[:, [TARGETS.index(name) for name in output["targets"]]] = logits
    return ordered
