"""Lines: moves that lead from the start to a position, for programs that are told moves and not positions.

Records hold no list of moves, but a game in progress is met every few plies, and what was met before is remembered.
From the nearest of it, moves are tried in the order in which they bring the record's bits nearer to the position's:
stones put on a board are found at once in some order, and of go the very moves that were played, since its records
hold a hash of every earlier position. A line ends in exactly the position's record, so its rules cannot tell the
difference. Shapes: A actions.
"""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.replay import ReplayedGame

Line = tuple[tuple[int, int], ...]
"""Player and action of each move."""

ROOM = 1024
"""Positions remembered."""
PATIENCE = 5_000
"""Positions whose moves are tried before a search is given up."""


class Lines:
    """Finds lines of `game`, and remembers the positions that it was asked about."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self._known: dict[bytes, tuple[Positions, Line]] = {}

    def forget(self) -> None:
        """Drop all that is remembered."""
        self._known.clear()

    def find(self, position: Positions) -> Line:
        """The moves that lead to `position` `[1]`, which is not terminal.

        Raises:
            ValueError: none was found: the position is far from all that were asked about before, or not reachable.
        """
        key = position.tobytes()
        if key not in self._known:
            replayed = isinstance(self._game, ReplayedGame)
            line = self._replay(position) if replayed else self._search(position)
            if len(self._known) >= ROOM:
                del self._known[next(iter(self._known))]
            self._known[key] = position.copy(), line
        return self._known[key][1]

    def _replay(self, position: Positions) -> Line:
        """Read the moves from a record that holds them."""
        line, reached = list[tuple[int, int]](), self._game.initial()
        for move in position[0]["moves"][: position[0]["ply"]].tolist():
            line.append((int(reached[0]["to_play"]), move))
            reached = self._game.step(reached, [move])
        return tuple(line)

    def _search(self, position: Positions) -> Line:
        """Best first: the record with the fewest bits wrong is looked at next; only its own moves are worked out."""
        game, ply, counter = self._game, int(position[0]["ply"]), itertools.count()
        starts = [(game.initial(), ()), *(known for known in self._known.values() if known[0][0]["ply"] <= ply)]
        wrong = _distances(np.concatenate([start for start, _ in starts]), position)
        # (bits wrong, order of arrival, parent, its line, the action from it or -1 for the parent itself)
        heap = [(bits, next(counter), start, line, -1) for bits, (start, line) in zip(wrong, starts, strict=True)]  # type: list[tuple[int, int, Positions, Line, int]]
        heapq.heapify(heap)
        seen: set[bytes] = set()
        while heap and len(seen) < PATIENCE:
            bits, _, reached, line, action = heapq.heappop(heap)
            if action >= 0:
                line = (*line, (int(reached[0]["to_play"]), action))
                reached = game.step(reached, [action])
            if bits == 0:
                return line
            if reached[0]["terminal"] or reached[0]["ply"] >= ply or reached.tobytes() in seen:
                continue
            seen.add(reached.tobytes())
            actions = np.flatnonzero(game.legal_actions(reached)[0])
            after = game.step(np.repeat(reached, len(actions)), actions)
            for nearness, chosen in zip(_distances(after, position), actions.tolist(), strict=True):
                heapq.heappush(heap, (nearness, next(counter), reached, line, chosen))
        raise ValueError(
            f"no moves were found that lead to this position of {game.spec or 'the game'} at ply {ply}: "
            "an agent that must be told moves needs to see a game from near its start"
        )


def _distances(positions: Positions, target: Positions) -> list[int]:
    """`[B]` bits in which each of `positions` differs from `target` `[1]`."""
    width = positions.dtype.itemsize
    rows: npt.NDArray[np.uint8] = positions.view(np.uint8).reshape(len(positions), width)
    differing = np.bitwise_count(rows ^ target.view(np.uint8).reshape(1, width))
    return [int(bits) for bits in differing.sum(axis=1, dtype=np.int64)]
