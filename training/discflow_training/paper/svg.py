"""The few pieces of SVG that charts and drawings of the results page are written with; sizes in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = "#333") -> str:
    """One line of words; `y` is its base line."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """A whole picture on white, which a dark page leaves white."""
    style = 'font-family="sans-serif" font-size="11"'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", ground, *parts, "</svg>"]) + "\n"
