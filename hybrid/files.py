"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

_SCRATCH = re.compile(r"\.[0-9a-f]{16}$")
"""What the names of files end with that are not whole yet."""


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace the file at `path` by `content`, durably, or leave it as it was; a device or pipe simply gets it.

    Folders that are missing are made. Raises OSError.
    """
    path = Path(path)
    if is_device(path):
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(path)
    try:
        with scratch.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    flush(path.parent)


def discard_unfinished(folder: Path, name: str) -> None:
    """Remove what a killed `write_atomically` left of files called `name`, a pattern, which nobody else writes now."""
    for path in folder.glob(f".{name}.*"):
        if _SCRATCH.search(path.name):
            path.unlink(missing_ok=True)


def check_replaceable(path: Path) -> None:
    """Raises OSError where `write_atomically` could not make a file at `path`; the folder must exist."""
    if not is_device(path):
        scratch = _scratch(path)
        scratch.touch(exist_ok=False)
        scratch.unlink()


def is_device(path: Path) -> bool:
    """Whether no plain file is at `path`: something else, or a name of what a process has open, as `/dev/stdout`."""
    _, *parts = path.absolute().parts
    opened = parts[:1] == ["proc"] or (parts[:1] == ["dev"] and parts[1:2] in (["stdout"], ["stderr"], ["fd"]))
    return opened or (path.exists() and not path.is_file())


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _scratch(path: Path) -> Path:
    """A name of nobody's for what shall be at `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")
