"""Labelled data of one's own become the tables that training reads."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from discflow_training.data import read_yolospine
from discflow_training.disc_data import read_discs
from discflow_training.faults import InputFault
from discflow_training.own_labels import lay_out
from discflow_training.paper.cases import disc_cases
from discflow_training.paper.phantoms import draw
from discflow_training.region_data import read_regions

LEVELS = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures: one with boxes, findings of some levels and a mask, one with boxes alone."""
    own = tmp_path / "own"
    for name in ("images", "labels", "masks"):
        (own / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for stem in ("a", "b"):
        phantom = draw(rng, [0, 1, 0, 1, 0, 0])
        height, width = phantom.image.shape
        Image.fromarray(phantom.image).save(own / "images" / f"{stem}.png")
        lines = []
        for x0, y0, x1, y1 in phantom.boxes:
            place = f"{(x0 + x1) / 2 / width} {(y0 + y1) / 2 / height} {(x1 - x0) / width} {(y1 - y0) / height}"
            lines += [f"1 {place}", f"0 {place}", "2 0.9 0.9 0.05 0.05"]
        (own / "labels" / f"{stem}.txt").write_text("\n".join(lines))
    Image.fromarray(phantom.mask).save(own / "masks" / "b.png")
    (own / "splits.csv").write_text("image,patient,split\na.png,p1,train\nb,p2,val\n")
    findings = ["a.png,L5-S1,herniation,0", "a.png,L4-L5,herniation,1", "a.png,L3-L4,bulgeOrHerniation,0"]
    (own / "findings.csv").write_text("\n".join(["image,level,target,label", *findings]))
    return own


def test_boxes_findings_and_masks_are_read_again(folder: Path, tmp_path: Path) -> None:
    counts = lay_out(folder, tmp_path / "data")
    assert counts == {"boxes": 2, "findings": 1, "masks": 1, "findings but no boxes, which teach nothing": 0}
    first, second = read_yolospine(tmp_path / "data")
    assert (first.patient, first.split, second.split) == ("p1", "train", "val")
    assert len(first.discs) == 6 and (np.diff(first.discs[:, 1]) < 0).all()
    region = read_regions(tmp_path / "data")[0]
    assert region.split == "val" and set(np.unique(region.mask)) == {0, 1, 2, 3}


def test_what_nobody_labelled_stays_unknown(folder: Path, tmp_path: Path) -> None:
    lay_out(folder, tmp_path / "data")
    discs = {(disc.image, LEVELS[disc.order]): disc.targets for disc in read_discs(tmp_path / "data") if disc.scored}
    assert discs["a", "L5-S1"] == (-1, 0)
    assert discs["a", "L4-L5"] == (1, 1)
    assert discs["a", "L3-L4"] == (0, -1)
    assert discs["a", "L2-L3"] == (-1, -1) and discs["b", "L5-S1"] == (-1, -1)


def test_a_patient_of_two_splits_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "splits.csv").write_text("image,patient,split\na.png,p1,train\nb,p1,test\n")
    with pytest.raises(InputFault, match="both train and test"):
        lay_out(folder, tmp_path / "data")


def test_a_picture_without_split_and_a_foreign_mask_value_are_refused(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((200, 120), 9, dtype=np.uint8)).save(folder / "masks" / "a.png")
    with pytest.raises(InputFault, match="holds the value 9"):
        lay_out(folder, tmp_path / "data")
    (folder / "splits.csv").write_text("image,patient,split\na.png,p1,train\n")
    with pytest.raises(InputFault, match="lacks 1 of the images, b among them"):
        lay_out(folder, tmp_path / "data")


@pytest.mark.parametrize(("name", "content", "said"), [
    ("splits.csv", "image,patient\na,p1\nb,p2\n", "no column split"),
    ("splits.csv", "image,patient,split\na,,train\nb,p2,val\n", "line 2: patient must not be empty"),
    ("splits.csv", "image,patient,split\na,p1,train\na.png,p1,train\nb,p2,val\n", "line 3: the image stands there twice"),
    ("splits.csv", "image,patient,split\na,p1,train\nb,p2,val\nc,p3,val\n", "line 4: images/ holds no such image"),
    ("findings.csv", "image,level,target,label\nc.png,L5-S1,herniation,1\n", "line 2: images/ holds no such image"),
    ("findings.csv", "image,level,target,label\na,L6-S1,herniation,1\n", "L6-S1, herniation, 1 is no finding"),
    ("findings.csv", "image,level,target,label\n" + "a,L5-S1,herniation,1\n" * 2, "line 3: this disc already has a label"),
    ("findings.csv", "image,level,target,label\na,L5-S1,herniation,1\na,L5-S1,bulgeOrHerniation,0\n", "L5-S1 of a is a"),
    ("labels/a.txt", "1 0.5 0.5 0.2\n", "each line holds class, centre x"),
    ("labels/a.txt", "one 0.5 0.5 0.2 0.1\n", "each line holds class, centre x"),
    ("labels/a.txt", "1.5 0.5 0.5 0.2 0.1\n", "1.5 is no class"),
    ("labels/a.txt", "1 60 200 40 14\n", "must be shares of the picture"),
    ("labels/a.txt", "2 0.5 0.5 0.2 0.1\n", "holds no box of a disc"),
    ("labels/classes.txt", "vertebra\ncanal\n", "no class name holds the word disc"),
    ("images/a.jpeg", "", "has the same name before its extension"),
])
def test_what_evaluate_refuses_or_training_cannot_use_is_refused(
    name: str, content: str, said: str, folder: Path, tmp_path: Path
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(InputFault, match=said):
        lay_out(folder, tmp_path / "data")


def test_pictures_of_one_patient_that_contradict_each_other_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "splits.csv").write_text("image,patient,split\na,p1,train\nb,p1,train\n")
    (folder / "findings.csv").write_text("image,level,target,label\na,L5-S1,herniation,1\nb,L5-S1,herniation,0\n")
    with pytest.raises(InputFault, match="L5-S1 of one patient"):
        lay_out(folder, tmp_path / "data")


def test_a_folder_without_labels_and_a_mask_of_another_size_are_refused(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 10), dtype=np.uint8)).save(folder / "masks" / "b.png")
    with pytest.raises(InputFault, match="the size of its picture"):
        lay_out(folder, tmp_path / "data")
    shutil.rmtree(folder / "masks")
    shutil.rmtree(folder / "labels")
    with pytest.raises(InputFault, match="no picture has boxes"):
        lay_out(folder, tmp_path / "data")


def test_a_name_with_a_dot_keeps_it(folder: Path, tmp_path: Path) -> None:
    for place in ("images/a.png", "labels/a.txt"):
        path = folder / place
        path.rename(path.with_name(f"a.1{path.suffix}"))
    (folder / "splits.csv").write_text("image,patient,split\na.1,p1,train\nb,p2,val\n")
    (folder / "findings.csv").write_text("image,level,target,label\na.1.png,L4-L5,herniation,1\n")
    lay_out(folder, tmp_path / "data")
    assert {disc.image for disc in read_discs(tmp_path / "data") if disc.targets[1] == 1} == {"a.1"}


def test_the_papers_protocol_needs_cases_of_every_split(folder: Path, tmp_path: Path) -> None:
    lay_out(folder, tmp_path / "data")
    with pytest.raises(InputFault, match="train, val and test"):
        disc_cases(tmp_path / "data", 16, "herniation")
