"""Figures of the segmenters on slices that no member was trained on: `python -m discflow_training.unseen_masks`.

Takes the output folders of `segment train` with `--fold`, every fold by the same members, averages the members' class
probabilities with equal weights, as the shipped pack does, and prints Markdown: each source with mean IoU and Dice over
the pixels of all crops, 95 % intervals over patients. `--record` keeps the pixel counts of each slice and what the members
are, so that folds can be trained one after another, here and there: `--recorded` prints the same figures from such files.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from .data import DEFAULT_DATA_ROOT, MASK_CLASS_NAMES
from .faults import InputFault, read_text, told_plainly
from .imaging import crop_box
from .overlap import confusion, overlap_figures
from .paper.cases import pseudonym
from .paper.intervals import interval, resampled, told_with
from .paper.records import write_compact
from .region_data import CLASSES, Region, read_regions
from .segment import held_out, load_trained

CANAL = MASK_CLASS_NAMES.index("canal")
MIN_CANAL_SHARE = 0.05
FIGURES = ("mIoU", *(f"dice/{name}" for name in MASK_CLASS_NAMES[1:]))
SCHEMA = "discflow.unseen-masks/1"
OF_MEMBER = ("recipe", "slices", "dataSha256", "commit", "arithmetic", "curves")
"""What a record tells of each member, out of its `training.json`."""


@dataclass(frozen=True)
class Counted:
    """A slice by pseudonyms, and the pixels of its crop: `classes x classes` counts in one row, truth by rows."""

    name: str
    patient: str
    source: str
    shows_canal: bool
    counts: list[int]


def mean_maps(runs: Sequence[Path], regions: Sequence[Region]) -> dict[str, np.ndarray]:
    """Plain average of the class probabilities of runs that held out the same slices, by the slice's name.

    Raises `InputFault` where a run did not answer for one of the slices.
    """
    sums: dict[str, np.ndarray] = {}
    for run in runs:
        with np.load(run / "predictions.npz") as found:
            for region in regions:
                if region.name not in found:
                    raise InputFault(f"{run}: no answer for {region.name}")
                values = found[region.name].astype(np.float32) / len(runs)
                sums[region.name] = sums[region.name] + values if region.name in sums else values
    return sums


def without_small_canal(classes: np.ndarray, least_share: float) -> np.ndarray:
    """The class map without canal pieces below a share of the largest; 0 keeps every piece, 1 the largest alone."""
    labels, count = ndimage.label(classes == CANAL)
    if count < 2:
        return classes
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.where((sizes < least_share * sizes.max())[labels] & (labels > 0), 0, classes)


def count_pixels(runs: Sequence[Path], regions: Sequence[Region], least_share: float = 0.0) -> list[Counted]:
    """The pixels of each slice that the runs held out, over its crop."""
    by_fold: dict[int, list[Path]] = defaultdict(list)
    recipes = {run: load_trained(run)[1] for run in runs}
    for run, recipe in recipes.items():
        by_fold[recipe.fold].append(run)
    counted = []
    for fold, members in sorted(by_fold.items()):
        view = recipes[members[0]].view
        chosen = held_out(regions, fold)
        maps = mean_maps(members, chosen)
        for region in chosen:
            height, width = region.mask.shape
            x0, y0, x1, y1 = crop_box(region.box, view.crop, width, height)
            classes = without_small_canal(maps[region.name].argmax(axis=0), least_share)
            counts = confusion(region.mask[y0:y1, x0:x1], classes).ravel().tolist()
            name, patient = pseudonym("region", f"{region.source}/{region.name}"), pseudonym("patient", region.patient)
            counted.append(Counted(name, patient, region.source, shows_canal(region), counts))
    return counted


def keep_record(path: Path, runs: Sequence[Path], least_share: float, counted: Sequence[Counted]) -> None:
    """Write what `read_records` reads. Raises `InputFault` where the training of a run has not ended."""
    members = []
    for run in runs:
        if not (run / "training.json").exists():
            raise InputFault(f"{run}: the training has not ended")
        training = json.loads(read_text(run / "training.json"))
        members.append({name: training[name] for name in OF_MEMBER})
    slices = [asdict(one) for one in counted]
    write_compact(path, {"schema": SCHEMA, "leastCanalPiece": least_share, "members": members, "slices": slices})


def read_records(paths: Sequence[Path]) -> list[Counted]:
    """The slices of records. Raises `InputFault` for a file that is none, and for records that make no common figure:
    unlike members or pieces of canal, or a slice that two of them answer for."""
    kinds: dict[str, Path] = {}
    counted: dict[str, Counted] = {}
    for path in paths:
        try:
            record = json.loads(read_text(path))
            if record["schema"] != SCHEMA:
                raise KeyError("schema")
            members = sorted({json.dumps({**member["recipe"], "fold": None}) for member in record["members"]})
            slices = [Counted(**one) for one in record["slices"]]
            kinds.setdefault(json.dumps([record["leastCanalPiece"], members]), path)
        except (json.JSONDecodeError, KeyError, TypeError) as fault:
            raise InputFault(f"{path} is no record of unseen_masks") from fault
        if len(kinds) > 1:
            raise InputFault(f"{path}: other members or another least piece of canal than {paths[0]}")
        for one in slices:
            if one.name in counted:
                raise InputFault(f"{path}: a second answer for slice {one.name}")
            counted[one.name] = one
    return list(counted.values())


def shows_canal(region: Region) -> bool:
    """Whether the canal is a part of the labelled tissue worth the name, as `discflow evaluate` asks."""
    tissue = np.bincount(region.mask.ravel(), minlength=CLASSES)[1:]
    return bool(tissue[CANAL - 1] >= MIN_CANAL_SHARE * tissue.sum())


def rows(counted: Sequence[Counted]) -> list[list[str]]:
    """One row a source, and one for its slices that show the canal: how many, and `FIGURES` with their intervals."""
    table = []
    for source in sorted({one.source for one in counted}):
        own = [one for one in counted if one.source == source]
        shown = [one for one in own if one.shows_canal]
        table.append(_row(source, own))
        if 0 < len(shown) < len(own):
            table.append(_row(f"{source}, shows the canal", shown))
    return table


def _row(title: str, own: Sequence[Counted]) -> list[str]:
    patients = [one.patient for one in own]
    flat = np.array([one.counts for one in own], dtype=np.float64)
    value = overlap_figures(flat.sum(axis=0).reshape(CLASSES, CLASSES))
    drawn = [overlap_figures(sums.reshape(CLASSES, CLASSES)) for sums in resampled(flat, patients)]
    row = [title, f"{len(own)} slices, {len(set(patients))} patients"]
    for name in FIGURES:
        row.append(told_with(value[name], interval(np.array([figures[name] for figures in drawn]))))
    return row


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.unseen_masks", description=__doc__)
    answers = parser.add_mutually_exclusive_group(required=True)
    answers.add_argument("--runs", type=Path, nargs="+", metavar="RUN", help="output folders of `segment train`")
    answers.add_argument("--recorded", type=Path, nargs="+", metavar="FILE", help="what --record wrote, in place of runs")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument(
        "--least-canal-piece", type=float, metavar="SHARE",
        help="remove pieces of canal below this share of the largest; 1 leaves the largest alone (default: 0, remove none)",
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep each slice's pixel counts, with pseudonyms for names")
    options = parser.parse_args(arguments)
    if options.recorded and (options.record or options.least_canal_piece is not None):
        parser.error("--record and --least-canal-piece need --runs: a record is what it is")
    if options.recorded:
        counted = read_records(options.recorded)
    else:
        least_share = options.least_canal_piece or 0.0
        counted = count_pixels(options.runs, read_regions(options.data_root), least_share)
        if options.record:
            keep_record(options.record, options.runs, least_share, counted)
    header = ("source", "over", *FIGURES)
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows(counted):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
