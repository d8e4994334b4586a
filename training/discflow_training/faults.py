"""What the person who calls a command can mend ends with one line in place of a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

Main = Callable[[Sequence[str] | None], None]


class InputFault(ValueError):
    """The fault of what a command was given; the message names it and what is wrong."""


def read_text(path: Path) -> str:
    """A text file, with or without a byte order mark; raises `InputFault` where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputFault(f"{path} is not in UTF-8; save it as UTF-8") from fault


def told_plainly(main: Main) -> Main:
    """End a command with exit status 1 and one line where its input is at fault or a file cannot be read or written."""

    @functools.wraps(main)
    def command(arguments: Sequence[str] | None = None) -> None:
        try:
            main(arguments)
        except InputFault as fault:
            raise SystemExit(str(fault)) from fault
        except OSError as error:
            named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise SystemExit(named) from error

    return command
