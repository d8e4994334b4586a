"""What the networks are trained and measured on: disc crops, whole slices and lumbar crops of one split as tensors.

Patients and pictures carry short hashes in place of names, so that records can be kept beside the code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import data_hash, fold_of, read_spider, read_yolospine
from ..disc_data import LEVEL_NAMES, TARGETS, Disc, DiscInput, SliceCache, exact_crop, read_discs
from ..faults import InputFault
from ..imaging import CropRule, letterbox, plan_letterbox
from ..region_data import IGNORED, Region, RegionInput, exact_input, read_regions
from .protocol import ClassifierRun, PretrainingRun, Run, SegmenterRun

SPLITS = ("train", "val", "test")
HELD_OUT = "heldOut"
"""The part of a run with a fold: its patients of train and val."""
MEAN, STD = 0.25, 0.25
DISC_CROP = CropRule("box", 1.1)
GRADES = ("level", "degenerative", "narrowing", "pfirrmann")


@dataclass(frozen=True)
class Cases:
    """Pictures of one split, `N x 1 x H x W` float32 0..255, with what is known of each.

    `labels` is `N` int64 for a target, `N x grades` for pretraining and `N x H x W` masks for segmentation.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    patients: tuple[str, ...]
    sources: tuple[str, ...]
    folds: tuple[int, ...]
    """Of the patients, by which cases are held out."""
    levels: tuple[str, ...] = ()
    """Of discs alone."""

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> Cases:
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def of_fold(self, fold: int, held_out: bool) -> Cases:
        """The cases of a fold's patients, or those of all others."""
        chosen = [index for index, own in enumerate(self.folds) if (own == fold) == held_out]
        columns = {name: tuple(getattr(self, name)[i] for i in chosen) for name in ("names", "patients", "sources", "folds")}
        levels = tuple(self.levels[i] for i in chosen) if self.levels else ()
        return Cases(self.images[chosen], self.labels[chosen], **columns, levels=levels)

    def and_those_of(self, other: Cases) -> Cases:
        """Both, one after the other."""
        columns = {
            name: getattr(self, name) + getattr(other, name) for name in ("names", "patients", "sources", "folds", "levels")
        }
        return Cases(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]), **columns)

    def table(self) -> dict[str, Any]:
        """The columns that predictions refer to by position."""
        columns = {"case": self.names, "patient": self.patients, "source": self.sources, "level": self.levels}
        return {name: list(values) for name, values in columns.items() if values}


def normalised(images: Tensor) -> Tensor:
    """Pictures as networks see them, channels last, which processors of both kinds convolve faster."""
    return ((images / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def pseudonym(kind: str, name: str) -> str:
    """Ten hexadecimal digits in place of a name."""
    return hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()[:10]


def cases_of(run: PretrainingRun | ClassifierRun | SegmenterRun, root: Path) -> dict[str, Cases]:
    """The splits of a run's data; test is never trained on nor used to choose.

    A run that holds a fold out trains on the other train patients, stops by the other val patients (by its train patients
    where the fold holds every val patient) and answers `held_out`; test is not among its parts.
    """
    splits = _splits_of(run, root)
    if run.fold is None:
        return splits
    kept = {split: splits[split].of_fold(run.fold, held_out=False) for split in ("train", "val")}
    if not len(kept["train"]):
        raise InputFault(f"{run.id}: fold {run.fold} holds every train patient")
    held_out = [splits[split].of_fold(run.fold, held_out=True) for split in ("train", "val")]
    return {
        "train": kept["train"], "val": kept["val"] if len(kept["val"]) else kept["train"],
        HELD_OUT: held_out[0].and_those_of(held_out[1]),
    }


def _splits_of(run: PretrainingRun | ClassifierRun | SegmenterRun, root: Path) -> dict[str, Cases]:
    if isinstance(run, SegmenterRun):
        return region_cases(root, run.input_width, run.input_height)
    if isinstance(run, PretrainingRun):
        return pretraining_cases(root, run.size)
    return disc_cases(root, run.size, run.target) if run.view == "disc" else slice_cases(root, run.size, run.target)


@cache
def disc_cases(root: Path, size: int, target: str) -> dict[str, Cases]:
    """The scored discs of T2 slices, cropped with the paper's 10 % and stretched to `size x size`."""
    index = TARGETS.index(target)
    discs = [disc for disc in _discs(root, ("t2",)) if disc.scored and disc.targets[index] >= 0]
    return {
        split: _of_discs([disc for disc in discs if disc.split == split], size, lambda disc: disc.targets[index])
        for split in SPLITS
    }


@cache
def pretraining_cases(root: Path, size: int) -> dict[str, Cases]:
    """Every disc of every sequence, with its grades; there is no test split."""
    discs = _discs(root, ("t1", "t2", "t2_SPACE"))
    return {
        split: _of_discs(
            [disc for disc in discs if disc.split == split], size, lambda disc: [disc.grades[n] for n in GRADES]
        )
        for split in ("train", "val")
    }


def _of_discs(discs: Sequence[Disc], size: int, label: Any) -> Cases:
    view, slices = DiscInput(DISC_CROP, size, size, mean=0.0, std=1 / 255), SliceCache()
    crops = [exact_crop(slices[disc.path].numpy(), disc.box, view) for disc in discs]
    return Cases(
        _stacked(crops)[:, None],
        torch.tensor([label(disc) for disc in discs]),
        tuple(pseudonym("disc", f"{disc.image}/{disc.order}") for disc in discs),
        tuple(pseudonym("patient", disc.patient) for disc in discs),
        tuple(disc.source for disc in discs),
        tuple(fold_of(disc.patient) for disc in discs),
        tuple(LEVEL_NAMES[disc.order] if disc.scored else "above" for disc in discs),
    )


@cache
def slice_cases(root: Path, size: int, target: str) -> dict[str, Cases]:
    """Whole T2 slices, letterboxed to `size x size`; positive where a scored disc is, left out where that is not known."""
    index, slices = TARGETS.index(target), SliceCache()
    grouped: dict[str, list[Disc]] = {}
    for disc in _discs(root, ("t2",)):
        if disc.scored:
            grouped.setdefault(disc.image, []).append(disc)
    chosen = []
    for discs in grouped.values():
        known = [disc.targets[index] for disc in discs]
        if 1 in known or min(known) >= 0:
            chosen.append((discs[0], int(1 in known)))
    result = {}
    for split in SPLITS:
        rows = [(disc, label) for disc, label in chosen if disc.split == split]
        frames = [letterbox(slices[disc.path].numpy(), size, size)[0] for disc, _ in rows]
        result[split] = Cases(
            _stacked(frames)[:, None],
            torch.tensor([label for _, label in rows]),
            tuple(pseudonym("slice", disc.image) for disc, _ in rows),
            tuple(pseudonym("patient", disc.patient) for disc, _ in rows),
            tuple(disc.source for disc, _ in rows),
            tuple(fold_of(disc.patient) for disc, _ in rows),
        )
    return result


@cache
def regions_of(root: Path) -> dict[str, tuple[Region, ...]]:
    """Labelled slices with masks by split."""
    regions = read_regions(root)
    return {split: tuple(region for region in regions if region.split == split) for split in SPLITS}


def regions_for(run: ClassifierRun | SegmenterRun, root: Path, part: str) -> tuple[Region, ...]:
    """The slices of one part of a segmenter's `cases_of`, in its order; none for other runs."""
    if not isinstance(run, SegmenterRun):
        return ()
    splits = regions_of(root)
    if run.fold is None:
        return splits[part]
    return tuple(region for split in ("train", "val") for region in splits[split] if fold_of(region.patient) == run.fold)


@cache
def region_cases(root: Path, width: int, height: int) -> dict[str, Cases]:
    """Lumbar crops, letterboxed, with their masks; the pad is `IGNORED`."""
    view = RegionInput(width, height, mean=0.0, std=1 / 255)
    result = {}
    for split, regions in regions_of(root).items():
        pairs = [_region_pair(region, view) for region in regions]
        result[split] = Cases(
            _stacked([image for image, _ in pairs])[:, None],
            _stacked([mask for _, mask in pairs]),
            tuple(pseudonym("region", f"{region.source}/{region.name}") for region in regions),
            tuple(pseudonym("patient", region.patient) for region in regions),
            tuple(region.source for region in regions),
            tuple(fold_of(region.patient) for region in regions),
        )
    return result


def _stacked(pictures: Sequence[np.ndarray]) -> Tensor:
    """Pictures or masks of one size along a first axis; raises `InputFault` where a split holds none."""
    if not pictures:
        raise InputFault("a split holds no labelled case of this kind; the protocol needs some in train, val and test")
    return torch.from_numpy(np.stack(pictures))


def _region_pair(region: Region, view: RegionInput) -> tuple[np.ndarray, np.ndarray]:
    frame, (x0, y0, x1, y1) = exact_input(region.image, region.box, view)
    plan = plan_letterbox(x1 - x0, y1 - y0, view.width, view.height)
    cut = region.mask[y0:y1, x0:x1]
    rows = _nearest(plan.content_height, cut.shape[0])
    columns = _nearest(plan.content_width, cut.shape[1])
    mask = np.full((view.height, view.width), IGNORED, dtype=np.int64)
    mask[plan.top : plan.top + plan.content_height, plan.left : plan.left + plan.content_width] = cut[rows][:, columns]
    return frame, mask


def _nearest(count: int, source: int) -> np.ndarray:
    """For each of `count` pixel centres the source pixel that holds it."""
    return np.minimum(((np.arange(count) + 0.5) * source / count).astype(np.int64), source - 1)


@cache
def _discs(root: Path, sequences: tuple[str, ...]) -> tuple[Disc, ...]:
    return tuple(read_discs(root, sequences))


@cache
def _hash_of_data(run_kind: str, root: Path) -> str:
    """SHA-256 over the pictures and label tables that a kind of run reads."""
    if run_kind == "detector":
        labels = [label.path for label in (*read_yolospine(root), *read_spider(root, ("t2",)))]
        names = (
            "yolospine/discs.csv",
            "yolospine/region_boxes.csv",
            "spider/disc_boxes.csv",
            "spider/region_boxes.csv",
        )
        return data_hash([*labels, *(root / name for name in names)], root)
    if run_kind == "segmenter":
        folders = [root / "spider" / "space", root / "spider" / "t2w"]
        paths = [path for folder in folders if folder.exists() for path in folder.rglob("*.png")]
        tables = [root / "spider" / name for name in ("space_masks.csv", "t2w.csv")]
        return data_hash([*paths, *tables], root)
    sequences = ("t1", "t2", "t2_SPACE") if run_kind == "pretraining" else ("t2",)
    paths = sorted({disc.path for disc in _discs(root, sequences)})
    names = ("discs.csv", "radiologist_notes.csv", "pfirrmann.csv")
    tables = [root / "yolospine" / name for name in names]
    tables += [root / "spider" / name for name in ("disc_boxes.csv", "gradings.csv")]
    return data_hash([*paths, *tables], root)


def data_hash_of(run: Run, root: Path) -> str:
    """The data hash of a run."""
    return _hash_of_data(run.kind, root)
