"""The paper's augmentation on a batch: rotation, shift, flip and brightness, beyond the edge its nearest pixel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .protocol import Augmentation


def drawn_transforms(n: int, height: int, width: int, settings: Augmentation) -> Tensor:
    """`N x 2 x 3` maps from output to input in units of half a side, rotation true to pixels; drawn on the CPU."""
    angles = torch.empty(n).uniform_(-settings.degrees, settings.degrees) * (math.pi / 180)
    shifts = torch.empty(n, 2).uniform_(-settings.shift, settings.shift) * 2
    mirrored = torch.where(torch.rand(n) < (0.5 if settings.flip else 0.0), -1.0, 1.0)
    cosine, sine = torch.cos(angles), torch.sin(angles)
    first = torch.stack([cosine * mirrored, -sine * (height / width), shifts[:, 0]], dim=1)
    second = torch.stack([sine * (width / height) * mirrored, cosine, shifts[:, 1]], dim=1)
    return torch.stack([first, second], dim=1)


def drawn_brightness(n: int, settings: Augmentation) -> Tensor:
    """`N x 1 x 1 x 1` factors above or below 1."""
    low, high = settings.brightness
    signs = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    return (1 + signs * torch.empty(n).uniform_(low, high)).view(n, 1, 1, 1)


def vary(images: Tensor, settings: Augmentation, masks: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Augmented `N x 1 x H x W` images (0..255) and, with the same geometry, `N x H x W` int64 masks."""
    n, _, height, width = images.shape
    transforms = drawn_transforms(n, height, width, settings).to(images.device)
    grid = F.affine_grid(transforms, [n, 1, height, width], align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    moved = (moved * drawn_brightness(n, settings).to(images.device)).clamp(0, 255)
    if masks is None:
        return moved, None
    turned = F.grid_sample(masks[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    return moved, turned[:, 0].long()
