"""Search trees as struct-of-arrays, one tree a row.

Shapes: B rows, N nodes, A edge slots, P players. Node 0 is the root; a parent's index is below its children's. The
edges of a node are its legal actions in increasing order, in slots 0 to `edges - 1`; the slots beyond hold garbage.
Values are in [-1, 1]. Arrays named `edge_*` hold values for the mover at the edge's node.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from games.compile import type_of

UNPROVEN = 2.0
"""What `edge_proof` holds where nothing is proven; no return has this value."""


class Tree(NamedTuple):
    """The statistics of B trees; the positions at their nodes are kept beside it, since their type is the game's.

    Attributes:
        size: `[B]` nodes in use.
        parent: `[B, N]` the parent's node; -1 at the root.
        parent_edge: `[B, N]` the slot of the edge from the parent.
        to_play: `[B, N]` the mover.
        edges: `[B, N]` number of legal actions; 0 where a node is terminal or not expanded yet.
        solved: `[B, N]` 1 where `value` is the exact result (terminal or proven).
        visits: `[B, N]` evaluations at and below the node: 1 + the sum of its edges' visits.
        total: `[B, N, P]` sum of those evaluations per player.
        explored: `[B, N]` sum of the priors of the visited edges.
        value: `[B, N, P]` the node's own evaluation per player, or the exact result.
        key: `[B, N]` a hash of the search's seed and the path, from which tie-breaks are drawn.
        action: `[B, N, A]` the action of each edge.
        child: `[B, N, A]` the node that an edge leads to; -1 where none has been made.
        prior: `[B, N, A]` the search prior; sums to 1 over the edges.
        logits: `[B, N, A]` the network's logits, or `[B, 0, A]` in trees without a network.
        edge_visits: `[B, N, A]` simulations that went through the edge.
        edge_total: `[B, N, A]` sum of their values.
        edge_proof: `[B, N, A]` the proven value, or `UNPROVEN`.
    """

    size: npt.NDArray[np.int32]
    parent: npt.NDArray[np.int32]
    parent_edge: npt.NDArray[np.int32]
    to_play: npt.NDArray[np.uint8]
    edges: npt.NDArray[np.int32]
    solved: npt.NDArray[np.uint8]
    visits: npt.NDArray[np.int32]
    total: npt.NDArray[np.float64]
    explored: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32]
    key: npt.NDArray[np.uint64]
    action: npt.NDArray[np.int32]
    child: npt.NDArray[np.int32]
    prior: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    edge_visits: npt.NDArray[np.int32]
    edge_total: npt.NDArray[np.float64]
    edge_proof: npt.NDArray[np.float32]


def allocate(rows: int, nodes: int, actions: int, players: int, *, logits: bool) -> Tree:
    """Empty trees; memory is touched only as nodes come into use, `bytes_per_node` at a time."""

    def per_node(dtype: Any) -> npt.NDArray[Any]:
        return np.empty((rows, nodes), dtype)

    def per_edge(dtype: Any) -> npt.NDArray[Any]:
        return np.empty((rows, nodes, actions), dtype)

    return Tree(
        size=np.zeros(rows, np.int32),
        parent=per_node(np.int32),
        parent_edge=per_node(np.int32),
        to_play=per_node(np.uint8),
        edges=per_node(np.int32),
        solved=per_node(np.uint8),
        visits=per_node(np.int32),
        total=np.empty((rows, nodes, players), np.float64),
        explored=per_node(np.float32),
        value=np.empty((rows, nodes, players), np.float32),
        key=per_node(np.uint64),
        action=per_edge(np.int32),
        child=per_edge(np.int32),
        prior=per_edge(np.float32),
        logits=per_edge(np.float32) if logits else np.empty((rows, 0, actions), np.float32),
        edge_visits=per_edge(np.int32),
        edge_total=per_edge(np.float64),
        edge_proof=per_edge(np.float32),
    )


def grow(tree: Tree, nodes: int) -> Tree:
    """The same trees with room for `nodes` nodes a row."""
    rows, old, actions = tree.action.shape
    larger = allocate(rows, nodes, actions, tree.value.shape[2], logits=tree.logits.shape[1] > 0)
    for name in Tree._fields[1:]:
        getattr(larger, name)[:, :old] = getattr(tree, name)
    larger.size[:] = tree.size
    return larger


def tree_type() -> Any:
    """The numba type of a `Tree`."""
    return type_of(allocate(1, 1, 1, 1, logits=True))


def bytes_per_node(actions: int, players: int, position_bytes: int, *, logits: bool) -> int:
    """Memory of one node: 34 + 12 P bytes, 28 A for its edges (32 A with logits) and the position."""
    return 34 + 12 * players + (32 if logits else 28) * actions + position_bytes
