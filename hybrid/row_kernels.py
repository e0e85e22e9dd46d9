"""The steps of a search round over many rows at once, compiled: what happens between the network's answers.

Independent of the game. Rows are the trees `b` of a batch, R of them in `rows`; the rest as in `hybrid.tree`, and the
steps of one tree in `hybrid.tree_kernels`.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hybrid.chance_kernels import reveal
from hybrid.tree_kernels import attach, backup, bear, burden, expand, plant, rollout_seed


def plant_rows(tree, rows, seeds, to_play):
    """`plant` in `rows` `[R]`; `seeds` is `[B]`, `to_play` `[R]`."""
    for index in range(rows.shape[0]):
        plant(tree, rows[index], seeds[rows[index]], to_play[index])


def select_factory(descend: Any, nodes: int) -> Any:
    """`select_rows(...)`: see there. A simulation takes up to `nodes` nodes."""

    def select_rows(tree, rows, selection, weights, parallel, done, budget, noise, at, leaves, simulations, fresh):
        """Find up to `parallel` leaves, budget and room permitting, in each of `rows` `[R]`; returns how many in all.

        Each takes an entry of the outputs: its row `at`, its node, the number of its simulation (0 for the root's own
        evaluation) and whether it is `fresh`: just attached, its position yet to be played. `done`, `budget`, `noise`
        are `[B]`. While leaves of one tree wait together, each weighs on its path as a loss (virtual loss).
        """
        found = 0
        for b in rows:
            room = (tree.node.shape[1] - tree.size[b]) // nodes
            for index in range(min(parallel, budget[b] - done[b], room)):
                leaf, slot = descend(tree, b, selection, weights, done[b] + index, budget[b], noise[b])
                waiting = slot < 0 and tree.node[b, leaf].solved == 0
                if waiting and index > 0:
                    break
                fresh[found] = slot >= 0
                if slot >= 0:
                    leaf = attach(tree, b, leaf, slot, 0)
                if parallel > 1:
                    burden(tree, b, leaf, 1)
                at[found] = b
                leaves[found] = leaf
                simulations[found] = 0 if leaf == 0 else done[b] + index + 1
                found += 1
        return np.int64(found)

    return select_rows


def unfinished_rows(size, over, done, budget, bound, rows, needs):
    """Write the unfinished rows to `rows` `[B]`; how many there are. Those of more than `bound` nodes are over.

    `needs` takes the most nodes that any of them has, and the most simulations that any of them has left.
    """
    count = 0
    needs[:] = 0
    for b in range(size.shape[0]):
        over[b] |= size[b] > bound
        if not over[b] and done[b] < budget[b]:
            rows[count] = b
            count += 1
            needs[0] = max(needs[0], np.int64(size[b]))
            needs[1] = max(needs[1], budget[b] - done[b])
    return np.int64(count)


def unsolved_rows(tree, rows, leaves, indices):
    """Write to `indices` `[R]` where the leaves are that are not solved; how many they are."""
    count = 0
    for index in range(rows.shape[0]):
        if tree.node[rows[index], leaves[index]].solved == 0:
            indices[count] = index
            count += 1
    return np.int64(count)


def gather_rows(stored, rows, nodes, out):
    """Copy the bytes of positions `stored` `[B, N, K]` at nodes `[R]` to `out` `[R, K]`."""
    for index in range(rows.shape[0]):
        for k in range(out.shape[1]):
            out[index, k] = stored[rows[index], nodes[index], k]


def scatter_rows(stored, rows, nodes, positions):
    """Copy the bytes of `positions` `[R, K]` to nodes `[R]` of `stored` `[B, N, K]`."""
    for index in range(rows.shape[0]):
        for k in range(positions.shape[1]):
            stored[rows[index], nodes[index], k] = positions[index, k]


def origin_rows(tree, rows, leaves, nodes, actions):
    """Write each leaf's parent to `nodes` `[R]`, and the action that leads from there to it to `actions` `[R]`."""
    for index in range(rows.shape[0]):
        leaf = tree.node[rows[index], leaves[index]]
        nodes[index] = leaf.parent
        actions[index] = tree.edge[rows[index], leaf.parent, leaf.parent_edge].action


def reveal_rows(tree, rows, leaves, probabilities, parallel, outcomes):
    """`reveal` each fresh leaf with its `probabilities` `[R, A]`; attach the outcome drawn, into `outcomes` `[R]`."""
    for index in range(rows.shape[0]):
        b, leaf = rows[index], leaves[index]
        slot = reveal(tree, b, leaf, probabilities[index])
        outcomes[index] = attach(tree, b, leaf, slot, 0)
        if parallel > 1:
            bear(tree, b, leaf, slot, 1)


def settle_rows(tree, rows, leaves, to_play, terminal, returns):
    """Note who moves at each fresh leaf, and its returns `[R, P]` where it is terminal."""
    for index in range(rows.shape[0]):
        b, leaf = rows[index], leaves[index]
        tree.node[b, leaf].to_play = to_play[index]
        tree.node[b, leaf].solved = terminal[index]
        for player in range(tree.value.shape[2]):
            tree.value[b, leaf, player] = returns[index, player]


def expand_rows(tree, rows, leaves, legal, logits, values, prior_weight):
    """`expand` each leaf and note its `values` `[R, P]`; false, and nothing done, where any number is not finite."""
    for index in range(rows.shape[0]):
        total = 0.0
        for action in range(legal.shape[1]):
            if legal[index, action]:
                total += abs(np.float64(logits[index, action]))
        for player in range(values.shape[1]):
            total += abs(np.float64(values[index, player]))
        if not math.isfinite(total):
            return False
    for index in range(rows.shape[0]):
        b, leaf = rows[index], leaves[index]
        expand(tree, b, leaf, legal[index], logits[index], prior_weight)
        for player in range(tree.value.shape[2]):
            tree.value[b, leaf, player] = values[index, player]
    return True


def backup_rows(tree, rows, leaves, parallel, zero_sum, done, over):
    """`backup` each leaf; a simulation is counted in `done` `[B]`, and a row is `over` once its root is proven."""
    for index in range(rows.shape[0]):
        b, leaf = rows[index], leaves[index]
        if parallel > 1:
            burden(tree, b, leaf, -1)
        backup(tree, b, leaf, zero_sum)
        if leaf != 0:
            done[b] += 1
        over[b] = tree.node[b, 0].solved == 1


def rollout_seeds(rows, seeds, simulations, out):
    """`rollout_seed` of each of `simulations` `[R]`, into `out` `[R]`."""
    for index in range(rows.shape[0]):
        out[index] = rollout_seed(seeds[rows[index]], simulations[index])
