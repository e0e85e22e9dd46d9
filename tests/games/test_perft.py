"""Counts of move sequences against published numbers and against OpenSpiel's independent rules."""

import math

import numpy as np
import pyspiel
import pytest

import games
from games import LiftedGame


def perft(spec: str, depth: int) -> tuple[list[int], list[int]]:
    game = games.load(spec)
    assert isinstance(game, LiftedGame)
    return game.perft(game.initial(), depth)


def test_connect_four_counts_are_the_published_ones() -> None:
    leaves, ends = perft("connect_four", 8)
    assert leaves[1:] == [7, 49, 343, 2401, 16807, 117649, 823536, 5673234]
    assert ends[:7] == [0] * 7  # nobody can have four stones in a line before the seventh


@pytest.mark.full
def test_connect_four_counts_at_depth_nine() -> None:
    assert perft("connect_four", 9)[0][9] == 39394572


def test_othello_counts_are_the_published_ones() -> None:
    leaves, ends = perft("othello", 9)
    assert leaves[1:] == [4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288]
    assert ends[:9] == [0] * 9  # the shortest game of Othello has nine moves
    assert ends[9] == 228


def test_tic_tac_toe_has_255168_complete_games() -> None:
    leaves, ends = perft("tic_tac_toe", 9)
    assert sum(ends) == 255168
    assert ends == [0, 0, 0, 0, 0, 1440, 5328, 47952, 72576, 127872]
    assert leaves[:6] == [math.perm(9, plies) for plies in range(6)]


def test_tic_tac_toe_has_5478_reachable_positions() -> None:
    game = games.load("tic_tac_toe")
    layer = game.initial()
    total = 1
    while len(layer):
        rows, actions = np.nonzero(game.legal_actions(layer))
        layer = np.unique(game.step(layer[rows], actions))
        total += len(layer)
    assert total == 5478


def count(state: pyspiel.State, depth: int) -> int:
    if depth == 0:
        return 1
    return sum(count(state.child(action), depth - 1) for action in state.legal_actions())


@pytest.mark.parametrize(
    ("spec", "theirs", "depth"),
    [
        ("breakthrough:rows=6,columns=6", "breakthrough(rows=6,columns=6)", 4),
        ("breakthrough:rows=4,columns=3", "breakthrough(rows=4,columns=3)", 6),
        ("hex:size=3", "hex(board_size=3)", 6),
        ("hex:size=3,swap=True", "hex(board_size=3,swap=true)", 6),
        ("mnk:m=4,n=3,k=3", "mnk(m=4,n=3,k=3)", 5),
        ("connect_four", "connect_four", 5),
        ("othello", "othello", 5),
    ],
)
def test_counts_agree_with_openspiel(spec: str, theirs: str, depth: int) -> None:
    assert perft(spec, depth)[0][depth] == count(pyspiel.load_game(theirs).new_initial_state(), depth)
