"""Agents that come with the package, trained already: what the spec `pretrained` stands for.

What comes with them beside the weights is for reading; what a user finds out about one, such as its tuned dial, is kept
in the user's own data folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from games import Game

WORD = "pretrained"
"""The spec, which takes the options of a run."""

_FOLDER = Path(__file__).with_name("data")


def names() -> list[str]:
    """The games that an agent comes with, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.safetensors"))


def find(game: Game) -> Path:
    """The checkpoint that comes for games of this name; whoever reads it sees whether it fits the options of `game`.

    Raises:
        ValueError: there is none.
    """
    name = game.spec.partition(":")[0]
    if name not in names():
        raise ValueError(
            f"{WORD}: an agent comes for {', '.join(names())}, not for {game.spec!r}: see 'hybrid train --help'"
        )
    return _FOLDER / f"{name}.safetensors"


def owns(file: str | os.PathLike[str]) -> bool:
    """Whether `file` is an agent that comes with the package."""
    return Path(file).parent == _FOLDER


def spelling(file: str | os.PathLike[str]) -> str:
    """How a user names `file`, a run folder or a checkpoint."""
    return WORD if owns(file) else str(file)


def shipped(file: Path, name: str) -> Path:
    """What comes with the agent `file` as its `name`, if anything does."""
    return file.with_suffix(f".{name}")


def folder_of(file: Path) -> Path:
    """Where a user's findings about the agent `file` are kept: below `$XDG_DATA_HOME`, or `~/.local/share`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "hybrid", WORD, file.stem)
