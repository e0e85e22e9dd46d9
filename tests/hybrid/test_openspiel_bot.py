"""Our agents among OpenSpiel's bots, in OpenSpiel's own loop."""

from __future__ import annotations

import numpy as np
import pyspiel
import pytest

from hybrid.openspiel_bot import AgentBot, bot

SAME = [
    ("tic_tac_toe", "tic_tac_toe"),
    ("connect_four", "connect_four"),
    ("othello", "othello"),
    ("hex(board_size=5)", "hex:size=5"),
    ("hex(board_size=4,swap=true)", "hex:size=4,swap=True"),
    ("breakthrough(rows=6,columns=5)", "breakthrough:rows=6,columns=5"),
    ("go(board_size=5,komi=7.5,max_game_length=50)", "go:size=5,komi=7.5"),
]
"""OpenSpiel's games and ours, as in the differential tests."""


def scores(ours: AgentBot, theirs: str, opponents: list[pyspiel.Bot], seats: list[int]) -> list[float]:
    """What our bot scores in one game against each opponent, seated as given."""
    game, points = pyspiel.load_game(theirs), []
    for number, (opponent, seat) in enumerate(zip(opponents, seats, strict=True)):
        bots = [ours, opponent] if seat == 0 else [opponent, ours]
        points.append(pyspiel.evaluate_bots(game.new_initial_state(), bots, number)[seat])
    return points


def uniform(seats: list[int]) -> list[pyspiel.Bot]:
    """OpenSpiel's random bots for the other seats."""
    return [pyspiel.make_uniform_random_bot(1 - seat, number) for number, seat in enumerate(seats)]


def mcts(theirs: str, count: int, simulations: int) -> list[pyspiel.Bot]:
    """OpenSpiel's own search, differently seeded."""
    game = pyspiel.load_game(theirs)
    evaluator = pyspiel.RandomRolloutEvaluator(1, 0)
    return [pyspiel.MCTSBot(game, evaluator, 2.0, simulations, 10, True, seed, False) for seed in range(count)]


@pytest.mark.parametrize(("theirs", "ours"), [*SAME[:2], ("breakthrough(rows=4,columns=3)", "")])
def test_our_search_beats_random_bots(theirs: str, ours: str) -> None:
    seats = [0, 1] * 3
    points = scores(bot("mcts?simulations=60", theirs, ours), theirs, uniform(seats), seats)
    assert sum(points) >= 4


def test_perfect_play_does_not_lose_to_their_search() -> None:
    """Tic-tac-toe is a draw; with few simulations they lose some."""
    seats = [0, 1] * 6
    for simulations in (10, 300):
        points = scores(
            bot("perfect", "tic_tac_toe", "tic_tac_toe"), "tic_tac_toe", mcts("tic_tac_toe", 12, simulations), seats
        )
        assert min(points) == 0.0 if simulations == 300 else min(points) >= 0.0


def test_perfect_play_wins_hex_from_the_first_seat() -> None:
    theirs = "hex(board_size=3)"
    assert scores(bot("perfect", theirs, "hex:size=3"), theirs, mcts(theirs, 5, 200), [0] * 5) == [1.0] * 5


@pytest.mark.parametrize(("theirs", "ours"), SAME)
def test_moves_are_translated_there_and_back(theirs: str, ours: str) -> None:
    """Random agents on both sides of OpenSpiel's loop get through whole games, and states begun in the middle."""
    game = pyspiel.load_game(theirs)
    pair = [bot("random", game, ours, seed) for seed in (1, 2)]
    for number in range(3):
        state = game.new_initial_state()
        for _ in range(number):
            state.apply_action(state.legal_actions()[number])
        for one in pair:
            one.restart_at(state)
        assert sum(pyspiel.evaluate_bots(state, pair, number)) == 0


def test_a_bot_has_a_policy_that_its_move_follows() -> None:
    state = pyspiel.load_game("hex(board_size=5)").new_initial_state()
    player = bot("mcts?simulations=50", "hex(board_size=5)", "hex:size=5")
    assert player.provides_policy()
    policy, action = player.step_with_policy(state)
    assert sorted(move for move, _ in policy) == state.legal_actions()
    assert sum(share for _, share in policy) == pytest.approx(1.0)
    assert dict(policy)[action] == max(share for _, share in policy)
    assert dict(player.get_policy(state)).keys() == dict(policy).keys()


def test_equal_seeds_play_equal_games() -> None:
    def moves(seed: int) -> list[int]:
        state, player = pyspiel.load_game("hex(board_size=5)").new_initial_state(), None
        player = bot("random", "hex(board_size=5)", "hex:size=5", seed)
        while not state.is_terminal():
            state.apply_action(player.step(state))
        return list(state.history())

    assert moves(1) == moves(1) != moves(2)


@pytest.mark.parametrize(
    ("agent", "theirs", "ours", "message"),
    [
        ("random", "hex(board_size=5)", "hex:size=4", "'hex:size=4' is not OpenSpiel's hex"),
        ("random", "tic_tac_toe", "connect_four", "'connect_four' is not OpenSpiel's tic_tac_toe"),
        ("nobody", "tic_tac_toe", "", "unknown agent 'nobody'"),
        ("random", "kuhn_poker", "", "kuhn_poker.*cannot be played here"),
        ("random", "tic_tac_toe", "tictactoe", "unknown game 'tictactoe'"),
    ],
)
def test_what_does_not_fit_is_refused(agent: str, theirs: str, ours: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bot(agent, theirs, ours)


def test_games_that_only_begin_alike_are_found_out() -> None:
    """Connect Four with a row less: a sixth stone on a column is legal to them alone."""
    state = pyspiel.load_game("connect_four").new_initial_state()
    player = bot("random", "connect_four", "connect_four:rows=5")
    for _ in range(6):
        state.apply_action(0)
    with pytest.raises(ValueError, match="OpenSpiel's move o0 is none in connect_four:rows=5"):
        player.step(state)


def test_a_repetition_that_only_they_allow_ends_their_game() -> None:
    """Superko: OpenSpiel lets a play repeat a position, which ends the game; our bot never does."""
    game, rng = pyspiel.load_game("go(board_size=3,komi=0.5,max_game_length=18)"), np.random.default_rng(0)
    ours, passing, repeated = bot("random", game, "go:size=3,komi=0.5"), 9, 0
    for number in range(60):
        state = game.new_initial_state()
        while not state.is_terminal():
            legal = state.legal_actions()
            ends = [
                move
                for move in legal
                if move != passing and state.child(move).is_terminal() and state.move_number() < 16
            ]
            if state.current_player() == number % 2:
                assert (move := ours.step(state)) not in ends
            else:
                repeated += bool(ends)
                move = int(rng.choice(ends or legal))
            state.apply_action(move)
    assert repeated > 0
