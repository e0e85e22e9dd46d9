"""Finding games by name, options and path, and what is said when that fails."""

import copy
import pickle
from pathlib import Path

import pytest

import games
from games.load import Option, listing, options

NIM = '''
"""Nim with one heap: take one or two, who takes the last wins."""

from games import lift


def make(heap: int = 5):
    def start(s):
        s.heap = heap

    def play(s, a):
        s.heap -= a + 1
        if s.heap == 0:
            s.terminal = 1
            s.returns[s.to_play] = 1
            s.returns[1 - s.to_play] = -1
        s.ply += 1
        s.to_play = 1 - s.to_play

    def legal(s, mask):
        mask[0] = True
        mask[1] = s.heap > 1

    def observe(s, planes):
        planes[0, 0, 0] = s.heap

    return lift(
        "nim", num_actions=2, observation_shape=(1, 1, 1), fields=[("heap", "u1")],
        play=play, legal=legal, observe=observe, start=start,
    )
'''


@pytest.fixture
def nim(tmp_path: Path) -> str:
    path = tmp_path / "nim.py"
    path.write_text(NIM)
    return str(path)


def test_games_are_found_by_name() -> None:
    assert set(games.names()) >= {"breakthrough", "connect_four", "go", "hex", "mnk", "othello", "tic_tac_toe"}
    assert "boards" not in games.names()
    assert games.load("connect_four:columns=5").num_actions == 5


def test_games_are_found_by_path(nim: str) -> None:
    game = games.load(f"{nim}:heap=3")
    position = game.step(game.step(game.initial(), [1]), [0])
    assert position[0]["returns"].tolist() == [-1, 1]
    assert options(nim) == {"heap": 5}


def test_a_pickled_game_is_loaded_again(nim: str) -> None:
    game = games.load(f"{nim}:heap=4")
    for twin in (pickle.loads(pickle.dumps(game)), copy.deepcopy(game)):
        assert twin.spec == game.spec
        assert twin.initial()[0]["heap"] == 4


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("checkerz", "unknown game 'checkerz': known are breakthrough, "),
        ("nowhere/game.py", "'nowhere/game.py' does not exist"),
        ("connect_four:size=5", "no option 'size'.*rows=6, columns=7, connect=4"),
        ("connect_four:rows=five", "rows.*must be.*int, got 'five'"),
        ("connect_four:rows=5.5", "rows.*must be.*int, got '5.5'"),
        ("connect_four:rows=5,rows=6", "rows.*twice"),
        ("tic_tac_toe:size=3", "no option 'size'.*none"),
        ("hex:swap=1", "swap.*must be.*bool, got '1'"),
        ("boards", "unknown game 'boards'"),
    ],
)
def test_bad_specs_are_one_clear_line(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        games.load(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("from games import lift", "import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("from games import lift", "lift = unknown", "cannot be loaded: NameError: name 'unknown' is not defined"),
        ("def make", "def make(:\n", r"cannot be loaded: SyntaxError: invalid syntax \(nim.py, line 7\)"),
        ("observe=observe", "observe=unknown", "cannot be made: NameError: name 'unknown' is not defined"),
        ("a + 1", "unknown", r"cannot compile play of nim.py: NameError: name 'unknown' is not .* \(nim.py, line 12\)"),
        ("s.heap -= a", "s.heeap -= a", "cannot compile play of nim.py: KeyError: 'heeap'"),
        ("mask[0] = True", "mask['x'] = True", r"cannot compile legal of nim.py: No .* setitem.* \(nim.py, line 21\)"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_line(before: str, after: str, message: str, tmp_path: Path) -> None:
    def first_move() -> None:
        game = games.load(str(path))
        game.step(game.initial(), game.legal_actions(game.initial())[:, 0])

    path = tmp_path / "nim.py"
    path.write_text(NIM.replace(before, after, 1))
    with pytest.raises(ValueError, match=message) as caught:
        first_move()
    assert "\n" not in str(caught.value)


def test_a_file_without_a_game_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="no function make"):
        games.load(str(path))


def test_the_list_of_games_describes_each() -> None:
    row = listing("connect_four")
    assert row.options == (Option("rows", 6), Option("columns", 7), Option("connect", 4), Option("threats", True))
    assert (row.players, row.actions, row.observation_shape, row.symmetries) == (2, 7, (5, 6, 7), 2)
    for name in games.names():
        assert listing(name).summary
