"""The researcher's command: `python -m discflow_training COMMAND`; each command hands on to the module that does it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from . import classify, detect, ensemble, own_labels, pack, segment
from .faults import told_plainly
from .paper import export_run, page, parity, reproduce, speed

GUIDE = """\
commands, in the order of a study on labels of your own (training/README.md):
  lay-out                                                           labels of your own as the tables that training reads
  train classifier | segmenter | lumbar-detector | disc-detector    one network by our protocol
  export classifier | segmenter | detectors | run                   ONNX files and their entries in a pack
  evaluate classifier | segmenter | detectors | ensemble            figures of exported networks; weights by grid search
  pack                                                              members chosen and in 8 bits if asked; manifest, hashes, card
  reproduce                                                         every run of the paper's tables, resumable
  parity                                                            answers of recorded runs for the TypeScript path
  speed                                                             milliseconds a picture and file size of each network
  results                                                           docs/results.md from the recorded runs

tools around the default pack, each called as `python -m discflow_training.NAME`:
  find_discs                                                        boxes for SPIDER's T2 slices without any, for --found
  pseudo                                                            masks for ordinary T2 slices, for --pseudo
  out_of_fold                                                       answers of runs to patients that they did not see, for `evaluate ensemble`
  unseen_discs | unseen_figures | unseen_masks                      figures of recipes on patients that no member was trained on
  left_out                                                          how classifiers carry over to a source that they never saw
  disturbed                                                         labelled pictures as other scanners would take them
  detect golden | goldens                                           the files of test/golden/fixtures

Each takes --help. Run from the folder training/ with the labelled data in ../shared/data or named by --data-root.
"""
SUBJECTS: dict[tuple[str, str], tuple[Callable[[list[str]], None], list[str]]] = {
    ("train", "classifier"): (classify.main, ["train"]),
    ("train", "segmenter"): (segment.main, ["train"]),
    ("train", "lumbar-detector"): (detect.main, ["train", "lumbar"]),
    ("train", "disc-detector"): (detect.main, ["train", "disc"]),
    ("export", "classifier"): (classify.main, ["export"]),
    ("export", "segmenter"): (segment.main, ["export"]),
    ("export", "detectors"): (detect.main, ["export"]),
    ("export", "run"): (export_run.main, []),
    ("evaluate", "classifier"): (classify.main, ["evaluate"]),
    ("evaluate", "segmenter"): (segment.main, ["evaluate"]),
    ("evaluate", "detectors"): (detect.main, ["evaluate"]),
    ("evaluate", "ensemble"): (ensemble.main, []),
}
WHOLE: dict[str, Callable[[list[str]], None]] = {
    "lay-out": own_labels.main, "pack": pack.main, "parity": parity.main, "reproduce": reproduce.main, "results": page.main,
    "speed": speed.main,
}


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command and its subject and hand the rest on."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = sorted({*WHOLE, *(command for command, _ in SUBJECTS)})
    parser = argparse.ArgumentParser(
        prog="python -m discflow_training", description="Train, measure and ship discflow's networks.", epilog=GUIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=commands)
    options = parser.parse_args(given[:1])
    if options.command in WHOLE:
        WHOLE[options.command](given[1:])
        return
    subjects = [subject for command, subject in SUBJECTS if command == options.command]
    chooser = argparse.ArgumentParser(prog=f"python -m discflow_training {options.command}")
    chooser.add_argument("subject", choices=subjects)
    subject = chooser.parse_args(given[1:2]).subject
    handle, first = SUBJECTS[options.command, subject]
    handle([*first, *given[2:]])


if __name__ == "__main__":
    main()
