"""The agents minimax and perfect: what they must play, and how they choose among equals."""

from __future__ import annotations

import numpy as np
import pytest

import games
from games import Positions
from games.rules import Game
from hybrid import agents


def after(game: Game, *actions: int) -> Positions:
    position = game.initial()
    for action in actions:
        position = game.step(position, [action])
    return position


def seeds(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.arange(count, dtype=np.uint64)


@pytest.mark.parametrize("spec", ["minimax", "minimax?depth=2", "minimax?time=20ms", "perfect", "perfect?fastest=true"])
def test_threats_are_met_and_wins_taken(spec: str) -> None:
    game = games.load("connect_four")
    agent = agents.load(spec, game)
    block, win = after(game, 3, 0, 3, 1, 3), after(game, 3, 0, 3, 0, 3, 1)
    decisions = agent.decide(np.concatenate([block, win] * 3), seeds(6))
    if spec != "perfect":  # which also takes slower wins, and in a lost position any move
        assert decisions.actions.tolist() == [3] * 6
    assert decisions.values[1::2].tolist() == [[1.0, -1.0]] * 3
    assert agent.name == spec
    assert decisions.evaluations.sum() == 0


def test_equal_moves_are_chosen_evenly_by_seed() -> None:
    game = games.load("tic_tac_toe")
    for spec in ("minimax?depth=2", "perfect"):
        agent = agents.load(spec, game)
        decisions = agent.decide(game.initial(900), seeds(900))
        counts = np.bincount(decisions.actions, minlength=9)
        assert counts.min() > 60  # 100 each, within four standard deviations
        assert decisions.policy == pytest.approx(np.full((900, 9), 1 / 9))
        again = agent.decide(game.initial(3), seeds(3)[::-1].copy())
        assert again.actions.tolist() == decisions.actions[:3][::-1].tolist()


def test_perfect_never_loses_and_minimax_to_the_end_neither() -> None:
    game = games.load("tic_tac_toe")
    rng = np.random.default_rng(0)
    for spec in ("perfect", "minimax?depth=9&distance=false"):
        agent = agents.load(spec, game)
        for seat in (0, 1):
            positions = game.initial(40)
            while (open_ := np.flatnonzero(positions["terminal"] == 0)).size:
                rows = positions[open_]
                legal = game.legal_actions(rows)
                moves = np.where(legal, rng.random(legal.shape), -1).argmax(axis=1)
                mine = rows["to_play"] == seat
                if mine.any():
                    moves[mine] = agent.decide(
                        rows[mine], rng.integers(2**63, size=mine.sum()).astype(np.uint64)
                    ).actions
                positions[open_] = game.step(rows, moves)
            assert positions["returns"][:, seat].min() == 0
            assert positions["returns"][:, seat].mean() > 0.5


def test_perfect_at_its_fastest_wins_in_the_fewest_plies() -> None:
    game = games.load("connect_four")
    position = after(game, 3, 0, 3, 0, 3, 1)
    decisions = agents.load("perfect?fastest=true", game).decide(np.repeat(position, 20), seeds(20))
    assert set(decisions.actions.tolist()) == {3}
    varied = agents.load("perfect", game).decide(np.repeat(position, 200), seeds(200))
    assert len(set(varied.actions.tolist())) > 1


def test_minimax_delays_a_loss() -> None:
    game = games.load("tic_tac_toe")
    # O holds a fork: only marking one of its two lines makes it last the game's longest.
    position = after(game, 0, 4, 1, 2, 3)
    decisions = agents.load("minimax?depth=9", game).decide(position, seeds(1))
    assert decisions.actions.tolist() == [6]
    assert decisions.values[0].tolist() == [-1.0, 1.0]


def test_rollouts_are_counted_as_plies() -> None:
    game = games.load("connect_four")
    decisions = agents.load("minimax?depth=1&rollouts=10", game).decide(game.initial(), seeds(1))
    assert 7 * 10 * 10 < decisions.plies[0] < 7 * 10 * 41


def test_bad_options_are_named() -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match="depth must be between 0 and 255, got 256"):
        agents.load("minimax?depth=256", game)
    with pytest.raises(ValueError, match="no option 'fast'"):
        agents.load("perfect?fast=true", game)
    with pytest.raises(ValueError, match="no solver"):
        agents.load("perfect", games.load("mnk:m=3,n=3,k=3,players=3"))
