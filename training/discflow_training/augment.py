"""Augmentation on batches of grey images, `N x 1 x H x W`, values 0..255 (paper, Methods: rotation, brightness, shift).

Geometry is sampled straight from the native slice with `affine_crop`, so that an untouched crop equals the contract's
crop and stretch; what lies outside repeats the nearest pixel.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def turned(across: Tensor, down: Tensor, centre: tuple[float, float], degrees: float) -> tuple[Tensor, Tensor]:
    """Native x and y (pixel centres at 0, 1, ...) of a grid of offsets from `centre` (pixel edges), turned about it."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x = across[None, :] * cosine - down[:, None] * sine + centre[0] - 0.5
    y = across[None, :] * sine + down[:, None] * cosine + centre[1] - 0.5
    return x, y


def crop_grid(crop: tuple[float, float, float, float], width: int, height: int, degrees: float) -> tuple[Tensor, Tensor]:
    """Native x and y of each pixel of `crop` (`x0, y0, x1, y1`, pixel edges) stretched to `width x height` and turned."""
    x0, y0, x1, y1 = crop
    across = ((torch.arange(width) + 0.5) / width - 0.5) * (x1 - x0)
    down = ((torch.arange(height) + 0.5) / height - 0.5) * (y1 - y0)
    return turned(across, down, ((x0 + x1) / 2, (y0 + y1) / 2), degrees)


def sample(image: Tensor, x: Tensor, y: Tensor, mode: str = "bilinear") -> Tensor:
    """`1 x h x w` values of an `H x W` float image at native positions, the border repeated."""
    height, width = image.shape
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    return F.grid_sample(image[None, None], grid[None], mode=mode, padding_mode="border", align_corners=False)[0]


def _uniform(n: int, low: float, high: float) -> Tensor:
    return torch.empty(n, 1, 1, 1).uniform_(low, high)


def _chance(n: int, probability: float) -> Tensor:
    return (torch.rand(n, 1, 1, 1) < probability).float()


def _smooth_field(n: int, height: int, width: int, cells: int) -> Tensor:
    """Smooth random fields in about -1..1, `N x 1 x H x W`."""
    coarse = torch.randn(n, 1, cells, cells).clamp(-2, 2) / 2
    return F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)


def shade(images: Tensor, strength: float) -> Tensor:
    """Surface-coil shading: brightness changes smoothly by up to a factor `exp(strength)`."""
    n, _, height, width = images.shape
    field = _smooth_field(n, height, width, 3) * _uniform(n, 0, strength)
    return images * torch.exp(field)


def gamma_contrast(images: Tensor, gamma: float, contrast: float, brightness: float) -> Tensor:
    """Random gamma `2^+-gamma`, contrast about the mean and brightness (fractions of the range)."""
    n = images.shape[0]
    images = 255 * (images.clamp(0, 255) / 255).pow(2 ** _uniform(n, -gamma, gamma))
    mean = images.mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * (1 + _uniform(n, -contrast, contrast)) + mean
    return images + 255 * _uniform(n, -brightness, brightness)


def lose_resolution(images: Tensor, probability: float, lowest: float) -> Tensor:
    """Shrink the batch by one random factor and enlarge it again, for a share of its images."""
    scale = float(np.random.uniform(lowest, 1))
    small = F.interpolate(images, scale_factor=scale, mode="area")
    blurred = F.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)
    chosen = _chance(images.shape[0], probability)
    return images * (1 - chosen) + blurred * chosen


def add_noise(images: Tensor, probability: float, deviation: float) -> Tensor:
    """Gaussian noise of up to `deviation` grey values for a share of the images."""
    n = images.shape[0]
    return images + torch.randn_like(images) * _uniform(n, 0, deviation) * _chance(n, probability)


def vary_intensity(images: Tensor, strength: float = 1.0) -> Tensor:
    """The whole intensity chain, clamped to 0..255; `strength` 0 leaves images as they are."""
    if strength == 0:
        return images
    images = shade(images, 0.7 * strength)
    images = gamma_contrast(images, 0.6 * strength, 0.25 * strength, 0.10 * strength)
    images = lose_resolution(images, 0.3 * strength, 0.4)
    return add_noise(images, 0.5, 10 * strength).clamp(0, 255)
