"""The paper's detectors: YOLOv8 by stochastic gradient descent on whole slices (region) and on lumbar crops (discs).

Rotation of up to 20 degrees either way over black, brightness up to 25 percent either way (paper, Data augmentation).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import SCORED_DISCS, read_spider, read_yolospine, region_of_discs
from ..detection_pipeline import REGION_CROP
from ..detection_samples import LoadedImage, Sample, Warp, load_images, rotate_boxes, visible_boxes
from ..detection_training import collate, group_of, judge_discs_in_labelled_region, judge_region, torch_detector
from ..imaging import PAD_VALUE, crop_box, plan_letterbox
from ..metrics_detection import JudgedImage, bootstrap, detection_figures, match_all
from ..precision import autocast
from ..yolov8 import Yolov8, anchor_points
from ..yolov8_loss import Targets, detection_loss
from .fitting import batches_of
from .intervals import RESAMPLES
from .protocol import DetectorRun

STILL = (0.0, 1.0)
VAL_BATCH = 16
FIGURES = ("map50", "map50_95", "recall50", "precision50")


@cache
def images_of(root: Path) -> dict[str, tuple[LoadedImage, ...]]:
    """T2 slices with boxes by split."""
    labels = [label for label in read_yolospine(root) + read_spider(root, ("t2",))]
    return {split: tuple(load_images([x for x in labels if x.split == split])) for split in ("train", "val", "test")}


def drawn(run: DetectorRun, rng: np.random.Generator) -> tuple[float, float]:
    """An angle in radians and a brightness factor."""
    angle = math.radians(rng.uniform(-run.degrees, run.degrees))
    return angle, 1 + float(rng.uniform(-run.brightness, run.brightness))


def sample_of(image: LoadedImage, run: DetectorRun, disturbance: tuple[float, float]) -> Sample:
    """The network's picture of a slice, turned and brightened, with its boxes and the places that teach no background."""
    angle, factor = disturbance
    height, width = image.pixels.shape
    centre = np.array([width / 2, height / 2])
    discs = rotate_boxes(image.label.discs, angle, centre)
    region = region_of_discs(discs[:SCORED_DISCS], width, height)
    if run.task == "lumbar":
        rect, truth, ignored = np.array([0.0, 0.0, width, height]), region[None], np.zeros((0, 4))
    else:
        rect = np.array(crop_box(region, REGION_CROP, width, height), dtype=np.float64)
        truth, partial = visible_boxes(discs, rect)
        above = np.array([[rect[0], rect[1], rect[2], max(rect[1], discs[:, 1].min())]])
        ignored = np.concatenate([partial, above])
    plan = plan_letterbox(int(rect[2] - rect[0]), int(rect[3] - rect[1]), run.input_width, run.input_height)
    warp = Warp(angle, centre, rect, 1.0, plan)
    return Sample(_render(image.pixels, warp, factor), warp.to_frame(truth), warp.to_frame(ignored))


def _render(pixels: np.ndarray, warp: Warp, factor: float) -> np.ndarray:
    """The slice through a warp, black beyond its edge, with the letterbox's pad around; `H x W` float32."""
    plan = warp.plan
    ys, xs = np.meshgrid(np.arange(plan.height) + 0.5, np.arange(plan.width) + 0.5, indexing="ij")
    source = warp.to_source(np.stack([xs, ys], axis=-1))
    grid = torch.from_numpy((2 * source / [pixels.shape[1], pixels.shape[0]] - 1).astype(np.float32))[None]
    image = torch.from_numpy(pixels.astype(np.float32))[None, None]
    frame = F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0, 0].numpy()
    rows = slice(plan.top, plan.top + plan.content_height)
    columns = slice(plan.left, plan.left + plan.content_width)
    padded = np.full(frame.shape, PAD_VALUE, dtype=np.float32)
    padded[rows, columns] = np.clip(frame[rows, columns] * factor, 0, 255)
    return padded


class BoxTask:
    """YOLOv8's losses on augmented slices; val is seen as it is."""

    def __init__(
        self, run: DetectorRun, train: Sequence[LoadedImage], val: Sequence[LoadedImage], device: torch.device
    ) -> None:
        self._run, self._train, self._val, self._device = run, train, val, device
        self._points, self._strides = anchor_points(run.input_width, run.input_height)

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[list[Sample]]:
        for batch in batches_of(rng.permutation(len(self._train)), size):
            yield [sample_of(self._train[i], self._run, drawn(self._run, rng)) for i in batch]

    def loss(self, network: nn.Module, batch: list[Sample]) -> Tensor:
        inputs, targets = collate(batch, self._points)
        with autocast(self._device):
            outputs = network(inputs.to(self._device))
        return self._parts(network, outputs, targets)

    def _parts(self, network: nn.Module, outputs: tuple[Tensor, Tensor], targets: Targets) -> Tensor:
        moved = Targets(
            *(getattr(targets, name).to(self._device) for name in ("boxes", "classes", "present", "ignored"))
        )
        assert isinstance(network, Yolov8)
        return detection_loss(
            network, outputs, self._points.to(self._device), self._strides.to(self._device), moved
        ).total

    def validate(self, network: nn.Module) -> dict[str, float]:
        losses = []
        with torch.inference_mode():
            for start in range(0, len(self._val), VAL_BATCH):
                samples = [sample_of(image, self._run, STILL) for image in self._val[start : start + VAL_BATCH]]
                inputs, targets = collate(samples, self._points)
                losses.append(float(self._parts(network, network(inputs.to(self._device)), targets)))
        figures = detection_figures([match_all(judged) for judged in judged_images(network, self._run, self._val)])
        return {"loss": float(np.mean(losses)), "mAP50": figures.map50, "mAP50-95": figures.map50_95}


def judged_images(network: nn.Module, run: DetectorRun, images: Sequence[LoadedImage]) -> list[JudgedImage]:
    """What the network finds, beside the truth; discs are searched in the labelled region. Runs on the CPU."""
    own = Yolov8(network.config)
    own.load_state_dict({name: value.cpu() for name, value in network.state_dict().items()})
    detector = torch_detector(run, own.eval())
    judge = judge_region if run.task == "lumbar" else judge_discs_in_labelled_region
    return [judge(detector, image) for image in images]


def box_figures(network: nn.Module, run: DetectorRun, images: Sequence[LoadedImage]) -> dict[str, Any]:
    """Figures of all images and of each source, with intervals over patients where they are known."""
    judged = [match_all(image) for image in judged_images(network, run, images)]
    groups = {"all": list(range(len(images)))}
    for index, image in enumerate(images):
        groups.setdefault(group_of(image.label), []).append(index)
    if len(groups) == 2:
        groups = {"all": groups["all"]}
    result = {}
    for name, indices in groups.items():
        chosen, patients = [judged[i] for i in indices], [images[i].label.patient for i in indices]
        values, ends = detection_figures(chosen).as_dict(), bootstrap(chosen, patients, RESAMPLES, seed=0)
        known = {
            figure: {"value": values[figure], "ci95": list(ends[figure]) if figure in ends else None}
            for figure in FIGURES
        }
        result[name] = {"n": values["truths"], "images": len(chosen), "patients": len(set(patients))} | known
    return result
