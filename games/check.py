"""The conformance suite for games: `check("path/to/my_game.py")` tests what a `Game` promises on random games."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from games import repeats
from games.load import load
from games.properties import PROPERTIES
from games.rules import Game
from games.sampling import Sample, ViolationError, play


@dataclass(frozen=True)
class Finding:
    """What came of one property.

    Attributes:
        property: its name.
        ok: whether the game keeps it, or it does not apply.
        message: what was tested, why it does not apply, or the first violation.
    """

    property: str
    ok: bool
    message: str


def check(game: Game | str, *, seed: int = 0, games: int = 32, max_plies: int = 5000) -> list[Finding]:
    """Test the promises of `Game` on `games` seeded random games of at most `max_plies` plies; one finding a property.

    A game with few positions is covered quickly; one with many benefits from more `games`.
    """
    if games < 1:
        raise ValueError(f"games must be at least 1, got {games}")
    loaded = load(game) if isinstance(game, str) else game
    try:
        repeats.interpreted(loaded, seed)
        sample = play(loaded, seed, games, max_plies)
    except Exception as error:  # whatever the game raises is the finding
        return [Finding("plays", False, _describe(error))]
    findings = [Finding("plays", True, f"{games} random games, {len(sample.before)} moves")]
    for name, function in PROPERTIES.items():
        findings.append(_finding(name, function, sample))
        if name == "terminates" and not findings[-1].ok:
            break  # a rollout would never return
    return findings


def _finding(name: str, function: Callable[[Sample], str], sample: Sample) -> Finding:
    try:
        return Finding(name, True, function(sample))
    except Exception as error:  # whatever the game raises is the finding
        return Finding(name, False, _describe(error))


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, ViolationError) else f"{type(error).__name__}: {error}"
