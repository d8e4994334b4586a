"""Looks at test outlive the records that told of them."""

import itertools
import os
from pathlib import Path

import pytest

from discflow_training.paper.looks import keep_look, looks_section
from discflow_training.paper.records import read_records, write_compact, write_record


def keep_record(results: Path, name: str, commit: str, **more: object) -> None:
    write_record(results / "runs" / f"{name}.json", {"id": name, "date": "2026-11-25", "commit": commit, **more})


def test_a_record_that_another_replaces_leaves_its_look(tmp_path: Path) -> None:
    keep_record(tmp_path, "unet", "aaa", figures={})
    keep_record(tmp_path, "fpn", "aaa", figures={})
    keep_record(tmp_path, "unet", "bbb", figures={})
    page = "\n".join(looks_section(tmp_path, [*read_records(tmp_path).values()]))
    assert "| 2026-11-25 | aaa | 1 recorded runs" in page
    assert "| 2026-11-25 | bbb | 1 recorded runs" in page
    assert "| 2026-11-25 | aaa | 1 runs and ensembles of the zoo whose records later ones replaced" in page


def test_a_record_without_figures_has_looked_at_nothing(tmp_path: Path) -> None:
    keep_record(tmp_path, "pretrained-resnet50", "aaa")
    keep_look(tmp_path, tmp_path / "runs" / "pretrained-resnet50.json")
    keep_look(tmp_path, tmp_path / "runs" / "none.json")
    assert "aaa" not in "\n".join(looks_section(tmp_path, [*read_records(tmp_path).values()]))


def test_looks_noted_by_hand_stand_beside_the_records(tmp_path: Path) -> None:
    (tmp_path / "test-looks.csv").write_text('date,commit,what\n2026-11-24,–,"a pack, looked at once"\n', encoding="utf-8")
    assert "| 2026-11-24 | – | a pack, looked at once |" in looks_section(tmp_path, [])


def test_two_processes_may_write_the_same_table_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, write, pids = tmp_path / "cases" / "abc.json", Path.write_text, itertools.count()
    waiting = [table]

    def meanwhile(path: Path, text: str, encoding: str) -> int:
        written = write(path, text, encoding=encoding)
        if waiting:
            write_compact(waiting.pop(), {"train": [1, 2]})
        return written

    monkeypatch.setattr(os, "getpid", lambda: next(pids))
    monkeypatch.setattr(Path, "write_text", meanwhile)
    write_compact(table, {"train": [1, 2]})
    assert [path.name for path in table.parent.iterdir()] == ["abc.json"]
