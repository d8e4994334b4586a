"""Labelled data of one's own become the tables that training reads."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from discflow_training.data import read_yolospine
from discflow_training.disc_data import UNKNOWN, read_discs
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
    ("labels/a.txt", "1 0.5 0.5 0.2 0.1\n7 0.5 0.7 0.2 0.1\n", "class 7 is not known"),
    ("splits.csv", "image,patient,split\na,p1,train,x\nb,p2,val\n", "line 2: 4 cells where the header has 3"),
    ("labels/classes.txt", "vertebra\ncanal\n", "no class name holds the word disc"),
    ("images/a.jpeg", "", "has the same name before its extension"),
])
def test_what_evaluate_refuses_or_training_cannot_use_is_refused(
    name: str, content: str, said: str, folder: Path, tmp_path: Path
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(InputFault, match=said):
        lay_out(folder, tmp_path / "data")


@pytest.mark.parametrize("name", ["labels/a_1.txt", "masks/c.png"])
def test_labels_of_no_picture_are_refused(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(InputFault, match="images/ holds no image of that name"):
        lay_out(folder, tmp_path / "data")


def test_letters_with_marks_may_be_spelt_either_way(folder: Path, tmp_path: Path) -> None:
    (folder / "images" / "a.png").rename(folder / "images" / "Ru\u0308cken.png")
    (folder / "labels" / "a.txt").rename(folder / "labels" / "R\u00fccken.txt")
    for name in ("splits.csv", "findings.csv"):
        text = (folder / name).read_text(encoding="utf-8").replace("a.png", "R\u00fccken.png")
        (folder / name).write_text(text, encoding="utf-8")
    counts = lay_out(folder, tmp_path / "data")
    assert (counts["boxes"], counts["findings"]) == (2, 1)


def test_a_finding_teaches_its_own_picture_and_level_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "splits.csv").write_text("image,patient,split\na,p1,train\nb,p1,train\n")
    lay_out(folder, tmp_path / "data")
    discs = {(disc.image, disc.order): disc for disc in read_discs(tmp_path / "data")}
    assert discs["a", 1].targets == (1, 1)
    assert discs["b", 1].targets == (-1, -1)
    assert discs["a", 5].targets == (-1, -1)
    told = ("noted", "compression", "stenosis", "degenerative")
    assert {disc.grades[name] for disc in discs.values() for name in told} == {UNKNOWN}


def test_pictures_of_one_patient_may_differ_as_years_lie_between(folder: Path, tmp_path: Path) -> None:
    (folder / "splits.csv").write_text("image,patient,split\na,p1,train\nb,p1,train\n")
    (folder / "findings.csv").write_text("image,level,target,label\na,L5-S1,herniation,1\nb,L5-S1,herniation,0\n")
    lay_out(folder, tmp_path / "data")
    assert {disc.image: disc.targets[1] for disc in read_discs(tmp_path / "data") if disc.order == 0} == {"a": 1, "b": 0}


def test_tables_are_read_as_evaluate_reads_them(folder: Path, tmp_path: Path) -> None:
    mark = "\ufeff"
    (folder / "splits.csv").write_text(mark + "image, patient ,split\r\n\r\na,p1,train\r\nb,p2,val\r\n", newline="")
    for name in ("findings.csv", "labels/a.txt"):
        path = folder / name
        path.write_text(mark + path.read_text())
    (folder / "labels" / "b.txt").rename(folder / "labels" / "b.TXT")
    (folder / "masks" / "b.png").rename(folder / "masks" / "b.PNG")
    counts = lay_out(folder, tmp_path / "data")
    assert (counts["boxes"], counts["findings"], counts["masks"]) == (2, 1, 1)


def test_a_drawn_region_is_no_disc(folder: Path, tmp_path: Path) -> None:
    for stem, kind in (("a", 0), ("b", 6)):
        path = folder / "labels" / f"{stem}.txt"
        path.write_text(f"{path.read_text()}\n{kind} 0.45 0.55 0.5 0.8")
    (folder / "labels" / "classes.txt").write_text("worn disc\ndisc\nother\nother\ndisc\ndisc\nlumbar region\n")
    lay_out(folder, tmp_path / "data")
    assert [len(image.discs) for image in read_yolospine(tmp_path / "data")] == [6, 6]


def test_a_turned_photograph_is_laid_out_upright(folder: Path, tmp_path: Path) -> None:
    path = folder / "images" / "a.png"
    upright = Image.open(path).convert("L")
    turned = Image.Exif()
    turned[0x0112] = 6
    upright.rotate(90, expand=True).save(path, exif=turned)
    lay_out(folder, tmp_path / "data")
    with Image.open(tmp_path / "data" / "yolospine" / "images" / "a.png") as picture:
        np.testing.assert_array_equal(np.array(picture), np.array(upright))


def test_what_a_transparent_pixel_hides_is_black(folder: Path, tmp_path: Path) -> None:
    path = folder / "images" / "a.png"
    picture = Image.open(path).convert("LA")
    picture.putalpha(0)
    picture.save(path)
    lay_out(folder, tmp_path / "data")
    with Image.open(tmp_path / "data" / "yolospine" / "images" / "a.png") as written:
        assert written.mode == "L" and not np.array(written).any()


def test_a_picture_that_cannot_be_decoded_is_named(folder: Path, tmp_path: Path) -> None:
    path = folder / "images" / "a.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFault, match=r"a\.png cannot be decoded"):
        lay_out(folder, tmp_path / "data")
    path.unlink()
    Image.new("CMYK", (120, 200)).save(folder / "images" / "a.jpg")
    with pytest.raises(InputFault, match=r"a\.jpg is CMYK"):
        lay_out(folder, tmp_path / "data")


@pytest.mark.parametrize("name", ["splits.csv", "findings.csv", "labels/a.txt", "labels/classes.txt"])
def test_a_file_that_is_not_utf8_is_named(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).write_bytes("disc 1,é".encode("latin-1"))
    with pytest.raises(InputFault, match=f"{Path(name).name} is not in UTF-8"):
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
