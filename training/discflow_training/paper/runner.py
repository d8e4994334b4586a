"""One run from its configuration to its record: train or go on, predict val and test, write, keep the weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..checkpoints import load_checkpoint
from ..classifiers import FAMILIES
from ..encoders import ENCODERS
from ..overlap import Probabilities, confusion
from ..precision import arithmetic_name
from ..region_data import CLASSES, Region, RegionInput, exact_input, on_crop_grid
from ..runs import save_whole, write_whole
from .boxes import BoxTask, box_figures, images_of
from .cases import HELD_OUT, MEAN, STD, Cases, cases_of, data_hash_of, regions_for
from .fitting import Descent, Task, best_epoch, fit, is_over
from .intervals import classification_figures, segmentation_figures
from .protocol import ClassifierRun, DetectorRun, PretrainingRun, Run, SegmenterRun, configuration, configuration_hash
from .records import header, keep_cases, multiply_adds, parameter_count, record_path, write_record
from .tasks import GradesTask, PlidTask, SpineTask, frozen_part, logits_of, network_of, pretrained_state

STAMP = "configuration"
"""Beside checkpoint and weights: what they were made from."""


def execute(
    run: Run, runs: dict[str, Run], root: Path, work: Path, results: Path, device: torch.device,
    encoder_files: dict[str, Path] | None = None, stop_after: int | None = None,
) -> bool:
    """Carry a run out; returns whether it was finished. `work` holds checkpoints and weights by run."""
    out, own_hash = work / run.id, configuration_hash(run, runs)
    _forget_another(out, stamp_of(run, runs, root))
    torch.manual_seed(run.seed)
    network = network_of(run)
    _start_weights(network, run, work, encoder_files or {})
    network.to(device)
    task = task_of(run, root, device)
    curves = fit(network, frozen_part(run, network), task, run.schedule, run.seed, out, stop_after, descent_of(run))
    if not is_over(curves, run.schedule):
        return False
    record = header(run.id, configuration(run), own_hash, data_hash_of(run, root)) | {
        "device": device.type,
        "arithmetic": arithmetic_name(device),
        "parameters": parameter_count(network),
        "multiplyAdds": multiply_adds(network, torch.zeros(1, 1, *input_size(run), device=device)),
        "bestEpoch": best_epoch(curves),
        "seconds": round(sum(curve["seconds"] for curve in curves), 1),
        "curves": curves,
    }
    record |= _measured(run, network, root, results)
    save_whole(weights_path(work, run), {name: value.cpu() for name, value in network.state_dict().items()})
    write_record(record_path(results, run), record)
    (out / "checkpoint.pt").unlink()
    return True


def require_encoders(runs: Sequence[Run], files: dict[str, Path]) -> None:
    """Load each checkpoint that a run begins with, so that an unfitting one is refused before any run instead of after days.

    Raises `InputFault` as `load_checkpoint` does.
    """
    begun = {
        (run.family if isinstance(run, ClassifierRun) else run.encoder, run.width)
        for run in runs if isinstance(run, (ClassifierRun, SegmenterRun)) and run.encoder_weights
    }
    for encoder, width in sorted(begun):
        print(f"{files[encoder].name}: {load_checkpoint((FAMILIES | ENCODERS)[encoder](1, width), files[encoder])}")


def task_of(run: Run, root: Path, device: torch.device) -> Task:
    """The run's task on its training and validation data."""
    if isinstance(run, DetectorRun):
        images = images_of(root)
        return BoxTask(run, images["train"], images["val"], device)
    cases = cases_of(run, root)
    train, val = cases["train"].to(device), cases["val"].to(device)
    if isinstance(run, PretrainingRun):
        return GradesTask(run, train, val)
    return SpineTask(run, train, val) if isinstance(run, SegmenterRun) else PlidTask(run, train, val)


def descent_of(run: Run) -> Descent:
    """How the run's weights are moved."""
    return Descent(run.momentum, run.warmup_epochs, run.final_share) if isinstance(run, DetectorRun) else Descent()


def input_size(run: Run) -> tuple[int, int]:
    """Height and width of the network's input."""
    if isinstance(run, (SegmenterRun, DetectorRun)):
        return run.input_height, run.input_width
    return run.size, run.size


def weights_path(work: Path, run: Run) -> Path:
    """Where a finished run's weights lie."""
    return work / run.id / "weights.pt"


def load_finished(run: Run, work: Path) -> nn.Module:
    """The trained network of a finished run."""
    network = network_of(run)
    network.load_state_dict(torch.load(weights_path(work, run), map_location="cpu", weights_only=True))
    return network.eval()


def has_weights(run: Run, runs: dict[str, Run], root: Path, work: Path) -> bool:
    """Whether the weights of this very configuration, learned from these very data, are at hand."""
    stamp = work / run.id / STAMP
    return weights_path(work, run).exists() and stamp.exists() and stamp.read_text() == stamp_of(run, runs, root)


def holds_weights_of(record: dict[str, Any], work: Path) -> bool:
    """Whether the weights in `work` are a record's: of its configuration and its data."""
    out = work / record["id"]
    if not ((out / "weights.pt").exists() and (out / STAMP).exists()):
        return False
    return (out / STAMP).read_text().splitlines()[:2] == [record["configurationHash"], record["dataHash"]]


def stamp_of(run: Run, runs: dict[str, Run], root: Path) -> str:
    """What decides a run's weights: the hash of its configuration, and those of its data and of all that it starts from."""
    return "\n".join([configuration_hash(run, runs), *_data_hashes(run, runs, root)])


def _data_hashes(run: Run, runs: dict[str, Run], root: Path) -> list[str]:
    return [data_hash_of(run, root), *(own for name in run.needs for own in _data_hashes(runs[name], runs, root))]


def _forget_another(out: Path, own: str) -> None:
    """Remove the checkpoint and weights of another configuration or of other data."""
    out.mkdir(parents=True, exist_ok=True)
    stamp = out / STAMP
    if stamp.exists() and stamp.read_text() == own:
        return
    for name in ("checkpoint.pt", "weights.pt"):
        (out / name).unlink(missing_ok=True)
    write_whole(stamp, own)


def _start_weights(network: nn.Module, run: Run, work: Path, files: dict[str, Path]) -> None:
    if isinstance(run, (PretrainingRun, DetectorRun)):
        return
    if isinstance(run, ClassifierRun) and run.stage == "finetuned":
        stored = torch.load(work / run.needs[0] / "weights.pt", map_location="cpu", weights_only=True)
        network.load_state_dict(stored)
    elif run.encoder_weights:
        load_checkpoint(network.encoder, files[run.family if isinstance(run, ClassifierRun) else run.encoder])
    else:
        state, own = pretrained_state(work / run.needs[0] / "weights.pt"), network.encoder.state_dict()
        network.encoder.load_state_dict({name: state[name] for name in own})


def _measured(run: Run, network: nn.Module, root: Path, results: Path) -> dict[str, Any]:
    """Figures by split and source, and predictions from which others can be computed; with a fold, the predictions alone."""
    if isinstance(run, PretrainingRun):
        return {}
    if isinstance(run, DetectorRun):
        return {"figures": {split: box_figures(network, run, images_of(root)[split]) for split in ("val", "test")}}
    cases = cases_of(run, root)
    parts = ("val", "test") if run.fold is None else (HELD_OUT,)
    answers = {part: _answers(run, network, cases[part], regions_for(run, root, part)) for part in parts}
    table = keep_cases(results, {part: cases[part] for part in parts}, with_labels=isinstance(run, ClassifierRun))
    measured: dict[str, Any] = {"trainingCases": len(cases["train"]), "cases": table}
    if run.fold is None:
        measured["figures"] = {part: _figures(run, cases[part], answers[part]) for part in parts}
    return measured | {"predictions": {part: _told(run, answers[part]) for part in parts}}


def _answers(run: ClassifierRun | SegmenterRun, network: nn.Module, cases: Cases, regions: tuple[Region, ...]) -> np.ndarray:
    """Pixel counts of each slice, or the probability of each case."""
    return region_counts(network, regions, region_view(run)) if isinstance(run, SegmenterRun) else plid_probabilities(network, cases)


def _figures(run: ClassifierRun | SegmenterRun, cases: Cases, answers: np.ndarray) -> dict[str, Any]:
    labels = cases.labels.numpy()
    if isinstance(run, SegmenterRun):
        return by_source(cases, lambda i: segmentation_figures(answers[i], _at(cases.patients, i)))
    return by_source(cases, lambda i: classification_figures(answers[i], labels[i], _at(cases.patients, i)))


def _told(run: ClassifierRun | SegmenterRun, answers: np.ndarray) -> list[Any]:
    return answers.tolist() if isinstance(run, SegmenterRun) else [round(float(value), 4) for value in answers]


def by_source(cases: Cases, figures: Any) -> dict[str, Any]:
    """Figures of all cases and of each source, from a function of case indices."""
    sources = np.array(cases.sources)
    names = [name for name in sorted(set(cases.sources)) if len(set(cases.sources)) > 1]
    return {"all": figures(np.arange(len(cases)))} | {name: figures(np.flatnonzero(sources == name)) for name in names}


def _at(values: tuple[str, ...], indices: np.ndarray) -> list[str]:
    return [values[i] for i in indices]


def plid_probabilities(network: nn.Module, cases: Cases) -> np.ndarray:
    """Probability of the positive class of each case."""
    device = next(network.parameters()).device
    return logits_of(network, cases.images.to(device)).softmax(dim=1)[:, 1].cpu().numpy().astype(np.float64)


def region_view(run: SegmenterRun) -> RegionInput:
    """How a segmenter sees the lumbar region."""
    return RegionInput(run.input_width, run.input_height, mean=MEAN, std=STD)


@torch.inference_mode()
def region_probabilities(network: nn.Module, region: Region, view: RegionInput) -> Probabilities:
    """Class probabilities on the crop's own pixels, and the crop."""
    frame, crop = exact_input(region.image, region.box, view)
    device = next(network.parameters()).device
    logits = network(torch.from_numpy(frame)[None, None].to(device))[0].float().cpu().numpy()
    return on_crop_grid(logits, crop), crop


def count_row(region: Region, probabilities: Probabilities) -> np.ndarray:
    """The 16 pixel counts of one slice (truth by rows), on its own pixels."""
    values, (x0, y0, x1, y1) = probabilities
    return confusion(region.mask[y0:y1, x0:x1], values.argmax(axis=0)).reshape(CLASSES * CLASSES)


def region_counts(network: nn.Module, regions: tuple[Region, ...], view: RegionInput) -> np.ndarray:
    """Pixel counts of every slice, `slices x 16`."""
    rows = [count_row(region, region_probabilities(network, region, view)) for region in regions]
    return np.array(rows, dtype=np.int64).reshape(len(rows), CLASSES * CLASSES)
