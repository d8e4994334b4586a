"""Small drawn columns of discs, one a picture: answers by colour, misnamed discs moved to the name that they got.

A disc's left half is the answer to bulge or herniation, its right half that to herniation. All measures are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .answers import LEVELS, Answer, levels_of
from .spine_drawing import FALSE_NEGATIVE, FALSE_POSITIVE, RIGHT_ANSWER, vertebra
from .svg import document, text

ACROSS = 8
PITCH, CELL, LEFT, TOP, CAPTION = 24, 82, 62, 86, 50
HALF_WIDTH, HALF_HEIGHT = 21, 5.5
HALVES = {"bulgeOrHerniation": -1, "herniation": 1}

Picture = Sequence[Answer]


def column_drawing(title: str, pictures: Sequence[Picture]) -> str:
    """A column a picture, eight beside each other; empty where there is none."""
    if not pictures:
        return ""
    parts, top = [text(12, 18, title), *_legend()], TOP
    for first in range(0, len(pictures), ACROSS):
        line = pictures[first : first + ACROSS]
        rows = _rows(line)
        parts += [text(LEFT - 8, top + PITCH * row + 4, level, "end", "#666") for row, level in enumerate(rows)]
        for place, picture in enumerate(line):
            parts += _column(LEFT + CELL * (place + 0.5), top, picture, rows)
        top += PITCH * len(rows) + CAPTION
    return document(LEFT + CELL * ACROSS, top - 22, title, parts)


def _rows(pictures: Sequence[Picture]) -> list[str]:
    """From the highest name, given or labelled, down."""
    answers = [answer for picture in pictures for answer in picture]
    names = {*levels_of(answers), *(answer.reported for answer in answers)}
    return [level for level in reversed(LEVELS) if level in names]


def _legend() -> Iterator[str]:
    x = 12.0
    entries = ((RIGHT_ANSWER, "right"), (FALSE_POSITIVE, "false positive"), (FALSE_NEGATIVE, "false negative"))
    for colour, words in entries:
        yield f'<rect x="{x}" y="29" width="14" height="10" fill="{colour}" stroke="#666"/>'
        yield text(x + 19, 38, words)
        x += 38 + 6 * len(words)
    yield text(x, 38, "left half: bulge or herniation; right half: herniation")
    yield text(12, 55, "dashed: no disc found there, or none under that name; unsure: names given without certainty")


def _column(x: float, top: float, picture: Picture, rows: Sequence[str]) -> Iterator[str]:
    discs: dict[str, list[Answer]] = {}
    for answer in picture:
        discs.setdefault(answer.level, []).append(answer)
    places = {level: rows.index(halves[0].reported or level) for level, halves in discs.items()}
    taken = set(places.values())
    for row in sorted({row for place in taken for row in (place - 0.5, place + 0.5)}):
        yield vertebra(x, top + PITCH * row, 2 * HALF_WIDTH - 8, PITCH - 2 * HALF_HEIGHT - 3, "#bbc")
    for level in discs:
        if rows.index(level) not in taken:
            yield _outline(x, top + PITCH * rows.index(level))
    for level, halves in discs.items():
        yield from _disc(x, top + PITCH * places[level], halves)
    bottom = top + PITCH * len(rows)
    yield text(x, bottom + 5, f"{sum(answer.wrong for answer in picture)} wrong", "middle")
    yield _naming(x, bottom + 18, [halves[0] for halves in discs.values()])


def _naming(x: float, y: float, discs: Picture) -> str:
    """What must be said of the discs' names: how many are wrong, else how many are not certain."""
    misnamed = sum(disc.misnamed for disc in discs)
    if misnamed:
        return text(x, y, f"{misnamed} misnamed", "middle", "#a22")
    unsure = sum(disc.reported != "" and not disc.certain for disc in discs)
    return text(x, y, f"{unsure} unsure", "middle", "#777") if unsure else ""


def _disc(x: float, y: float, halves: Picture) -> Iterator[str]:
    if not halves[0].reported:
        yield _outline(x, y)
    for answer in halves:
        side = HALVES[answer.target]
        fill, edge = (colour_of(answer), "#666") if answer.answered or answer.wrong else ("none", "none")
        arc = f"a{HALF_WIDTH} {HALF_HEIGHT} 0 0 {int(side > 0)} 0 {2 * HALF_HEIGHT}z"
        yield f'<path d="M{x:.0f} {y - HALF_HEIGHT:.1f}{arc}" fill="{fill}" stroke="{edge}"/>'


def _outline(x: float, y: float) -> str:
    """The place of a disc that is not there."""
    shape = f'<ellipse cx="{x:.0f}" cy="{y:.1f}" rx="{HALF_WIDTH}" ry="{HALF_HEIGHT}"'
    return f'{shape} fill="none" stroke="#888" stroke-dasharray="3 2"/>'


def colour_of(answer: Answer) -> str:
    if not answer.wrong:
        return RIGHT_ANSWER
    return FALSE_POSITIVE if answer.positive else FALSE_NEGATIVE
