"""Toy worlds of known answer: games written down as trees, whose rules are one table inside the position.

`world(player, [...])` builds the game from nested lists: a pair (mover, options) is a choice among the options, each
again such a pair, or the game's end as a tuple of returns, one for each player. A `Lottery` is chance's choice. The
whole table lies in the starting position, so all worlds with as many players, with chance or without, share one
compiled game.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from games import LiftedGame, lift

NODES, ACTIONS = 32, 4
NOWHERE = 255


@dataclass(frozen=True)
class Choice:
    """A position where `mover` picks one of `options`, at most four; None is no option."""

    mover: int
    options: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Lottery:
    """A chance node: each of `options` comes with its probability in `odds`."""

    odds: list[float]
    options: list[Any]


def world(root: Choice, players: int = 2, *, zero_sum: bool | None = None) -> LiftedGame:
    """The game that starts at `root`; its actions are the indices of the options."""

    def start(s: Any) -> None:
        s.target[:] = NOWHERE
        s.to_play = root.mover
        if stochastic:
            s.odds[:] = 0.0
        nodes: list[Any] = [root]
        for index, node in enumerate(nodes):
            if isinstance(node, Choice | Lottery):
                s.mover[index] = node.mover if isinstance(node, Choice) else players
                if isinstance(node, Lottery):
                    s.odds[index, : len(node.odds)] = node.odds
                for action, option in enumerate(node.options):
                    if option is not None:
                        s.target[index, action] = len(nodes)
                        nodes.append(option)
            else:
                s.over[index] = 1
                s.payoff[index] = node

    stochastic = _holds_chance(root)
    odds = [("odds", "f8", (NODES, ACTIONS))] if stochastic else []
    return lift(
        "world",
        num_actions=ACTIONS,
        observation_shape=(1, 1, 1),
        fields=[
            ("node", "u1"),
            ("mover", "u1", (NODES,)),
            ("over", "u1", (NODES,)),
            ("payoff", "f4", (NODES, players)),
            ("target", "u1", (NODES, ACTIONS)),
            *odds,
        ],
        play=_play,
        legal=_legal,
        observe=_observe,
        players=players,
        chance=_chance if stochastic else None,
        zero_sum=zero_sum,
        start=start,
    )


def _holds_chance(node: Any) -> bool:
    if isinstance(node, Choice | Lottery):
        return isinstance(node, Lottery) or any(map(_holds_chance, node.options))
    return False


def _play(s: Any, a: int) -> None:
    s.node = s.target[s.node, a]
    s.ply += 1
    s.to_play = s.mover[s.node]
    if s.over[s.node]:
        s.terminal = 1
        for player in range(s.returns.shape[0]):
            s.returns[player] = s.payoff[s.node, player]


def _legal(s: Any, mask: Any) -> None:
    for a in range(mask.shape[0]):
        mask[a] = s.target[s.node, a] != 255


def _chance(s: Any, probabilities: Any) -> None:
    probabilities[:] = s.odds[s.node]


def _observe(s: Any, planes: Any) -> None:
    planes[0, 0, 0] = s.node


WIN, LOSS, DRAW = (1.0, -1.0), (-1.0, 1.0), (0.0, 0.0)
"""Ends of two-player worlds, named from the first player's view."""
