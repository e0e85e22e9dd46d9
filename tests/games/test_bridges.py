"""Both bridges: our games as PettingZoo environments, theirs and OpenSpiel's as ours, and what is refused."""

import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import games
from games.check import check
from games.pettingzoo import env
from games.replay import ReplayedGame
from games.sampling import Sample, play

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # their tests import environments in the old way
    from pettingzoo.test import api_test, render_test, seed_test

SPECS = [
    "tic_tac_toe",
    "connect_four",
    "mnk:m=4,n=3,k=3,players=3",
    "hex:size=4,swap=True",
    "go:size=3",
    "othello:size=4",
    "pig:target=12,max_plies=60",
    "pig:target=15,players=3",
]


@pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array")  # they know their own environments by name
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros")
@pytest.mark.filterwarnings("ignore:Action mask numpy array is all zeros")
@pytest.mark.parametrize("spec", SPECS)
def test_our_games_pass_pettingzoos_tests(spec: str) -> None:
    def make(render_mode: str | None = None) -> Any:
        return env(spec, render_mode=render_mode)

    api_test(make(), num_cycles=50)
    seed_test(make, num_cycles=10)
    render_test(make)


def test_an_environment_follows_the_game() -> None:
    table = env("connect_four", render_mode="rgb_array")
    table.reset(seed=0)
    for action in (0, 1, 0, 1, 0, 1):
        assert table.observe("player_0")["action_mask"].any() == (table.agent_selection == "player_0")
        table.step(action)
    image = table.render()
    assert image.shape == (6 * 48, 7 * 48, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 4  # cells, lines and both players' stones
    assert table.observe("player_0")["observation"][:, :, 0].sum() == 3
    np.testing.assert_array_equal(
        table.observe("player_0")["observation"], table.observe("player_1")["observation"][:, :, ::-1]
    )
    table.step(0)
    assert table.rewards == {"player_0": 1, "player_1": -1}
    assert all(table.terminations.values())


def test_chance_moves_by_itself_by_the_seed_of_reset() -> None:
    def throws(seed: int) -> list[int]:
        table, seen = env("pig"), []
        table.reset(seed=seed)
        for _ in range(12):
            assert table.observe(table.agent_selection)["action_mask"].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
            before = table.agent_selection
            table.step(0)
            seen.append(round(100 * float(table.observe(table.agent_selection)["observation"][0, 0, 2])))
            assert (seen[-1] == 0) == (table.agent_selection != before)  # a 1 ends the turn
        return seen

    assert throws(1) == throws(1)
    assert len({tuple(throws(seed)) for seed in range(8)}) > 4


def test_an_illegal_move_loses() -> None:
    table = env("connect_four:rows=1,columns=4,connect=2")
    table.reset()
    table.step(2)
    table.step(2)
    assert table.rewards == {"player_0": 0, "player_1": -1}
    assert all(table.terminations.values())


def test_unknown_render_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="render_mode must be None or one of human, rgb_array, ansi, got 'svg'"):
        env("tic_tac_toe", render_mode="svg")


FOREIGN = ["pettingzoo:tictactoe_v3", "pettingzoo:connect_four_v3", "openspiel:breakthrough(rows=4,columns=3)"]


@pytest.mark.parametrize("spec", FOREIGN)
def test_foreign_games_conform(spec: str) -> None:
    assert [finding for finding in check(spec, games=4) if not finding.ok] == []


def facts(game: games.Game, sample: Sample) -> list[bytes]:
    rows = np.random.default_rng(0).permutation(len(sample.before))[:60]
    positions = sample.before[rows]
    return [array.tobytes() for array in (game.legal_actions(positions), game.observe(positions))]


@pytest.mark.parametrize("spec", FOREIGN)
def test_remembering_changes_nothing(spec: str) -> None:
    """With everything forgotten every question is answered by a replay from the start; the answers are the same."""
    fast = games.load(spec)
    assert isinstance(fast, ReplayedGame)
    slow = replace(fast, remembered=0)
    tight = replace(fast, remembered=2)
    sample = play(fast, 5, 3, 1000)
    for game in (slow, tight):
        assert play(game, 5, 3, 1000).after.tobytes() == sample.after.tobytes()
        assert facts(game, sample) == facts(fast, sample)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("connect_four", "pettingzoo:connect_four_v3"), ("tic_tac_toe", "openspiel:tic_tac_toe")]
)
def test_bridged_games_are_the_games(ours: str, theirs: str) -> None:
    own, foreign = games.load(ours), games.load(theirs)
    sample = play(own, 3, 8, 100)
    position, other = own.initial(8), foreign.initial(8)
    rng = np.random.default_rng(3)
    while not position["terminal"].all():
        legal = own.legal_actions(position)
        np.testing.assert_array_equal(legal, foreign.legal_actions(other))
        actions = np.argmax(legal * rng.random(legal.shape), axis=1)
        position, other = own.step(position, actions), foreign.step(other, actions)
        for name in ("to_play", "ply", "terminal", "returns"):
            live = position["terminal"] == 0
            keep = slice(None) if name != "to_play" else live  # who would move after the end means nothing
            np.testing.assert_array_equal(position[name][keep], other[name][keep])
    assert foreign.zero_sum
    assert len(sample.last) == 8


def test_bridged_games_are_pickled_by_spec() -> None:
    game = games.load("openspiel:tic_tac_toe")
    assert pickle.loads(pickle.dumps(game)).spec == game.spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("openspiel:backgammon", "backgammon.*SAMPLED_STOCHASTIC|backgammon.*EXPLICIT_STOCHASTIC"),
        ("openspiel:dark_hex", "dark_hex.*IMPERFECT_INFORMATION"),
        ("openspiel:matrix_rps", "matrix_rps"),
        ("openspiel:no_such_game", "OpenSpiel cannot load 'no_such_game'"),
        ("pettingzoo:rps_v2", "hidden"),
        ("pettingzoo:no_such_env_v0", "PettingZoo cannot make 'no_such_env_v0'"),
        ("pettingzoo:no_such_module:env", "PettingZoo cannot make 'no_such_module:env'"),
    ],
)
def test_what_cannot_be_a_game_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        games.load(spec)


def test_any_environment_may_be_named_by_its_factory() -> None:
    game = games.load("pettingzoo:pettingzoo.classic.tictactoe.tictactoe:env(screen_height=100)")
    assert game.num_actions == 9
