"""What a finished search says: the move, the policy behind it, its value and the amortisation gap, compiled.

Rows are searched trees; see `hybrid.tree`. Arrays `[A]` run over actions.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from games.compile import inner
from hybrid.policy_kernels import improved_policy, regularised_policy
from hybrid.selection_kernels import choose, edge_value
from hybrid.strategy import Target
from hybrid.tree import UNPROVEN

IMPROVED, REGULARISED = int(Target.IMPROVED), int(Target.REGULARISED)


def report(tree, rows, selection, seeds, noise, prior, visits, q, proven, network, policy, chosen, values, gap, gain):
    """Fill one row of each output for each of `rows` `[R]`; the outputs are those of `Decisions` and `Root`."""
    for index in range(rows.shape[0]):
        b = rows[index]
        for slot in range(tree.node[b, 0].edges):
            action = tree.edge[b, 0, slot].action
            prior[index, action] = tree.edge[b, 0, slot].prior
            visits[index, action] = tree.edge[b, 0, slot].visits
            if tree.edge[b, 0, slot].visits > 0:
                q[index, action] = tree.edge[b, 0, slot].total / tree.edge[b, 0, slot].visits
            if tree.edge[b, 0, slot].proof != UNPROVEN:
                proven[index, action] = tree.edge[b, 0, slot].proof
        slot = choose(tree, b, selection, seeds[b], noise[b])
        chosen[index] = tree.edge[b, 0, slot].action
        target(tree, b, selection, policy[index])
        solved = tree.node[b, 0].solved == 1
        for player in range(values.shape[1]):
            mean = tree.total[b, 0, player] / max(tree.node[b, 0].visits, 1)
            values[index, player] = tree.value[b, 0, player] if solved else mean
        network_policy(tree, b, network[index])
        gap[index] = divergence(policy[index], network[index])
        gain[index] = edge_value(tree, b, slot) - edge_value(tree, b, favourite(tree, b))


def diagnose(tree, b, selection, improved, regularised):
    """Fill the improved and the regularised policy `[A]` of a row's root, whatever the search's own target is."""
    weights = np.zeros(tree.node[b, 0].edges)
    improved_policy(tree, b, 0, selection.c_visit, selection.c_scale, weights)
    for slot in range(weights.shape[0]):
        improved[tree.edge[b, 0, slot].action] = weights[slot]
    regularised_policy(tree, b, 0, selection.c_puct, weights)
    for slot in range(weights.shape[0]):
        regularised[tree.edge[b, 0, slot].action] = weights[slot]


@inner
def target(tree, b, selection, policy):
    """Fill `policy` `[A]`: uniform over a proven root's optimal moves, else what `selection.target` says."""
    edges = tree.node[b, 0].edges
    weights = np.zeros(edges)
    if tree.node[b, 0].solved == 1:
        value = tree.value[b, 0, tree.node[b, 0].to_play]
        for slot in range(edges):
            weights[slot] = 1.0 if tree.edge[b, 0, slot].proof == value else 0.0
    elif selection.target == IMPROVED:
        improved_policy(tree, b, 0, selection.c_visit, selection.c_scale, weights)
    elif selection.target == REGULARISED:
        regularised_policy(tree, b, 0, selection.c_puct, weights)
    else:
        for slot in range(edges):
            lost = tree.edge[b, 0, slot].proof == -1.0
            weights[slot] = 0.0 if lost else tree.edge[b, 0, slot].visits
    if weights.sum() == 0.0:  # nothing but proven losses was visited
        for slot in range(edges):
            lost = tree.edge[b, 0, slot].proof == -1.0
            weights[slot] = 0.0 if lost else max(np.float64(tree.edge[b, 0, slot].prior), 1e-30)
    total = weights.sum()
    for slot in range(edges):
        policy[tree.edge[b, 0, slot].action] = weights[slot] / total


@inner
def network_policy(tree, b, policy):
    """Fill `policy` `[A]`: the softmax of the root's logits over its legal actions."""
    peak = -np.inf
    for slot in range(tree.node[b, 0].edges):
        peak = max(peak, np.float64(tree.edge[b, 0, slot].logit))
    total = 0.0
    for slot in range(tree.node[b, 0].edges):
        total += math.exp(np.float64(tree.edge[b, 0, slot].logit) - peak)
    for slot in range(tree.node[b, 0].edges):
        policy[tree.edge[b, 0, slot].action] = math.exp(np.float64(tree.edge[b, 0, slot].logit) - peak) / total


@inner
def favourite(tree, b):
    """The root slot with the highest logit."""
    best = 0
    for slot in range(1, tree.node[b, 0].edges):
        if tree.edge[b, 0, slot].logit > tree.edge[b, 0, best].logit:
            best = slot
    return best


@inner
def divergence(policy, reference):
    """KL(policy ‖ reference) in nats; both `[A]`."""
    total = 0.0
    for action in range(policy.shape[0]):
        if policy[action] > 0.0:
            total += policy[action] * math.log(policy[action] / max(np.float64(reference[action]), 1e-30))
    return total
