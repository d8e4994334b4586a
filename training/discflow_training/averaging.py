"""A running average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential average of parameters and buffers; the decay grows from 2/11 to `decay` in the first `steps`.

    `steps` counts the updates so far; a training that goes on from a checkpoint sets it, or its average would begin anew.
    """

    def __init__(self, network: nn.Module, decay: float = 0.995) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        self.steps += 1
        keep = min(self._decay, (1 + self.steps) / (10 + self.steps))
        own = self.network.state_dict()
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                own[name].lerp_(value, 1 - keep)
            else:
                own[name].copy_(value)
