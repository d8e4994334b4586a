"""All runs of the paper's tables: `python -m discflow_training reproduce`.

A finished run with the same configuration and data is skipped, a killed one goes on from its checkpoint, and what a
missing run starts from is trained again where its weights are not at hand.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ..data import DEFAULT_DATA_ROOT
from ..decoders import PAPER_ZOO
from ..disc_data import TARGETS
from ..faults import InputFault
from ..recipes import device, positive, seed
from ..runs import alone_in
from .cases import data_hash_of
from .ensembles import write_ensembles
from .page import page_beside, write_page
from .phantoms import write_phantoms
from .plan import GROUPS, SCALES, SMOKE, Scale, plan
from .protocol import CLASSIFIERS, WIDE_TARGET, Run, configuration_hash
from .records import DEFAULT_RESULTS, read_finished
from .runner import execute, has_weights, require_encoders

DEFAULT_WORK = DEFAULT_RESULTS.parent / "work"
ASSUMED_SECONDS = {"pretraining": 90.0, "classifier": 60.0, "segmenter": 90.0, "detector": 300.0}


@dataclass(frozen=True)
class Settings:
    """Where a reproduction reads and writes, and what carries it out."""

    root: Path
    work: Path
    results: Path
    device: str = "cpu"
    threads: int = 1
    encoder_files: dict[str, Path] = field(default_factory=dict)
    need_weights: bool = False


def wanting(runs: Sequence[Run], settings: Settings) -> list[Run]:
    """The runs to carry out: those without a record, and before each what it starts from where the weights are gone."""
    by_id = {run.id: run for run in runs}
    chosen: set[str] = set()

    def need_weights(run: Run) -> None:
        if not has_weights(run, by_id, settings.root, settings.work):
            choose(run)

    def choose(run: Run) -> None:
        if run.id not in chosen:
            chosen.add(run.id)
            for name in run.needs:
                need_weights(by_id[name])

    for run in runs:
        if run.kind == "pretraining":
            continue
        own_hash = configuration_hash(run, by_id)
        if read_finished(settings.results, run, own_hash, data_hash_of(run, settings.root)) is None:
            choose(run)
        elif settings.need_weights:
            need_weights(run)
    return [run for run in runs if run.id in chosen]


def carry_out(run: Run, runs: dict[str, Run], settings: Settings) -> float:
    """One run in this process; returns its seconds."""
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    execute(
        run, runs, settings.root, settings.work, settings.results, torch.device(settings.device), settings.encoder_files
    )
    return time.monotonic() - started


class Progress:
    """Says after each run how many are left and about how long they take."""

    def __init__(self, runs: Sequence[Run], jobs: int, say: Callable[[str], None]) -> None:
        self._left = list(runs)
        self._total, self._jobs, self._say = len(runs), jobs, say
        self._seconds: dict[str, list[float]] = {}

    def done(self, run: Run, seconds: float) -> None:
        self._left.remove(run)
        self._seconds.setdefault(run.kind, []).append(seconds)
        minutes = sum(self._expected(other) for other in self._left) / self._jobs / 60
        self._say(
            f"[{self._total - len(self._left)}/{self._total}] {run.id} {seconds:.0f} s, about {minutes:.0f} min left"
        )

    def _expected(self, run: Run) -> float:
        known = self._seconds.get(run.kind)
        return sum(known) / len(known) if known else ASSUMED_SECONDS[run.kind]


def reproduce(runs: Sequence[Run], settings: Settings, jobs: int = 1, say: Callable[[str], None] = print) -> None:
    """Carry out what is wanting, `jobs` at a time."""
    by_id = {run.id: run for run in runs}
    todo = wanting(runs, settings)
    say(f"{len(runs)} runs, {len(todo)} to carry out")
    progress = Progress(todo, jobs, say)
    if jobs == 1:
        for run in todo:
            progress.done(run, carry_out(run, by_id, settings))
        return
    _in_parallel(todo, by_id, settings, jobs, progress)


def worker_pool(jobs: int) -> ProcessPoolExecutor:
    """Processes that end with this one, however it ends: the command that goes on writes into the same folders."""
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()

    def wait_and_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _in_parallel(todo: Sequence[Run], by_id: dict[str, Run], settings: Settings, jobs: int, progress: Progress) -> None:
    waiting, finished = list(todo), set(by_id) - {run.id for run in todo}
    running: dict[Future[float], Run] = {}
    with worker_pool(jobs) as pool:
        while waiting or running:
            for run in [run for run in waiting if finished.issuperset(run.needs)][: jobs - len(running)]:
                waiting.remove(run)
                running[pool.submit(carry_out, run, by_id, settings)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                progress.done(run, seconds_of(future))
                finished.add(run.id)


def seconds_of(future: Future[float]) -> float:
    """The seconds of a run that another process carried out; raises `InputFault` where that process was ended."""
    try:
        return future.result()
    except BrokenProcessPool as fault:
        raise InputFault(
            "the process of a run was ended from outside, as where memory is short; the same command goes on, with fewer --jobs if need be"
        ) from fault


def encoder_files(folder: Path | None) -> dict[str, Path]:
    """Checkpoints `<encoder>.pth` or `.safetensors` of a folder by encoder."""
    if folder is None:
        return {}
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in (".pth", ".pt", ".safetensors")}
    known = {*CLASSIFIERS, *(encoder for _, encoder in PAPER_ZOO)}
    if not files or (strange := sorted(set(files) - known)):
        found = f"{strange[0]} is no encoder" if files else "no .pth or .safetensors file"
        raise InputFault(f"{folder}: {found}; files are named {', '.join(sorted(known))}")
    return files


def file_hashes(files: dict[str, Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--scale", choices=sorted(SCALES), default="paper", help="width, sizes and epochs together")
    parser.add_argument(
        "--width", type=positive(float), help="width factor of every network (default of the scale: 0.25; 1 is published)"
    )
    parser.add_argument(
        "--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="which tables' runs, in this order"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="RUN", help="these runs and what they start from")
    parser.add_argument("--target", choices=TARGETS, default=WIDE_TARGET, help="what the classifiers are asked")
    parser.add_argument("--seed", type=seed, default=0, help="of first weights, order and augmentation")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data")
    parser.add_argument(
        "--work", type=Path, default=DEFAULT_WORK, help="checkpoints and weights; not for the repository"
    )
    parser.add_argument(
        "--results", type=Path, help="records (default: training/results of the repository, for the public data alone)"
    )
    parser.add_argument(
        "--encoder-weights", type=Path, metavar="FOLDER", help="ImageNet checkpoints named <encoder>.pth (width 1)"
    )
    parser.add_argument("--device", type=device, choices=("cpu", "cuda"), default="cpu", help="what trains")
    parser.add_argument("--jobs", type=positive(int), default=1, help="runs at a time")
    parser.add_argument("--threads", type=positive(int), default=1, help="threads of a run; part of what makes numbers repeat")
    parser.add_argument(
        "--need-weights",
        action="store_true",
        help="train recorded runs again whose weights are gone (for ensembles of segmenters)",
    )
    parser.add_argument("--list", action="store_true", help="name the runs, say which are to be carried out, and end")
    parser.add_argument(
        "--smoke", action="store_true",
        help="the whole protocol on drawn phantoms with tiny networks, into a new temporary folder; goes with --jobs alone",
    )


def scale_of(options: argparse.Namespace) -> Scale:
    """The scale, with the width that was asked for."""
    scale = SCALES[options.scale]
    return scale if options.width is None else replace(scale, width=options.width)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m discflow_training reproduce", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.smoke:
        others = [name for name, value in vars(options).items() if value != parser.get_default(name)]
        if idle := set(others) - {"smoke", "jobs"}:
            parser.error(f"--smoke goes with --jobs alone, not with --{min(idle).replace('_', '-')}")
        smoke(options.jobs)
        return
    files = encoder_files(options.encoder_weights)
    everything = plan(scale_of(options), GROUPS, options.seed, options.target, file_hashes(files))
    runs = plan(scale_of(options), options.groups, options.seed, options.target, file_hashes(files))
    torch.set_num_threads(options.threads)
    if options.only:
        runs = with_needs(runs, options.only)
    results = results_of(options.results, options.data_root)
    settings = Settings(options.data_root, options.work, results, options.device, options.threads, files, options.need_weights)
    if options.list:
        todo = wanting(runs, settings)
        for item in runs:
            print(f"{item.id}, {'to carry out' if item in todo else 'nothing to do'}")
        return
    require_encoders(wanting(runs, settings), files)
    with alone_in(options.work, f"another reproduce works in {options.work}; --jobs does several runs at a time, --work names another folder"):
        reproduce(runs, settings, options.jobs, lambda line: print(line, flush=True))
        write_ensembles(everything, settings.root, settings.work, settings.results)
        write_page(settings.results, page_beside(settings.results))


def results_of(given: Path | None, root: Path) -> Path:
    """Where the records go; raises `InputFault` where those of other data would take the place of the repository's."""
    if given is None and root.resolve() != DEFAULT_DATA_ROOT.resolve():
        raise InputFault(f"give --results for records of {root}: the repository's own are of the public data")
    return given or DEFAULT_RESULTS


def with_needs(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    """The named runs with all that they start from, in the plan's order."""
    by_id = {run.id: run for run in runs}
    unknown = [name for name in names if name not in by_id]
    if unknown:
        raise SystemExit(f"no run is called {', '.join(unknown)}; `reproduce --list` tells their names")
    chosen: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        chosen.add(name)
        pending += by_id[name].needs
    return [run for run in runs if run.id in chosen]


def smoke(jobs: int, folder: Path | None = None, groups: Sequence[str] = GROUPS, scale: Scale = SMOKE) -> Path:
    """The whole protocol on phantoms, ending in a results page; returns the folder that holds everything."""
    started = time.monotonic()
    folder = folder or Path(tempfile.mkdtemp(prefix="discflow-smoke-"))
    write_phantoms(folder / "data", patients=8, seed=0)
    settings = Settings(folder / "data", folder / "work", folder / "results")
    runs = plan(scale, groups)
    reproduce(runs, settings, jobs, lambda line: print(line, flush=True))
    write_ensembles(plan(scale), settings.root, settings.work, settings.results)
    write_page(settings.results, folder / "results.md")
    print(f"{folder / 'results.md'}, {time.monotonic() - started:.0f} s on {os.cpu_count()} processors")
    return folder
