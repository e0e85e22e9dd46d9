"""Bandits and roots with chosen statistics: where what a strategy must do can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from games import LiftedGame
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from tests.hybrid.fakes import seeds
from tests.hybrid.test_proofs import Leaning
from tests.hybrid.worlds import DRAW, Choice, world


def bandit(payoffs: Sequence[float]) -> LiftedGame:
    """A game of one move that pays `payoffs` for certain; nothing in it is ever proven."""
    return world(Choice(0, [(payoff, -payoff) for payoff in payoffs]), zero_sum=False)


def logits_of(prior: Sequence[float]) -> list[float]:
    """Four logits whose softmax over the first actions is `prior`."""
    return [float(np.log(max(share, 1e-300))) for share in prior] + [0.0] * (4 - len(prior))


def forged(
    config: SearchConfig,
    prior: Sequence[float],
    visits: Sequence[int],
    totals: Sequence[float],
    value: float = 0.0,
    draws: Sequence[int] = (),
) -> Search:
    """A search of one row, ready to go on, whose root has these statistics.

    Edges have the given `visits` and sums of values `totals`; `value` is the root's own evaluation, all for its mover.
    The edges in `draws` are proven draws.
    """
    game = world(Choice(0, [Choice(1, [Choice(0, [DRAW, DRAW])] * 2)] * len(prior)))
    search = Search(game, Leaning(game, logits_of(prior), (value, -value)), config, 1)
    search.begin(np.zeros(1, np.int64), game.initial(1), seeds(1), simulations=sum(visits) + 1)
    search.advance()
    tree, tried = search.tree, np.array(visits) > 0
    for name, numbers in (("visits", visits), ("total", totals)):
        tree.edge[name][0, 0, : len(prior)] = numbers
    tree.edge["proof"][0, 0, list(draws)] = 0.0
    tree.node["visits"][0, 0] = 1 + sum(visits)
    tree.node["explored"][0, 0] = np.array(prior)[tried].sum()
    tree.total[0, 0] = np.array([1, -1]) * (value + sum(totals))
    search.done[:] = sum(visits)
    return search


def next_action(search: Search) -> int:
    """The root action that the next simulation of a row's search goes through."""
    before = search.tree.edge["visits"][0, 0].copy()
    search.advance()
    (action,) = np.flatnonzero(search.tree.edge["visits"][0, 0] != before)
    return int(action)


def simulations(count: int, **options: object) -> SearchConfig:
    """A search of `count` simulations with the network's prior and values."""
    return SearchConfig(dial=Dial(simulations=count), **options)  # type: ignore[arg-type]
