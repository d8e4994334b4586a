"""Masks for ordinary T2 slices from a pack's segmenters: `python -m discflow_training.pseudo` (self-training).

Labelled disc boxes judge the masks: a slice is kept when a mask component fills each of its five lowest boxes. Only
training patients are used. `segment train --pseudo` reads the folder; with `--fold` it leaves out the slices of that
fold's patients, and the masks should come from segmenters that held out the same fold.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from .data import DEFAULT_DATA_ROOT, DetectionImage, disc_boxes_of_mask, read_spider, read_yolospine
from .faults import told_plainly
from .fragment import DEFAULT_MODELS, members_of
from .imaging import upright_slice
from .region_data import IGNORED, Region
from .segment import member_probabilities

LEAST_SHARE = 0.75
LEAST_PROBABILITY = 0.5


def discs_inside(mask: np.ndarray, discs: np.ndarray) -> np.ndarray:
    """For each labelled disc box, the largest share of a mask component's tight box that lies inside it.

    Labelled boxes are looser than the discs' masks, so an intersection over union would be small for a perfect mask.
    """
    found = disc_boxes_of_mask(mask)
    if not len(found):
        return np.zeros(len(discs))
    low = np.maximum(discs[:, None, :2], found[None, :, :2])
    high = np.minimum(discs[:, None, 2:], found[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    return (shared / np.prod(found[:, 2:] - found[:, :2], axis=1)).max(axis=1)


def largest_canal(mask: np.ndarray) -> np.ndarray:
    """The mask with canal pixels outside the largest canal component set to `IGNORED`."""
    labels, count = ndimage.label(mask == 3)
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:]
        mask = np.where((labels > 0) & (labels != 1 + sizes.argmax()), IGNORED, mask).astype(np.uint8)
    return mask


def pseudo_mask(image: DetectionImage, models: Path, members: Sequence[dict[str, Any]]) -> tuple[Region, np.ndarray]:
    """The slice as a region with the members' mean mask; pixels of low probability are `IGNORED`."""
    grey = upright_slice(image.path)
    box = tuple(float(v) for v in image.region)
    region = Region(image.name, image.patient, "train", "pseudo", grey.astype(np.float32), np.zeros_like(grey), box)
    maps = [member_probabilities(models, member, [region])[0] for member in members]
    x0, y0, x1, y1 = maps[0][1]
    mean = sum(values for values, _ in maps) / len(maps)
    classes = largest_canal(mean.argmax(axis=0).astype(np.uint8))
    mask = np.full(grey.shape, IGNORED, dtype=np.uint8)
    mask[y0:y1, x0:x1] = np.where(mean.max(axis=0) < LEAST_PROBABILITY, IGNORED, classes)
    return region, mask


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.pseudo", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    parser.add_argument("--out", type=Path, required=True, help="a folder for `segment train --pseudo`")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    options = parser.parse_args(arguments)
    members = members_of(options.models, "spine-segmenter")
    options.out.mkdir(parents=True, exist_ok=True)
    slices = read_yolospine(options.data_root) + read_spider(options.data_root, ("t2",))
    slices = [image for image in slices if image.split == "train"]
    kept = 0
    for image in slices:
        region, mask = pseudo_mask(image, options.models, members)
        if discs_inside(mask, image.scored).min() >= LEAST_SHARE:
            path = options.out / f"{image.name}.npz"
            box = np.array(region.box)
            np.savez_compressed(path, image=region.image.astype(np.uint8), mask=mask, box=box, patient=region.patient)
            kept += 1
    print(f"kept {kept} of {len(slices)}")


if __name__ == "__main__":
    main()
