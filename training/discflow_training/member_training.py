"""What training a classifier and a segmenter share: the course of the optimizer, and the options of their commands."""

from __future__ import annotations

import argparse
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .averaging import WeightAverage
from .data import DEFAULT_DATA_ROOT
from .fragment import DEFAULT_MODELS, member_id
from .recipes import add_recipe, device, positive
from .runs import require_number, resume, save_checkpoint

LARGEST_NORM = 5.0
"""Gradients of a larger norm are scaled down to it."""


class Course:
    """AdamW over one cycle of the learning rate, and the running average of the weights.

    `steps` is the number of batches of the whole training; `curves` holds an entry an epoch, those of `out/checkpoint.pt` at first.
    Where there is no checkpoint, the weights of an earlier training in `out` are removed, or `export` would take them for this one's.
    """

    def __init__(self, network: nn.Module, recipe: Any, steps: int, out: Path) -> None:
        self.network, self.out = network, out
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.15)
        self.average = WeightAverage(network)
        self._state = {"network": network, "optimizer": self.optimizer, "schedule": self.schedule, "average": self.average.network}
        self.curves = resume(out, self._state)
        if not self.curves:
            (out / "weights.pt").unlink(missing_ok=True)
        self.average.steps = self.schedule.last_epoch

    def step(self, loss: Tensor) -> float:
        """Learn from the loss of one batch; returns it. Raises `InputFault` where its gradient is no number."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        require_number(nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_NORM))
        self.optimizer.step()
        self.schedule.step()
        self.average.update(self.network)
        return float(loss.detach())

    def save(self) -> None:
        """Write the checkpoint that the same command goes on from."""
        save_checkpoint(self.out, self._state, self.curves)


def member_parser(
    prog: str, description: str | None, recipe: Any, choices: Mapping[str, Container[Any]], figures: str
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser, argparse.ArgumentParser]:
    """A parser of the commands train, export and evaluate, and those of train and evaluate for options of their own."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train one network")
    training.add_argument(
        "--encoder-weights", type=Path, metavar="FILE", help="an ImageNet checkpoint in torchvision's or timm's naming (width 1)"
    )
    training.add_argument("--initial", type=Path, help="start from the weights of this output folder")
    training.add_argument("--stop-after", type=positive(int), help="stop after this many epochs; the same command goes on")
    training.add_argument("--device", type=device, choices=("cpu", "cuda"), default="cpu", help="what trains (default: cpu)")
    add_recipe(training, recipe, choices)
    exporting = commands.add_parser("export", help="write a trained network as ONNX with its manifest entry")
    for command in (training, exporting):
        command.add_argument("--out", type=Path, required=True, help="the run's folder: recipe, checkpoint, curves, weights")
    exporting.add_argument("--int8", action="store_true", help="store large weights in 8 bits: half the size of the default")
    measuring = commands.add_parser("evaluate", help=figures)
    measuring.add_argument("--split", choices=("val", "test"), default="val", help="what to measure on (default: val)")
    for command in (exporting, measuring):
        command.add_argument("--id", type=member_id, required=True, help="the member's id")
        command.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    for command in (training, measuring):
        command.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    return parser, training, measuring
