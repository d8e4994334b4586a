"""The runs that the paper's tables ask for, in an order in which each comes after those that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..data import FOLDS
from ..decoders import PAPER_ZOO
from .protocol import (
    CLASSIFIERS,
    DETECTOR_TASKS,
    WIDE_TARGET,
    ClassifierRun,
    DetectorRun,
    PretrainingRun,
    Run,
    Schedule,
    SegmenterRun,
)


@dataclass(frozen=True)
class Scale:
    """What a reproduction may spend: width factor, input sizes in pixels, epochs; the defaults keep the paper's epochs."""

    width: float = 0.25
    disc_size: int = 128
    region_width: int = 128
    region_height: int = 256
    pretraining_size: int = 80
    pretraining_epochs: int = 20
    frozen_epochs: int = 35
    finetuning_epochs: int = 35
    segmenter_epochs: int = 30
    detector_epochs: int = 100
    detector_sizes: tuple[tuple[int, int], tuple[int, int]] = ((256, 256), (160, 320))
    """Input of the region's and the discs' detector, width and height."""


SHORT = Scale(pretraining_epochs=4, frozen_epochs=3, finetuning_epochs=5, segmenter_epochs=10, detector_epochs=12)
FULL = Scale(
    width=1.0,
    disc_size=400,
    region_width=288,
    region_height=576,
    pretraining_size=224,
    detector_sizes=((640, 640), (320, 640)),
)
"""The published networks on pictures of as many pixels as the paper's 400 x 400; the tall lumbar crop keeps its shape."""

SMOKE = Scale(
    width=0.125, disc_size=80, region_width=64, region_height=96,
    pretraining_epochs=1, frozen_epochs=2, finetuning_epochs=2, segmenter_epochs=2,
    detector_epochs=1, detector_sizes=((64, 96), (64, 96)),
)
SCALES = {"paper": Scale(), "full": FULL, "short": SHORT, "smoke": SMOKE}
GROUPS = ("segmenters", "classifiers", "no-crop", "no-custom-loss", "detectors", "folds")
FOLDED = ("segmenters", "classifiers", "no-crop", "no-custom-loss")
"""The groups whose runs are repeated with each fold of train and val patients held out, for the weights of their ensembles."""


def plan(
    scale: Scale, groups: Sequence[str] = GROUPS, seed: int = 0, target: str = WIDE_TARGET,
    encoder_weights: dict[str, str] | None = None,
) -> list[Run]:
    """Every run of the groups in an order in which each comes after those that it needs."""
    files = encoder_weights or {}
    wanted: list[Run] = []
    for group in groups:
        if group == "folds":
            for folded in FOLDED:
                whole = [run for run in plan(scale, (folded,), seed, target, encoder_weights) if isinstance(run, (ClassifierRun, SegmenterRun))]
                wanted += [replace(run, fold=fold) for fold in range(FOLDS) for run in whole]
        elif group == "detectors":
            wanted += [_detector(task, scale, seed) for task in DETECTOR_TASKS]
        elif group in ("segmenters", "no-custom-loss"):
            loss = "dice-focal" if group == "segmenters" else "cross-entropy"
            wanted += [_segmenter(decoder, encoder, loss, scale, seed, files) for decoder, encoder in PAPER_ZOO]
        else:
            view = "disc" if group == "classifiers" else "slice"
            for family in CLASSIFIERS:
                wanted += [
                    _classifier(family, view, stage, scale, seed, target, files) for stage in ("frozen", "finetuned")
                ]
    return _with_pretraining(wanted, scale, seed)


def _with_pretraining(runs: Sequence[Run], scale: Scale, seed: int) -> list[Run]:
    ordered: dict[str, Run] = {}
    for run in runs:
        if isinstance(run, (ClassifierRun, SegmenterRun)):
            encoder = run.family if isinstance(run, ClassifierRun) else run.encoder
            schedule = Schedule(scale.pretraining_epochs, 16, 3e-4 if encoder.startswith("vgg") else 1e-3)
            pretraining = PretrainingRun(encoder, scale.width, scale.pretraining_size, schedule, seed, fold=run.fold)
            if pretraining.id in run.needs:
                ordered.setdefault(pretraining.id, pretraining)
        ordered[run.id] = run
    return list(ordered.values())


def _classifier(family: str, view: str, stage: str, scale: Scale, seed: int, target: str, files: dict[str, str]) -> Run:
    frozen = stage == "frozen"
    schedule = Schedule(scale.frozen_epochs if frozen else scale.finetuning_epochs, 5, 1e-3 if frozen else 1e-4)
    weights = files.get(family, "")
    return ClassifierRun(
        family, view, stage, scale.width, scale.disc_size, schedule, seed, target, encoder_weights=weights
    )


def _segmenter(decoder: str, encoder: str, loss: str, scale: Scale, seed: int, files: dict[str, str]) -> Run:
    schedule = Schedule(scale.segmenter_epochs, 3, 3e-3)
    return SegmenterRun(
        decoder, encoder, loss, scale.width, scale.region_width, scale.region_height, schedule, seed,
        encoder_weights=files.get(encoder, ""),
    )


def _detector(task: Literal["lumbar", "disc"], scale: Scale, seed: int) -> Run:
    """YOLOv8n, itself a quarter of the published width, is narrowed half as much as the other networks."""
    width, height = scale.detector_sizes[DETECTOR_TASKS.index(task)]
    schedule = Schedule(scale.detector_epochs, 8, 0.02, patience=scale.detector_epochs)
    return DetectorRun(task, "n", min(1.0, 2 * scale.width), width, height, schedule, seed)
