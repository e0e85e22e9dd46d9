"""Search trees as arrays of records, one tree a row.

Shapes: B rows, N nodes, A edge slots, P players. Node 0 is the root; a parent's index is below its children's. The
edges of a node are its legal actions in increasing order, in slots 0 to `edges - 1`; the slots beyond hold garbage.
At a chance node they are its outcomes, and the mover is who moved before, so that all edges keep values for a player.
Values are in [-1, 1]. Records, rather than an array a field, keep what a descent reads together in memory, and let
the kernels compile in half the time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from games.compile import type_of

UNPROVEN = 2.0
"""What an edge's `proof` holds where nothing is proven; no return has this value."""

NODE = np.dtype(
    (
        np.record,
        [
            ("key", "u8"),  # a hash of the search's seed and the path, from which tie-breaks are drawn
            ("parent", "i4"),  # the parent's node; -1 at the root
            ("parent_edge", "i4"),  # the slot of the edge from the parent
            ("edges", "i4"),  # number of legal actions; 0 where the node is terminal or not expanded yet
            ("visits", "i4"),  # evaluations at and below the node: its own (chance has none) and its edges' visits
            ("explored", "f4"),  # sum of the priors of the visited edges
            ("to_play", "u1"),  # the mover
            ("chance", "u1"),  # 1 at a chance node
            ("solved", "u2"),  # 1 where the node's value is exact (terminal or proven)
        ],
    )
)
EDGE = np.dtype(
    (
        np.record,
        [
            ("total", "f8"),  # sum of the values of the simulations that went through, for the mover
            ("action", "i4"),
            ("child", "i4"),  # the node that the edge leads to; -1 where none has been made
            ("visits", "i4"),  # simulations that went through
            ("prior", "f4"),  # the search prior, or chance's probability; sums to 1 over the edges of a node
            ("logit", "f4"),  # the network's logit
            ("proof", "f4"),  # the proven value for the mover, or `UNPROVEN`
        ],
    )
)


class Tree(NamedTuple):
    """The statistics of B trees; the positions at their nodes are kept beside it, since their type is the game's.

    Attributes:
        size: `[B]` nodes in use.
        node: `[B, N]` records of `NODE`.
        total: `[B, N, P]` sum per player of the evaluations at and below each node.
        value: `[B, N, P]` each node's own evaluation per player, or the exact value; zero at an unproven chance node.
        edge: `[B, N, A]` records of `EDGE`.
    """

    size: npt.NDArray[np.int32]
    node: npt.NDArray[np.void]
    total: npt.NDArray[np.float64]
    value: npt.NDArray[np.float32]
    edge: npt.NDArray[np.void]


def allocate(rows: int, nodes: int, actions: int, players: int) -> Tree:
    """Empty trees; memory is touched only as nodes come into use, `bytes_per_node` at a time."""
    return Tree(
        size=np.zeros(rows, np.int32),
        node=np.empty((rows, nodes), NODE),
        total=np.empty((rows, nodes, players), np.float64),
        value=np.empty((rows, nodes, players), np.float32),
        edge=np.empty((rows, nodes, actions), EDGE),
    )


def grow(tree: Tree, nodes: int) -> Tree:
    """The same trees with room for `nodes` nodes a row."""
    rows, _, actions = tree.edge.shape
    larger = allocate(rows, nodes, actions, tree.value.shape[2])
    for row, used in enumerate(tree.size.tolist()):
        for name in ("node", "total", "value", "edge"):
            getattr(larger, name)[row, :used] = getattr(tree, name)[row, :used]
    larger.size[:] = tree.size
    return larger


def tree_type() -> Any:
    """The numba type of a `Tree`."""
    return type_of(allocate(1, 1, 1, 1))


def bytes_per_node(actions: int, players: int, position_bytes: int) -> int:
    """Memory of one node: 32 + 12 P bytes, 32 A for its edges, and the position."""
    return NODE.itemsize + 12 * players + EDGE.itemsize * actions + position_bytes
