"""The agent on the dial: the network's own move at 0 simulations, a search everywhere else.

Shapes: B positions, A actions, P players.
"""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.agent import Decisions, Root, require_decidable
from hybrid.choice import draw
from hybrid.dial import Dial
from hybrid.evaluate import Evaluator, Judged, UniformEvaluator, averaged, checked, images
from hybrid.proving import require_provable
from hybrid.search import Search, SearchConfig
from hybrid.search_kernels import NODES
from hybrid.together import Deciding, finish

_Record = TypeVar("_Record", Decisions, Root)

MEMORY = 2**30
"""Bytes of search trees that one agent keeps at most, as long as a single tree fits."""
ROWS = 128
"""Games that an agent remembers at once, memory permitting."""


class SearchAgent:
    """Decides where `config.dial` stands between `evaluator` and search.

    With `games`, the trees of earlier moves are reused; memory is bounded by `MEMORY` and by `max_nodes` for each tree.
    """

    def __init__(
        self,
        game: Game,
        evaluator: Evaluator | None,
        config: SearchConfig,
        *,
        name: str,
        temperature: float = 0.0,
    ) -> None:
        """`temperature` softens the moves of the network alone; see `_consulted`.

        Raises:
            ValueError: the dial consults a network and `evaluator` is None, `temperature` is negative or beside a
                search, whose moves have none, or proofs are asked for in a game that alpha-beta cannot search.
        """
        self.name = name
        self.game = game
        self.evaluator = evaluator
        self.config = config
        if config.dial.consults_network and evaluator is None:
            raise ValueError(f"{name!r} has no network, which {config.dial} consults")
        if temperature < 0.0 or (temperature > 0.0 and config.dial.searches):
            raise ValueError(f"temperature must be 0, or positive with simulations=0, got {temperature:g}")
        require_provable(game, "leaf_nodes", config.leaf_nodes)
        require_provable(game, "root_nodes", config.root_nodes)
        self.temperature = temperature
        self._search: Search | None = None
        self._rows: dict[int, int] = {}
        self._warm = False

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """See `Agent.decide`. With a time budget, rows are decided one after another, each with the whole budget."""
        if self._time is None:
            return finish([self.deciding(positions, seeds, games)], self.evaluator)[0]
        require_decidable(self.game, positions, seeds)
        self._warm_up(positions[:1])
        return self._decide_timed(positions, seeds, games, self._time)

    @property
    def asks(self) -> Evaluator | None:
        """The evaluator, if it may answer others at the same time: nobody shares a time budget."""
        return self.evaluator if self.config.dial.consults_network and self._time is None else None

    def deciding(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Deciding:
        """See `hybrid.together.Sharing`. What is loaded or compiled first is so at once, before any clock runs."""
        require_decidable(self.game, positions, seeds)
        self._warm_up(positions[:1])
        return self._steps(positions, seeds, games)

    def _steps(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None
    ) -> Deciding:
        """The steps of `deciding`."""
        if not self.config.dial.searches:
            symmetric = self.config.symmetric
            asked = images(self.game, positions) if symmetric else positions
            judged = checked(self.game, (yield asked), len(asked))
            return self._consulted(positions, seeds, averaged(self.game, judged) if symmetric else judged)
        size = self._batch()
        parts = [slice(first, first + size) for first in range(0, len(positions), size)]
        remembered = games if len(parts) == 1 else None
        decided = []
        for part in parts:
            rows = self._assign(len(positions[part]), remembered)
            search = self._ready(len(rows))
            search.begin(rows, positions[part], seeds[part])
            yield from search.asking()
            decided.append(search.decisions(rows))
        return concatenate(decided)

    @property
    def search(self) -> Search | None:
        """The trees; None before any search. `row` says which is whose."""
        return self._search

    def row(self, game: int | None) -> int:
        """The row of `search` that holds a remembered game's tree; without a game, that of the latest lone decision.

        Raises:
            KeyError: nothing is remembered of the game.
        """
        return 0 if game is None else self._rows[game]

    def forget(self) -> None:
        """Drop all trees."""
        self._search = None
        self._rows = {}

    @property
    def _time(self) -> float | None:
        """Seconds for each move; None if there is no such budget, or no search to spend it."""
        return self.config.dial.seconds if self.config.dial.searches else None

    def _batch(self) -> int:
        """How many rows of trees fit the memory, reused parts included."""
        search = self._ready(1)
        nodes = 2 * (NODES if self.game.stochastic else 1) * (self.config.dial.simulations + 2)
        return max(1, MEMORY // (search.forest.node_bytes * nodes))

    def _decide_timed(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None, budget: float
    ) -> Decisions:
        """Search one position after another, each for `budget` seconds; without `games` all in the same row."""
        count = len(positions)
        rows = np.repeat(self._assign(1, None), count) if games is None else self._assign(count, games)
        search = self._ready(1 if games is None else count)
        decided = []
        for index in range(count):
            start = time.perf_counter()
            one = slice(index, index + 1)
            if games is None:
                search.clear(rows[one])
            search.begin(rows[one], positions[one], seeds[one])
            search.run(until=start + budget)
            decisions = search.decisions(rows[one])
            decided.append(replace(decisions, seconds=np.array([time.perf_counter() - start])))
        return concatenate(decided)

    def _warm_up(self, position: Positions) -> None:
        """Load or compile all that decisions take, which is no part of anybody's time to think; once, on `[1]`.

        Nothing of it is kept, and the network is not asked: that has been tried out as it was loaded.
        """
        if self._warm:
            return
        self._warm = True
        # Of `UniformEvaluator` itself a search would know that it need not be asked, and take the way without.
        ignorant = UniformEvaluator(self.game).__call__
        if self.config.dial.searches:
            brief = replace(self.config, root_nodes=min(self.config.root_nodes, 100))
            Search(self.game, ignorant, brief, 1).try_out(position)
        else:
            finish([self._steps(position, np.zeros(1, np.uint64), None)], ignorant)

    def _ready(self, rows: int) -> Search:
        """The search, with at least `rows` rows; making a larger one drops the trees of the smaller."""
        if self._search is None or len(self._search.seeds) < rows:
            self._rows = {}
            self._search = Search(self.game, self.evaluator, self.config, rows)
        return self._search

    def _assign(self, count: int, games: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """A row for each position: the one its game had before, or else the one unused for longest, emptied."""
        if games is None:
            rows = np.arange(count)
            self._ready(count).clear(np.arange(len(self._ready(count).seeds)))
            self._rows = {}
            return rows
        wanted = games.tolist()
        if len(set(wanted)) != count:
            raise ValueError(f"games must name each game once, got {wanted}")
        # Room for all games of a usual batch at once: making more later would drop the trees of those in progress.
        usual = min(ROWS, self._batch()) if self.config.dial.seconds is None else 1
        capacity = len(self._ready(max(self.game.players * count, usual)).seeds)
        known = {game: self._rows.pop(game) for game in wanted if game in self._rows}
        free = [row for row in range(capacity) if row not in known.values() and row not in self._rows.values()]
        for game in wanted:
            if game not in known:
                row = free.pop() if free else self._rows.pop(next(iter(self._rows)))
                self._ready(capacity).clear(np.array([row]))
                known[game] = row
        self._rows |= known
        return np.array([known[game] for game in wanted])

    def _consulted(self, positions: Positions, seeds: npt.NDArray[np.uint64], judged: Judged) -> Decisions:
        """The network's own move, without search: its best, or drawn from softmax(logits / temperature)."""
        logits, values = judged
        masked = np.where(self.game.legal_actions(positions), logits.astype(np.float64), -np.inf)
        masked /= self.temperature or 1.0
        weights = np.exp(masked - masked.max(axis=1, keepdims=True))
        return Decisions(
            actions=draw(weights, seeds) if self.temperature else np.argmax(masked, axis=1),
            policy=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
            values=values,
            evaluations=np.full(len(positions), len(self.game.action_symmetries) if self.config.symmetric else 1),
            plies=np.zeros(len(positions), np.int64),
            seconds=np.zeros(len(positions)),
        )


def dial_from(
    simulations: int,
    dial: float | None,
    prior_weight: float | None,
    value_weight: float | None,
    seconds: float | None,
) -> Dial:
    """The dial of an agent spec: a position on the path, or the axes one by one; AlphaZero's place by default.

    Raises:
        ValueError: `dial` together with a weight, or a value out of range.
    """
    weights = {"prior_weight": prior_weight, "value_weight": value_weight}
    given = {name: weight for name, weight in weights.items() if weight is not None}
    if dial is None:
        return Dial(simulations=simulations, seconds=seconds, **given)
    if given:
        raise ValueError(f"dial sets {', '.join(given)} too: give dial={dial} or the weights, not both")
    return Dial.at(dial, simulations=simulations, seconds=seconds)


def require_one_budget(**budgets: int | str | None) -> None:
    """Raises ValueError where several budgets of a move are given; None and the empty text are none."""
    given = [f"{name}={value}" for name, value in budgets.items() if value not in (None, "")]
    if len(given) > 1:
        raise ValueError(f"a move has one budget, got {' and '.join(given)}")


def concatenate(parts: list[Decisions]) -> Decisions:
    """The decisions of several batches, all made by one agent, as one."""
    if len(parts) == 1:
        return parts[0]
    roots = [part.root for part in parts if part.root is not None]
    return replace(_joined(parts), root=_joined(roots) if roots else None)


def _joined(parts: list[_Record]) -> _Record:
    """One record of arrays from several, field by field; fields that are not arrays stay as in the first."""
    first = parts[0]
    names = [field.name for field in fields(first) if isinstance(getattr(first, field.name), np.ndarray)]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(first, **arrays)
