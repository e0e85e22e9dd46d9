"""What a finished search says: the move, the policy behind it, its value and the amortisation gap, compiled.

Rows are searched trees; see `hybrid.tree`. Arrays `[A]` run over actions.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from games.kernels import mix
from hybrid.tree import UNPROVEN
from hybrid.tree_kernels import unit


def report(tree, rows, seeds, prior, visits, q, proven, network, policy, chosen, values, gap, gain):
    """Fill one row of each output for each of `rows` `[R]`; the outputs are those of `Decisions` and `Root`."""
    for index in range(rows.shape[0]):
        b = rows[index]
        for slot in range(tree.edges[b, 0]):
            action = tree.action[b, 0, slot]
            prior[index, action] = tree.prior[b, 0, slot]
            visits[index, action] = tree.edge_visits[b, 0, slot]
            if tree.edge_visits[b, 0, slot] > 0:
                q[index, action] = tree.edge_total[b, 0, slot] / tree.edge_visits[b, 0, slot]
            if tree.edge_proof[b, 0, slot] != UNPROVEN:
                proven[index, action] = tree.edge_proof[b, 0, slot]
        slot = choose(tree, b, seeds[b])
        chosen[index] = tree.action[b, 0, slot]
        target(tree, b, policy[index])
        solved = tree.solved[b, 0] == 1
        for player in range(values.shape[1]):
            mean = tree.total[b, 0, player] / max(tree.visits[b, 0], 1)
            values[index, player] = tree.value[b, 0, player] if solved else mean
        if tree.logits.shape[1] > 0:
            network_policy(tree, b, network[index])
            gap[index] = divergence(policy[index], network[index])
            gain[index] = edge_value(tree, b, slot) - edge_value(tree, b, favourite(tree, b))


@njit
def edge_value(tree, b, slot):
    """The value of a root edge for the mover: proven, else its mean, else (unvisited) the root's mean."""
    if tree.edge_proof[b, 0, slot] != UNPROVEN:
        return np.float64(tree.edge_proof[b, 0, slot])
    if tree.edge_visits[b, 0, slot] > 0:
        return tree.edge_total[b, 0, slot] / tree.edge_visits[b, 0, slot]
    return tree.total[b, 0, tree.to_play[b, 0]] / tree.visits[b, 0]


@njit
def choose(tree, b, seed):
    """The root slot to play.

    A proven win; else, without the proven losses (all lost: with them), the most visits, then value, then prior, then
    a seeded tie-break. A proven draw replaces a choice that is worth less than it.
    """
    best = -1
    best_draw = -1
    for slot in range(tree.edges[b, 0]):
        proof = tree.edge_proof[b, 0, slot]
        if proof == 1.0:
            return slot
        if proof != UNPROVEN and (best_draw < 0 or proof > tree.edge_proof[b, 0, best_draw]):
            best_draw = slot
        if proof != -1.0 and (best < 0 or _better(tree, b, slot, best, seed)):
            best = slot
    if best < 0:
        for slot in range(tree.edges[b, 0]):
            if best < 0 or _better(tree, b, slot, best, seed):
                best = slot
    elif best_draw >= 0 and tree.edge_proof[b, 0, best_draw] > edge_value(tree, b, best):
        best = best_draw
    return best


@njit
def _better(tree, b, slot, other, seed):
    """Whether a root slot beats another by visits, value, prior, and a seeded tie-break, in this order."""
    if tree.edge_visits[b, 0, slot] != tree.edge_visits[b, 0, other]:
        return tree.edge_visits[b, 0, slot] > tree.edge_visits[b, 0, other]
    value, other_value = edge_value(tree, b, slot), edge_value(tree, b, other)
    if value != other_value:
        return value > other_value
    if tree.prior[b, 0, slot] != tree.prior[b, 0, other]:
        return tree.prior[b, 0, slot] > tree.prior[b, 0, other]
    return unit(mix(seed ^ np.uint64(slot + 1))) > unit(mix(seed ^ np.uint64(other + 1)))


@njit
def target(tree, b, policy):
    """Fill `policy` `[A]`: uniform over a proven root's optimal moves, else visits without proven losses."""
    solved = tree.solved[b, 0] == 1
    value = tree.value[b, 0, tree.to_play[b, 0]]
    total = 0.0
    for slot in range(tree.edges[b, 0]):
        proof = tree.edge_proof[b, 0, slot]
        weight = 0.0
        if solved:
            weight = 1.0 if proof == value else 0.0
        elif proof != -1.0:
            weight = np.float64(tree.edge_visits[b, 0, slot])
        policy[tree.action[b, 0, slot]] = weight
        total += weight
    for slot in range(tree.edges[b, 0]):
        action = tree.action[b, 0, slot]
        policy[action] = policy[action] / total if total > 0.0 else tree.prior[b, 0, slot]


@njit
def network_policy(tree, b, policy):
    """Fill `policy` `[A]`: the softmax of the root's logits over its legal actions."""
    peak = -np.inf
    for slot in range(tree.edges[b, 0]):
        peak = max(peak, np.float64(tree.logits[b, 0, slot]))
    total = 0.0
    for slot in range(tree.edges[b, 0]):
        total += math.exp(np.float64(tree.logits[b, 0, slot]) - peak)
    for slot in range(tree.edges[b, 0]):
        policy[tree.action[b, 0, slot]] = math.exp(np.float64(tree.logits[b, 0, slot]) - peak) / total


@njit
def favourite(tree, b):
    """The root slot with the highest logit."""
    best = 0
    for slot in range(1, tree.edges[b, 0]):
        if tree.logits[b, 0, slot] > tree.logits[b, 0, best]:
            best = slot
    return best


@njit
def divergence(policy, reference):
    """KL(policy ‖ reference) in nats; both `[A]`."""
    total = 0.0
    for action in range(policy.shape[0]):
        if policy[action] > 0.0:
            total += policy[action] * math.log(policy[action] / max(np.float64(reference[action]), 1e-30))
    return total
