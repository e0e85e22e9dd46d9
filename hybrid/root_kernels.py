"""What a finished search says: the move, the policy behind it, its value and the amortisation gap, compiled.

Rows are searched trees; see `hybrid.tree`. Arrays `[A]` run over actions.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from hybrid.policy_kernels import improved_policy, regularised_policy
from hybrid.selection_kernels import choose, edge_value
from hybrid.strategy import Target
from hybrid.tree import UNPROVEN

IMPROVED, REGULARISED = int(Target.IMPROVED), int(Target.REGULARISED)


def report(tree, rows, selection, seeds, noise, prior, visits, q, proven, network, policy, chosen, values, gap, gain):
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
        slot = choose(tree, b, selection, seeds[b], noise[b])
        chosen[index] = tree.action[b, 0, slot]
        target(tree, b, selection, policy[index])
        solved = tree.solved[b, 0] == 1
        for player in range(values.shape[1]):
            mean = tree.total[b, 0, player] / max(tree.visits[b, 0], 1)
            values[index, player] = tree.value[b, 0, player] if solved else mean
        if tree.logits.shape[1] > 0:
            network_policy(tree, b, network[index])
            gap[index] = divergence(policy[index], network[index])
            gain[index] = edge_value(tree, b, slot) - edge_value(tree, b, favourite(tree, b))


@njit
def target(tree, b, selection, policy):
    """Fill `policy` `[A]`: uniform over a proven root's optimal moves, else what `selection.target` says."""
    edges = tree.edges[b, 0]
    weights = np.zeros(edges)
    if tree.solved[b, 0] == 1:
        value = tree.value[b, 0, tree.to_play[b, 0]]
        for slot in range(edges):
            weights[slot] = 1.0 if tree.edge_proof[b, 0, slot] == value else 0.0
    elif selection.target == IMPROVED:
        improved_policy(tree, b, 0, selection.c_visit, selection.c_scale, weights)
    elif selection.target == REGULARISED:
        regularised_policy(tree, b, 0, selection.c_puct, weights)
    else:
        for slot in range(edges):
            lost = tree.edge_proof[b, 0, slot] == -1.0
            weights[slot] = 0.0 if lost else tree.edge_visits[b, 0, slot]
    total = weights.sum()
    for slot in range(edges):
        policy[tree.action[b, 0, slot]] = weights[slot] / total if total > 0.0 else tree.prior[b, 0, slot]


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
