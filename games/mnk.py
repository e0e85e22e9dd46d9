"""The m,n,k-game: in turn, players put stones on an m x n board; k in a line win, a full board is a draw.

`mnk:m=15,n=15,k=5` is free-style gomoku; with `exact=True` a line counts only at exactly k stones, not more. With
three or four players the winner scores 1 and each of the others -1 / (players - 1). Squares are named as in gomoku,
the letter of the column and then the row, counted from the bottom.
"""

from __future__ import annotations

from typing import Any

from games import boards
from games.rules import LiftedGame, lift


def make(m: int = 15, n: int = 15, k: int = 5, players: int = 2, exact: bool = False) -> LiftedGame:
    """The game on `m` columns and `n` rows; `k` stones in a line, or if `exact` exactly `k`, win."""
    boards.check_size("m", m, 1, 26)
    boards.check_size("n", n, 1, 26)
    boards.check_size("k", k, 2, max(m, n, 2))
    boards.check_size("players", players, 2, 4)
    board = boards.lettered(n, m)
    images = boards.dihedral(n, m)

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        s.cells[a] = mover + 1
        s.ply += 1
        s.to_play = (mover + 1) % players
        s.terminal = s.ply == m * n
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            line = 1
            for sign in (1, -1):
                row, column = a // m + sign * down, a % m + sign * right
                while 0 <= row < n and 0 <= column < m and s.cells[row * m + column] == mover + 1:
                    line += 1
                    row += sign * down
                    column += sign * right
            if line == k or (line > k and not exact):
                boards.finish(s, mover)

    def legal(s: Any, mask: Any) -> None:
        for a in range(m * n):
            mask[a] = s.cells[a] == 0

    def observe(s: Any, planes: Any) -> None:
        for a in range(m * n):
            if s.cells[a] != 0:
                planes[(s.cells[a] - 1 + players - s.to_play) % players, a // m, a % m] = 1

    def parse(diagram: str, s: Any) -> None:
        cells, ply = board.read(diagram, players)
        s.cells[:] = cells
        boards.set_line_game(s, cells, ply, n, k, exact)

    return lift(
        "mnk",
        num_actions=m * n,
        observation_shape=(players, n, m),
        fields=[("cells", "u1", (m * n,))],
        play=play,
        legal=legal,
        observe=observe,
        players=players,
        symmetries=len(images),
        transform=boards.transform_cells(images),
        transform_action=lambda a, symmetry: int(images[symmetry, a]),
        action_name=board.square,
        render=lambda s: board.draw(s, s.cells),
        parse=parse,
    )
