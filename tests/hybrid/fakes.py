"""What the tests of the search share: evaluators that need no network, sampled positions, and short ways to search.

Shapes: B positions, A actions, P players.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import games
from games import Game, Positions
from hybrid.agent import Decisions
from hybrid.evaluate import Evaluator
from hybrid.search import Search, SearchConfig
from hybrid.tree import UNPROVEN

Floats = npt.NDArray[np.float32]


class HashEvaluator:
    """A network without sense: logits in [-2, 2] and values in [-1, 1] from a hash of each position's bytes."""

    def __init__(self, game: Game, salt: int = 0) -> None:
        self.evaluations = 0
        self.calls = 0
        self._game = game
        self._salt = salt.to_bytes(4, "little")

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        self.calls += 1
        self.evaluations += len(positions)
        actions, players = self._game.num_actions, self._game.players
        size = 4 * (actions + players)
        hashes = [hashlib.shake_128(self._salt + position.tobytes()).digest(size) for position in positions]
        numbers = np.frombuffer(b"".join(hashes), "<u4").reshape(len(positions), -1) / np.float32(2**31) - 1
        values = numbers[:, actions:].astype(np.float32)
        if players == 2:
            values[:, 1] = -values[:, 0]
        return (2 * numbers[:, :actions]).astype(np.float32), values


class ForbiddenEvaluator:
    """A network that must not be asked."""

    evaluations = 0

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        raise AssertionError("the network was asked")


@cache
def sampled(spec: str, count: int, least: int = 0, most: int = 100, seed: int = 0) -> Positions:
    """`[count]` positions, none of them terminal, after `least` to `most` random plies, as different as they come."""
    game = games.load(spec)
    rng = np.random.default_rng(seed)
    found: dict[bytes, Positions] = {}
    tries = 0
    while len(found) < count and tries < 50 * count:
        tries += 1
        position = game.initial()
        for _ in range(rng.integers(least, most + 1)):
            after = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
            if after["terminal"][0]:
                break
            position = after
        if position["ply"][0] >= least:
            found[position.tobytes()] = position
    positions = np.concatenate([*found.values()])
    return np.resize(positions, count)


def seeds(count: int, first: int = 1) -> npt.NDArray[np.uint64]:
    """`[count]` different seeds."""
    return np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B1)


def searched(
    game: Game,
    evaluator: Evaluator | None,
    config: SearchConfig,
    positions: Positions,
    row_seeds: npt.NDArray[np.uint64],
    noise_seeds: npt.NDArray[np.uint64] | None = None,
) -> Search:
    """A search of `positions`, run to its end, one a row."""
    search = Search(game, evaluator, config, len(positions))
    search.begin(np.arange(len(positions)), positions, row_seeds, noise_seeds=noise_seeds)
    search.run()
    return search


def decided(
    game: Game,
    evaluator: Evaluator | None,
    config: SearchConfig,
    positions: Positions,
    row_seeds: npt.NDArray[np.uint64],
    noise_seeds: npt.NDArray[np.uint64] | None = None,
) -> Decisions:
    """What `searched` finds."""
    return searched(game, evaluator, config, positions, row_seeds, noise_seeds).decisions(np.arange(len(positions)))


@dataclass(frozen=True)
class EdgeView:
    """An edge of a batched tree; `proof` is None where nothing is proven, `child` where there is none."""

    action: int
    prior: float
    visits: int
    total: float
    proof: float | None
    child: int | None


@dataclass(frozen=True)
class NodeView:
    """A node of a batched tree."""

    position: bytes
    visits: int
    totals: list[float]
    values: list[float]
    solved: bool
    edges: list[EdgeView]


def nodes_of(search: Search, row: int) -> list[NodeView]:
    """A row's tree as plain objects, by node; the only place in the tests that knows how trees are stored."""
    tree = search.tree

    def edge(record: Any) -> EdgeView:
        return EdgeView(
            action=int(record["action"]),
            prior=float(record["prior"]),
            visits=int(record["visits"]),
            total=float(record["total"]),
            proof=None if record["proof"] == UNPROVEN else float(record["proof"]),
            child=None if record["child"] < 0 else int(record["child"]),
        )

    return [
        NodeView(
            position=search.positions[row, node].tobytes(),
            visits=int(tree.node["visits"][row, node]),
            totals=tree.total[row, node].tolist(),
            values=tree.value[row, node].tolist(),
            solved=bool(tree.node["solved"][row, node]),
            edges=[edge(record) for record in tree.edge[row, node, : tree.node["edges"][row, node]]],
        )
        for node in range(int(tree.size[row]))
    ]


def assert_same(first: Any, second: Any, ignore: tuple[str, ...] = ("seconds",)) -> None:
    """That two records of arrays (`Decisions`, `Root`) agree bit for bit."""
    for field in fields(first):
        if field.name not in ignore:
            one, other = getattr(first, field.name), getattr(second, field.name)
            if is_dataclass(one):
                assert_same(one, other, ignore)
            elif one is None or other is None:
                assert one is other, field.name
            else:
                np.testing.assert_array_equal(one, other, err_msg=field.name)


def part(record: Any, rows: Any) -> Any:
    """The `rows` of a record of arrays."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return replace(
        record,
        **{
            name: value if value is None else part(value, rows) if is_dataclass(value) else value[rows]
            for name, value in values.items()
        },
    )
