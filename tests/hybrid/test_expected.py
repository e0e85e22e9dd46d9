"""Expected values of games of chance against plain dynamic programming over the game's own recurrence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import games
from games.sampling import play
from hybrid import agents
from hybrid.expected import ExpectedValueSolver
from hybrid.solve import solver
from tests.hybrid.fakes import seeds
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, Lottery, world


def recurrence(target: int, plies: int) -> npt.NDArray[np.float64]:
    """`[plies + 1, i, j, k]`: values for the mover: so many plies left, i own points, j the other's, k the turn's.

    Neller & Presser's equations (2004), in values instead of probabilities of winning, and with an end: no plies left
    is a draw. Holding takes one ply, rolling two.
    """
    values = np.zeros((plies + 1, target, target, target))
    for left in range(1, plies + 1):
        for i, j, k in np.ndindex(target, target, target):
            if i + k < target:
                hold = -values[left - 1, j, i + k, 0]
                late = values[max(left - 2, 0)]
                goes_on = [
                    (1.0 if left > 2 else 0.0) if i + k + n >= target else late[i, j, k + n] for n in range(2, 7)
                ]
                values[left, i, j, k] = max(hold, (-late[j, i, 0] + sum(goes_on)) / 6)
    return values


@pytest.mark.parametrize("limit", [7, 40])
def test_pig_has_the_values_of_its_recurrence(limit: int) -> None:
    target = 7
    game, truth = games.load(f"pig:target={target},max_plies={limit}"), recurrence(target, limit)
    solved = solver(game)
    before = play(game, 0, 30, 1000).before
    positions = np.concatenate((game.initial(), before[before["to_play"] < 2]))
    movers, rows = positions["to_play"].astype(int), np.arange(len(positions))
    scores, turn = positions["scores"].astype(int), positions["turn"].astype(int)
    own, other = scores[rows, movers], scores[rows, 1 - movers]
    enough = own + turn >= target
    expected = np.where(enough, 1.0, truth[limit - positions["ply"], own, other, np.where(enough, 0, turn)])
    np.testing.assert_allclose(solved.values(positions), expected, atol=1e-6)
    values = solved.action_values(positions)
    np.testing.assert_array_equal(np.isnan(values), ~game.legal_actions(positions))
    np.testing.assert_allclose(np.nanmax(values, axis=1), expected, atol=1e-6)


def test_a_world_by_hand() -> None:
    """Player 1 answers the coin: of (-0.5, 0.2) for player 0 he takes -0.5, and a lottery over 1 and -0.5 is 0.1."""
    answer = Choice(1, [Lottery([0.25, 0.75], [WIN, LOSS]), Lottery([0.6, 0.4], [WIN, LOSS])])
    game = world(Choice(0, [Lottery([0.4, 0.6], [WIN, answer]), DRAW]))
    solved = solver(game)
    assert solved.values(game.initial())[0] == pytest.approx(0.1, abs=1e-6)
    np.testing.assert_allclose(solved.action_values(game.initial())[0, :2], [0.1, 0], atol=1e-6)
    asked = game.step(game.step(game.initial(), [0]), [1])
    np.testing.assert_allclose(solved.action_values(asked)[0, :2], [0.5, -0.2], atol=1e-6)
    assert solved.values(asked)[0] == pytest.approx(0.5, abs=1e-6)


def test_what_is_too_much_is_refused() -> None:
    game = games.load("pig:target=20")
    with pytest.raises(
        ValueError, match="at ply 0 is too hard for exhaustion: with what is remembered, more than max_positions=10,000"
    ):
        ExpectedValueSolver(game, max_positions=10_000).values(game.initial())
    with pytest.raises(ValueError, match="'pig:target=20' is a game of chance"):
        solver(game).action_plies(game.initial())


def test_the_perfect_agent_plays_pig_and_knows_its_prospects() -> None:
    game = games.load("pig:target=7,max_plies=40")
    perfect, truth = agents.load("perfect", game), recurrence(7, 40)
    decisions = perfect.decide(game.initial(3), seeds(3))
    assert (decisions.actions == 0).all()
    np.testing.assert_allclose(decisions.values, [[truth[40, 0, 0, 0], -truth[40, 0, 0, 0]]] * 3, atol=1e-6)
