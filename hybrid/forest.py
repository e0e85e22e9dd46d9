"""Where search trees live: their statistics and positions, room for more nodes, and what is kept between moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.search_kernels import kernels
from hybrid.tree import Tree, allocate, bytes_per_node, grow

_MOST_NODES = 4_000_000
_MOST_BYTES = 2**31


def usual_max_nodes(game: Game) -> int:
    """How far a search tree grows where nothing is said of it: 4 million nodes, or as many as 2 GiB hold if fewer."""
    return min(_MOST_NODES, _MOST_BYTES // bytes_per_node(game.num_actions, game.players, game.dtype.itemsize))


class Forest:
    """B trees of one game, with the position at every node.

    Attributes:
        tree: the statistics.
        positions: `[B, N]`.
        node_bytes: memory of one node; it is touched only as nodes come into use.
    """

    def __init__(self, game: Game, rows: int, max_nodes: int) -> None:
        """Make `rows` empty trees that never grow beyond `max_nodes` nodes each."""
        self.tree: Tree = allocate(rows, 1, game.num_actions, game.players)
        self.positions: Positions = np.empty((rows, 1), game.dtype)
        self.node_bytes = bytes_per_node(game.num_actions, game.players, game.dtype.itemsize)
        self._max_nodes = max_nodes
        self._raw = _bytes(self.positions)

    @property
    def capacity(self) -> int:
        """N, the nodes that each row has room for."""
        return int(self.positions.shape[1])

    def reserve(self, nodes: int) -> None:
        """Make room for `nodes` nodes a row, up to the bound."""
        if self.capacity >= min(nodes, self._max_nodes):
            return
        capacity = min(max(nodes, 2 * self.capacity), self._max_nodes)
        positions = np.empty((len(self.positions), capacity), self.positions.dtype)
        for row, used in enumerate(self.tree.size.tolist()):
            positions[row, :used] = self.positions[row, :used]
        self.tree = grow(self.tree, capacity)
        self.positions, self._raw = positions, _bytes(positions)

    def at(self, rows: npt.NDArray[np.int64], nodes: npt.NDArray[np.int32]) -> Positions:
        """`[R]` copies of the positions at `nodes` `[R]` of `rows` `[R]`; numpy's own indexing of records is slow."""
        positions = np.empty(len(rows), self.positions.dtype)
        kernels().gather(self._raw, rows, nodes, _bytes(positions))
        return positions

    def put(self, rows: npt.NDArray[np.int64], nodes: npt.NDArray[np.int32], positions: Positions) -> None:
        """Store `positions` `[R]` at `nodes` `[R]` of `rows` `[R]`."""
        kernels().scatter(self._raw, rows, nodes, _bytes(positions))

    def find(self, row: int, position: Positions) -> int:
        """The most visited expanded node of a row that holds `position` `[1]`; -1 if there is none."""
        whole = np.dtype((np.void, position.dtype.itemsize))
        stored = self._raw[row, : int(self.tree.size[row])].view(whole)[:, 0]
        (matches,) = (stored == position.view(whole)[0]).nonzero()
        nodes = self.tree.node[row]
        return max((n for n in matches.tolist() if nodes[n]["edges"] > 0), key=lambda n: nodes[n]["visits"], default=-1)

    def reroot(self, row: int, node: int) -> None:
        """Make `node` the root of its row and drop what is not below it."""
        kept = np.empty(int(self.tree.size[row]), np.int32)
        count = kernels().reroot(self.tree, row, node, kept)
        self.positions[row, :count] = self.positions[row, kept[:count]]

    def variation(self, row: int) -> list[int]:
        """The principal variation of a row: from the root, the most visited actions, up to where chance moves."""
        actions, node = [], 0
        while (edges := self.tree.node["edges"][row, node]) > 0 and not self.tree.node["chance"][row, node]:
            branches = self.tree.edge[row, node, :edges]
            best = branches[np.argmax(branches["visits"])]
            if best["visits"] == 0:
                break
            actions.append(int(best["action"]))
            node = int(best["child"])
        return actions


def joined(parts: Sequence[Positions]) -> Positions:
    """Positions, at least one array of them, as one array; numpy, to concatenate records, promotes field by field."""
    if len(parts) == 1:
        return parts[0]
    return np.frombuffer(bytearray(b"".join([part.tobytes() for part in parts])), parts[0].dtype)


def _bytes(positions: Positions) -> npt.NDArray[np.uint8]:
    """Positions of any shape as bytes, in one more dimension; a view."""
    return positions.view(np.uint8).reshape(*positions.shape, positions.dtype.itemsize)
