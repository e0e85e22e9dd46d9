"""Self-play: games whose positions become samples, many of them side by side in one batched search.

Every game is random in its own (seed, generation, number) alone, and a batched search decides each row by itself, so a
game is the same whichever worker, slot or company it is played in.
Shapes: R rows of the search, A actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from games import Game
from hybrid.evaluate import Evaluator
from hybrid.forest import joined
from hybrid.minimax import AlphaBeta
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy, Target
from training.config import SelfPlayConfig
from training.playing import PlayedGame, Playing


def play_games(
    game: Game, evaluator: Evaluator | None, config: SelfPlayConfig, seed: int, generation: int, numbers: Sequence[int]
) -> Iterator[PlayedGame]:
    """Play the games `numbers` of a generation, `config.slots` at a time, and yield each as it ends.

    The rows of the search are asynchronous: a finished row moves at once, a finished game's row takes the next game.

    Raises:
        ValueError: proofs are asked for in a game that has none, or resignation in one that is not two-player zero-sum.
    """
    if config.resigns and not game.zero_sum:
        raise ValueError(f"resign_threshold must be -1 unless a game is two-player zero-sum, got {game.spec!r}")
    rows = min(config.slots, len(numbers))
    if not rows:
        return
    search = Search(game, evaluator, _search_config(config), rows)
    prover = _prover(game, config) if config.prove_nodes else None
    waiting = (Playing(game, config, prover, seed, generation, number) for number in numbers)
    playing = dict(zip(range(rows), waiting, strict=False))
    ready = list(playing)
    while playing:
        for row in ready:
            while row in playing and playing[row].over:
                yield playing.pop(row).result()
                search.clear(np.array([row]))
                playing.update((row, new) for new in itertools.islice(waiting, 1))
        _begin(search, [row for row in ready if row in playing], playing)
        ready = []
        while playing and not ready:
            search.proceed()
            ready = [row for row in search.finished.nonzero()[0].tolist() if row in playing]
        _move(search, ready, playing)


def _prover(game: Game, config: SelfPlayConfig) -> AlphaBeta:
    """What proves positions, with a table of two to four entries for a node of the largest proof, up to 16 MB."""
    bits = max(config.prove_nodes, config.hindsight_nodes).bit_length() + 1
    return AlphaBeta(game, table_bits=min(bits, 20))


def _search_config(config: SelfPlayConfig) -> SearchConfig:
    """How self-play searches."""
    return SearchConfig(
        dial=config.dial,
        strategy=Strategy[config.strategy.upper()],
        target=Target[config.target.upper()] if config.strategy == "puct" else Target.IMPROVED,
        c_puct=config.c_puct,
        dirichlet_total=config.noise_total,
        noise_fraction=config.noise_fraction,
    )


def _begin(search: Search, rows: list[int], playing: dict[int, Playing]) -> None:
    """Start the next search of `rows`: full searches with root noise, fast ones without.

    Rollouts explore by themselves, and so need no noise.
    """
    for row in rows:
        playing[row].draw()
    for full in (True, False):
        chosen = [row for row in rows if playing[row].full == full]
        noisy = full and search.config.dial.consults_network
        if chosen:
            games = [playing[row] for row in chosen]
            search.begin(
                np.array(chosen),
                joined([game.position for game in games]),
                np.array([game.search_seed for game in games], np.uint64),
                np.array([game.budget for game in games]),
                np.array([game.noise_seed for game in games], np.uint64) if noisy else None,
            )


def _move(search: Search, rows: list[int], playing: dict[int, Playing]) -> None:
    """Play the moves that the finished searches of `rows` decide."""
    if not rows:
        return
    games = [playing[row] for row in rows]
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
