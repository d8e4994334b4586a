"""Detectors on the command line: `python -m discflow_training.detect train|export|evaluate|golden`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from .data import DEFAULT_DATA_ROOT, FOLDS
from .detection_golden import write_goldens
from .detection_reports import MEMBER_IDS, evaluate_files, export_member, write_json
from .detection_training import RECIPES, train
from .faults import told_plainly
from .fragment import DEFAULT_MODELS, read_part
from .recipes import add_recorded, chosen_recipe, positive, seed
from .runs import alone_in_run

MODELS_HELP = "the pack's folder (default: layers/models)"


@told_plainly
def main(arguments: list[str] | None = None) -> None:
    """Parse and run one command."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.run(options)


def run_train(options: argparse.Namespace) -> None:
    recipe = chosen_recipe(options, RECIPES[options.task])
    with alone_in_run(options.out):
        train(recipe, options.data_root, options.out, options.resume, found=options.found)


def run_export(options: argparse.Namespace) -> None:
    fragment = options.models / "members" / "detectors.json"
    known = read_part(fragment)["members"] if fragment.exists() else []
    exported = [export_member(run / "checkpoint.pt", options.models) for run in options.runs]
    members = list({member["id"]: member for member in [*known, *exported]}.values())
    write_json(fragment, members)
    print(json.dumps(exported))


def run_evaluate(options: argparse.Namespace) -> None:
    lumbar, disc = (options.models / f"{MEMBER_IDS[task]}.onnx" for task in ("lumbar", "disc"))
    report = evaluate_files(lumbar, disc, options.data_root, options.split)
    write_json(options.out, report)
    print(json.dumps(report, indent=1))


def run_golden(options: argparse.Namespace) -> None:
    write_goldens(options.models, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.detect", description=__doc__)
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train", help="train one detector")
    training.add_argument("task", choices=sorted(RECIPES), help="what it finds: the lumbar region, or the discs in it")
    training.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and run.json")
    training.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    training.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    add_recorded(training)
    training.add_argument("--seed", type=seed, help="of first weights, order and augmentation (default: the recipe's)")
    training.add_argument("--epochs", type=positive(int), help="passes over the training pictures (default: the recipe's)")
    training.add_argument("--batch", type=positive(int), help="pictures a step (default: the recipe's)")
    training.add_argument("--fold", type=int, choices=range(FOLDS), help="hold out one of the training patients' five folds")
    training.add_argument("--found", type=Path, help="a file of find_discs: more SPIDER slices to learn from")
    training.set_defaults(run=run_train)
    export = commands.add_parser("export", help="write ONNX files and members/detectors.json from finished runs")
    export.add_argument("runs", type=Path, nargs="+", help="--out folders of runs; a detector without one stays as it is")
    export.add_argument("--models", type=Path, default=DEFAULT_MODELS, help=MODELS_HELP)
    export.set_defaults(run=run_export)
    evaluation = commands.add_parser("evaluate", help="figures of the ONNX files over a split")
    evaluation.add_argument("--split", choices=("train", "val", "test"), default="val", help="what to measure on (default: val)")
    evaluation.add_argument("--models", type=Path, default=DEFAULT_MODELS, help=MODELS_HELP)
    evaluation.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    evaluation.add_argument("--out", type=Path, required=True, help="the JSON report")
    evaluation.set_defaults(run=run_evaluate)
    golden = commands.add_parser("golden", help="phantoms and what the detectors find on them, for both languages")
    golden.add_argument("--models", type=Path, default=DEFAULT_MODELS, help=MODELS_HELP)
    golden.add_argument("--out", type=Path, required=True, help="the JSON file; it and the phantoms beside it are written over")
    golden.set_defaults(run=run_golden)
    for command in (training, export, evaluation, golden):
        command.add_argument("--threads", type=positive(int), default=1, help="of torch; part of what makes numbers repeat")
    return parser


if __name__ == "__main__":
    main()
