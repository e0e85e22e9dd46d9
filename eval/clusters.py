"""Which games of a record are independent observations, and what each weighs. G games, K clusters.

The sampling unit is an opening: all games that two agents played from it make one cluster. Where an opening is played
again, its rounds share the weight of one, so that repeating a game, as deterministic agents do, changes nothing.
A pairing with a single opening has nothing to sample: there every round is a cluster, unless all rounds went alike,
when they make one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.records import Record

Cluster = list[list[Record]]
"""Rounds of one opening that count as one observation, each with its games."""


def clusters(games: Iterable[Record]) -> list[Cluster]:
    """The independent observations in the games of one set of agents, in order of first appearance."""
    rounds: dict[tuple[int, tuple[int, ...]], list[Record]] = {}
    for game in games:
        rounds.setdefault((game.round, game.moves[: game.opening]), []).append(game)
    openings: dict[tuple[int, ...], Cluster] = {}
    for (_, opening), members in rounds.items():
        openings.setdefault(opening, []).append(members)
    found = list(openings.values())
    if len(found) == 1 and len({frozenset((game.agents, game.moves) for game in one) for one in found[0]}) > 1:
        return [[one] for one in found[0]]
    return found


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Games as comparisons of two agents; a game of more players is one comparison for each two of them.

    Attributes:
        agents: names of the n agents.
        first: `[G]` number of the agent that moves first.
        second: `[G]` number of the other.
        points: `[G]` the first mover's points: 1, 0.5 or 0.
        clusters: `[G]` which comparisons may depend on each other: labels 0 to K - 1.
        weights: `[G]` how much each counts.
    """

    agents: tuple[str, ...]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    points: npt.NDArray[np.float64]
    clusters: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if not np.isin(self.points, (0.0, 0.5, 1.0)).all():
            raise ValueError(f"points must be 0, 0.5 or 1, got {np.unique(self.points)}")
        if (self.first == self.second).any():
            raise ValueError(f"agents must differ, got {self.agents[self.first[self.first == self.second][0]]!r} twice")


def outcomes(games: Sequence[Record]) -> Outcomes:
    """The comparisons in `games`, clustered and weighted as the module says."""
    tables: dict[tuple[str, ...], list[Record]] = {}
    for game in games:
        tables.setdefault(tuple(sorted(game.agents)), []).append(game)
    names = tuple(dict.fromkeys(name for game in games for name in game.agents))
    numbers = {name: number for number, name in enumerate(names)}
    rows: list[tuple[int, int, float, int, float]] = []
    labels = itertools.count()
    for table in tables.values():
        for cluster in clusters(table):
            label, weight = next(labels), 1.0 / len(cluster)
            for game in itertools.chain(*cluster):
                for (one, gain), (other, loss) in itertools.combinations(
                    zip(game.agents, game.returns, strict=True), 2
                ):
                    points = (gain > loss) + 0.5 * (gain == loss)
                    rows.append((numbers[one], numbers[other], points, label, weight))
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    return Outcomes(
        agents=names,
        first=columns[0].astype(np.int64),
        second=columns[1].astype(np.int64),
        points=columns[2],
        clusters=columns[3].astype(np.int64),
        weights=columns[4],
    )
