"""Othello: X, who begins, and O in turn place a disc that encloses rows of the other's discs, which are turned over.

Who cannot enclose any must pass, an action of its own that counts as a ply; when neither can, the game is over and
the most discs win. Squares are named from the top left, a1, as in Othello; the first discs of X stand on the diagonal
that rises to the right. A record's `sets` are the discs of X, those of O, and the mover's placing moves, as bitboards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from games import boards
from games.bits import contains, runs, shifted, words_of
from games.rules import LiftedGame, lift


def make(size: int = 8) -> LiftedGame:
    """The game on an even `size` of 4 to 10."""
    if size not in (4, 6, 8, 10):
        raise ValueError(f"size must be 4, 6, 8 or 10, got {size}")
    passing, length = size * size, size - 2
    board = boards.lettered(size, size, upward=False)
    images = boards.dihedral(size, size, extra=1)
    full = words_of(range(passing))
    inner = words_of(cell for cell in range(passing) if 0 < cell % size < size - 1)
    sideways = (1, -1, size - 1, 1 - size, size + 1, -size - 1)
    directions = (*((k, inner) for k in sideways), (size, full), (-size, full))

    @register_jitable
    def find_moves(s: Any, player: int) -> Any:
        """Write the placing moves of `player`; whether there is any."""
        own, other, moves = s.sets[player], s.sets[1 - player], s.sets[2]
        first, second = np.uint64(0), np.uint64(0)
        for k, mask in directions:
            run = runs(own[0], own[1], (other[0] & mask[0], other[1] & mask[1]), k, length)
            ends = shifted(run[0], run[1], k)
            first, second = first | ends[0], second | ends[1]
        moves[0] = first & full[0] & ~(own[0] | other[0])
        moves[1] = second & full[1] & ~(own[1] | other[1])
        return (moves[0] | moves[1]) != 0

    @register_jitable
    def settle(s: Any) -> None:
        """Find the mover's moves: if there are none, a pass, or the end if the other has none either."""
        if find_moves(s, s.to_play):
            return
        stuck = not find_moves(s, 1 - s.to_play)
        s.sets[2] = 0
        if stuck:
            lead = 0
            for cell in range(passing):
                lead += int(contains(s.sets[0], cell)) - int(contains(s.sets[1], cell))
            boards.finish(s, -1 if lead == 0 else 0 if lead > 0 else 1)

    def play(s: Any, a: int) -> None:
        own, other = s.sets[s.to_play], s.sets[1 - s.to_play]
        if a != passing:
            low = np.uint64(1) << np.uint64(a) if a < 64 else np.uint64(0)
            high = np.uint64(1) << np.uint64(a - 64) if a >= 64 else np.uint64(0)
            first, second = low, high
            for k, mask in directions:
                run = runs(low, high, (other[0] & mask[0], other[1] & mask[1]), k, length)
                ends = shifted(run[0], run[1], k)
                if (ends[0] & own[0]) | (ends[1] & own[1]) != 0:
                    first, second = first | run[0], second | run[1]
            own[0], own[1] = own[0] | first, own[1] | second
            other[0], other[1] = other[0] & ~first, other[1] & ~second
        s.ply += 1
        s.to_play = 1 - s.to_play
        settle(s)

    def legal(s: Any, mask: Any) -> None:
        for a in range(passing):
            mask[a] = contains(s.sets[2], a) != 0
        mask[passing] = (s.sets[2, 0] | s.sets[2, 1]) == 0

    def observe(s: Any, planes: Any) -> None:
        for plane in range(2):
            player = s.to_play ^ plane
            words = s.sets[player, 0], s.sets[player, 1]
            for cell in range(passing):
                planes[plane, cell // size, cell % size] = contains(words, cell)

    def transform(s: Any, k: int, t: Any) -> None:
        t.sets[:] = 0
        for i in range(3):
            for cell in range(passing):
                image = images[k, cell]
                t.sets[i, image >> 6] |= contains(s.sets[i], cell) << np.uint64(image & 63)

    def set_cells(s: Any, cells: Any, ply: int) -> None:
        s.ply, s.to_play = ply, ply % 2
        for player in range(2):
            s.sets[player] = words_of(np.flatnonzero(cells == player + 1).tolist())
        settle(s)

    def start(s: Any) -> None:
        cells, middle = np.zeros((size, size), np.int64), size // 2
        cells[middle - 1 : middle + 1, middle - 1 : middle + 1] = [[2, 1], [1, 2]]
        set_cells(s, cells.ravel(), 0)

    def parse(diagram: str, s: Any) -> None:
        cells, ply = board.read(diagram)
        if not 4 <= np.count_nonzero(cells) <= ply + 4:
            raise ValueError(f"at ply {ply} there cannot be {np.count_nonzero(cells)} discs")
        set_cells(s, cells, ply)

    def render(s: Any) -> str:
        cells = range(passing)
        return board.draw(s, [int(contains(s.sets[0], c)) + 2 * int(contains(s.sets[1], c)) for c in cells])

    return lift(
        "othello",
        num_actions=passing + 1,
        observation_shape=(2, size, size),
        fields=[("sets", "u8", (3, 2))],
        play=play,
        legal=legal,
        observe=observe,
        start=start,
        symmetries=len(images),
        transform=transform,
        transform_action=lambda a, k: int(images[k, a]),
        action_name=lambda a: "pass" if a == passing else board.square(a),
        render=render,
        parse=parse,
    )
