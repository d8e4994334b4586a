"""The training loop of every run: Adam, early stopping on the loss of val, the best epoch kept, resumable by epoch.

Random numbers of an epoch depend on the seed and the epoch alone, so a run that was killed and goes on from its
checkpoint ends with the numbers of one that was not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..faults import InputFault
from ..runs import resume, save_checkpoint, seed_epoch
from .protocol import Schedule

Curves = list[dict[str, Any]]


class Task(Protocol):
    """What a run learns; batches are whatever `loss` understands."""

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Any]: ...

    def loss(self, network: nn.Module, batch: Any) -> Tensor: ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on val, `loss` among them."""
        ...


def best_epoch(curves: Curves) -> int:
    """The epoch of the least loss on val, the first among equals."""
    return min(range(len(curves)), key=lambda epoch: (curves[epoch]["val"]["loss"], epoch))


def is_over(curves: Curves, schedule: Schedule) -> bool:
    """Whether all epochs were run or `patience` of them brought no lower loss."""
    if len(curves) >= schedule.epochs:
        return True
    return bool(curves) and len(curves) - 1 - best_epoch(curves) >= schedule.patience


@dataclass(frozen=True)
class Descent:
    """Adam at one rate; with momentum, gradient descent whose rate rises in the first epochs and then falls on a line."""

    momentum: float | None = None
    warmup_epochs: int = 1
    final_share: float = 1.0
    largest_norm: float = 10.0

    def optimizer(self, parameters: list[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
        if self.momentum is None:
            return torch.optim.Adam(parameters, lr=schedule.learning_rate)
        return torch.optim.SGD(parameters, lr=schedule.learning_rate, momentum=self.momentum, nesterov=True)

    def begin_epoch(self, optimizer: torch.optim.Optimizer, schedule: Schedule, epoch: int) -> None:
        """Set the rate of this epoch."""
        share = 1 - (1 - self.final_share) * epoch / schedule.epochs
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * share * min(1.0, (epoch + 1) / self.warmup_epochs)

    def before_step(self, network: nn.Module) -> None:
        """Clip the gradient's norm where momentum would carry a large one on."""
        if self.momentum is not None:
            nn.utils.clip_grad_norm_(network.parameters(), self.largest_norm)


def fit(
    network: nn.Module,
    frozen: Frozen,
    task: Task,
    schedule: Schedule,
    seed: int,
    out: Path,
    stop_after: int | None = None,
    descent: Descent = Descent(),
) -> Curves:
    """Train, or go on from `out/checkpoint.pt`, and leave the best epoch's weights in the network.

    `stop_after` ends the call after that many epochs in all, as a kill would. Raises `InputFault` where the training diverges.
    """
    out.mkdir(parents=True, exist_ok=True)
    optimizer = descent.optimizer(frozen.apply(network), schedule)
    best = copy.deepcopy(network)
    state = {"network": network, "optimizer": optimizer, "best": best}
    curves = resume(out, state)
    while not is_over(curves, schedule) and (stop_after is None or len(curves) < stop_after):
        epoch, started = len(curves), time.monotonic()
        seed_epoch(seed, epoch)
        rng = np.random.default_rng([seed, epoch])
        frozen.train_mode(network)
        descent.begin_epoch(optimizer, schedule, epoch)
        losses: list[float] = []
        for batch in task.batches(rng, schedule.batch):
            loss = task.loss(network, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            descent.before_step(network)
            optimizer.step()
            losses.append(float(loss.detach()))
        network.eval()
        if not (np.isfinite(losses).all() and all(value.isfinite().all() for value in network.state_dict().values())):
            raise InputFault(f"{out.name} diverged in epoch {epoch}: its loss or weights are no numbers any more; another --seed may help")
        figures = {name: round(value, 5) for name, value in task.validate(network).items()}
        seconds = round(time.monotonic() - started, 2)
        curves.append({"epoch": epoch, "loss": round(float(np.mean(losses)), 5), "val": figures, "seconds": seconds})
        if best_epoch(curves) == epoch:
            best.load_state_dict(network.state_dict())
        save_checkpoint(out, state, curves)
    network.load_state_dict(best.state_dict())
    network.eval()
    return curves


class Frozen:
    """The parts of a network that do not learn, by prefix of their parameters' names, with exceptions.

    Frozen batch norms keep their running figures, as in the paper's library.
    """

    def __init__(self, prefix: str | None = None, but: tuple[str, ...] = ()) -> None:
        self._prefix, self._but = prefix, but

    def holds(self, name: str) -> bool:
        if self._prefix is None or not f"{name}.".startswith(self._prefix):
            return False
        return not any(f"{name}.".startswith(kept) for kept in self._but)

    def apply(self, network: nn.Module) -> list[nn.Parameter]:
        """Switch gradients on and off; returns the parameters that learn."""
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not self.holds(name))
        return [parameter for parameter in network.parameters() if parameter.requires_grad]

    def train_mode(self, network: nn.Module) -> None:
        network.train()
        for name, module in network.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and self.holds(name):
                module.eval()


def batches_of(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Index batches; a last batch of one is left out, since a batch norm cannot read it."""
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        if len(batch) > 1 or len(order) == 1:
            yield batch
