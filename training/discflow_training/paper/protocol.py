"""The paper's protocol as configuration (Sayed et al., Scientific Reports 15:593, 2025, Methods), and the runs it asks for.

A run is a frozen dataclass: its fields and the hashes of the runs that it starts from decide its numbers, and nothing
else does. What the paper leaves open is set here and named in `OPEN_POINTS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..decoders import PAPER_ZOO

REVISIONS = {"pretraining": 1, "classifier": 1, "segmenter": 2, "detector": 1}
"""Raised when code changes what a kind of run computes, so that earlier records no longer count as such a run's."""

CLASSIFIERS = ("vgg16", "vgg19", "resnet50", "densenet121", "inceptionv3", "xception")
WIDE_TARGET = "bulgeOrHerniation"
DETECTOR_TASKS: tuple[Literal["lumbar", "disc"], ...] = ("lumbar", "disc")
OPEN_POINTS = (
    "Fine-tuning unfreezes the last block of the convolutions (the paper: some of them).",
    "Rotation is drawn from -30 to 30 degrees, as the generator of the paper's library reads a range of 30.",
    "Brightness is multiplied by a factor 10 to 50 percent above or below 1.",
    "Shifts of 0 to 20 percent go both ways along both axes. The paper lists vertical shifts among its augmentations and says "
    "elsewhere that they were left out.",
    "DeepLabv3+ has rates 6, 12 and 18; at 128 pixels its map is 8 cells wide, so the outer taps of the two higher rates see "
    "little but padding.",
    "Lambda is 1 and gamma is 2 in Dice plus lambda times focal loss; the class weight of 0.25 is that of each class.",
    "Early stopping reads the loss on val with patience 10, and the epoch of the least loss is kept.",
    "A bootstrapped training set is as large as the training set, drawn with replacement, one for each network.",
    "Detectors warm up for three epochs and end at a hundredth of the learning rate, as YOLOv8's own training does.",
    "Without a region of interest the network sees the whole slice, whose label is that of its worst scored disc.",
)


@dataclass(frozen=True)
class Augmentation:
    """Paper, Data augmentation: degrees, brightness (least and largest change), shift (fraction of a side), flip."""

    degrees: float = 30.0
    brightness: tuple[float, float] = (0.1, 0.5)
    shift: float = 0.2
    flip: bool = True


@dataclass(frozen=True)
class Schedule:
    """Adam with one learning rate, at most `epochs` passes, stopped after `patience` passes without a lower loss."""

    epochs: int
    batch: int
    learning_rate: float
    patience: int = 10


@dataclass(frozen=True)
class PretrainingRun:
    """An encoder learns the level and the grades of training discs, never a target; it stands in for ImageNet weights.

    Small pictures and a mild augmentation let it learn in minutes; plain VGG, without batch norm, takes a lower rate.
    """

    encoder: str
    width: float
    size: int
    schedule: Schedule
    seed: int
    augmentation: Augmentation = Augmentation(degrees=10.0, brightness=(0.0, 0.3), shift=0.08, flip=False)

    kind = "pretraining"

    @property
    def id(self) -> str:
        return f"pretrained-{self.encoder}"

    @property
    def needs(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class ClassifierRun:
    """PLID or not. `view` is the disc's crop or the whole slice; a fine-tuned run goes on from the frozen one."""

    family: str
    view: Literal["disc", "slice"]
    stage: Literal["frozen", "finetuned"]
    width: float
    size: int
    schedule: Schedule
    seed: int
    target: str = WIDE_TARGET
    class_weights: tuple[float, float] = (0.702, 1.73)
    bootstrap: bool = True
    augmentation: Augmentation = Augmentation()
    encoder_weights: str = ""
    """SHA-256 of a checkpoint of the encoder, empty where it was pretrained on the training images."""

    kind = "classifier"

    @property
    def question(self) -> str:
        """Part of the names of runs and ensembles that answer another target than the first."""
        return "" if self.target == WIDE_TARGET else f"-{self.target}"

    @property
    def id(self) -> str:
        return f"{self.family}-{self.view}-{self.stage}{self.question}"

    @property
    def needs(self) -> tuple[str, ...]:
        if self.stage == "finetuned":
            return (f"{self.family}-{self.view}-frozen{self.question}",)
        return () if self.encoder_weights else (f"pretrained-{self.family}",)


@dataclass(frozen=True)
class SegmenterRun:
    """Background, vertebra, disc and canal on the lumbar crop, letterboxed to `input_width x input_height`."""

    decoder: str
    encoder: str
    loss: Literal["dice-focal", "cross-entropy"]
    width: float
    input_width: int
    input_height: int
    schedule: Schedule
    seed: int
    focal_share: float = 1.0
    focal_gamma: float = 2.0
    class_weights: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25)
    augmentation: Augmentation = Augmentation()
    encoder_weights: str = ""

    kind = "segmenter"

    @property
    def id(self) -> str:
        return f"{self.decoder}-{self.encoder}-{self.loss}"

    @property
    def needs(self) -> tuple[str, ...]:
        return () if self.encoder_weights else (f"pretrained-{self.encoder}",)


@dataclass(frozen=True)
class DetectorRun:
    """YOLOv8 of the lumbar region on the whole slice, or of the discs in its crop; gradient descent with momentum."""

    task: Literal["lumbar", "disc"]
    network: str
    width: float
    input_width: int
    input_height: int
    schedule: Schedule
    seed: int
    momentum: float = 0.9
    warmup_epochs: int = 3
    final_share: float = 0.01
    degrees: float = 20.0
    brightness: float = 0.25

    kind = "detector"

    @property
    def id(self) -> str:
        return f"yolov8{self.network}-{self.task}"

    @property
    def needs(self) -> tuple[str, ...]:
        return ()


Run = PretrainingRun | ClassifierRun | SegmenterRun | DetectorRun


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
GROUPS = ("segmenters", "classifiers", "no-crop", "no-custom-loss", "detectors")


def plan(
    scale: Scale, groups: Sequence[str] = GROUPS, seed: int = 0, target: str = WIDE_TARGET,
    encoder_weights: dict[str, str] | None = None,
) -> list[Run]:
    """Every run of the groups in an order in which each comes after those that it needs."""
    files = encoder_weights or {}
    wanted: list[Run] = []
    for group in groups:
        if group == "detectors":
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
        for name in run.needs:
            if name.startswith("pretrained-") and name not in ordered:
                encoder = name.removeprefix("pretrained-")
                schedule = Schedule(scale.pretraining_epochs, 16, 3e-4 if encoder.startswith("vgg") else 1e-3)
                ordered[name] = PretrainingRun(encoder, scale.width, scale.pretraining_size, schedule, seed)
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


def configuration(run: Run) -> dict[str, Any]:
    """A run's settings as JSON values, with its kind."""
    return json.loads(json.dumps({"kind": run.kind, **asdict(run)}))


def run_of(settings: dict[str, Any]) -> Run:
    """The run of a recorded configuration."""
    kinds: dict[str, type[Run]] = {
        kind.kind: kind for kind in (PretrainingRun, ClassifierRun, SegmenterRun, DetectorRun)
    }
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items() if name != "kind"
    }
    values["schedule"] = Schedule(**settings["schedule"])
    if "augmentation" in settings:
        augmentation = settings["augmentation"]
        values["augmentation"] = Augmentation(**{**augmentation, "brightness": tuple(augmentation["brightness"])})
    return kinds[settings["kind"]](**values)


def configuration_hash(run: Run, runs: dict[str, Run]) -> str:
    """SHA-256 over a run's settings, the code's revision and the hashes of what it starts from."""
    needs = {name: configuration_hash(runs[name], runs) for name in run.needs}
    text = json.dumps({"revision": REVISIONS[run.kind], "configuration": configuration(run), "needs": needs}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
