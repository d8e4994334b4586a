"""The paper's protocol as configuration (Sayed et al., Scientific Reports 15:593, 2025, Methods).

A run is a frozen dataclass: its fields and the hashes of the runs that it starts from decide its numbers, and nothing
else does. What the paper leaves open is set here and named in `OPEN_POINTS`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

REVISIONS = {"pretraining": 1, "classifier": 1, "segmenter": 2, "detector": 1}
"""Raised when code changes what a kind of run computes, so that earlier records no longer count as such a run's."""

CLASSIFIERS = ("vgg16", "vgg19", "resnet50", "densenet121", "inceptionv3", "xception")
WIDE_TARGET = "bulgeOrHerniation"
OUT_OF_FOLD = "outOfFold"
CHOSEN_ON = {OUT_OF_FOLD: "train and val, out of fold", "val": "val"}
"""What weights were chosen on, as records name it, and in words."""
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


def fold_part(fold: int | None) -> str:
    """Part of the names of runs that a fold of train and val patients is held out of."""
    return "" if fold is None else f"-fold{fold}"


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
    fold: int | None = None
    """Train and val patients of this fold are left out; such runs never see test."""

    kind = "pretraining"

    @property
    def id(self) -> str:
        return f"pretrained-{self.encoder}{fold_part(self.fold)}"

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
    fold: int | None = None

    kind = "classifier"

    @property
    def question(self) -> str:
        """Part of the names of runs and ensembles that answer another target than the first."""
        return "" if self.target == WIDE_TARGET else f"-{self.target}"

    @property
    def id(self) -> str:
        return f"{self.family}-{self.view}-{self.stage}{self.question}{fold_part(self.fold)}"

    @property
    def needs(self) -> tuple[str, ...]:
        if self.stage == "finetuned":
            return (f"{self.family}-{self.view}-frozen{self.question}{fold_part(self.fold)}",)
        return () if self.encoder_weights else (f"pretrained-{self.family}{fold_part(self.fold)}",)


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
    fold: int | None = None

    kind = "segmenter"

    @property
    def id(self) -> str:
        return f"{self.decoder}-{self.encoder}-{self.loss}{fold_part(self.fold)}"

    @property
    def needs(self) -> tuple[str, ...]:
        return () if self.encoder_weights else (f"pretrained-{self.encoder}{fold_part(self.fold)}",)


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


def configuration(run: Run) -> dict[str, Any]:
    """A run's settings as JSON values, with its kind; the fold only where one is held out."""
    settings = {name: value for name, value in asdict(run).items() if name != "fold" or value is not None}
    return json.loads(json.dumps({"kind": run.kind, **settings}))


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
