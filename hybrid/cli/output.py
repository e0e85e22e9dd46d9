"""What commands have in common when they report: their outcome, JSON files, error lines and consoles."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid.files import check_replaceable, is_device, write_atomically

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table


@dataclass(frozen=True)
class Outcome:
    """What a command found.

    Attributes:
        data: the machine-readable result, written by `--json`; numbers that are not finite become null.
        code: the exit code; 1 says that the command ran and its answer is bad news.
    """

    data: Mapping[str, Any]
    code: int = 0


def console() -> Console:
    """A console on standard output, made when it is needed so that redirection is respected."""
    from hybrid.cli.screen import Screen

    return Screen(highlight=False, soft_wrap=False)


def desert() -> None:
    """Send what is yet to be written to standard output nowhere, as whoever read it has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def progress() -> Progress:
    """A progress bar on standard error, which leaves nothing behind; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    columns: tuple[str | ProgressColumn, ...] = (
        *Progress.get_default_columns()[:3],
        "{task.completed}/{task.total}",
        TimeRemainingColumn(),
    )
    errors = Console(stderr=True)
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def table(title: str, *columns: str, left: int = 1) -> Table:
    """An empty table whose first `left` columns are aligned left and the others right."""
    from rich import box
    from rich.table import Table

    made = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right", overflow="fold")
    return made


def figures(value: float) -> str:
    """A number of at least 0 by three significant digits, or by all before the point where these are more."""
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(2 - exponent, 0)}f}" if value else "0"


def one_line(error: BaseException) -> str:
    """An error as one line of text."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename is not None else ""
        return f"{error.strerror}{place}"
    return " ".join(str(error).split()) or type(error).__name__


def parsing_error(error: BaseException) -> str:
    """A parser's complaint as one line that names the option as the user wrote it."""
    text = re.sub(r'^Parser key "([^"]*)":', lambda match: f"--{match[1]}:", one_line(error))
    text = re.sub(r"Expected a typing\.Literal\[(.*?)\]", r"Expected one of \1", text)
    return text.replace("Expected a <class 'tuple'>.", "Expected several values, as in [first,second].")


def file_stem(game: str) -> str:
    """What files about the game with this spec are named after."""
    name, _, options = game.partition(":")
    return "-".join(filter(None, [Path(name).stem, re.sub(r"[^\w=.]+", "-", options)]))


def check_writable(path: Path, option: str = "--json") -> None:
    """Fail before the work rather than after it.

    Raises:
        ValueError: `path` is a folder, lies in no folder, or holds a database, which no text shall replace.
        OSError: the folder cannot be written to.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{option} needs a file in an existing folder, got {str(path)!r}")
    if path.is_file() and holds_database(path):
        raise ValueError(f"{option} must not replace a database of games, got {str(path)!r}")
    check_replaceable(path)


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Raises ValueError where two options, by name, are to write to the same file."""
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None or is_device(path):
            continue
        other = seen.setdefault(path.resolve(), option)
        if other != option:
            raise ValueError(f"{option} must be another file than {other}, got {str(path)!r}")


def holds_database(path: Path) -> bool:
    """Whether the file at `path` is one of SQLite's."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write `data` to `path`; see `write_text`."""
    write_text(path, json.dumps(_finite(data), indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as a whole or not at all; a device or pipe simply gets it."""
    write_atomically(path, text.encode())


def _finite(value: Any) -> Any:
    """`value` with numpy numbers made plain and non-finite ones null, as JSON has neither."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
