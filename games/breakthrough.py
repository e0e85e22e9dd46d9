"""Breakthrough: pawns step forward, straight or diagonally, and capture diagonally; who reaches the far row wins.

X begins and moves up the board, O down. Each has its two nearest rows full of pawns, one row on boards of fewer than
six rows. Losing the last pawn loses. Moves are named as in chess, origin and target: a2b3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from games import boards
from games.rules import LiftedGame, lift


def make(rows: int = 8, columns: int = 8) -> LiftedGame:
    """The game on a board of `rows` (4 to 19) and `columns` (2 to 19)."""
    boards.check_size("rows", rows, 4, 19)
    boards.check_size("columns", columns, 2, 19)
    board = boards.lettered(rows, columns)
    images = boards.dihedral(rows, columns)[:2]
    steps = [(cell, up, right) for up in (-1, 1) for cell in range(rows * columns) for right in (-1, 0, 1)]
    inside = [(c, u, r) for c, u, r in steps if 0 <= c // columns + u < rows and 0 <= c % columns + r < columns]
    moves = np.array([(cell, cell + up * columns + right) for cell, up, right in inside])
    numbers = {(int(origin), int(target)): a for a, (origin, target) in enumerate(moves)}
    half = len(moves) // 2
    depth = 2 if rows >= 6 else 1

    def start(s: Any) -> None:
        s.cells[: depth * columns] = 2
        s.cells[-depth * columns :] = 1

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        s.cells[moves[a, 0]] = 0
        s.cells[moves[a, 1]] = mover + 1
        s.ply += 1
        s.to_play = 1 - mover
        if moves[a, 1] // columns == (rows - 1) * mover or not np.any(s.cells == 2 - mover):
            boards.finish(s, mover)

    def legal(s: Any, mask: Any) -> None:
        first = half * np.int64(s.to_play)
        for a in range(first, first + half):
            target = s.cells[moves[a, 1]]
            straight = (moves[a, 1] - moves[a, 0]) % columns == 0
            mask[a] = s.cells[moves[a, 0]] == s.to_play + 1 and (
                target == 0 or (target == 2 - s.to_play and not straight)
            )

    def observe(s: Any, planes: Any) -> None:
        for cell in range(rows * columns):
            if s.cells[cell] != 0:
                planes[0 if s.cells[cell] == s.to_play + 1 else 1, cell // columns, cell % columns] = 1
        planes[2] = s.to_play

    def parse(diagram: str, s: Any) -> None:
        cells, ply = board.read(diagram)
        s.cells[:], s.ply, s.to_play = cells, ply, ply % 2
        won = [player for player in range(2) if np.any(cells.reshape(rows, columns)[(0, -1)[player]] == player + 1)]
        won += [player for player in range(2) if not np.any(cells == 2 - player)]
        if won and won != [1 - s.to_play]:
            raise ValueError("the game would have ended before its last move")
        if won:
            boards.finish(s, won[0])

    return lift(
        "breakthrough",
        num_actions=len(moves),
        observation_shape=(3, rows, columns),
        fields=[("cells", "u1", (rows * columns,))],
        play=play,
        legal=legal,
        observe=observe,
        start=start,
        symmetries=2,
        transform=boards.transform_cells(images),
        transform_action=lambda a, k: numbers[int(images[k, moves[a, 0]]), int(images[k, moves[a, 1]])],
        action_name=lambda a: board.square(moves[a, 0]) + board.square(moves[a, 1]),
        render=lambda s: board.draw(s, s.cells),
        parse=parse,
    )
