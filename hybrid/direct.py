"""Whole searches in one compiled loop, where no network has to be asked: the direct end, and uniform evaluators.

It makes the same trees, bit for bit, as `Search.advance` does round by round.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import boolean, float32, float64, int64, types, uint64, void

from games import LiftedGame
from games.compile import inner, kernel
from hybrid.chance_kernels import reveal
from hybrid.selection_kernels import SELECTION, descend_factory
from hybrid.tree import tree_type
from hybrid.tree_kernels import attach, backup, expand, rollout_seed

if TYPE_CHECKING:
    from hybrid.search import Search


def run(search: Search, rows: Any, simulations: int) -> None:
    """Run up to `simulations` further simulations in each of `rows` `[R]` of a lifted game, within the budgets."""
    game = search.game
    assert isinstance(game, LiftedGame)
    dial = search.config.dial
    scratch = np.empty(1, game.dtype)
    mask, logits = np.empty(game.num_actions, np.bool_), np.zeros(game.num_actions, np.float32)
    probabilities = np.empty(game.num_actions)
    selection = (search.config.selection, search.weights)
    how = (game.zero_sum, search.evaluator is not None, *selection, dial.prior_weight, dial.value_weight)
    counters = (search.budget, search.done, search.evaluations, search.plies)
    state = (search.seeds, search.noise, *counters, search.over)
    _loop(game)(search.tree, search.positions, rows, simulations, *how, *state, scratch, mask, logits, probabilities)


def _loop(game: LiftedGame) -> Callable[..., None]:
    """The compiled loop over one game's rules, made once a game."""
    if "direct" not in game.memo:
        nodes = types.Array(game.record, 2, "C", aligned=False)
        how = (boolean, boolean, SELECTION, float64[::1], float64, float64)
        state = (uint64[::1], uint64[::1], int64[::1], int64[::1], int64[::1], int64[::1], boolean[::1])
        room = (game.records, boolean[::1], float32[::1], float64[::1])
        signature = void(tree_type(), nodes, int64[::1], int64, *how, *state, *room)
        rules = (game.rule("play"), game.rule("legal"), game.rule("playout"))
        chance = game.rule("chance") if game.stochastic else no_chance
        game.memo["direct"] = kernel(loop_factory, signature, *rules, chance, game.stochastic, allocates=False)
    return game.memo["direct"]  # type: ignore[no-any-return]


@inner
def no_chance(s, probabilities):
    """The rule `chance` of a game that has none."""


def loop_factory(play, legal, playout, chance, stochastic):
    """`loop(...)`: simulations in each of `rows`, at most `simulations` more, until the budget is spent or a proof.

    `how` to search is `zero_sum, uniform, selection, weights, prior_weight, value_weight`, `uniform` being whether an
    evaluator that knows nothing is counted as asked; the rest up to `over` are the arrays `[B]` of `Search`.
    """
    descend = descend_factory(stochastic)

    def loop(
        tree, positions, rows, simulations,
        zero_sum, uniform, selection, weights, prior_weight, value_weight,
        seeds, noise, budget, done, evaluations, plies, over,
        scratch, mask, logits, probabilities,
    ):  # fmt: skip
        for b in rows:
            goal = min(budget[b], done[b] + simulations)
            while not over[b] and done[b] < goal:
                leaf, slot = descend(tree, b, selection, weights, done[b], budget[b], noise[b])
                while slot >= 0:
                    parent = leaf
                    scratch[0] = positions[b, parent]
                    play(scratch[0], np.int64(tree.edge[b, parent, slot].action))
                    leaf = attach(tree, b, parent, slot, scratch[0].to_play)
                    positions[b, leaf] = scratch[0]
                    tree.node[b, leaf].solved = scratch[0].terminal
                    for player in range(tree.value.shape[2]):
                        tree.value[b, leaf, player] = scratch[0].returns[player]
                    slot = -1
                    if stochastic and scratch[0].to_play == tree.value.shape[2] and not scratch[0].terminal:
                        if tree.node[b, parent].chance == 1:
                            raise ValueError("an outcome of chance must lead to a player's turn or the end of the game")
                        probabilities[:] = 0.0
                        chance(scratch[0], probabilities)
                        slot = reveal(tree, b, leaf, probabilities)
                if tree.node[b, leaf].solved == 0:
                    scratch[0] = positions[b, leaf]
                    mask[:] = False
                    legal(scratch[0], mask)
                    expand(tree, b, leaf, mask, logits, prior_weight)
                    evaluations[b] += uniform
                    if value_weight < 1.0:
                        simulation = 0 if leaf == 0 else done[b] + 1
                        plies[b] += playout(scratch[0], rollout_seed(seeds[b], simulation), mask)
                    for player in range(tree.value.shape[2]):
                        tree.value[b, leaf, player] = np.float32(1.0 - value_weight) * scratch[0].returns[player]
                backup(tree, b, leaf, zero_sum)
                if leaf != 0:
                    done[b] += 1
                over[b] = tree.node[b, 0].solved == 1

    return loop
