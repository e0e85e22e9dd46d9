"""An agent as first player of Connect Four against perfect play, from the empty board, which is a won game.

    python benchmarks/first_player.py 'runs/c4?simulations=600' --games 100

The opponent, which needs the extra `solver`, draws among its equally good replies: in a lost position those are all
moves (`perfect`), or those that lose as slowly as possible (`perfect?fastest=true`). Every game that is not won is
explained by the agent's first move that gave away what it had: the moves that led there, the move played, and the moves
that would have kept the value.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

import games
from eval.statistics import wilson
from games import Game
from hybrid import agents
from hybrid.agent import Agent
from hybrid.solve import Solver, solver

_VALUES = {1.0: "won", 0.0: "drawn", -1.0: "lost"}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Where a game was given away: the moves before, the move played, those that were better, and what it cost."""

    line: tuple[int, ...]
    move: int
    better: tuple[int, ...]
    before: float
    after: float

    def __str__(self) -> str:
        line = " ".join(str(move + 1) for move in self.line) or "the empty board"
        better = ", ".join(str(move + 1) for move in self.better)
        return (
            f"after {line}: {self.move + 1} instead of {better} ({_VALUES[self.before]} became {_VALUES[self.after]})"
        )


def play(game: Game, first: Agent, second: Agent, count: int, seed: int) -> tuple[list[tuple[int, ...]], list[float]]:
    """Play `count` games side by side from the empty board: their moves, and what the first player got."""
    rng = np.random.default_rng(seed)
    positions, lines = game.initial(count), [[] for _ in range(count)]  # type: list[list[int]]
    while len(going := np.flatnonzero(positions["terminal"] == 0)):
        mover = first if positions["to_play"][going[0]] == 0 else second
        seeds = rng.integers(2**63, size=count).astype(np.uint64)[going]
        actions = mover.decide(positions[going], seeds, going).actions
        positions[going] = game.step(positions[going], actions)
        for index, action in zip(going.tolist(), actions.tolist(), strict=True):
            lines[index].append(int(action))
    return [tuple(line) for line in lines], positions["returns"][:, 0].tolist()


def mistakes(game: Game, oracle: Solver, line: tuple[int, ...]) -> list[Mistake]:
    """The first player's moves that gave away value, in order."""
    found, position = [], game.initial()
    for ply, move in enumerate(line):
        if ply % 2 == 0:
            values = oracle.action_values(position)[0]
            if values[move] < (best := np.nanmax(values)):
                better = tuple(np.flatnonzero(values == best).tolist())
                found.append(
                    Mistake(line=line[:ply], move=move, better=better, before=float(best), after=float(values[move]))
                )
        position = game.step(position, [move])
    return found


def main() -> None:
    """Play against both kinds of perfect opponent and explain what was not won."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", metavar="AGENT", help="agent specs")
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    game = games.load("connect_four")
    oracle = solver(game)
    for spec in arguments.agents:
        for opponent in ("perfect", "perfect?fastest=true"):
            first, second = agents.load(spec, game), agents.load(opponent, game)
            lines, returns = play(game, first, second, arguments.games, arguments.seed)
            results = Counter(returns)
            low, high = wilson(results[1.0] / len(lines), len(lines), 1.96)
            print(
                f"{spec} against {opponent}: {results[1.0]} won, {results[0.0]} drawn, {results[-1.0]} lost of "
                f"{len(lines)} ({len(set(lines))} distinct); won {100 * low:.1f} to {100 * high:.1f} %"
            )
            spoilt = Counter(
                str(mistakes(game, oracle, line)[0]) for line, got in zip(lines, returns, strict=True) if got < 1.0
            )
            for text, times in spoilt.most_common():
                print(f"  {times} x {text}")


if __name__ == "__main__":
    main()
