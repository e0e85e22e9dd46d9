"""Self-play: games whose positions become samples, many of them side by side in one batched search.

Every game is random in its own (seed, generation, number) alone, and a batched search decides each row by itself. So,
where an evaluator's rows do not depend on their batch, as on the CPU, a game is the same whichever worker, slot or
company it is played in.
Shapes: R rows of the search, A actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from games import Game
from hybrid.evaluate import Evaluator, Judged, Overlapping
from hybrid.forest import joined
from hybrid.leaves import Leaves
from hybrid.prover import Prover
from hybrid.proving import require_provable
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy, Target
from training.playing import PlayedGame, Playing, Provers, lengths_nodes
from training.selfplay_config import SelfPlayConfig

_TABLE_BITS = 22
"""The most of a prover's table: 64 MB."""


def play_games(
    game: Game, evaluator: Evaluator | None, config: SelfPlayConfig, seed: int, generation: int, numbers: Iterable[int]
) -> Iterator[PlayedGame]:
    """Play the games `numbers` of a generation, `config.slots` at a time, and yield each as it ends.

    After the first `config.slots` numbers, which are asked for at once, each is when its game begins.

    Where the evaluator works by itself once it is asked, there are two tables with half of the games each, and while it
    judges what the one asks, the other goes on.

    Raises:
        ValueError: the slots are not settled, proofs are asked for in a game that has none, or resignation in one that
            is not two-player zero-sum.
    """
    check_playable(game, config)
    if config.slots < 1:
        raise ValueError("slots must be settled before anything is played, got 0")
    numbers = iter(numbers)
    first = list(itertools.islice(numbers, config.slots))
    rows = len(first)
    provers = _provers(game, config)
    waiting = (Playing(game, config, provers, seed, generation, number) for number in itertools.chain(first, numbers))
    shares = (rows - rows // 2, rows // 2) if isinstance(evaluator, Overlapping) else (rows,)
    tables = [_Table(Search(game, evaluator, _search_config(config), share), waiting) for share in shares if share]
    while tables:
        for table in tables:
            yield from table.go_on()
        tables = [table for table in tables if table.playing]


def check_playable(game: Game, config: SelfPlayConfig) -> None:
    """Raises ValueError where proofs are asked for in a game that has none, or resignation in an unsuitable one."""
    for name in ("leaf_nodes", "prove_nodes", "hindsight_nodes", "opening_nodes"):
        require_provable(game, name, getattr(config, name))
    if config.resigns and not game.zero_sum:
        raise ValueError(
            f"resign_threshold must be -1 unless a game is two-player zero-sum, "
            f"got {config.resign_threshold:g} for {game.spec!r}"
        )


class _Table:
    """Games side by side in one batched search.

    The rows of the search are asynchronous: a finished row moves at once, a finished game's row takes the next game.

    Attributes:
        playing: the games in progress, by the rows of the search.
    """

    def __init__(self, search: Search, waiting: Iterator[Playing]) -> None:
        self.playing = dict(zip(range(len(search.seeds)), waiting, strict=False))
        self._search, self._waiting = search, waiting
        # Asked once, for the answer takes longer than a round of small searches.
        self._overlapping = search.evaluator if isinstance(search.evaluator, Overlapping) else None
        self._begun = False
        self._asked: tuple[Leaves, Callable[[], Judged]] | None = None

    def go_on(self) -> Iterator[PlayedGame]:
        """Take the answer to what was asked last, and go on until there is another question; yields games that end."""
        if self._asked is not None:
            asked, answer = self._asked
            self._search.ascend(asked, answer())
            self._asked = None
        while self._asked is None and self.playing:
            if not self._begun:
                yield from self._begin(list(self.playing))
                self._begun = True
            elif rows := [row for row in self._search.finished.nonzero()[0].tolist() if row in self.playing]:
                self._move(rows)
                yield from self._begin(rows)
            if self.playing and (leaves := self._search.step()) is not None:
                self._asked = leaves, self._ask(leaves)

    def _ask(self, leaves: Leaves) -> Callable[[], Judged]:
        """Have what is asked judged: at once, or while other things are done; what is returned waits for the answer."""
        if self._overlapping is not None:
            return self._overlapping.start(leaves.asked)
        assert self._search.evaluator is not None  # or else there are no questions
        judged = self._search.evaluator(leaves.asked)
        return lambda: judged

    def _begin(self, rows: list[int]) -> Iterator[PlayedGame]:
        """Start the next search of `rows`, once ended games have made room for new ones, which are yielded.

        Full searches have root noise, fast ones none. Rollouts explore by themselves, and need none either.
        """
        for row in rows:
            while row in self.playing and self.playing[row].over:
                yield self.playing.pop(row).result()
                self._search.clear(np.array([row]))
                self.playing.update((row, new) for new in itertools.islice(self._waiting, 1))
        rows = [row for row in rows if row in self.playing]
        for row in rows:
            self.playing[row].draw()
        for full in (True, False):
            chosen = [row for row in rows if self.playing[row].full == full]
            noisy = full and self._search.config.dial.consults_network
            if chosen:
                games = [self.playing[row] for row in chosen]
                self._search.begin(
                    np.array(chosen),
                    joined([game.position for game in games]),
                    np.array([game.search_seed for game in games], np.uint64),
                    np.array([game.budget for game in games]),
                    np.array([game.noise_seed for game in games], np.uint64) if noisy else None,
                )

    def _move(self, rows: list[int]) -> None:
        """Play the moves that the finished searches of `rows`, at least one, decide."""
        search, games = self._search, [self.playing[row] for row in rows]
        decisions = search.decisions(np.array(rows))
        proven = search.tree.node["solved"][rows, 0] == 1
        # Moves are drawn by visits, whatever is learned; among a proven root's, by what is learned: the optimal ones.
        assert decisions.root is not None
        weights = np.where(decisions.root.proven == -1.0, 0.0, decisions.root.visits)
        settled = proven | (weights.sum(1) == 0.0)
        weights[settled] = decisions.policy[settled]
        actions = [game.choose(weights[i], int(decisions.actions[i])) for i, game in enumerate(games)]
        after = search.game.step(joined([game.position for game in games]), actions)
        for i, game in enumerate(games):
            game.record(decisions, i, int(search.done[rows[i]]), bool(proven[i]))
            game.arrive(after[i : i + 1])


def _provers(game: Game, config: SelfPlayConfig) -> Provers | None:
    """What proves positions, each with a table of two to four entries for a node of its largest proof, up to 64 MB."""
    if not config.prove_nodes:
        return None

    def prover(*nodes: int, distance: bool) -> Prover:
        return Prover(game, table_bits=min(max(nodes).bit_length() + 1, _TABLE_BITS), distance=distance)

    return Provers(
        lengths=prover(config.prove_nodes, lengths_nodes(config), distance=True),
        outcomes=prover(config.hindsight_nodes, config.opening_nodes, distance=False),
    )


def _search_config(config: SelfPlayConfig) -> SearchConfig:
    """How self-play searches."""
    return SearchConfig(
        dial=config.dial,
        strategy=Strategy[config.strategy.upper()],
        target=Target[config.target.upper()] if config.strategy == "puct" else Target.IMPROVED,
        c_puct=config.c_puct,
        dirichlet_total=config.noise_total,
        noise_fraction=config.noise_fraction,
        leaf_nodes=config.leaf_nodes,
    )
