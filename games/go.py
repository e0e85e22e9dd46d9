"""Go by area scoring with positional superko: no play may repeat an earlier whole-board position; passing always may.

Two passes in a row end the game, and so does ply `max_plies` (0 stands for 2 x size x size). Stones, and empty points
that only their colour reaches, count for X (Black, who begins), the same and `komi` for O (White). There is no suicide,
and nothing is taken for dead: capture it. Points are named as in go, a1 at the bottom left, without the letter i.

For superko a record holds a Zobrist hash of every position so far, 16 bytes a ply. It has eight lanes, lane g being
the hash of the board as symmetry g shows it, so that a symmetry of the board permutes the lanes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from games import boards
from games.rules import LiftedGame, lift

STONE, SEEN = 3, 4
"""Bits of a cell: its stone, and `SEEN << player` if that player ever had one there."""


@register_jitable
def chains(cells: Any, near: Any, chain: Any, liberties: Any) -> None:
    """Write to `chain` `[n]` the first cell of each cell's chain or empty region, to `liberties` `[n]` its liberties.

    `near` `[n, 4]` holds each cell's neighbours or -1; liberties are written at the first cell of a chain of stones.
    """
    pending = np.empty(len(cells), np.int64)
    chain[:], liberties[:] = -1, 0
    for start in range(len(cells)):
        count = 0
        if chain[start] < 0:
            chain[start], pending[0], count = start, start, 1
        while count:
            count -= 1
            cell = pending[count]
            for i in range(4):
                other = near[cell, i]
                if other >= 0 and chain[other] < 0 and (cells[other] ^ cells[start]) & STONE == 0:
                    chain[other], pending[count] = start, other
                    count += 1
    for cell in range(len(cells)):
        if cells[cell] & STONE == 0:
            for i in range(4):
                if near[cell, i] >= 0:
                    counted = False
                    for j in range(i):
                        counted |= near[cell, j] >= 0 and chain[near[cell, j]] == chain[near[cell, i]]
                    liberties[chain[near[cell, i]]] += not counted


@register_jitable
def repeats(s: Any, near: Any, keys: Any, chain: Any, liberties: Any, a: int) -> bool:
    """Whether the mover's stone on `a`, with what it captures, makes an earlier position again."""
    lanes = s.history[s.ply] ^ keys[a, s.to_play]
    for i in range(4):
        other = near[a, i]
        repeated = False
        for j in range(i):
            repeated |= other >= 0 and near[a, j] >= 0 and chain[near[a, j]] == chain[other]
        if other >= 0 and not repeated and s.cells[other] & STONE == 2 - s.to_play and liberties[chain[other]] == 1:
            for cell in range(len(chain)):
                if chain[cell] == chain[other]:
                    lanes ^= keys[cell, 1 - s.to_play]
    found = False
    for earlier in range(s.ply):
        lane = 0
        while lane < 8 and s.history[earlier, lane] == lanes[lane]:
            lane += 1
        found |= lane == 8
    return found


@register_jitable
def area(cells: Any, near: Any) -> int:
    """Black's points less White's, komi aside."""
    chain, liberties = np.empty(len(near), np.int64), np.empty(len(near), np.int64)
    chains(cells, near, chain, liberties)
    reached = np.zeros(len(near), np.int64)
    for cell in range(len(near)):
        for i in range(4):
            other = near[cell, i]
            if other >= 0:
                reached[chain[cell]] |= np.int64(cells[other] & STONE)
    lead = 0
    for cell in range(len(near)):
        owner = np.int64(cells[cell] & STONE)
        if owner == 0:
            owner = reached[chain[cell]]
        lead += 1 if owner == 1 else -1 if owner == 2 else 0
    return lead


@register_jitable
def score(s: Any, near: Any, komi: float) -> None:
    """End the game by area."""
    lead = area(s.cells, near) - komi
    boards.finish(s, -1 if lead == 0 else 0 if lead > 0 else 1)


def area_of(position: np.void) -> int:
    """Black's points less White's as the board of one position stands, komi aside."""
    size = math.isqrt(len(position["cells"]))
    return int(area(position["cells"], boards.rays(size, size)[:, :4, 0]))


def make(size: int = 9, komi: float = 7.5, max_plies: int = 0) -> LiftedGame:
    """The game on `size` x `size` points (2 to 19), `komi` in halves of a point."""
    boards.check_size("size", size, 2, 19)
    boards.check_size("max_plies", max_plies, 0, 2000)
    if not math.isfinite(komi) or komi * 2 != round(komi * 2):
        raise ValueError(f"komi must be a multiple of 0.5, got {komi}")
    n = size * size
    limit = max_plies or 2 * n
    board = boards.lettered(size, size, skip="i")
    images = boards.dihedral(size, size, extra=1)
    near = np.ascontiguousarray(boards.rays(size, size)[:, :4, 0])
    lane = np.random.PCG64(n).random_raw(2 * n).astype(np.uint16).reshape(n, 2)
    keys = np.stack([lane[image[:n]] for image in images], axis=2)
    turns = np.array([[np.flatnonzero((images == g[k]).all(axis=1))[0] for g in images] for k in images])

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        s.history[s.ply + 1] = s.history[s.ply]
        s.passes = s.passes + 1 if a == n else 0
        chain, liberties = np.empty(n, np.int64), np.empty(n, np.int64)
        chains(s.cells, near, chain, liberties)
        if a != n:
            for i in range(4):
                other = near[a, i]
                if other >= 0 and s.cells[other] & STONE == 2 - mover and liberties[chain[other]] == 1:
                    for cell in range(n):
                        if chain[cell] == chain[other]:
                            s.cells[cell] -= 2 - mover
                            s.history[s.ply + 1] ^= keys[cell, 1 - mover]
            s.cells[a] |= mover + 1 | SEEN << mover
            s.history[s.ply + 1] ^= keys[a, mover]
        s.ply += 1
        s.to_play = 1 - mover
        if s.passes == 2 or s.ply == limit:
            score(s, near, komi)

    @register_jitable
    def legal(s: Any, mask: Any) -> None:
        chain, liberties = np.empty(n, np.int64), np.empty(n, np.int64)
        chains(s.cells, near, chain, liberties)
        for a in range(n):
            if s.cells[a] & STONE == 0:
                for i in range(4):
                    other = near[a, i]
                    if other >= 0:
                        stone = s.cells[other] & STONE
                        free = liberties[chain[other]]
                        mask[a] |= stone == 0 or (free > 1 if stone == s.to_play + 1 else free == 1)
                if mask[a] and s.cells[a] & (SEEN << s.to_play):
                    mask[a] = not repeats(s, near, keys, chain, liberties, a)
        mask[n] = True

    def observe(s: Any, planes: Any) -> None:
        mask = np.zeros(n + 1, np.bool_)
        legal(s, mask)
        for cell in range(n):
            stone = s.cells[cell] & STONE
            plane = 2 if stone == 0 else 0 if stone == s.to_play + 1 else 1
            planes[plane, cell // size, cell % size] = not mask[cell]
        planes[3] = s.passes == 1
        planes[4] = s.to_play

    def transform(s: Any, k: int, t: Any) -> None:
        for cell in range(n):
            t.cells[images[k, cell]] = s.cells[cell]
        for ply in range(s.ply + 1):
            for g in range(8):
                t.history[ply, g] = s.history[ply, turns[k, g]]

    def render(s: Any) -> str:
        seen = "".join(str(cell >> 2) for cell in s.cells)
        history = s.history[: s.ply + 1].tobytes().hex()
        return f"{board.draw(s, s.cells & STONE)}\n\npasses {s.passes}\nseen {seen}\nhistory {history}"

    def parse(diagram: str, s: Any) -> None:
        cells, ply = board.read(diagram)
        words = diagram.split()[-6:]
        try:
            passes, seen = int(words[1]), [int(digit) for digit in words[3]]
            history = np.frombuffer(bytes.fromhex(words[5]), np.uint16).reshape(ply + 1, 8)
            if not 0 <= passes <= 2 or max(seen) > 3:
                raise ValueError(f"passes must be 0 to 2 and each digit of seen 0 to 3, got {words[1]} and {words[3]}")
            s.cells[:] = cells | np.array(seen) << 2
            s.history[: ply + 1] = history
        except (ValueError, IndexError) as error:
            raise ValueError(f"below a diagram of go there must be passes, seen and history: {error}") from None
        s.ply, s.to_play, s.passes = ply, ply % 2, passes
        if passes == 2 or ply == limit:
            score(s, near, komi)

    return lift(
        "go",
        num_actions=n + 1,
        observation_shape=(5, size, size),
        fields=[("cells", "u1", (n,)), ("passes", "u1"), ("history", "u2", (limit + 1, 8))],
        play=play,
        legal=legal,
        observe=observe,
        symmetries=len(images),
        transform=transform,
        transform_action=lambda a, k: int(images[k, a]),
        action_name=lambda a: "pass" if a == n else board.square(a),
        render=render,
        parse=parse,
    )
