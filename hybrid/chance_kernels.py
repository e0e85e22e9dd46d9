"""Chance nodes in a search tree: their outcomes, which of them a visit draws, and what proves them, compiled.

`b` is a row, the rest as in `hybrid.tree`.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from games.compile import inner
from games.kernels import mix, unit
from hybrid.tree import UNPROVEN

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 divided by the golden ratio."""


@inner
def reveal(tree, b, node, probabilities):
    """Make an attached node a chance node, its edges the outcomes that have `probabilities` `[A]`; draw one's slot."""
    slots = 0
    for action in range(probabilities.shape[0]):
        if probabilities[action] > 0.0:
            tree.edge[b, node, slots].action = action
            tree.edge[b, node, slots].child = -1
            tree.edge[b, node, slots].prior = probabilities[action]
            tree.edge[b, node, slots].visits = 0
            tree.edge[b, node, slots].total = 0.0
            tree.edge[b, node, slots].proof = UNPROVEN
            tree.edge[b, node, slots].logit = 0.0
            slots += 1
    tree.node[b, node].edges = slots
    tree.node[b, node].chance = 1
    tree.node[b, node].to_play = tree.node[b, tree.node[b, node].parent].to_play
    return outcome_edge(tree, b, node)


@inner
def outcome_edge(tree, b, node):
    """The slot of the outcome that the next visit of a chance node draws.

    Visit n falls where the n-th point of the Weyl sequence of the golden ratio, shifted by a number drawn from the
    node's key, lies in [0, 1), which the outcomes share by their probabilities. Such a rotated low-discrepancy sequence
    (Cranley & Patterson 1976) draws each visit's outcome with exactly its probability, so no count of visits is biased;
    and the mean over n visits errs by O(log n / n), not by the 1 / sqrt(n) of independent draws. Stochastic MuZero's
    argmax of probability / (1 + visits) (Antonoglou et al. 2022) has the second property but not the first: every
    chance node would be met first with its likeliest outcome.
    """
    shift = mix(tree.node[b, node].key ^ GOLDEN)
    point = unit(shift + np.uint64(tree.node[b, node].visits) * GOLDEN)
    last = tree.node[b, node].edges - 1
    for slot in range(last):
        point -= np.float64(tree.edge[b, node, slot].prior)
        if point < 0.0:
            return slot
    return last


@inner
def average(tree, b, node):
    """Whether all outcomes of a chance node are proven; if so it is solved at the mean of their values."""
    edges = tree.node[b, node].edges
    mass = 0.0
    for slot in range(edges):
        if tree.edge[b, node, slot].proof == UNPROVEN:
            return False
        mass += np.float64(tree.edge[b, node, slot].prior)
    tree.node[b, node].solved = 1
    for player in range(tree.value.shape[2]):
        total = 0.0
        for slot in range(edges):
            value = np.float64(tree.value[b, tree.edge[b, node, slot].child, player])
            total += np.float64(tree.edge[b, node, slot].prior) * value
        tree.value[b, node, player] = total / mass  # so that a win in every outcome is exactly 1
    return True
