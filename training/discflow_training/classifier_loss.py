"""What a classifier's answers cost in training: both targets, auxiliary heads, mixup; unknown labels are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .classifiers import DiscClassifier
from .disc_data import TARGETS, UNKNOWN, Disc
from .precision import autocast

if TYPE_CHECKING:
    from .classify import Recipe

GRADE_WEIGHT = {"level": 0.2, "degenerative": 0.3, "narrowing": 0.2, "pfirrmann": 0.2, "noted": 0.5, "compression": 0.5, "stenosis": 0.5}


def masked_bce(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Mean binary cross-entropy over labels in 0..1; negative labels are unknown and left out."""
    known = (labels >= 0).float()
    goal = labels.clamp(0, 1) * (1 - smoothing) + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


def _mixed(labels: Tensor, order: Tensor, share: float) -> Tensor:
    """Labels mixed as the images are; unknown where either is."""
    other = labels[order]
    mixed = labels * share + other * (1 - share)
    return torch.where((labels < 0) | (other < 0), torch.full_like(mixed, UNKNOWN), mixed)


def training_loss(network: DiscClassifier, images: Tensor, discs: Sequence[Disc], recipe: Recipe) -> Tensor:
    """Main and auxiliary losses of a batch, mixed with itself in another order; with a mixup of 0 each picture is its own."""
    share = float(np.random.beta(recipe.mixup, recipe.mixup)) if recipe.mixup > 0 else 1.0
    order, device = torch.randperm(len(discs)) if recipe.mixup > 0 else torch.arange(len(discs)), images.device
    images = images * share + images[order] * (1 - share)
    with autocast(device):
        heads = network.all_heads(images.contiguous(memory_format=torch.channels_last))
    targets = _mixed(torch.tensor([disc.targets for disc in discs], dtype=torch.float32), order, share).to(device)
    main = heads["main"].float()
    loss = sum(masked_bce(main[:, i], targets[:, i], recipe.smoothing) for i in range(len(TARGETS)))
    for name in recipe.auxiliary:
        grades = torch.tensor([disc.grades[name] for disc in discs], device=device)
        loss = loss + GRADE_WEIGHT[name] * _grade_loss(heads[name].float(), grades, order, share)
    return loss


def _grade_loss(logits: Tensor, grades: Tensor, order: Tensor, share: float) -> Tensor:
    if logits.shape[1] == 1:
        return masked_bce(logits[:, 0], _mixed(grades.float(), order, share), 0.0)
    if not (grades >= 0).any():
        return logits.sum() * 0
    losses = [F.cross_entropy(logits, goal, ignore_index=UNKNOWN, reduction="sum") for goal in (grades, grades[order])]
    return (share * losses[0] + (1 - share) * losses[1]) / (grades >= 0).sum()
