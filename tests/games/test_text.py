"""Diagrams and notation: what render writes parse reads back to the byte, and nothing else is accepted."""

import numpy as np
import pytest

import games
from games.picture import picture
from games.rules import LiftedGame
from games.sampling import play

SPECS = (
    "tic_tac_toe",
    "connect_four",
    "connect_four:rows=4,columns=10,connect=3",
    "mnk:m=4,n=5,k=4",
    "mnk:m=4,n=3,k=3,players=3",
    "mnk:m=7,n=7,k=4,exact=True",
    "othello:size=6",
    "othello:size=10",
    "hex:size=4",
    "hex:size=3,swap=True",
    "breakthrough:rows=5,columns=4",
    "go:size=4,komi=1.5",
)


@pytest.mark.parametrize("spec", SPECS)
def test_every_position_survives_the_round_trip(spec: str) -> None:
    game = games.load(spec)
    sample = play(game, seed=1, games=4, max_plies=1000)
    for position in [*sample.before, *sample.last]:
        assert game.parse(game.render(position))[0].tobytes() == position.tobytes()


def test_connect_four_diagram() -> None:
    game = games.load("connect_four")
    position = game.initial()
    for action in (3, 3, 2, 4):
        position = game.step(position, [action])
    assert game.render(position[0]) == "\n".join(
        [". . . . . . ."] * 4 + [". . . O . . .", ". . X X O . .", "1 2 3 4 5 6 7", "ply 4: X to play"]
    )


CONNECT_FOUR = """
. . . .
. . . .
. . . .
X O . .
1 2 3 4
ply 2: X to play"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ply 2", "ply 3", "at ply 3"),
        ("X O . .", "X X . .", "at ply 2"),
        ("X O . .", "X . . .", "at ply 2"),
        ("X O . .", "X O . Z", "cells must be among"),
        ("X O . .", "X O . . .", "at ply 2"),
        ("X O . .\n", "", "lines of 4 cells"),
        ("X to play", "O to play", "no position"),
        ("X to play", "X wins", "no position"),
        ("1 2 3 4", "1 2 3 5", "no position"),
        ("ply 2", "ply two", "must begin with 'ply'"),
        (". . . .\nX O . .", "X . . .\n. O . .", "above an empty cell"),
    ],
)
def test_impossible_diagrams_are_refused(old: str, new: str, message: str) -> None:
    game = games.load("connect_four:rows=4,columns=4")
    assert game.parse(CONNECT_FOUR)[0]["ply"] == 2
    assert old in CONNECT_FOUR
    with pytest.raises(ValueError, match=message):
        game.parse(CONNECT_FOUR.replace(old, new, 1))


def test_a_game_that_went_on_after_its_end_is_refused() -> None:
    game = games.load("tic_tac_toe")
    with pytest.raises(ValueError, match="before its last stone"):
        game.parse("3 X X X\n2 O O .\n1 O . .\n  a b c\nply 6: X wins")
    won = game.parse("3 X X X\n2 O O .\n1 . . .\n  a b c\nply 5: X wins")
    assert won[0]["returns"].tolist() == [1, -1]
    assert won[0]["terminal"]


def test_squares_are_named_as_each_game_names_them() -> None:
    def named(spec: str, *names: str) -> list[int]:
        game = games.load(spec)
        return [[game.action_name(action) for action in range(game.num_actions)].index(name) for name in names]

    assert named("othello", "a1", "h8", "pass") == [0, 63, 64]  # row 1 at the top
    assert named("go", "a9", "j1", "pass") == [0, 80, 81]  # row 1 at the bottom, no letter i
    assert named("hex", "a1", "b1", "a2") == [0, 1, 11]
    assert named("connect_four", "1", "7") == [0, 6]
    assert named("tic_tac_toe", "a3", "c1") == [0, 8]


def test_othello_begins_with_its_four_moves() -> None:
    game = games.load("othello")
    legal = np.flatnonzero(game.legal_actions(game.initial())[0])
    assert [game.action_name(int(action)) for action in legal] == ["d3", "c4", "f5", "e6"]


@pytest.mark.parametrize(
    ("spec", "old", "new", "message"),
    [
        ("go:size=3", "passes 0", "passes 256", "passes must be 0 to 2"),
        ("go:size=3", "seen 0", "seen 9", "each digit of seen 0 to 3, got 0 and 9"),
        ("pig:target=10", "X to play", "Y to play", "Y to play is no position of a game of 2 players"),
        ("pig:target=10", "X 0", "X 12", "X to play is no position of a game of 2 players for 10 points"),
    ],
)
def test_states_that_cannot_be_are_refused(spec: str, old: str, new: str, message: str) -> None:
    game = games.load(spec)
    shown = game.render(game.initial()[0])
    assert old in shown
    with pytest.raises(ValueError, match=message):
        game.parse(shown.replace(old, new, 1))


def test_rules_are_given_whole_numbers() -> None:
    game = games.load("connect_four")
    assert isinstance(game, LiftedGame)
    start = game.initial(2)
    with pytest.raises(ValueError, match="actions must be whole numbers, got float64"):
        game.step(start, [1.7, 2.0])
    with pytest.raises(ValueError, match="seeds must not be negative, got -1"):
        game.rollout(start, np.array([-1, 3]))
    with pytest.raises(ValueError, match=r"symmetries must be one, or have shape \(2,\), got \(3,\)"):
        game.transform(start, [0, 1, 0])
    with pytest.raises(ValueError, match="depth must be at least 0, got -1"):
        game.perft(game.initial(), -1)


def test_a_picture_leaves_out_what_a_reader_does_not_need() -> None:
    go, bridged, other = (games.load(spec) for spec in ("go:size=9", "openspiel:tic_tac_toe", "connect_four"))
    late = go.initial()
    late["ply"] = 100
    assert len(go.render(late[0])) > 3000
    assert max(map(len, picture(go, late[0]).splitlines())) < 60
    assert picture(go, late[0]).splitlines()[0] == go.render(late[0]).splitlines()[0]
    moved = bridged.step(bridged.initial(), [4])
    assert bridged.render(moved[0]).startswith("moves 4")
    assert "moves" not in picture(bridged, moved[0])
    assert "x" in picture(bridged, moved[0])
    assert picture(other, other.initial()[0]) == other.render(other.initial()[0])
