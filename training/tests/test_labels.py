"""Notes are read level by level; wording as radiologists use it, spelling included."""

import pytest

from discflow_training.labels import LEVELS, grading_labels, parse_note


def labelled(note: str, label: int | None) -> set[str]:
    """The levels that a note gives this strict label."""
    findings = parse_note(note)
    return {level for level in LEVELS if findings.herniation(level) == label}


def positive(note: str) -> set[str]:
    return labelled(note, 1)


def unknown(note: str) -> set[str]:
    return labelled(note, None)


@pytest.mark.parametrize(
    ("note", "levels"),
    [
        ("No evidence of disc herniation. No significant thecal sac compression.", set()),
        ("Feature of muscle spasm. No disc protrusion or herniation seen.", set()),
        ("L4-L5: Central disc protrusion noted compressing the thecal sac.", {"L4-L5"}),
        ("Small central disc protrusion noted at L5/S1 level.", {"L5-S1"}),
        ("L5-S1: left paramedian disc protrusion on top of degenerative disc bulge.", {"L5-S1"}),
        ("Diffuse disc bulge at L4-L5 level. Right disc protruion noted at L3/L4 level", {"L3-L4"}),
        ("disc bulge noted at L4-L5 level Small protrusion noted at L5-S1 level", {"L5-S1"}),
        ("Diffuse bulge with right paracentral disc extrusion noted at the L5-S1 ; bulge at L4-5", {"L5-S1"}),
        ("Central disc protrusions noted at L3-L4, L4-L5 and L5-S1 levels.", {"L3-L4", "L4-L5", "L5-S1"}),
        ("L3-4 broad based disc protrusion is noted.// L5-S1: central disc bulge is noted", {"L3-L4"}),
        ("Small left paracentral disc protrusion at D12/L1 , mild.", {"T12-L1"}),
        ("sequeatrated disc fragment noted behind L5 body below L4/L5 level", {"L4-L5"}),
        ("L4-L5 level:  Protrusion noted. Mostly sequestrated disc.  L5-S1 level:  disc bulge", {"L4-L5"}),
        ("Protrusion at L1-L2 level. No evidence of disc herniation at other levels.", {"L1-L2"}),
    ],
)
def test_strict_herniation_by_level(note: str, levels: set[str]) -> None:
    assert positive(note) == levels
    assert unknown(note) == set()


def test_a_bulge_is_no_herniation() -> None:
    findings = parse_note("L4-5: diffuse disc bulge noted.")
    assert findings.bulging == {"L4-L5"}
    assert findings.herniation("L4-L5") == 0


def test_a_note_finds_a_disc_abnormal_by_bulge_or_herniation_and_leaves_doubtful_ones_open() -> None:
    findings = parse_note("L3-L4: disc bulge noted. L4-L5: disc protrusion noted. L5-S1: ? protrusion")
    assert [findings.abnormal(level) for level in ("L2-L3", "L3-L4", "L4-L5", "L5-S1")] == [0, 1, 1, None]
    assert parse_note("Disc protrusion noted.").abnormal("L4-L5") is None


@pytest.mark.parametrize(
    ("note", "levels"),
    [
        ("Diffuse disc bulge noted at L4/L5 level, mildly compressing the thecal sac and nerve roots.", {"L4-L5"}),
        ("L4-L5: Central disc protrusion noted compressing the thecal sac. L5-S1: disc bulge noted.", {"L4-L5"}),
        ("disc bulge abutting the thecal sac at L3-L4 level. Disc bulge noted at L4-L5 level", {"L3-L4"}),
        ("L3-L4 and L4-L5: bulges indenting the thecal sac. No compression of the thecal sac at L5-S1.", {"L3-L4", "L4-L5"}),
        ("Disc bulge noted at L5-S1 level. No significant thecal sac or nerve root compression noted.", set()),
    ],
)
def test_a_note_finds_the_thecal_sac_compressed_by_level(note: str, levels: set[str]) -> None:
    assert {level for level in LEVELS if parse_note(note).compression(level) == 1} == levels


def test_compression_is_open_where_the_note_leaves_the_disc_open() -> None:
    findings = parse_note("L4-L5: disc bulge noted compressing the thecal sac. L5-S1: ? protrusion")
    assert [findings.compression(level) for level in ("L3-L4", "L4-L5", "L5-S1")] == [0, 1, None]


def test_a_protrusion_without_level_leaves_every_level_open() -> None:
    assert unknown("Rt paracentral disc protrusion noted compressing the thecal sac.") == set(LEVELS)


def test_several_levels_leave_the_unnamed_ones_open() -> None:
    note = "Multilevel disc protrusions, noticeably at L4-L5 level."
    assert positive(note) == {"L4-L5"}
    assert "L3-L4" in unknown(note)


def test_a_question_mark_leaves_its_level_open() -> None:
    assert unknown("lesion noted at L3/L4 level ? sequestrated disc. Bulge at L4/L5 level") == {"L3-L4"}


def test_findings_in_the_neck_are_not_of_the_back() -> None:
    assert positive("Disc protrusion noted at C4/C5 level. L5-S1: disc bulge.") == set()


def test_gradings_join_bulge_and_herniation() -> None:
    grading = {"Disc herniation": "0", "Disc bulging": "1", "Disc narrowing": "1", "Pfirrman grade": "4"}
    assert grading_labels(grading) == {"herniation": 0, "bulgeOrHerniation": 1, "narrowing": 1, "pfirrmann": 4}
    herniated = grading | {"Disc herniation": "1", "Disc bulging": "0"}
    assert grading_labels(herniated) == {"herniation": 1, "bulgeOrHerniation": 1, "narrowing": 1, "pfirrmann": 4}
