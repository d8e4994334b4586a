"""Labels of discs: strict herniation from free-text notes by level, and SPIDER's gradings.

Strict herniation means protrusion, extrusion, sequestration or a herniation called so; a bulge is none. Levels are
written from above: `L4-L5`. A label is 1, 0 or None; None means that the text leaves it open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

VERTEBRAE = [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S1"]
LEVELS = [f"{upper}-{lower}" for upper, lower in pairwise(VERTEBRAE)]

_PAIR = re.compile(r"\b([CDTLS])\s?(\d{1,2})\s{0,2}(?:[-–/]\s{0,2}|\s)([CDTLS])?\s?(\d{1,2})\b", re.IGNORECASE)
_HERNIATION = re.compile(
    r"\bprot[a-z]*[iu]on[a-z]*|\bprotru[a-z]*|\bextru[a-z]*|\bseq[a-z]*tra[a-z]*|\bher?n[a-z]*ation[a-z]*|\bheniation[a-z]*"
    r"|\bprolaps[a-z]*|\bprotur[a-z]*",
    re.IGNORECASE,
)
_BULGE = re.compile(r"\bbulg[a-z]*", re.IGNORECASE)
_COMPRESSION = re.compile(r"\b(?:co[mp]{1,2}r|abut|indent|imping)[a-z]*\b[^.§]{0,30}?\bt[a-z]{3,6}l\s?sac", re.IGNORECASE)
_GROUP = re.compile(r"§(\d+)§(?:[\s,&/]*(?:and|amnd|levels?)?[\s,&/]*§\d+§)*\s*(?:levels?)?\s*(:)?", re.IGNORECASE)
_MARK = re.compile(r"§(\d+)§")
_CLAUSES = re.compile(r"\.+(?=\s|$|[A-Za-z§-])|/{2,}|\n|(?:(?<=\s)|^)-(?=\s?[A-Za-z§])|\s{2,}-\s*")
_NEGATED = re.compile(r"\b(?:no|not|without)\b(?:\W+\w+){0,6}\W*$", re.IGNORECASE)
_DOUBT = re.compile(r"\?[^.]{0,25}$|\b(?:possible|suspected|suggestive of|to exclude)\b[^.]{0,20}$", re.IGNORECASE)
_SEVERAL = re.compile(r"\bmulti\s?-?levels?\b|\bseveral\b", re.IGNORECASE)


@dataclass
class NoteFindings:
    """What a note says: levels with a herniation, levels left in doubt, and whether others may be meant as well."""

    herniated: set[str] = field(default_factory=set)
    bulging: set[str] = field(default_factory=set)
    compressing: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    others_open: bool = False

    def herniation(self, level: str) -> int | None:
        """The strict label of a level."""
        if level in self.doubtful:
            return None
        if level in self.herniated:
            return 1
        return None if self.others_open else 0

    def abnormal(self, level: str) -> int | None:
        """Whether the note finds a bulge or a herniation at a level."""
        if level in self.herniated or level in self.bulging:
            return 1
        return None if self.others_open or level in self.doubtful else 0

    def compression(self, level: str) -> int | None:
        """Whether the note finds the thecal sac touched, indented or compressed at a level."""
        if level in self.compressing:
            return 1
        return None if self.abnormal(level) is None else 0


@dataclass
class _Finding:
    herniation: bool
    doubtful: bool
    several: bool
    compressing: bool = False


def parse_note(note: str) -> NoteFindings:
    """Read a radiologist's note.

    A finding belongs to the level of its heading (`L4-L5: ...`, or a clause that begins with the level), otherwise to the
    levels named after it in its clause; findings joined before one level share it (`bulge with protrusion at L5-S1`).
    """
    levels: list[str] = []
    marked = _PAIR.sub(lambda match: _mark(match, levels), note)
    result = NoteFindings()
    heading: list[str] = []
    for clause in _CLAUSES.split(marked):
        heading = _read_clause(clause, levels, heading, result)
    return result


def grading_labels(grading: dict[str, str]) -> dict[str, int]:
    """Targets and auxiliary grades of one SPIDER disc (`gradings.csv`)."""
    herniation, bulging = int(grading["Disc herniation"]), int(grading["Disc bulging"])
    return {
        "herniation": herniation,
        "bulgeOrHerniation": int(herniation or bulging),
        "narrowing": int(grading["Disc narrowing"]),
        "pfirrmann": int(grading["Pfirrman grade"]),
    }


def _mark(match: re.Match[str], levels: list[str]) -> str:
    """Replace a level by `§n§`; neck levels and typing errors become a mark without a level of the back."""
    first, upper, second, lower = match.groups()
    first = first.upper().replace("D", "T")
    second = (second or "").upper().replace("D", "T")
    if not second:
        second = "S" if lower == "1" and upper == "5" else ("L" if lower == "1" and upper == "12" else first)
    name = f"{first}{int(upper)}-{second}{int(lower)}"
    if name not in LEVELS and first != "C":
        return match.group(0)
    levels.append(name)
    return f"§{len(levels) - 1}§"


def _read_clause(clause: str, levels: list[str], heading: list[str], result: NoteFindings) -> list[str]:
    """Add the clause's findings to the result; returns the heading that holds after it."""
    tokens = [(match.start(), match) for match in _GROUP.finditer(clause)]
    tokens += [(match.start(), match) for pattern in (_HERNIATION, _BULGE, _COMPRESSION) for match in pattern.finditer(clause)]
    tokens.sort(key=lambda token: token[0])
    own_heading: list[str] = []
    named: list[str] = []
    pending: list[_Finding] = []
    seen_finding = False
    for start, match in tokens:
        if match.re is _GROUP:
            group = named = [levels[int(index)] for index in _MARK.findall(match.group(0))]
            is_heading = bool(match.group(2))
            if is_heading or not seen_finding:
                _settle(pending, own_heading or heading, result)
                pending, own_heading = [], group
                if is_heading:
                    heading = group
            else:
                _settle(pending, own_heading or group, result)
                pending = []
            continue
        before = clause[:start]
        if match.re is not _BULGE and _NEGATED.search(before):
            continue
        if match.re is _COMPRESSION:
            if pending:
                pending[-1].compressing = True
            else:
                result.compressing.update(named or heading)
            continue
        seen_finding = True
        pending.append(_Finding(match.re is _HERNIATION, bool(_DOUBT.search(before)), bool(_SEVERAL.search(before))))
    _settle(pending, own_heading or heading, result)
    begins_with_level = bool(_GROUP.match(clause.strip(" ,;*")))
    return own_heading if own_heading and begins_with_level else heading


def _settle(pending: list[_Finding], levels: list[str], result: NoteFindings) -> None:
    for finding in pending:
        if finding.compressing:
            result.compressing.update(levels)
        if not finding.herniation:
            result.bulging.update(levels)
        elif finding.doubtful:
            result.doubtful.update(levels)
            result.others_open |= not levels
        else:
            result.herniated.update(levels)
            result.others_open |= finding.several or not levels
