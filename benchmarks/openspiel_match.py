"""`mcts` against OpenSpiel's MCTSBot at Connect Four: `python benchmarks/openspiel_match.py --simulations 100 1000`.

Every random opening of four plies is played twice with seats swapped; both sides get the same simulations, one random
rollout each. Printed is our score against each of OpenSpiel's exploration constants, with a 95 % interval.
"""

import argparse

import numpy as np
import pyspiel

import games
from eval.openings import draw
from eval.statistics import score_interval
from games import Positions
from hybrid.agents import load


def scores(simulations: int, uct_c: float, count: int, seed: int) -> list[float]:
    """Our score in each of `count` games, those of one opening side by side."""
    game, theirs = games.load("connect_four"), pyspiel.load_game("connect_four")
    ours = load(f"mcts?simulations={simulations}", game)
    rng = np.random.default_rng(seed)
    histories = [list(opening) for opening in draw(game, count // 2, 4, rng) for _ in range(2)]
    positions = np.concatenate([_played(game, history) for history in histories])
    seats = np.arange(count) % 2
    while len(live := np.flatnonzero(positions["terminal"] == 0)):
        mine = live[positions["to_play"][live] == seats[live]]
        actions = {row: _bot_move(theirs, histories[row], simulations, uct_c, rng) for row in set(live) - set(mine)}
        if len(mine):
            seeds = rng.integers(1, 2**63, len(mine)).astype(np.uint64)
            actions |= dict(zip(mine, ours.decide(positions[mine], seeds, mine).actions.tolist(), strict=True))
        positions[live] = game.step(positions[live], [actions[row] for row in live])
        for row in live:
            histories[row].append(actions[row])
    return [(float(positions["returns"][row, seats[row]]) + 1) / 2 for row in range(count)]


def _played(game: games.Game, actions: list[int]) -> Positions:
    """The position after `actions`."""
    position = game.initial()
    for action in actions:
        position = game.step(position, [action])
    return position


def _bot_move(game: pyspiel.Game, history: list[int], simulations: int, uct_c: float, rng: np.random.Generator) -> int:
    """The move of a fresh bot after `history`."""
    state = game.new_initial_state()
    for action in history:
        state.apply_action(action)
    first, second = rng.integers(2**31, size=2).tolist()
    rollout = pyspiel.RandomRolloutEvaluator(1, first)
    return int(pyspiel.MCTSBot(game, rollout, uct_c, simulations, 1000, True, second, False).step(state))


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, nargs="+", default=[100, 1000], help="budgets (default: 100 1000)")
    parser.add_argument("--uct-c", type=float, nargs="+", default=[0.5, 0.7, 1.0, 1.4, 2.0], help="theirs")
    parser.add_argument("--games", type=int, default=400, help="games against each, even (default: 400)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.games < 2 or arguments.games % 2:
        parser.error(f"--games must be even and at least 2, got {arguments.games}")
    for simulations in arguments.simulations:
        for uct_c in arguments.uct_c:
            points = scores(simulations, uct_c, arguments.games, arguments.seed)
            low, high = score_interval(np.reshape(points, (-1, 2)).mean(axis=1))
            score = f"{np.mean(points):.1%} ({low:.1%} to {high:.1%})"
            print(
                f"{simulations} simulations, their uct_c {uct_c}: our score {score} in {len(points)} games", flush=True
            )


if __name__ == "__main__":
    main()
