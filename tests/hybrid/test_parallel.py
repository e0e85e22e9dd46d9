"""Several leaves of one tree at once: statistics stay exact, budgets are kept, and one at a time is the plain search.

Virtual loss may change which leaves are visited, but must leave no trace once they are counted.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import games
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy
from tests.hybrid.bandits import bandit, logits_of, simulations
from tests.hybrid.fakes import HashEvaluator, NodeView, assert_same, decided, nodes_of, part, sampled, searched, seeds
from tests.hybrid.test_proofs import Leaning, assert_true, root_of
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, world
from tests.minimax_reference import solver

PARALLEL = [2, 8, 64]
DIALS = {"0.5": Dial(simulations=90), "0.75": Dial.at(0.75, simulations=90), "1": Dial.at(1.0, simulations=90)}


def assert_whole(nodes: list[NodeView], movers: list[int]) -> None:
    """That every simulation is counted once on its whole path, and nothing else is."""
    for node, mover in zip(nodes, movers, strict=True):
        assert len(node.edges) > 0 or node.solved
        for edge in node.edges:
            if edge.child is None:
                assert (edge.visits, edge.total) == (0, 0.0)
            else:
                assert edge.visits == nodes[edge.child].visits
                assert edge.total == pytest.approx(nodes[edge.child].totals[mover], abs=1e-9)
        through = sum(edge.visits for edge in node.edges)
        if not node.solved:
            assert node.visits == 1 + through
            below = sum(edge.total for edge in node.edges)
            assert node.totals[mover] == pytest.approx(node.values[mover] + below, abs=1e-9)
        else:
            assert node.visits >= through


def movers_of(search: Search, row: int) -> list[int]:
    """Who moves at each node of a row."""
    return [int(player) for player in search.positions["to_play"][row, : search.tree.size[row]]]


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", DIALS)
def test_no_virtual_loss_remains_and_the_budget_is_kept(dial: str, strategy: Strategy, parallel: int) -> None:
    game, count = games.load("connect_four"), 12
    positions = sampled("connect_four", count, most=26)
    config = SearchConfig(dial=DIALS[dial], strategy=strategy, parallel_leaves=parallel)
    search = searched(game, HashEvaluator(game), config, positions, seeds(count))
    unproven = search.tree.node["solved"][:, 0] == 0
    assert unproven.sum() >= 6
    assert (search.done[unproven] == 90).all()
    assert (search.done <= 90).all()
    root = root_of(search.decisions(np.arange(count)))
    assert (root.visits.sum(axis=1) == search.done).all()
    for row in range(count):
        assert_whole(nodes_of(search, row), movers_of(search, row))


@pytest.mark.parametrize("parallel", PARALLEL)
def test_the_roots_totals_are_the_sum_of_the_leaves_values(parallel: int) -> None:
    """From an empty board nothing is proven or over, so that every node was a leaf once."""
    game = games.load("mnk:m=5,n=5,k=5")
    config = simulations(100, parallel_leaves=parallel)
    search = searched(game, HashEvaluator(game), config, game.initial(3), seeds(3))
    assert search.tree.size.tolist() == [101] * 3
    for row in range(3):
        nodes = nodes_of(search, row)
        for player in (0, 1):
            leaves = sum(node.values[player] for node in nodes)
            assert nodes[0].totals[player] == pytest.approx(leaves, abs=1e-9)


def test_a_round_asks_about_many_leaves_at_once() -> None:
    game = games.load("connect_four")
    for parallel, most in ((1, 101), (10, 30)):
        evaluator = HashEvaluator(game)
        searched(game, evaluator, simulations(100, parallel_leaves=parallel), game.initial(1), seeds(1))
        assert evaluator.evaluations == 101
        assert evaluator.calls <= most


@pytest.mark.parametrize("parallel", PARALLEL)
def test_budgets_that_the_leaves_do_not_divide_are_kept_by_row(parallel: int) -> None:
    game, budgets = games.load("mnk:m=5,n=5,k=5"), np.array([1, 2, 3, 7, 64, 65, 100])
    search = Search(game, HashEvaluator(game), SearchConfig(parallel_leaves=parallel), 7)
    search.begin(np.arange(7), game.initial(7), seeds(7), simulations=budgets)
    search.run()
    decisions = search.decisions(np.arange(7))
    assert search.done.tolist() == budgets.tolist()
    assert root_of(decisions).visits.sum(axis=1).tolist() == budgets.tolist()
    assert decisions.evaluations.tolist() == (budgets + 1).tolist()


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", DIALS)
def test_parallel_searches_repeat_and_rows_leave_each_other_alone(dial: str, strategy: Strategy) -> None:
    game, count = games.load("connect_four"), 12
    positions = sampled("connect_four", count, most=30)
    config = SearchConfig(dial=DIALS[dial], strategy=strategy, parallel_leaves=8)
    together = decided(game, HashEvaluator(game), config, positions, seeds(count))
    assert_same(decided(game, HashEvaluator(game), config, positions, seeds(count)), together)
    for row in range(count):
        alone = decided(game, HashEvaluator(game), config, positions[row : row + 1], seeds(count)[row : row + 1])
        assert_same(alone, part(together, slice(row, row + 1)))


@pytest.mark.parametrize("limit", [5, 21, 50])
def test_rows_leave_each_other_alone_when_room_runs_out(limit: int) -> None:
    """The first row is further than the second when both reach the bound."""
    game = games.load("mnk:m=5,n=5,k=5")
    config = simulations(200, parallel_leaves=8, max_nodes=limit)

    def second(company: bool) -> list[NodeView]:
        search = Search(game, HashEvaluator(game), config, 2)
        for row in (0, 1) if company else (1,):
            search.begin(np.array([row]), game.initial(1), seeds(1, row + 1))
            search.advance()
            if row == 0:
                search.advance()
        search.run()
        assert search.tree.size[1] == limit
        return nodes_of(search, 1)

    assert second(company=True) == second(company=False)


def test_root_noise_and_reuse_go_with_parallel_leaves() -> None:
    game = games.load("connect_four")
    config = simulations(60, parallel_leaves=8)
    search = Search(game, HashEvaluator(game), config, 4)
    positions = game.initial(4)
    for ply in range(4):
        search.begin(np.arange(4), positions, seeds(4, ply + 1), noise_seeds=seeds(4, ply + 50))
        kept = search.tree.size.copy()
        assert (kept > 1).all() == (ply > 0)
        search.run()
        decisions = search.decisions(np.arange(4))
        assert (search.done == 60).all()
        for row in range(4):
            assert_whole(nodes_of(search, row), movers_of(search, row))
        positions = game.step(positions, decisions.actions)


@pytest.mark.parametrize("spec", ["tic_tac_toe", "connect_four:rows=4,columns=4,connect=3"])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", [Dial(simulations=80), Dial.at(1.0, simulations=80)])
def test_no_proof_is_wrong(dial: Dial, strategy: Strategy, spec: str) -> None:
    game, count = games.load(spec), 40
    positions = sampled(spec, count, 1, 6)
    config = SearchConfig(dial=dial, strategy=strategy, parallel_leaves=8)
    search = searched(game, HashEvaluator(game), config, positions, seeds(count))
    decisions = search.decisions(np.arange(count))
    assert sum(assert_true(spec, search, row) for row in range(count)) > count
    for row in np.flatnonzero(search.tree.node["solved"][:, 0]).tolist():
        values = solver(spec).action_values(positions[row : row + 1])
        assert values[int(decisions.actions[row])] == max(values.values())
    for row in range(count):
        assert_whole(nodes_of(search, row), movers_of(search, row))


def test_a_win_is_taken_and_ends_the_search() -> None:
    game = world(Choice(0, [DRAW, Choice(1, [WIN, LOSS]), WIN, LOSS]))
    search = searched(game, HashEvaluator(game), simulations(100, parallel_leaves=16), game.initial(20), seeds(20))
    decisions = search.decisions(np.arange(20))
    assert (decisions.actions == 2).all()
    assert (decisions.values == [1, -1]).all()
    assert (search.done < 40).all()


def test_ends_of_the_game_may_be_met_several_times_in_a_round() -> None:
    """In a bandit whose arms are ends, the statistics are those of so many pulls, however many at once."""
    game = bandit([0.5, -0.25, 0.75])
    for parallel in PARALLEL:
        config = simulations(200, parallel_leaves=parallel)
        search = searched(game, Leaning(game, logits_of([0.2, 0.4, 0.4])), config, game.initial(1), seeds(1))
        decisions = search.decisions(np.arange(1))
        root = root_of(decisions)
        assert root.visits.sum() == 200
        tried = root.visits[0, :3] > 0
        np.testing.assert_allclose(root.q[0, :3][tried], np.array([0.5, -0.25, 0.75])[tried], atol=1e-12)
        assert decisions.actions[0] == 2
        assert search.done[0] == 200


def test_virtual_loss_spreads_the_leaves_of_a_round() -> None:
    """Four equal actions and four leaves at once: a loss on each that waits sends the next one elsewhere."""
    game = bandit([0.0] * 4)
    search = Search(game, Leaning(game, [0, 0, 0, 0]), simulations(4, parallel_leaves=4), 1)
    search.begin(np.arange(1), game.initial(1), seeds(1))
    search.advance()
    assert search.done[0] == 0
    search.advance()
    assert search.done[0] == 4
    assert root_of(search.decisions(np.arange(1))).visits[0].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("dial", DIALS)
def test_where_only_one_leaf_is_asked_for_the_search_is_the_plain_one_bit_for_bit(dial: str) -> None:
    """Simulations bought one by one on a tree that is kept leave nothing to do at the same time."""
    game = games.load("connect_four")
    config = SearchConfig(dial=DIALS[dial])
    assert config.parallel_leaves == 1
    trees = []
    for parallel in (1, 16):
        search = Search(game, HashEvaluator(game), replace(config, parallel_leaves=parallel), 3)
        for step in range(60):
            search.begin(np.arange(3), game.initial(3), seeds(3, 1 + 3 * step), simulations=1)
            search.run()
        trees.append([nodes_of(search, row) for row in range(3)])
        assert [nodes[0].visits for nodes in trees[-1]] == [61] * 3
    for first, second in pairwise(trees):
        assert first == second


@pytest.mark.parametrize("parallel", [0, -1])
def test_at_least_one_leaf(parallel: int) -> None:
    with pytest.raises(ValueError, match=f"parallel_leaves must be between 1 and 1,000,000,000, got {parallel}"):
        SearchConfig(parallel_leaves=parallel)
