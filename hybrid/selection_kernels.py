"""Which edge a simulation follows, by strategy, and which root edge is played in the end, compiled.

`b` is a row, the rest as in `hybrid.tree`; `selection` is a `hybrid.strategy.Selection`. Nothing is mutated. Proven
losses are never selected.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Any

import numpy as np

from games.compile import allocating, inner, type_of
from games.kernels import mix, unit
from hybrid.chance_kernels import outcome_edge
from hybrid.policy_kernels import (
    completed_q,
    gumbel,
    improved_policy,
    log_prior,
    most_visits,
    required_visits,
    sigma,
)
from hybrid.strategy import Selection, Strategy, exploration
from hybrid.tree import UNPROVEN

SELECTION = type_of(Selection(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0))
"""The numba type of a `Selection`."""
UCT, GUMBEL = int(Strategy.UCT), int(Strategy.GUMBEL)

_exploration = inner(exploration)


def descend_factory(stochastic: bool) -> Any:
    """`descend(tree, b, selection, weights, simulation, budget, noise)`, for trees with or without chance nodes."""

    @inner
    def descend(tree, b, selection, weights, simulation, budget, noise):
        """Follow the best edges from the root; `(node, slot)` of an edge without a child, or `(leaf, -1)`.

        A leaf is a solved node, or a root that has not been expanded. `simulation` (from 0) of `budget` and the seed
        `noise` guide Gumbel's sequential halving at the root; `weights` are PUCT's `exploration_weights`.
        """
        node = 0
        while tree.node[b, node].solved == 0 and tree.node[b, node].edges > 0:
            if stochastic and tree.node[b, node].chance == 1:
                slot = outcome_edge(tree, b, node)
            elif selection.strategy == GUMBEL:
                if node == 0:
                    considered = min(selection.considered, tree.node[b, 0].edges)
                    slot = halving_edge(tree, b, selection, required_visits(simulation, considered, budget), noise)
                else:
                    slot = improving_edge(tree, b, node, selection)
            elif selection.strategy == UCT:
                slot = uct_edge(tree, b, node, selection.c_uct)
            else:
                slot = puct_edge(tree, b, node, selection, weights)
            child = tree.edge[b, node, slot].child
            if child < 0:
                return node, slot
            node = child
        return node, -1

    return descend


@inner
def puct_edge(tree, b, node, selection, weights):
    """The slot that maximises Q + U (Silver et al. 2018, Science 362, supplementary "Search").

    U = c(s) P(s, a) sqrt(N(s)) / (1 + N(s, a)); `weights` tell c(s) sqrt(N(s)) of the first N(s). Unvisited edges take
    the node's mean value less `fpu_reduction * sqrt(prior mass visited)`.
    """
    simulations = tree.node[b, node].visits - 1
    if simulations < weights.shape[0]:
        scale = weights[simulations]
    else:
        scale = _exploration(selection.c_puct, selection.c_base, simulations)
    mean = tree.total[b, node, tree.node[b, node].to_play] / tree.node[b, node].visits
    first_play = mean - selection.fpu_reduction * math.sqrt(max(np.float64(tree.node[b, node].explored), 0.0))
    best = -1
    best_score = -np.inf
    for slot in range(tree.node[b, node].edges):
        proof = np.float64(tree.edge[b, node, slot].proof)
        if proof == -1.0:
            continue
        visits = tree.edge[b, node, slot].visits
        if proof != UNPROVEN:
            q = proof
        elif visits > 0:
            q = tree.edge[b, node, slot].total / visits
        else:
            q = first_play
        score = q + scale * np.float64(tree.edge[b, node, slot].prior) / (1 + visits)
        if score > best_score:
            best = slot
            best_score = score
    return best


@inner
def uct_edge(tree, b, node, c_uct):
    """The slot that maximises Q + c_uct sqrt(ln N(s) / N(s, a)) (Kocsis & Szepesvári 2006); unvisited ones first."""
    log_visits = math.log(max(tree.node[b, node].visits - 1, 1))
    best = -1
    best_score = -np.inf
    for slot in range(tree.node[b, node].edges):
        proof = np.float64(tree.edge[b, node, slot].proof)
        visits = tree.edge[b, node, slot].visits
        if proof == -1.0:
            continue
        if visits == 0:
            score = 1e6 + np.float64(tree.edge[b, node, slot].prior)
        else:
            q = tree.edge[b, node, slot].total / visits if proof == UNPROVEN else proof
            score = q + c_uct * math.sqrt(log_visits / visits)
        if score > best_score:
            best = slot
            best_score = score
    return best


@allocating
def improving_edge(tree, b, node, selection):
    """The slot that most lags the improved policy: argmax π' - N / (1 + ΣN) (Danihelka et al. 2022, equation 14)."""
    policy = np.empty(tree.node[b, node].edges)
    improved_policy(tree, b, node, selection.c_visit, selection.c_scale, policy)
    best = -1
    best_score = -np.inf
    for slot in range(tree.node[b, node].edges):
        score = policy[slot] - tree.edge[b, node, slot].visits / np.float64(tree.node[b, node].visits)
        if tree.edge[b, node, slot].proof != -1.0 and score > best_score:
            best = slot
            best_score = score
    return best


@allocating
def halving_edge(tree, b, selection, visits, noise):
    """The root slot that sequential halving visits next (Danihelka et al. 2022, figure 1).

    Of the edges with as many `visits` as their round requires, the one with the highest Gumbel noise + log prior
    + σ(completed Q); where proofs have left none of them, of all edges.
    """
    q = np.empty(tree.node[b, 0].edges)
    completed_q(tree, b, 0, q)
    most = most_visits(tree, b, 0)
    best = -1
    best_score = -np.inf
    best_due = False
    for slot in range(tree.node[b, 0].edges):
        if tree.edge[b, 0, slot].proof == -1.0:
            continue
        due = tree.edge[b, 0, slot].visits == visits
        score = gumbel(noise, tree.edge[b, 0, slot].action) + log_prior(tree, b, 0, slot)
        score += sigma(q[slot], most, selection.c_visit, selection.c_scale)
        if (due and not best_due) or (due == best_due and score > best_score):
            best = slot
            best_score = score
            best_due = due
    return best


@inner
def edge_value(tree, b, slot):
    """The value of a root edge for the mover: proven, else its mean, else (unvisited) the root's mean."""
    if tree.edge[b, 0, slot].proof != UNPROVEN:
        return np.float64(tree.edge[b, 0, slot].proof)
    if tree.edge[b, 0, slot].visits > 0:
        return tree.edge[b, 0, slot].total / tree.edge[b, 0, slot].visits
    return tree.total[b, 0, tree.node[b, 0].to_play] / tree.node[b, 0].visits


@inner
def choose(tree, b, selection, seed, noise):
    """The root slot to play.

    A proven win; else, without the proven losses (all lost: with them), the most visits, then value (Gumbel: noise +
    log prior + σ), then prior, then a seeded tie-break. A proven draw replaces a choice that is worth less than it.
    """
    best = -1
    best_draw = -1
    for slot in range(tree.node[b, 0].edges):
        proof = tree.edge[b, 0, slot].proof
        if proof == 1.0:
            return slot
        if proof != UNPROVEN and (best_draw < 0 or proof > tree.edge[b, 0, best_draw].proof):
            best_draw = slot
        if proof != -1.0 and (best < 0 or _better(tree, b, slot, best, seed)):
            best = slot
    if best < 0:
        for slot in range(tree.node[b, 0].edges):
            if best < 0 or _better(tree, b, slot, best, seed):
                best = slot
        return best
    if selection.strategy == GUMBEL:
        best = halving_edge(tree, b, selection, tree.edge[b, 0, best].visits, noise)
    if best_draw >= 0 and tree.edge[b, 0, best_draw].proof > edge_value(tree, b, best):
        best = best_draw
    return best


@inner
def _better(tree, b, slot, other, seed):
    """Whether a root slot beats another by visits, value, prior, and a seeded tie-break, in this order."""
    if tree.edge[b, 0, slot].visits != tree.edge[b, 0, other].visits:
        return tree.edge[b, 0, slot].visits > tree.edge[b, 0, other].visits
    value, other_value = edge_value(tree, b, slot), edge_value(tree, b, other)
    if value != other_value:
        return value > other_value
    if tree.edge[b, 0, slot].prior != tree.edge[b, 0, other].prior:
        return tree.edge[b, 0, slot].prior > tree.edge[b, 0, other].prior
    return unit(mix(seed ^ np.uint64(slot + 1))) > unit(mix(seed ^ np.uint64(other + 1)))
