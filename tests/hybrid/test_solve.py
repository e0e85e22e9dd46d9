"""Solvers against published results (Allis, Tromp, Feinstein, Reisch et al.), each other, and plain exhaustion."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import games
from games import Positions
from games.rules import Game
from hybrid.solve import ConnectFourSolver, ExhaustiveSolver, solver


def random_positions(game: Game, count: int, plies: range, seed: int) -> Positions:
    """Undecided positions after a number of random moves drawn from `plies`."""
    rng = np.random.default_rng(seed)
    found: list[Positions] = []
    while len(found) < count:
        position = game.initial()
        for _ in range(rng.choice(plies)):
            if not position["terminal"][0]:
                position = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
        if not position["terminal"][0]:
            found.append(position)
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("tic_tac_toe", 0),
        ("mnk:m=4,n=3,k=3", 1),  # the 4,3,3-game is a first-player win, the 4,4,4-game a draw
        ("mnk:m=4,n=4,k=4", 0),
        ("connect_four:rows=4,columns=4", 0),  # Tromp's table of board sizes
        ("connect_four:rows=4,columns=5", 0),
        ("connect_four:rows=5,columns=4", 0),
        ("othello:size=4", -1),  # the second player wins
        ("hex:size=2", 1),  # strategy stealing: the first player wins every Hex board
        ("hex:size=3", 1),
    ],
)
def test_known_values_of_starting_positions(spec: str, value: int) -> None:
    game = games.load(spec)
    assert solver(game).values(game.initial()).tolist() == [value]


@pytest.mark.full
@pytest.mark.parametrize("spec", ["connect_four:rows=5,columns=5", "connect_four:rows=4,columns=6"])
def test_larger_boards_of_tromp_s_table_are_draws(spec: str) -> None:
    game = games.load(spec)
    assert solver(game).values(game.initial()).tolist() == [0]


def test_hex_3x3_openings_are_alike_under_half_a_turn() -> None:
    game = games.load("hex:size=3")
    values = solver(game).action_values(game.initial())[0]
    assert values[4] == 1
    assert np.array_equal(values, values[::-1])  # half a turn is a symmetry of Hex
    assert values.min() == -1


def test_othello_4x4_openings_are_alike() -> None:
    game = games.load("othello:size=4")
    values = solver(game).action_values(game.initial())[0]
    assert np.count_nonzero(values == -1) == 4
    assert np.count_nonzero(np.isnan(values)) == game.num_actions - 4


def test_empty_connect_four_board() -> None:
    game = games.load("connect_four")
    oracle = solver(game)
    assert oracle.values(game.initial()).tolist() == [1.0]
    # Only the centre wins, its neighbours draw, the rest lose (Allis 1988); the win comes at ply 41.
    assert oracle.action_values(game.initial())[0].tolist() == [-1, -1, 0, 1, 0, -1, -1]
    assert oracle.action_plies(game.initial())[0].tolist() == [40, 42, -1, 41, -1, 42, 40]


def test_the_engine_agrees_with_exhaustive_search() -> None:
    game = games.load("connect_four")
    positions = random_positions(game, 60, range(26, 42), seed=0)
    engine, exhaustive = ConnectFourSolver(game), ExhaustiveSolver(game, table_bits=18)
    np.testing.assert_array_equal(engine.action_values(positions), exhaustive.action_values(positions))
    np.testing.assert_array_equal(engine.action_plies(positions), exhaustive.action_plies(positions))
    np.testing.assert_array_equal(engine.values(positions), exhaustive.values(positions))


@pytest.mark.parametrize("spec", ["connect_four", "tic_tac_toe"])
def test_a_finished_game_has_its_return_and_no_actions(spec: str) -> None:
    game = games.load(spec)
    position = game.initial()
    for action in (0, 3, 1, 4, 2) if spec == "tic_tac_toe" else (0, 1, 0, 1, 0, 1, 0):
        position = game.step(position, [action])
    assert solver(game).values(position).tolist() == [-1.0]
    assert np.isnan(solver(game).action_values(position)).all()
    assert (solver(game).action_plies(position) == -1).all()


def test_plies_follow_perfect_play_to_the_end() -> None:
    game = games.load("mnk:m=4,n=3,k=3")
    oracle = solver(game)
    position = game.initial()
    expected = int(oracle.action_plies(position).max())
    played = 0
    while not position["terminal"][0]:
        values, plies = oracle.action_values(position)[0], oracle.action_plies(position)[0]
        best = values == np.nanmax(values)
        fastest = plies[best].min() if np.nanmax(values) == 1 else plies[best].max()
        assert fastest == expected - played or played == 0
        expected = fastest + played
        position = game.step(position, [np.flatnonzero(best & (plies == fastest))[0]])
        played += 1
    assert played == expected
    assert position["returns"][0].tolist() == [1, -1]


def test_too_hard_a_position_is_refused() -> None:
    game = games.load("connect_four:rows=6,columns=6")
    with pytest.raises(ValueError, match="too hard for exhaustion: more than max_nodes=10,000 nodes"):
        ExhaustiveSolver(game, max_nodes=10_000).values(game.initial())


def test_games_without_a_solver_are_named() -> None:
    with pytest.raises(ValueError, match=r"no solver for 'mnk:m=3,n=3,k=3,players=3'"):
        solver(games.load("mnk:m=3,n=3,k=3,players=3"))
    with pytest.raises(ValueError, match="must be Connect Four on 6 x 7"):
        ConnectFourSolver(games.load("connect_four:rows=5"))


def test_without_the_engine_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitbully", None)
    with pytest.raises(ValueError, match=r"pip install 'hybrid-agents\[solver\]'"):
        solver(games.load("connect_four"))


def test_options_that_restate_the_usual_board_find_the_engine() -> None:
    assert isinstance(solver(games.load("connect_four:columns=7,rows=6")), ConnectFourSolver)
    assert isinstance(solver(games.load("connect_four:connect=5")), ExhaustiveSolver)
