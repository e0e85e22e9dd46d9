"""The fused loop makes the trees of the rounds, and the direct end finds the exact move."""

from __future__ import annotations

import numpy as np
import pytest

import games
from hybrid.dial import Dial
from hybrid.evaluate import Evaluator, UniformEvaluator
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy
from tests.hybrid.fakes import HashEvaluator, assert_same, decided, nodes_of, sampled, searched, seeds
from tests.minimax_reference import solver


def by_rounds(
    game: games.Game, evaluator: Evaluator | None, config: SearchConfig, positions: games.Positions
) -> Search:
    """The search, advanced one simulation at a time."""
    search = Search(game, evaluator, config, len(positions))
    search.begin(np.arange(len(positions)), positions, seeds(len(positions)))
    while not search.finished.all():
        search.advance()
    return search


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(
    "dial",
    [
        Dial.at(1.0, simulations=150),
        Dial(simulations=150),
        Dial(simulations=150, prior_weight=0.5, value_weight=0.25),
    ],
)
@pytest.mark.parametrize(("spec", "most"), [("tic_tac_toe", 6), ("connect_four", 26)])
def test_the_fused_loop_equals_the_rounds_bit_for_bit(spec: str, most: int, dial: Dial, strategy: Strategy) -> None:
    game, positions = games.load(spec), sampled(spec, 20, most=most)
    evaluator = UniformEvaluator(game) if dial.consults_network else None
    config = SearchConfig(dial=dial, strategy=strategy)
    fused, rounds = (
        searched(game, evaluator, config, positions, seeds(20)),
        by_rounds(game, evaluator, config, positions),
    )
    assert_same(fused.decisions(np.arange(20)), rounds.decisions(np.arange(20)))
    for row in range(20):
        assert nodes_of(fused, row) == nodes_of(rounds, row)


def test_the_fused_loop_with_root_noise_equals_the_rounds() -> None:
    game, config = games.load("connect_four"), SearchConfig(dial=Dial.at(1.0, simulations=60))
    noise = np.arange(1, 9, dtype=np.uint64)
    positions = game.initial(8)
    fused = decided(game, None, config, positions, seeds(8), noise)
    search = Search(game, None, config, 8)
    search.begin(np.arange(8), positions, seeds(8), noise_seeds=noise)
    while not search.finished.all():
        search.advance()
    assert_same(fused, search.decisions(np.arange(8)))
    assert (np.std([edge.prior for edge in nodes_of(search, 0)[0].edges]) > 0.01).all()


def test_a_search_in_pieces_equals_a_search_at_once() -> None:
    game, config = games.load("connect_four"), SearchConfig(dial=Dial.at(1.0, simulations=90))
    whole = decided(game, None, config, game.initial(3), seeds(3))
    search = Search(game, None, config, 3)
    search.begin(np.arange(3), game.initial(3), seeds(3), simulations=10)
    for budget in (10, 11, 50, 90):
        search.budget[:] = budget
        search.run()
    assert_same(whole, search.decisions(np.arange(3)))


def undecided(count: int) -> games.Positions:
    """The empty board and `count - 1` other tic-tac-toe positions, none of them over."""
    game = games.load("tic_tac_toe")
    return np.concatenate([game.initial(1), sampled("tic_tac_toe", count - 1, least=1, most=7, seed=3)])


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.full)])
def test_20000_simulations_find_the_exact_move_in_every_tic_tac_toe_position(count: int) -> None:
    game, positions, solved = games.load("tic_tac_toe"), undecided(count), solver("tic_tac_toe")
    decisions = decided(game, None, SearchConfig(dial=Dial.at(1.0, simulations=20_000)), positions, seeds(count))
    for row in range(count):
        assert int(decisions.actions[row]) in solved.best_actions(positions[row : row + 1])


@pytest.mark.parametrize("strategy", [Strategy.PUCT, Strategy.UCT])
def test_more_simulations_find_the_exact_move_more_often(strategy: Strategy) -> None:
    """Connect Four on 4 x 4 at 2 to 6 plies, against plain minimax."""
    spec = "connect_four:rows=4,columns=4,connect=3"
    game, positions, solved = games.load(spec), sampled(spec, 200, least=2, most=6), solver(spec)
    best = [solved.best_actions(positions[row : row + 1]) for row in range(200)]
    shares = []
    for simulations in (4, 40, 400, 20_000):
        config = SearchConfig(dial=Dial.at(1.0, simulations=simulations), strategy=strategy)
        actions = decided(game, None, config, positions, seeds(200)).actions.tolist()
        shares.append(np.mean([action in moves for action, moves in zip(actions, best, strict=True)]))
    assert shares == sorted(shares)
    assert shares[0] < 0.95
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    "dial",
    [
        Dial.at(0.25, simulations=9_000_000),
        Dial.at(0.5, simulations=3000),
        Dial.at(0.75, simulations=3000),
        Dial(simulations=3000, prior_weight=1.0, value_weight=0.0),
        Dial(simulations=3000, prior_weight=0.0, value_weight=1.0),
    ],
)
def test_in_the_limit_every_dial_finds_the_exact_move_whatever_the_network_says(dial: Dial) -> None:
    game, solved = games.load("tic_tac_toe"), solver("tic_tac_toe")
    positions = sampled("tic_tac_toe", 60, least=3, most=7, seed=5)
    assert dial.simulations == 3000
    decisions = decided(game, HashEvaluator(game), SearchConfig(dial=dial), positions, seeds(60))
    for row in range(60):
        assert int(decisions.actions[row]) in solved.best_actions(positions[row : row + 1])
