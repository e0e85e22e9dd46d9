"""Alpha-beta against a plain minimax written here with ordinary objects, on games with every order of movers."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numpy as np
import pytest

import games
from games import Positions
from games.rules import LiftedGame, lift
from hybrid import agents
from hybrid.minimax import AlphaBeta

BIG = 1_000_000


Memo = dict[tuple[bytes, int | None], float]


def plain(
    game: Any, position: Positions, depth: int | None, *, distance: bool, memo: Memo | None = None
) -> dict[int, float]:
    """Each legal action's value for the mover by plain minimax over per-player values, to `depth` or the end."""
    known: Memo = {} if memo is None else memo

    def value(node: Positions, left: int | None) -> float:
        """Value for player 0."""
        key = (node.tobytes(), left)
        if key not in known:
            if node["terminal"][0]:
                known[key] = float(node["returns"][0, 0]) * (BIG - distance * float(node["ply"][0]))
            elif left == 0:
                known[key] = 0.0
            else:
                actions = np.flatnonzero(game.legal_actions(node)[0])
                children = [value(game.step(node, [a]), None if left is None else left - 1) for a in actions]
                known[key] = max(children) if node["to_play"][0] == 0 else min(children)
        return known[key]

    sign = 1 if position["to_play"][0] == 0 else -1
    left = None if depth is None else depth - 1
    actions = np.flatnonzero(game.legal_actions(position)[0])
    return {int(a): sign * value(game.step(position, [a]), left) for a in actions}


def reachable(game: Any, limit: int = 10**9) -> list[Positions]:
    """Every position that can be reached, as `[1]` arrays."""
    seen: dict[bytes, Positions] = {}
    frontier = [game.initial()]
    while frontier and len(seen) < limit:
        position = frontier.pop()
        if position.tobytes() not in seen:
            seen[position.tobytes()] = position
            frontier += [game.step(position, [a]) for a in np.flatnonzero(game.legal_actions(position)[0])]
    return list(seen.values())


def sampled(game: Any, count: int, plies: int, seed: int = 0) -> list[Positions]:
    """Undecided positions after up to `plies` random moves."""
    rng = np.random.default_rng(seed)
    found: list[Positions] = []
    while len(found) < count:
        position = game.initial()
        for _ in range(rng.integers(plies + 1)):
            position = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
            if position["terminal"][0]:
                break
        if not position["terminal"][0]:
            found.append(position)
    return found


def assert_agrees(search: AlphaBeta, position: Positions, depth: int, expected: dict[int, float]) -> None:
    top = max(expected.values())
    analysis = search.analyse(position, depth=depth)
    assert np.flatnonzero(analysis.best).tolist() == [a for a, v in sorted(expected.items()) if v == top]
    assert analysis.value == (np.sign(top) if abs(top) > BIG / 2 else top)
    tells = BIG / 2 < abs(top) < BIG
    assert analysis.plies == (BIG - abs(top) - int(position["ply"][0]) if tells else -1)


@cache
def chaos(branching: int, depth: int) -> LiftedGame:
    """A game tree whose movers and outcomes are drawn by a hash of the path: passes and double moves everywhere."""

    def play(s: Any, a: int) -> None:
        x = s.path * np.uint64(6364136223846793005) + np.uint64(1442695040888963407) + np.uint64(a * a + 1)
        s.path = x ^ (x >> np.uint64(29))
        s.ply += 1
        s.to_play = (s.path >> np.uint64(17)) & np.uint64(1)
        chance = (s.path >> np.uint64(40)) % np.uint64(5)
        if s.ply == depth or chance == 0:
            s.terminal = 1
            outcome = np.int64((s.path >> np.uint64(7)) % np.uint64(3)) - 1
            s.returns[0] = outcome
            s.returns[1] = -outcome

    def legal(s: Any, mask: Any) -> None:
        for a in range(branching):
            mask[a] = a == 0 or (s.path >> np.uint64(a)) & np.uint64(1) == 0

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, 0] = s.ply

    return lift(
        "chaos",
        num_actions=branching,
        observation_shape=(1, 1, 1),
        fields=[("path", "u8")],
        play=play,
        legal=legal,
        observe=observe,
    )


@pytest.mark.parametrize("distance", [False, True])
def test_all_positions_of_tic_tac_toe(distance: bool) -> None:
    game = games.load("tic_tac_toe")
    positions = reachable(game)
    assert len(positions) == 5478
    search = AlphaBeta(game, distance=distance)
    memo: Memo = {}
    for position in positions:
        if not position["terminal"][0]:
            search.forget()
            assert_agrees(search, position, 9, plain(game, position, None, distance=distance, memo=memo))


def test_tic_tac_toe_is_a_draw() -> None:
    game = games.load("tic_tac_toe")
    analysis = AlphaBeta(game).analyse(game.initial())
    assert analysis.value == 0
    assert analysis.proven
    assert analysis.best.all()


@pytest.mark.parametrize("distance", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("spec", ["connect_four:rows=4,columns=4,connect=3", "connect_four"])
def test_limited_depth_equals_plain_minimax(spec: str, depth: int, distance: bool) -> None:
    game = games.load(spec)
    search = AlphaBeta(game, distance=distance, table_bits=12)
    for position in sampled(game, 12 if depth < 6 else 4, 30, seed=depth):
        search.forget()
        assert_agrees(search, position, depth, plain(game, position, depth, distance=distance))


@pytest.mark.parametrize("distance", [False, True])
@pytest.mark.parametrize("depth", [3, 12])
def test_any_order_of_movers(depth: int, distance: bool) -> None:
    game = chaos(3, 9)
    search = AlphaBeta(game, distance=distance, table_bits=4)
    movers = set()
    for position in sampled(game, 60, 5):
        search.forget()
        assert_agrees(search, position, depth, plain(game, position, depth, distance=distance))
        children = game.step(np.repeat(position, 1), [0])
        movers.add((int(position["to_play"][0]), int(children["to_play"][0])))
    assert movers == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("distance", [False, True])
def test_a_proven_iteration_tells_the_game_s_own_value(distance: bool) -> None:
    game = chaos(3, 9)
    search = AlphaBeta(game, distance=distance)
    early = 0
    for position in sampled(game, 100, 4):
        exact = plain(game, position, None, distance=distance)
        top = max(exact.values())
        for depth in range(1, 9):
            search.forget()
            analysis = search.analyse(position, depth=depth)
            if analysis.proven:
                early += depth < 9 - int(position["ply"][0])
                assert analysis.value == np.sign(top)
                assert np.flatnonzero(analysis.best).tolist() == [a for a, v in sorted(exact.items()) if v == top]
    assert early > 50


def test_results_do_not_depend_on_what_was_searched_before() -> None:
    game = games.load("connect_four")
    used, positions = AlphaBeta(game, table_bits=10), sampled(game, 20, 20)
    for position in positions:
        used.forget(seed=3)
        fresh = AlphaBeta(game, table_bits=10)
        fresh.forget(seed=3)
        first, second = used.analyse(position, depth=5), fresh.analyse(position, depth=5)
        assert (first.best == second.best).all()
        assert (first.value, first.plies, first.proven) == (second.value, second.plies, second.proven)


def test_nor_do_rollouts() -> None:
    """More decisions than there are generations of the table's entries."""
    game = games.load("tic_tac_toe")
    agent = agents.load("minimax?depth=2&rollouts=3&table_bits=6", game)
    first = agent.decide(game.initial(1), np.array([7], np.uint64))
    for _ in range(40):
        again = agent.decide(game.initial(1), np.array([7], np.uint64))
        for name in ("actions", "values", "plies"):
            np.testing.assert_array_equal(getattr(again, name), getattr(first, name))


def test_rollouts_at_the_horizon_are_averaged() -> None:
    game = games.load("connect_four")
    rng = np.random.default_rng(1)
    position = game.initial()
    for action in (3, 3, 3, 2):
        position = game.step(position, [action])
    search = AlphaBeta(game, rollouts=3000)
    search.forget(seed=5)
    analysis = search.analyse(position, depth=1)
    means = []
    for action in range(7):
        children = np.repeat(game.step(position, [action]), 20_000)
        returns, _ = game.rollout(children, rng.integers(2**63, size=len(children)).astype(np.uint64))
        means.append(returns[:, 0].mean())
    assert np.flatnonzero(analysis.best).tolist() == [int(np.argmax(means))]
    assert analysis.value == pytest.approx(max(means), abs=0.06)
    assert analysis.rollout_plies > 7 * 3000 * 10


def test_a_win_is_taken_at_once() -> None:
    game = games.load("connect_four")
    position = game.initial()
    for action in (3, 0, 3, 0, 3, 1):
        position = game.step(position, [action])
    analysis = AlphaBeta(game).analyse(position)
    assert (analysis.value, analysis.plies, analysis.depth) == (1.0, 1, 1)
    assert np.flatnonzero(analysis.best).tolist() == [3]


def test_time_is_kept() -> None:
    game = games.load("connect_four")
    search = AlphaBeta(game)
    search.analyse(game.initial(), depth=1)
    spent: list[float] = []
    while len(spent) < 40 and min(spent, default=1.0) > 0.055:  # a busy machine may hold up some, not all
        search.forget()
        started = time.perf_counter()
        analysis = search.analyse(game.initial(), seconds=0.05)
        spent.append(time.perf_counter() - started)
        assert analysis.depth >= 4
    assert min(spent) == pytest.approx(0.05, rel=0.1)


def test_too_little_time_still_leaves_every_move() -> None:
    game = games.load("connect_four")
    analysis = AlphaBeta(game).analyse(game.initial(), seconds=1e-9)
    assert analysis.depth == 0
    assert analysis.best.all()


def test_unsuitable_games_and_options_are_named() -> None:
    with pytest.raises(ValueError, match="two-player zero-sum"):
        AlphaBeta(games.load("mnk:m=3,n=3,k=3,players=3"))
    game = games.load("tic_tac_toe")
    with pytest.raises(ValueError, match="rollouts must be at least 0, got -1"):
        AlphaBeta(game, rollouts=-1)
    with pytest.raises(ValueError, match="table_bits"):
        AlphaBeta(game, table_bits=0)
    with pytest.raises(ValueError, match="depth must be between 1 and 255, got 256"):
        AlphaBeta(game).analyse(game.initial(), depth=256)
    over = game.initial()
    for action in (0, 3, 1, 4, 2):
        over = game.step(over, [action])
    with pytest.raises(ValueError, match="terminal"):
        AlphaBeta(game).analyse(over)


def test_chance_nodes_are_refused() -> None:
    def play(s: Any, a: int) -> None:
        s.ply += 1
        s.to_play = 2
        s.terminal = s.ply == 4

    def legal(s: Any, mask: Any) -> None:
        mask[:] = True

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, 0] = s.ply

    game = lift("dice", num_actions=2, observation_shape=(1, 1, 1), fields=[], play=play, legal=legal, observe=observe)
    with pytest.raises(ValueError, match="chance"):
        AlphaBeta(game).analyse(game.initial())
