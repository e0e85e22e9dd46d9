"""Facts about single games worked out by hand or known to all who play them."""

import numpy as np
import pytest

import games
from games import Positions
from games.boards import has_line
from games.load import settings


def moves(spec: str, names: str) -> Positions:
    """The position after moves given by name."""
    game = games.load(spec)
    numbers = {game.action_name(action): action for action in range(game.num_actions)}
    position = game.initial()
    for name in names.split():
        position = game.step(position, [numbers[name]])
    return position


def legal(spec: str, position: Positions) -> set[str]:
    game = games.load(spec)
    return {game.action_name(int(action)) for action in np.flatnonzero(game.legal_actions(position)[0])}


def result(position: Positions) -> list[float]:
    assert position[0]["terminal"]
    values: list[float] = position[0]["returns"].tolist()
    return values


@pytest.mark.parametrize("line", ["1 2 1 2 1 2 1", "1 1 2 2 3 3 4", "1 2 2 3 3 4 3 4 4 6 4", "7 6 6 5 5 4 5 4 4 2 4"])
def test_connect_four_is_won_in_every_direction(line: str) -> None:
    assert result(moves("connect_four", line)) == [1, -1]


@pytest.mark.parametrize("spec", ["connect_four", "connect_four:rows=4,columns=6,connect=3", "connect_four:connect=5"])
def test_threats_are_the_cells_where_another_stone_would_complete_a_line(spec: str) -> None:
    """By putting it there, in every empty cell of every position of random games, and looking for the line."""
    game, rng = games.load(spec), np.random.default_rng(0)
    connect, found = settings(spec)["connect"], 0
    for _ in range(6):
        position = game.initial()
        while not position["terminal"][0]:
            own, other, landing, *threats = game.observe(position)[0]
            legal_actions = game.legal_actions(position)[0]
            assert landing.sum(axis=0).tolist() == legal_actions.tolist()
            assert not (landing * (own + other)).any()
            for stones, threat in zip((own, other), threats, strict=True):
                for row, column in np.argwhere(own + other == 0):
                    more = stones.copy()
                    more[row, column] = 1
                    assert threat[row, column] == has_line(more.ravel(), len(own), connect)
                assert not (threat * (own + other)).any()
                found += int(threat.sum())
            position = game.step(position, [rng.choice(np.flatnonzero(legal_actions))])
    assert found > 20


def test_stones_land_on_what_is_below() -> None:
    """In the bottom row of an empty column, above the stones of others, nowhere in full ones."""
    landing = games.load("connect_four").observe(moves("connect_four", "1 1 1 1 1 1 4 4"))[0, 2]
    assert np.argwhere(landing).tolist() == [[3, 3], *([5, column] for column in (1, 2, 4, 5, 6))]


def test_the_last_cell_can_win() -> None:
    """The win is not taken for a draw on a full board: X's last stone makes a line in the last cell."""
    assert result(moves("tic_tac_toe", "a1 a2 b1 c1 c2 a3 b3 c3 b2")) == [1, -1]
    assert result(moves("tic_tac_toe", "a1 a2 a3 b1 b3 c3 b2 c1 c2")) == [0, 0]


def test_an_overline_wins_unless_exact() -> None:
    line = "a1 a2 b1 b2 d1 d2 e1 e2 c1"
    assert result(moves("mnk:m=7,n=7,k=4", line)) == [1, -1]
    assert not moves("mnk:m=7,n=7,k=4,exact=True", line)[0]["terminal"]


def test_three_players_share_the_loss() -> None:
    position = moves("mnk:m=4,n=4,k=3,players=3", "a1 a2 d4 b1 b2 d3 c4 c2")
    assert result(position) == [-0.5, 1, -0.5]


def test_the_shortest_game_of_othello_ends_in_nine_moves() -> None:
    """X wipes O out: e6 f4 e3 f6 g5 d6 e7 f5 c5, a well known line for the usual opening set-up."""
    assert result(moves("othello", "e6 f4 e3 f6 g5 d6 e7 f5 c5")) == [1, -1]


def test_othello_players_pass_only_when_they_must() -> None:
    game = games.load("othello:size=4")
    rng = np.random.default_rng(0)
    passes = 0
    positions = game.initial(200)
    while not positions["terminal"].all():
        positions = positions[positions["terminal"] == 0]
        mask = game.legal_actions(positions)
        assert not (mask[:, -1] & mask[:, :-1].any(axis=1)).any()
        passes += int(mask[:, -1].sum())
        positions = game.step(positions, np.argmax(mask * rng.random(mask.shape), axis=1))
    assert passes > 0


def test_hex_is_won_by_joining_edges() -> None:
    assert result(moves("hex:size=3", "b1 a1 b2 a2 b3")) == [1, -1]
    assert result(moves("hex:size=3", "a1 a2 b1 b2 a3 c2")) == [-1, 1]
    assert result(moves("hex:size=3", "c1 a1 b2 a2 a3")) == [1, -1]  # along the short diagonal
    assert not moves("hex:size=3", "a1 c1 b2 a2 c3")[0]["terminal"]  # the long diagonal does not join


def test_hex_never_ends_in_a_draw() -> None:
    game = games.load("hex:size=5")
    returns, _ = game.rollout(game.initial(500), np.arange(500, dtype=np.uint64))
    assert set(map(tuple, returns.tolist())) == {(1.0, -1.0), (-1.0, 1.0)}


def test_swap_reflects_the_first_stone_and_gives_it_away() -> None:
    spec = "hex:size=3,swap=True"
    assert "swap" not in legal(spec, moves(spec, ""))
    assert "swap" in legal(spec, moves(spec, "b1"))
    swapped = moves(spec, "b1 swap")
    assert games.load(spec).render(swapped[0]).split()[:8] == ["1", ".", ".", ".", "2", "O", ".", "."]
    assert "swap" not in legal(spec, swapped)


def test_breakthrough_ends_on_the_far_row() -> None:
    spec = "breakthrough:rows=4,columns=2"
    assert legal(spec, moves(spec, "")) == {"a1a2", "a1b2", "b1b2", "b1a2"}
    position = moves(spec, "a1a2 a4a3")
    assert "a2a3" not in legal(spec, position)  # straight ahead is blocked and no capture
    assert result(moves(spec, "a1a2 b4b3 a2b3 a4a3 b3a4")) == [1, -1]


def test_breakthrough_is_lost_with_the_last_pawn() -> None:
    spec = "breakthrough:rows=4,columns=2"
    assert result(moves(spec, "a1a2 b4b3 a2b3 a4b3 b1b2 b3b2".replace("b3b2", "b3a2") + " b2a3 a2b1")) == [-1, 1]
    assert result(moves(spec, "a1b2 a4a3 b2a3 b4a3 b1b2 a3b2")) == [-1, 1]


def test_go_captures_and_forbids_suicide() -> None:
    spec = "go:size=3"
    position = moves(spec, "a2 a1 b1")  # the stone in the corner has lost its liberties
    assert games.load(spec).render(position[0]).splitlines()[2] == "1 . X ."
    assert "a1" not in legal(spec, position)
    assert "a1" in legal(spec, moves(spec, "a2 a1 b1 pass"))


def test_go_forbids_retaking_a_ko_at_once() -> None:
    spec = "go:size=4"
    shape = "b1 c1 a2 d2 b3 c3 c2 b2"  # O takes the stone on c2 by b2
    position = moves(spec, shape)
    assert "c2" not in legal(spec, position)
    assert "c2" in legal(spec, moves(spec, shape + " d4 a4"))  # after a threat and its answer


def test_go_counts_area_and_komi() -> None:
    """On 2 x 2 Black's lone stone owns all four points, less a komi of 0.5 or 4; the empty board is White's."""
    assert result(moves("go:size=2,komi=0.5", "a1 pass pass")) == [1, -1]
    assert result(moves("go:size=2,komi=4", "a1 pass pass")) == [0, 0]
    assert result(moves("go:size=2,komi=0.5", "pass pass")) == [-1, 1]


def test_go_ends_at_its_last_ply() -> None:
    assert result(moves("go:size=3,komi=0.5,max_plies=2", "b2 a1")) == [-1, 1]


def test_go_tells_all_small_boards_apart() -> None:
    """No two boards of one size share a hash: superko forbids nothing by accident on 2 x 2 and 3 x 3."""
    for size in (2, 3):
        game = games.load(f"go:size={size}")
        cells = size * size
        keys = np.zeros((cells, 3, 8), np.uint16)
        for cell in range(cells):
            first = game.step(game.initial(), [cell])
            second = game.step(game.step(game.initial(), [cells]), [cell])
            keys[cell, 1] = first[0]["history"][1]
            keys[cell, 2] = second[0]["history"][2]
        hashes = np.zeros((1, 8), np.uint16)
        for cell in range(cells):
            hashes = (hashes[:, None] ^ keys[cell][None]).reshape(-1, 8)
        assert len(np.unique(hashes, axis=0)) == 3**cells


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("connect_four:rows=9", "64"),
        ("connect_four:connect=8", "connect must be"),
        ("mnk:m=0", "m must be between 1 and 26, got 0"),
        ("mnk:players=5", "players must be between 2 and 4, got 5"),
        ("mnk:m=3,n=3,k=4", "k must be between 2 and 3, got 4"),
        ("othello:size=7", "size must be 4, 6, 8 or 10, got 7"),
        ("hex:size=20", "size must be between 2 and 19, got 20"),
        ("breakthrough:rows=3", "rows must be between 4 and 19, got 3"),
        ("go:size=1", "size must be between 2 and 19, got 1"),
        ("go:komi=0.3", "komi must be a multiple of 0.5, got 0.3"),
    ],
)
def test_impossible_options_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        games.load(spec)
