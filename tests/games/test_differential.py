"""Random games in lock step with other people's rules: legal moves, turn, end and returns after every move."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyspiel
import pytest
from pettingzoo import make

import games
from games import Game

Actions = dict[int, int]
"""Their action for each of ours."""


def by_index(game: Game, state: pyspiel.State) -> Actions:
    return {action: action for action in state.legal_actions()}


def by_name(rename: Callable[[str], str]) -> Callable[[Game, pyspiel.State], Actions]:
    def match(game: Game, state: pyspiel.State) -> Actions:
        ours = {game.action_name(action): action for action in range(game.num_actions)}
        theirs = {rename(state.action_to_string(action)): action for action in state.legal_actions()}
        return {ours[name]: action for name, action in theirs.items()}

    return match


def upside_down(move: str) -> str:
    """Their first player moves down the board, ours up: row 1 is our row 6."""
    return move.rstrip("*").translate(str.maketrans("123456", "654321"))


def without_superko(game: Game, state: pyspiel.State) -> Actions:
    """OpenSpiel lets a play repeat an earlier position and ends the game there; ours forbids it."""
    names = by_name(lambda move: move.split()[-1].lower())(game, state)
    passing = game.num_actions - 1
    if state.move_number() + 1 >= 2 * passing:
        state = one_ply_longer(state)  # else the last ply would end the game whatever it is
    return {ours: theirs for ours, theirs in names.items() if ours == passing or not state.child(theirs).is_terminal()}


def one_ply_longer(state: pyspiel.State) -> pyspiel.State:
    """The same position in a game that may last one ply more."""
    parameters = state.get_game().get_parameters()
    parameters["max_game_length"] += 1
    longer = pyspiel.load_game("go", parameters).new_initial_state()
    for action in state.history():
        longer.apply_action(action)
    return longer


OPENSPIEL: dict[str, tuple[str, Callable[[Game, pyspiel.State], Actions]]] = {
    "tic_tac_toe": ("tic_tac_toe", by_index),
    "connect_four": ("connect_four", by_index),
    "mnk:m=5,n=4,k=4": ("mnk(m=5,n=4,k=4)", by_index),
    "othello": ("othello", by_name(str.lower)),
    "hex:size=5": ("hex(board_size=5)", by_name(str)),
    "hex:size=4,swap=True": ("hex(board_size=4,swap=true)", by_index),
    "breakthrough:rows=6,columns=5": ("breakthrough(rows=6,columns=5)", by_name(upside_down)),
    "go:size=3,komi=0.5": ("go(board_size=3,komi=0.5,max_game_length=18)", without_superko),
    "go:size=5,komi=7.5": ("go(board_size=5,komi=7.5,max_game_length=50)", without_superko),
}


def openspiel_lockstep(spec: str, count: int, seed: int) -> None:
    game, (name, match) = games.load(spec), OPENSPIEL[spec]
    rng = np.random.default_rng(seed)
    positions, states = game.initial(count), [pyspiel.load_game(name).new_initial_state() for _ in range(count)]
    while len(states):
        legal = game.legal_actions(positions)
        actions = np.zeros(len(states), np.int64)
        for row, state in enumerate(states):
            theirs = match(game, state)
            assert np.flatnonzero(legal[row]).tolist() == sorted(theirs), game.render(positions[row])
            assert positions[row]["to_play"] == state.current_player()
            actions[row] = rng.choice(sorted(theirs))
            state.apply_action(theirs[int(actions[row])])
        positions = game.step(positions, actions)
        for position, state in zip(positions, states, strict=True):
            assert bool(position["terminal"]) == state.is_terminal(), game.render(position)
            assert position["returns"].tolist() == state.returns(), game.render(position)
        states = [state for position, state in zip(positions, states, strict=True) if not position["terminal"]]
        positions = positions[positions["terminal"] == 0]


@pytest.mark.parametrize("spec", OPENSPIEL)
def test_agrees_with_openspiel(spec: str) -> None:
    openspiel_lockstep(spec, 60, 0)


@pytest.mark.full
@pytest.mark.parametrize("spec", OPENSPIEL)
def test_agrees_with_openspiel_in_ten_thousand_games(spec: str) -> None:
    for seed in range(10):
        openspiel_lockstep(spec, 1000, seed)


def moves(game: Game, env: Any, rng: np.random.Generator) -> Iterator[tuple[Any, int]]:
    """One random game of `env` in lock step; yields each position and the move, having compared all there is."""
    env.reset()
    position = game.initial()
    while not position[0]["terminal"]:
        mask = env.observe(env.agent_selection)["action_mask"]
        assert mask.astype(bool).tolist() == game.legal_actions(position)[0].tolist()
        assert env.possible_agents.index(env.agent_selection) == position[0]["to_play"]
        action = int(rng.choice(np.flatnonzero(mask)))
        yield position, action
        env.step(action)
        position = game.step(position, [action])
        assert all(env.terminations.values()) == bool(position[0]["terminal"])
        assert [env.rewards[agent] for agent in env.possible_agents] == position[0]["returns"].tolist()


PETTINGZOO = {"connect_four": "classic/connect_four_v3", "tic_tac_toe": "classic/tictactoe_v3"}


@pytest.mark.parametrize("spec", PETTINGZOO)
@pytest.mark.parametrize("count", [30, pytest.param(10_000, marks=pytest.mark.full)])
def test_agrees_with_pettingzoo(spec: str, count: int) -> None:
    rng = np.random.default_rng(0)
    env = make("aec", PETTINGZOO[spec])
    lengths = [sum(1 for _ in moves(games.load(spec), env, rng)) for _ in range(count)]
    assert len(set(lengths)) > 1


def test_observation_is_pettingzoos() -> None:
    """Their planes are the mover's stones and the other's, row 0 at the top: ours without threats, channels last."""
    env, game = make("aec", PETTINGZOO["connect_four"]), games.load("connect_four:threats=false")
    for position, _ in moves(game, env, np.random.default_rng(1)):
        theirs = env.observe(env.agent_selection)["observation"]
        np.testing.assert_array_equal(np.moveaxis(game.observe(position)[0], 0, -1), theirs)
