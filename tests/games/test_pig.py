"""Pig against OpenSpiel, by hand, and against what Neller and Presser computed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyspiel
import pytest

import games
from games import Game, LiftedGame, Positions
from games.chance import awaits, draw, settle
from games.sampling import play

ROLL, HOLD = 0, 1


def after(game: Game, *names: str) -> Positions:
    """The position `[1]` after moves and throws by name."""
    actions = {game.action_name(action): action for action in range(game.num_actions)}
    position = game.initial()
    for name in names:
        position = game.step(position, [actions[name]])
    return position


def test_a_turn_by_hand() -> None:
    game = games.load("pig:target=10")
    assert game.render(after(game, "roll", "6", "roll")[0]) == "X 0\nO 0\nturn 6\nply 3: X rolls"
    assert game.render(after(game, "roll", "6", "roll", "1")[0]) == "X 0\nO 0\nturn 0\nply 4: O to play"
    banked = after(game, "roll", "6", "hold", "roll", "2", "roll", "3", "hold")
    assert game.render(banked[0]) == "X 6\nO 5\nturn 0\nply 8: X to play"
    won = game.step(after(game, "roll", "6", "roll", "5"), [HOLD])
    assert won["terminal"][0]
    assert won["returns"].tolist() == [[1, -1]]
    assert game.render(won[0]) == "X 11\nO 0\nturn 0\nply 5: X wins"
    enough = after(game, "roll", "6", "roll", "5")
    assert not enough["terminal"][0]  # points win only when they are banked, which is all that is left to do
    assert np.flatnonzero(game.legal_actions(enough)[0]).tolist() == [HOLD]
    drawn = after(games.load("pig:max_plies=3"), "hold", "roll", "4")
    assert drawn["terminal"][0]
    assert not drawn["returns"].any()


def test_a_die_has_six_faces_of_equal_probability() -> None:
    game = games.load("pig")
    rolled = game.step(game.initial(), [ROLL])
    assert awaits(game, rolled).tolist() == [True]
    assert game.chance(rolled)[0].tolist() == [0, 0] + [1 / 6] * 6
    assert not game.chance(game.initial()).any()
    assert draw(game, np.repeat(rolled, 6), (np.arange(6) + 0.5) / 6).tolist() == [2, 3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="positions must be chance nodes of 'pig'"):
        draw(game, game.initial(), np.zeros(1))
    throws = [settle(game, rolled, np.random.default_rng(seed))["turn"][0] for seed in range(3000)]
    counts = np.bincount(throws, minlength=7)[[0, 2, 3, 4, 5, 6]]
    assert (abs(counts - 500) < 4 * np.sqrt(3000 * 5 / 36)).all()


def test_rollouts_throw_a_fair_die() -> None:
    """In a game to 2 a turn wins if one rolls, which random play does with ½, and throws no 1: 5/12 of the time."""
    game = games.load("pig:target=2,max_plies=3000")
    returns, plies = game.rollout(game.initial(40_000), np.arange(40_000, dtype=np.uint64))
    share = 5 / 12
    first = share / (1 - (1 - share) ** 2)
    assert (returns[:, 0] == 1).mean() == pytest.approx(first, abs=4 * 0.5 / 200)
    assert plies.min() == 3


def test_outcomes_are_counted_as_moves() -> None:
    game = games.load("pig")
    assert isinstance(game, LiftedGame)
    # Each position with a player to move has 2 moves, one of them to a chance node, which has 6.
    players, chances, expected = 1, 0, [1]
    for _ in range(6):
        players, chances = players + 6 * chances, players
        expected.append(players + chances)
    assert game.perft(game.initial(), 6)[0] == expected


def openspiel_lockstep(spec: str, name: str, count: int, seed: int) -> None:
    """Legal moves, turn, probabilities, end and returns of random games, move by move."""
    game, other = games.load(spec), pyspiel.load_game(name)
    sample = play(game, seed, count, 3000)
    legal, chances = game.legal_actions(sample.before), game.chance(sample.before)
    alive = [other.new_initial_state() for _ in range(count)]
    row = 0
    while alive:
        for state in alive:
            position, end = sample.before[row], sample.after[row]
            if state.is_chance_node():
                assert position["to_play"] == game.players
                assert chances[row, 2:].tolist() == [chance for _, chance in state.chance_outcomes()]
                state.apply_action(int(sample.actions[row]) - 2)
            else:
                assert position["to_play"] == state.current_player()
                assert np.flatnonzero(legal[row]).tolist() == state.legal_actions()
                state.apply_action(int(sample.actions[row]))
            assert bool(end["terminal"]) == state.is_terminal(), (game.render(end), str(state))
            if state.is_terminal():
                assert end["returns"].tolist() == state.returns()
            row += 1
        alive = [state for state in alive if not state.is_terminal()]
    assert row == len(sample.before)


PAIRS = [
    ("pig:target=20", "pig(winscore=20)", 60),
    ("pig:target=40,max_plies=3000", "pig(winscore=40,horizon=3000)", 20),
]


@pytest.mark.parametrize(("spec", "name", "count"), PAIRS)
def test_agrees_with_openspiel(spec: str, name: str, count: int) -> None:
    openspiel_lockstep(spec, name, count, 0)


@pytest.mark.full
def test_agrees_with_openspiel_in_ten_thousand_games() -> None:
    for seed in range(10):
        openspiel_lockstep("pig", "pig", 1000, seed)


def optimal(target: int) -> npt.NDArray[np.float64]:
    """Values of optimal play, `[i, j, k]` for the mover: i own points, j the other's, k the turn's; no limit of plies.

    Value iteration over the transitions that the compiled rules make from every such position, until nothing changes.
    """
    game = games.load(f"pig:target={target}")
    i, j, k = (axis.ravel() for axis in np.indices((target, target, target)))
    i, j, k = i[i + k < target], j[i + k < target], k[i + k < target]
    number = np.full((target, target, target + 6), -1)
    number[i, j, k] = np.arange(len(i))
    positions = np.repeat(game.initial(), len(i))
    positions["scores"], positions["turn"] = np.stack((i, j), axis=1), k

    def lead(after: Positions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The number of each position after a move (-1: enough to win), and 1 or -1: whether its player moves on."""
        rows, mover, points = np.arange(len(after)), after["to_play"].astype(int), after["scores"].astype(int)
        return number[points[rows, mover], points[rows, 1 - mover], after["turn"]], np.where(mover == 0, 1, -1)

    held = lead(game.step(positions, np.full(len(i), HOLD)))
    rolled = game.step(positions, np.full(len(i), ROLL))
    thrown = [lead(game.step(rolled, np.full(len(i), 1 + face))) for face in range(1, 7)]
    values, change = np.zeros(len(i) + 1), 1.0
    values[-1] = 1.0
    while change > 1e-9:
        hold = held[1] * values[held[0]]
        roll = sum((sign * values[place] for place, sign in thrown), np.zeros(len(i))) / 6
        new = np.maximum(hold, roll)
        change = abs(new - values[:-1]).max()
        values[:-1] = new
    table = np.full((target, target, target), np.nan)
    table[i, j, k] = values[:-1]
    return table


@pytest.mark.full
def test_the_first_player_of_optimal_pig_wins_53_percent() -> None:
    """Neller & Presser 2004, "Optimal Play of the Dice Game Pig": 53.06 % for the first player at 100 points."""
    value = optimal(100)[0, 0, 0]
    assert (1 + value) / 2 == pytest.approx(0.5306, abs=5e-5)


def test_options_are_checked() -> None:
    for options, message in (("target=1", "target"), ("players=5", "players"), ("max_plies=0", "max_plies")):
        with pytest.raises(ValueError, match=f"{message} must be between"):
            games.load(f"pig:{options}")


@pytest.mark.parametrize(
    "board",
    ["X 0\nO 0\nturn 0", "X 0\nturn 0\nply 1: X to play", "X 0\nO 0\nturn 0\nply 1: Z to play", "X 0 O a turn 0 ply 1"],
)
def test_what_is_no_position_is_not_parsed(board: str) -> None:
    with pytest.raises(ValueError, match="position"):
        games.load("pig").parse(board)
