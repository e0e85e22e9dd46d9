"""Training teaches: a short run plays tic-tac-toe without a mistake. Measured by exact play, never by a loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import games
from games import Positions
from hybrid import agents
from hybrid.agent import Agent
from tests.minimax_reference import solver
from training.loop import train
from training.recipes import recipe


@pytest.mark.full
def test_the_quick_recipe_plays_tic_tac_toe_perfectly_in_both_seats_from_every_opening(tmp_path: Path) -> None:
    game = games.load("tic_tac_toe")
    train(game, recipe("quick", game), tmp_path / "run")
    agent = agents.load(f"{tmp_path / 'run'}?dial=0.5", game)
    openings = two_ply_openings()
    assert len(openings) == 72
    mistakes = [
        (seat, game.render(opening))
        for seat in (0, 1)
        for opening in openings
        if result_against_exact_play(agent, opening.reshape(1), seat) != exact_value(opening.reshape(1), seat)
    ]
    assert mistakes == []


def two_ply_openings() -> Positions:
    """Every position after two plies, `[72]`."""
    game = games.load("tic_tac_toe")
    one = game.step(game.initial(9), np.arange(9))
    rows, actions = np.nonzero(game.legal_actions(one))
    return game.step(one[rows], actions)


def exact_value(position: Positions, seat: int) -> float:
    """What `position` `[1]` is worth to player `seat`."""
    value = solver("tic_tac_toe").value(position)
    return value if seat == 0 else -value


def result_against_exact_play(agent: Agent, position: Positions, seat: int) -> float:
    """The agent's result as player `seat` against a minimax player that varies among its best moves."""
    game, rng = games.load("tic_tac_toe"), np.random.default_rng(0)
    while not position["terminal"][0]:
        if position["to_play"][0] == seat:
            action = int(agent.decide(position, rng.integers(1, 2**63, 1).astype(np.uint64)).actions[0])
        else:
            action = int(rng.choice(sorted(solver("tic_tac_toe").best_actions(position))))
        position = game.step(position, [action])
    return float(position["returns"][0, seat])
