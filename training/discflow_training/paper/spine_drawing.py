"""A drawn spine with every wrong answer at its level: false negatives on its left, false positives on its right.

Both sides lead away from the threshold, at the spine: to probability 0 on the left and 1 on the right, each on a scale
of its own. All measures are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .answers import TARGETS, Answer, levels_of
from .svg import document, text

FALSE_POSITIVE, FALSE_NEGATIVE, RIGHT_ANSWER, BONE = "#cc5511", "#2266bb", "#d9dfe4", "#889"
NEAR_GROUND = "#fdf6e0"
ROW, SIDE, SPINE, GUTTER, HEAD, FOOT = 46, 236, 96, 92, 56, 36
WIDTH = 2 * (GUTTER + SIDE) + SPINE
CENTRE = WIDTH / 2
BINS = 12
MARK = 3.5
DISC_WIDTH, DISC_HEIGHT = 68, 15
BOW = (5, 0, -3, -3, 1)
"""How far each of the five lowest discs lies behind the straight line, from L1-L2 down."""


@dataclass(frozen=True)
class Threshold:
    """What the answers tell of a pack's threshold: above `low`, the highest negative, and at most `high`."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def spine_drawing(title: str, answers: Sequence[Answer], thresholds: dict[str, Threshold], near: float) -> str:
    """One panel a target under each other. `near` is the distance from the threshold that is tinted."""
    levels = levels_of(answers)
    parts = [text(CENTRE, 18, title, "middle")]
    top = 30
    for target, threshold in thresholds.items():
        chosen = [answer for answer in answers if answer.target == target]
        parts += _panel(top, TARGETS[target], chosen, levels, threshold, near)
        top += HEAD + ROW * len(levels) + FOOT
    return document(WIDTH, top, title, parts)


def _panel(
    top: int, name: str, answers: Sequence[Answer], levels: Sequence[str], threshold: Threshold, near: float
) -> Iterator[str]:
    first = top + HEAD
    height = ROW * len(levels)
    yield text(CENTRE, top + 14, name, "middle", "#111")
    yield text(CENTRE - SPINE / 2, top + 32, "answered negative: false negatives", "end", FALSE_NEGATIVE)
    yield text(CENTRE + SPINE / 2, top + 32, "answered positive: false positives", "start", FALSE_POSITIVE)
    yield from _near(first, height, threshold.middle, near)
    yield from _histograms(first, answers, levels, threshold.middle)
    for index, level in enumerate(levels):
        yield from _row(first + ROW * index, [a for a in answers if a.level == level], threshold.middle)
    yield from _spine(first, levels)
    yield from _scale(first + height, threshold.middle)


def across(answer: Answer, threshold: float) -> float:
    """Where an answer lies from left to right; one without a probability lies at the outer end of the left."""
    if answer.probability is None:
        return CENTRE - SPINE / 2 - SIDE
    if answer.positive:
        return CENTRE + SPINE / 2 + SIDE * max(0.0, answer.probability - threshold) / (1 - threshold)
    return CENTRE - SPINE / 2 - SIDE * max(0.0, threshold - answer.probability) / threshold


def _near(first: int, height: int, threshold: float, near: float) -> Iterator[str]:
    left, right = SIDE * min(1, near / threshold), SIDE * min(1, near / (1 - threshold))
    for x, width in ((CENTRE - SPINE / 2 - left, left), (CENTRE + SPINE / 2, right)):
        yield f'<rect x="{x:.1f}" y="{first}" width="{width:.1f}" height="{height}" fill="{NEAR_GROUND}"/>'


def _histograms(first: int, answers: Sequence[Answer], levels: Sequence[str], threshold: float) -> Iterator[str]:
    """Right answers as bars that stand on the row's lower edge; a full row is the panel's fullest bin."""
    counts: dict[tuple[int, bool, int], int] = {}
    for answer in answers:
        if not answer.wrong and answer.answered:
            away = abs(across(answer, threshold) - CENTRE) - SPINE / 2
            key = levels.index(answer.level), answer.positive, min(BINS - 1, int(away / SIDE * BINS))
            counts[key] = counts.get(key, 0) + 1
    width, full = SIDE / BINS, max(counts.values(), default=1)
    for (row, positive, place), count in sorted(counts.items()):
        x = CENTRE + SPINE / 2 + width * place if positive else CENTRE - SPINE / 2 - width * (place + 1)
        height = (ROW - 4) * count / full
        y = first + ROW * (row + 1) - 1 - height
        size = f'width="{width - 1:.1f}" height="{height:.1f}"'
        yield f'<rect x="{x + 0.5:.1f}" y="{y:.1f}" {size} fill="{RIGHT_ANSWER}"/>'


def _row(top: int, answers: Sequence[Answer], threshold: float) -> Iterator[str]:
    """Marks of one level, and how many of each side's answers are wrong."""
    bottom = top + ROW
    yield f'<line x1="{GUTTER}" x2="{WIDTH - GUTTER}" y1="{bottom}" y2="{bottom}" stroke="#ccc"/>'
    for positive, colour in ((False, FALSE_NEGATIVE), (True, FALSE_POSITIVE)):
        side = [answer for answer in answers if answer.positive == positive]
        wrong = sorted((answer for answer in side if answer.wrong), key=lambda answer: across(answer, threshold))
        for answer, (x, y) in zip(wrong, apart([across(a, threshold) for a in wrong], top + ROW / 2), strict=True):
            fill = colour if answer.answered else "#fff"
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{MARK}" fill="{fill}" fill-opacity=".85" stroke="{colour}"/>'
        x, anchor = (WIDTH - GUTTER + 12, "start") if positive else (GUTTER - 12, "end")
        shade = colour if wrong else "#888"
        yield text(x, top + ROW / 2 + 4, f"{len(wrong)} of {len(side)}", anchor, shade)


def apart(places: Sequence[float], middle: float) -> list[tuple[float, float]]:
    """Marks at `places`, left to right, moved up and down in a row, and aside where it is full, until none touch."""
    step, lanes = 2 * MARK + 0.6, int((ROW - 6) / (2 * MARK + 0.6))
    offsets = [step * ((lane + 1) // 2) * (-1) ** lane for lane in range(lanes)]
    ends = [float("-inf")] * lanes
    found = []
    for x in places:
        lane = next((lane for lane in range(lanes) if ends[lane] + step <= x), min(range(lanes), key=ends.__getitem__))
        ends[lane] = max(x, ends[lane] + step)
        found.append((ends[lane], middle + offsets[lane]))
    return found


def _spine(first: int, levels: Sequence[str]) -> Iterator[str]:
    """Vertebrae as outlines, discs between them with their names."""
    bows = [*([BOW[0]] * (len(levels) - len(BOW))), *BOW]
    centres = [(CENTRE + bow, first + ROW * (index + 0.5)) for index, bow in enumerate(bows)]
    bones = [(x, y - ROW / 2, level.split("-")[0]) for (x, y), level in zip(centres, levels, strict=True)]
    (lowest_x, lowest_y), sacrum = centres[-1], levels[-1].split("-")[1]
    for x, y, name in (*bones, (lowest_x + 5, lowest_y + ROW / 2, sacrum)):
        yield vertebra(x, y, DISC_WIDTH - 12, ROW - DISC_HEIGHT - 5)
        yield text(x, y + 4, name, "middle", "#99a")
    for (x, y), level in zip(centres, levels, strict=True):
        shape = f'<ellipse cx="{x}" cy="{y:.0f}" rx="{DISC_WIDTH / 2}" ry="{DISC_HEIGHT / 2}"'
        yield f'{shape} fill="#eef2f6" stroke="{BONE}"/>'
        yield text(x, y + 4, level, "middle")


def vertebra(x: float, y: float, width: float, height: float, colour: str = BONE) -> str:
    """A vertebra's outline around `x, y`: straight ends, sides drawn in."""
    half, tall, waist = width / 2, height / 2, width / 12
    return (
        f'<path d="M{x - half:.1f} {y - tall:.1f}h{width:.1f}q{-waist:.1f} {tall:.1f} 0 {height:.1f}h{-width:.1f}'
        f'q{waist:.1f} {-tall:.1f} 0 {-height:.1f}z" fill="#fff" stroke="{colour}" stroke-linejoin="round"/>'
    )


def _scale(y: int, threshold: float) -> Iterator[str]:
    """Probabilities under the rows: 0, the threshold at the spine, 1, and what lies half way."""
    left, right = CENTRE - SPINE / 2, CENTRE + SPINE / 2
    ticks = ((left - SIDE, 0.0, "middle"), (left - SIDE / 2, threshold / 2, "middle"), (left, threshold, "end"))
    half_way = (right + SIDE / 2, (1 + threshold) / 2, "middle")
    ticks += ((right, threshold, "start"), half_way, (right + SIDE, 1.0, "middle"))
    for x, value, anchor in ticks:
        yield f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y}" y2="{y + 4}" stroke="#888"/>'
        yield text(x, y + 16, f"{value:.2g}", anchor, "#666")
    yield text(GUTTER - 12, y + 16, "wrong of all", "end", "#666")
    yield text(WIDTH - GUTTER + 12, y + 16, "wrong of all", "start", "#666")
