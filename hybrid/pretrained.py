"""Agents that come with the package, trained already: what the spec `pretrained` stands for."""

from __future__ import annotations

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
