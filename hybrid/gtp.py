"""The Go Text Protocol, version 2, as both ends speak it (G. Farnebäck, Specification of the Go Text Protocol, 2002).

It was made for go, and serves any game whose moves have names: players are colours, moves are the game's own names
for its actions, without regard to case, and `boardsize` is the side of a square board. A: actions.
"""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from games import Game

VERSION = "2"

COLOURS = ("b", "w", "3", "4")
"""Players in turn; the third and fourth have numbers."""

_WORDS = {"black": 0, "white": 1, "1": 0, "2": 1}

PASS = "pass"
RESIGN = "resign"


def player(word: str, players: int) -> int:
    """The player that a colour names.

    Raises:
        ValueError: it names none of `players`.
    """
    name = word.lower()
    number = COLOURS.index(name) if name in COLOURS else _WORDS.get(name, players)
    if number >= players:
        raise ValueError(f"colour must be one of {', '.join(COLOURS[:players])}, got {word!r}")
    return number


def action(game: Game, legal: npt.NDArray[np.bool_], name: str) -> int | None:
    """The action among `legal` `[A]` that `name` names, or None."""
    names = {game.action_name(int(one)): int(one) for one in np.flatnonzero(legal)}
    if name in names:
        return names[name]
    folded = [one for text, one in names.items() if text.lower() == name.lower()]
    return folded[0] if len(folded) == 1 else None


def side(game: Game) -> int | None:
    """The side of the game's square board; None where it has no such board."""
    _, height, width = game.observation_shape
    return height if height == width > 1 else None


def only(words: list[str]) -> str:
    """The only argument of a command. Raises ValueError if there is not exactly one, as the next three do."""
    if len(words) != 1:
        raise ValueError(f"syntax error: one argument is needed, got {len(words)}")
    return words[0]


def integer(words: list[str]) -> int:
    """The only argument, a number without a sign."""
    word = only(words)
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise ValueError(f"syntax error: a whole number is needed, got {word!r}")
    return int(word)


def number(words: list[str]) -> float:
    """The only argument, any finite number."""
    word = only(words)
    value = float(word) if re.fullmatch(r"[-+0-9.eE]+", word) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"syntax error: a number is needed, got {word!r}")
    return value


def times(words: list[str], count: int) -> str:
    """Nothing, if these are `count` numbers: times are accepted, and the agent keeps its own."""
    if len(words) != count or not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", word) for word in words):
        raise ValueError(f"syntax error: {count} times are needed, got {' '.join(words)!r}")
    return ""
