"""The steps of a simulation, compiled: descend, attach a leaf, expand it, back its value up; and re-rooting.

Independent of the game. `b` is a row, the rest as in `hybrid.tree`. Functions mutate `tree`. Proofs are MCTS-Solver's
(Winands et al. 2008) extended to draws and to chance: a node is proven by a winning child, or when all its children
are proven; a chance node only by all its outcomes, at their mean. So proven values are exact and may be fractions.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from games.compile import inner
from games.kernels import mix, unit
from hybrid.chance_kernels import average
from hybrid.tree import UNPROVEN

TIE_BREAK = 1e-4
"""Seeded noise on the logits of a prior without a network; far below any difference that matters."""


@inner
def plant(tree, b, seed, to_play):
    """Make the root, not expanded, the only node of a tree."""
    tree.size[b] = 0
    _append(tree, b, -1, -1, to_play, mix(seed))


@inner
def attach(tree, b, node, slot, to_play):
    """Append the child at an edge, not expanded; returns its node."""
    leaf = tree.size[b]
    action = np.uint64(tree.edge[b, node, slot].action)
    _append(tree, b, node, slot, to_play, mix(tree.node[b, node].key ^ (action + np.uint64(1))))
    tree.edge[b, node, slot].child = leaf
    tree.node[b, node].explored += tree.edge[b, node, slot].prior
    return leaf


@inner
def _append(tree, b, parent, parent_edge, to_play, key):
    node = tree.size[b]
    tree.size[b] = node + 1
    tree.node[b, node].parent = parent
    tree.node[b, node].parent_edge = parent_edge
    tree.node[b, node].to_play = to_play
    tree.node[b, node].edges = 0
    tree.node[b, node].solved = 0
    tree.node[b, node].chance = 0
    tree.node[b, node].visits = 0
    tree.total[b, node] = 0.0
    tree.node[b, node].explored = 0.0
    tree.node[b, node].key = key


@inner
def expand(tree, b, node, legal, logits, prior_weight):
    """Make the edges of a node: its legal actions with prior softmax(prior_weight * logits).

    What the network's weight leaves is filled with seeded noise of size `TIE_BREAK`, so that a uniform prior has no
    preferred order. `legal` and `logits` are `[A]`.
    """
    slots = 0
    peak = -np.inf
    for action in range(legal.shape[0]):
        if legal[action]:
            logit = prior_weight * np.float64(logits[action])
            if prior_weight < 1.0:
                noise = unit(mix(tree.node[b, node].key ^ np.uint64(action + 1) ^ np.uint64(0xA5A5A5A5A5A5A5A5)))
                logit += (1.0 - prior_weight) * TIE_BREAK * noise
            tree.edge[b, node, slots].action = action
            tree.edge[b, node, slots].child = -1
            tree.edge[b, node, slots].prior = logit
            tree.edge[b, node, slots].visits = 0
            tree.edge[b, node, slots].total = 0.0
            tree.edge[b, node, slots].proof = UNPROVEN
            tree.edge[b, node, slots].logit = logits[action]
            peak = max(peak, logit)
            slots += 1
    total = 0.0
    for slot in range(slots):
        below = np.float64(tree.edge[b, node, slot].prior) - peak
        weight = 1.0 if below == 0.0 else math.exp(below)
        tree.edge[b, node, slot].prior = weight
        total += weight
    for slot in range(slots):
        tree.edge[b, node, slot].prior = np.float64(tree.edge[b, node, slot].prior) / total
    tree.node[b, node].edges = slots


@inner
def backup(tree, b, leaf, zero_sum):
    """Count a leaf's value at itself and at the edges and nodes above; carry proofs up."""
    proving = zero_sum and tree.node[b, leaf].solved == 1
    node = leaf
    _count(tree, b, leaf, leaf)
    while tree.node[b, node].parent >= 0:
        parent = tree.node[b, node].parent
        slot = tree.node[b, node].parent_edge
        tree.edge[b, parent, slot].visits += 1
        tree.edge[b, parent, slot].total += np.float64(tree.value[b, leaf, tree.node[b, parent].to_play])
        _count(tree, b, parent, leaf)
        if proving:
            proving = prove(tree, b, parent, slot, node)
        node = parent


@inner
def _count(tree, b, node, leaf):
    tree.node[b, node].visits += 1
    for player in range(tree.value.shape[2]):
        tree.total[b, node, player] += np.float64(tree.value[b, leaf, player])


@inner
def prove(tree, b, parent, slot, child):
    """Note a solved child at its edge; whether that solves the parent too.

    Edges of a root that were proven to be worse before the search have no child.
    """
    mover = tree.node[b, parent].to_play
    tree.edge[b, parent, slot].proof = tree.value[b, child, mover]
    if tree.node[b, parent].chance == 1:
        return average(tree, b, parent)
    best = -1
    best_proof = -np.inf
    for other in range(tree.node[b, parent].edges):
        proof = tree.edge[b, parent, other].proof
        if proof == UNPROVEN:
            if tree.edge[b, parent, slot].proof < 1.0:
                return False
        elif proof > best_proof and tree.edge[b, parent, other].child >= 0:
            best_proof = proof
            best = tree.edge[b, parent, other].child
    tree.node[b, parent].solved = 1
    for player in range(tree.value.shape[2]):
        tree.value[b, parent, player] = tree.value[b, best, player]
    return True


def reroot(tree, b, root, kept):
    """Make `root` node 0 and drop what is not below it; `kept` `[N]` takes the old nodes, their number is returned.

    Nodes keep their order, so they move to lower indices only.
    """
    count = 0
    moved = np.full(tree.size[b], -1, np.int32)
    for node in range(root, tree.size[b]):
        if node != root and moved[tree.node[b, node].parent] < 0:
            continue
        moved[node] = count
        kept[count] = node
        _move(tree, b, node, count)
        tree.node[b, count].parent = -1 if node == root else moved[tree.node[b, node].parent]
        if node != root:
            tree.edge[b, tree.node[b, count].parent, tree.node[b, count].parent_edge].child = count
        count += 1
    tree.size[b] = count
    return np.int64(count)


@inner
def _move(tree, b, source, target):
    tree.node[b, target] = tree.node[b, source]
    for player in range(tree.value.shape[2]):
        tree.total[b, target, player] = tree.total[b, source, player]
        tree.value[b, target, player] = tree.value[b, source, player]
    for slot in range(tree.node[b, source].edges):
        tree.edge[b, target, slot] = tree.edge[b, source, slot]
        tree.edge[b, target, slot].child = -1


@inner
def rollout_seed(seed, simulation):
    """The seed of the rollout from a search's leaf; simulations count from 1, and 0 is the root's own evaluation."""
    return mix(seed ^ mix(np.uint64(simulation)))


@inner
def burden(tree, b, leaf, visits):
    """Add `visits` (1 or -1) losses for the mover to each edge above a leaf, and visits to the nodes there."""
    node = leaf
    while tree.node[b, node].parent >= 0:
        slot = tree.node[b, node].parent_edge
        node = tree.node[b, node].parent
        bear(tree, b, node, slot, visits)


@inner
def bear(tree, b, node, slot, visits):
    """Add `visits` (1 or -1) losses for the mover to an edge, and visits to its node."""
    tree.edge[b, node, slot].visits += visits
    tree.edge[b, node, slot].total -= visits
    tree.node[b, node].visits += visits
