"""Pig: roll a die as often as you dare and bank the sum; a 1 loses what the turn has gathered. First to `target` wins.

Each roll is followed by chance's move, the number thrown. Holding banks the turn's points and ends the turn, as does a
1 without banking; who has gathered enough to win must hold. Who is to move at ply `max_plies` or later finds a draw.
"""

from __future__ import annotations

import re
from typing import Any

from games import boards
from games.rules import LiftedGame, lift

NAMES = ("roll", "hold", "1", "2", "3", "4", "5", "6")
ROLL, HOLD, ONE = 0, 1, 2
DIAGRAM = re.compile(r"((?:[XOZY] \d{1,4} )+)turn (\d{1,4}) ply (\d{1,4}): ([XOZY]) (wins|rolls|to play|finds a draw)")


def make(target: int = 100, players: int = 2, max_plies: int = 1000) -> LiftedGame:
    """The game to `target` points for two to four `players`, drawn after `max_plies`."""
    boards.check_size("target", target, 2, 1000)
    boards.check_size("players", players, 2, 4)
    boards.check_size("max_plies", max_plies, 1, 3000)

    def play(s: Any, a: int) -> None:
        mover = s.roller if s.to_play == players else s.to_play
        s.ply += 1
        s.roller = mover if a == ROLL else 0
        s.to_play = players if a == ROLL else (mover + 1) % players if a <= ONE else mover
        s.scores[mover] += s.turn if a == HOLD else 0
        s.turn = s.turn if a == ROLL else 0 if a <= ONE else s.turn + a - ONE + 1
        s.terminal = s.ply >= max_plies and a != ROLL
        if s.scores[mover] >= target:
            s.to_play = mover
            boards.finish(s, mover)

    def legal(s: Any, mask: Any) -> None:
        mask[ONE:] = s.to_play == players
        if s.to_play != players:
            mask[HOLD] = True
            mask[ROLL] = s.scores[s.to_play] + s.turn < target

    def chance(s: Any, probabilities: Any) -> None:
        probabilities[ONE:] = 1 / 6

    def observe(s: Any, planes: Any) -> None:
        for i in range(players):
            planes[i] = s.scores[(s.to_play + i) % players] / target
        planes[players] = s.turn / target

    def render(s: Any) -> str:
        rolls, over = s.to_play == players, "wins" if s.returns.any() else "finds a draw"
        points = "\n".join(f"{boards.SYMBOLS[player + 1]} {s.scores[player]}" for player in range(players))
        mover = boards.SYMBOLS[(s.roller if rolls else s.to_play) + 1]
        return (
            f"{points}\nturn {s.turn}\nply {s.ply}: {mover} {over if s.terminal else 'rolls' if rolls else 'to play'}"
        )

    def parse(diagram: str, s: Any) -> None:
        found = DIAGRAM.fullmatch(" ".join(diagram.split()))
        if found is None or len(found[1].split()) != 2 * players:
            raise ValueError("a position is every player's points, the turn's, and the ply with who is to play")
        s.scores[:], s.turn, s.ply = [int(points) for points in found[1].split()[1::2]], int(found[2]), int(found[3])
        mover = boards.SYMBOLS.index(found[4]) - 1
        if mover >= players or (found[5] == "wins") != (int(max(s.scores)) >= target):
            raise ValueError(f"{found[4]} {found[5]} is no position of a game of {players} players for {target} points")
        s.to_play, s.roller = (players, mover) if found[5] == "rolls" else (mover, 0)
        s.terminal = found[5] == "finds a draw"
        if found[5] == "wins":
            boards.finish(s, mover)

    return lift(
        "pig",
        num_actions=len(NAMES),
        observation_shape=(players + 1, 1, 1),
        fields=[("scores", "u2", (players,)), ("turn", "u2"), ("roller", "u1")],
        play=play,
        legal=legal,
        chance=chance,
        observe=observe,
        render=render,
        parse=parse,
        players=players,
        action_name=NAMES.__getitem__,
    )
