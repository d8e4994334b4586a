"""What number format a network computes in while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

CPU_FEATURES = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Of `torch.cpu.get_capabilities`, those by which a processor multiplies bfloat16 itself."""


def arithmetic(device: str | torch.device, features: Mapping[str, Any] | None = None) -> torch.dtype:
    """bfloat16 where the device multiplies it itself, float32 elsewhere.

    A processor without it emulates bfloat16: on one of AVX2 alone a step of the shipped segmenters then takes nine to
    eleven times as long as in float32 (measured with torch 2.13). `features` are the processor's, found where not given.
    """
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    found = torch.cpu.get_capabilities() if features is None else features
    return torch.bfloat16 if any(found.get(name) for name in CPU_FEATURES) else torch.float32


def arithmetic_name(device: str | torch.device) -> str:
    """As a run records it: `bfloat16` or `float32`."""
    return str(arithmetic(device)).removeprefix("torch.")


def autocast(device: str | torch.device) -> torch.autocast:
    """The context in which a network in training is called: it casts to bfloat16 where the device has it, and nothing elsewhere."""
    chosen = arithmetic(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=chosen == torch.bfloat16)
