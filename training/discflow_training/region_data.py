"""Lumbar crops with their class masks for the segmenters.

Masks hold 0 background, 1 vertebra, 2 disc, 3 canal and `IGNORED` where the letterbox pads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .augment import sample, turned, vary_intensity
from .data import disc_boxes_of_mask, read_mask, read_segmentation, region_of_discs
from .imaging import CropRule, crop_box, letterbox, normalise, plan_letterbox, resize_bilinear, upright_slice

IGNORED = 255
CLASSES = 4


@dataclass(frozen=True)
class RegionInput:
    """How a segmenter sees a slice: the lumbar region cropped by a rule and letterboxed, sizes in pixels."""

    width: int
    height: int
    crop: CropRule = CropRule("box", 1.1)
    mean: float = 0.25
    std: float = 0.25


@dataclass(frozen=True)
class Region:
    """An upright slice (`H x W` float32, 0..255) with its mask (`H x W` uint8) and lumbar region box."""

    name: str
    patient: str
    split: str
    source: str
    image: np.ndarray
    mask: np.ndarray
    box: tuple[float, float, float, float]


def read_regions(root: Path, sources: Sequence[str] = ("space", "t2w")) -> list[Region]:
    """Every labelled slice that shows at least three discs, with the region box of its mask."""
    regions = []
    for item in read_segmentation(root):
        mask = read_mask(item.mask_path)
        discs = disc_boxes_of_mask(mask)
        if item.source not in sources or len(discs) < 3:
            continue
        image = upright_slice(item.image_path).astype(np.float32)
        box = tuple(float(v) for v in region_of_discs(discs, mask.shape[1], mask.shape[0]))
        regions.append(Region(item.name, item.patient, item.split, item.source, image, mask, box))
    return regions


def read_pseudo(folder: Path) -> list[Region]:
    """Slices labelled by earlier networks (`pseudo`), as training regions."""
    regions = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            box = tuple(float(v) for v in stored["box"])
            image, mask = stored["image"].astype(np.float32), stored["mask"]
            regions.append(Region(path.stem, str(stored["patient"]), "train", "pseudo", image, mask, box))
    return regions


def jitter_region(box: Sequence[float], rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Move each edge of a region box by up to 8 % of its side, then scale the whole by 0.9 to 1.15."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    moves = rng.uniform(-0.08, 0.08, 4)
    x0, x1 = x0 + width * moves[0], x1 + width * moves[1]
    y0, y1 = y0 + height * moves[2], y1 + height * moves[3]
    grow = (rng.uniform(0.9, 1.15) - 1) / 2
    return x0 - width * grow, y0 - height * grow, x1 + width * grow, y1 + height * grow


def exact_input(image: np.ndarray, box: Sequence[float], view: RegionInput) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The contract's tensor of a region (`height x width` float32, normalised) and its crop."""
    crop = crop_box(tuple(box), view.crop, image.shape[1], image.shape[0])
    x0, y0, x1, y1 = crop
    frame, _ = letterbox(image[y0:y1, x0:x1], view.width, view.height)
    return normalise(frame, view.mean, view.std), crop


def on_crop_grid(logits: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    """Class probabilities on the crop's pixels: softmax, pad cut away, resized; `classes x h x w` float32."""
    classes, height, width = logits.shape
    x0, y0, x1, y1 = crop
    plan = plan_letterbox(x1 - x0, y1 - y0, width, height)
    shifted = np.exp(logits - logits.max(axis=0, keepdims=True))
    probabilities = shifted / shifted.sum(axis=0, keepdims=True)
    rows = slice(plan.top, plan.top + plan.content_height)
    columns = slice(plan.left, plan.left + plan.content_width)
    return np.stack([resize_bilinear(probabilities[i, rows, columns], y1 - y0, x1 - x0) for i in range(classes)])


def augmented_regions(
    regions: Sequence[Region], view: RegionInput, rng: np.random.Generator, degrees: float, strength: float
) -> tuple[Tensor, Tensor]:
    """Jittered, turned and intensity-varied inputs (`N x 1 x H x W`) and their masks (`N x H x W` int64)."""
    images, masks, pads = [], [], []
    for region in regions:
        height, width = region.image.shape
        x0, y0, x1, y1 = crop_box(jitter_region(region.box, rng), view.crop, width, height)
        plan = plan_letterbox(x1 - x0, y1 - y0, view.width, view.height)
        across = (torch.arange(view.width) + 0.5 - plan.left) * ((x1 - x0) / plan.content_width) - (x1 - x0) / 2
        down = (torch.arange(view.height) + 0.5 - plan.top) * ((y1 - y0) / plan.content_height) - (y1 - y0) / 2
        x, y = turned(across, down, ((x0 + x1) / 2, (y0 + y1) / 2), float(rng.uniform(-degrees, degrees)))
        inside = torch.zeros(view.height, view.width, dtype=torch.bool)
        inside[plan.top : plan.top + plan.content_height, plan.left : plan.left + plan.content_width] = True
        images.append(sample(torch.from_numpy(region.image), x, y))
        mask = sample(torch.from_numpy(region.mask.astype(np.float32)), x, y, "nearest")[0].long()
        masks.append(torch.where(inside, mask, torch.full_like(mask, IGNORED)))
        pads.append(~inside[None])
    varied = vary_intensity(torch.stack(images), strength)
    varied = torch.where(torch.stack(pads), torch.full_like(varied, 114.0), varied)
    return (varied / 255 - view.mean) / view.std, torch.stack(masks)
