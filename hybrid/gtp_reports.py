"""What the GTP server tells of a position: the board, its score, the legal moves, and what an agent thinks of it."""

from __future__ import annotations

import math

import numpy as np

from games import Game, Positions
from games.go import STONE, area_of
from games.load import settings
from games.picture import picture as looks
from games.rules import LiftedGame
from hybrid import gtp
from hybrid.agent import Agent
from hybrid.analyse import analyse


def picture(game: Game, position: np.void) -> str:
    """A position as people look at it, without empty lines, which end an answer."""
    return "\n".join(line for line in looks(game, position).splitlines() if line.strip())


def moves(game: Game, position: Positions) -> str:
    """The names of the legal moves in `position` `[1]`."""
    return " ".join(game.action_name(int(action)) for action in np.flatnonzero(game.legal_actions(position)[0]))


def score(game: Game, position: np.void) -> str:
    """`B+3.5`, `W+`, or `0` for a draw; of go as the board stands, of other games when they are over."""
    if _is_go(game):
        lead = area_of(position) - float(settings(game.spec).get("komi", 0.0))
        return "0" if lead == 0 else f"{'B' if lead > 0 else 'W'}+{abs(lead):g}"
    if not position["terminal"]:
        raise ValueError("cannot score: the game is not over")
    best = np.flatnonzero(position["returns"] == position["returns"].max())
    return f"{gtp.COLOURS[best[0]].upper()}+" if len(best) == 1 else "0"


def status(game: Game, position: np.void, kind: str) -> str:
    """The stones of go that are `alive`, `seki` or `dead`: all are alive, as nothing is taken for dead."""
    if not _is_go(game):
        raise ValueError("cannot tell: stones have a status in go only")
    if kind not in ("alive", "seki", "dead"):
        raise ValueError(f"status must be alive, seki or dead, got {kind!r}")
    stones = np.flatnonzero(position["cells"] & STONE)
    return "\n".join(game.action_name(int(cell)) for cell in stones) if kind == "alive" else ""


def analysis(game: Game, position: Positions, agent: Agent, seed: int) -> str:
    """A line for each legal move, most favoured first: its policy, and of a search the visits and the value."""
    found = analyse(game, position, agent, seed)
    policy, root = found.decision.policy[0], found.decision.root
    lines = []
    for action in sorted(np.flatnonzero(found.legal).tolist(), key=lambda one: -policy[one]):
        line = f"{game.action_name(action)} policy {policy[action]:.3f}"
        if root is not None:
            line += f" visits {root.visits[0, action]}"
            line += "" if math.isnan(root.q[0, action]) else f" value {root.q[0, action]:+.3f}"
        lines.append(line)
    variation = [" ".join(["variation", *map(game.action_name, found.variation)])] if found.variation else []
    return "\n".join(lines + variation)


def _is_go(game: Game) -> bool:
    return isinstance(game, LiftedGame) and game.name == "go"
