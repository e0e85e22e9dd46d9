"""The batched search against the search of plain objects, and each row against itself alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax
from scipy.stats import entropy

import games
from games import Game, Positions
from hybrid import agents
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy
from tests.hybrid.fakes import (
    Floats,
    HashEvaluator,
    NodeView,
    assert_same,
    decided,
    nodes_of,
    part,
    sampled,
    searched,
    seeds,
)
from tests.hybrid.worlds import LOSS, WIN, Choice, world
from tests.reference import Node, ReferenceSearch

GAMES = {"tic_tac_toe": 6, "connect_four": 26}
"""Games, and the most random plies before a position."""
N = 32
DIALS = {
    "0.3": Dial.at(0.3, simulations=N**2),
    "0.5": Dial.at(0.5, simulations=N),
    "0.75": Dial.at(0.75, simulations=N),
    "0.95": Dial.at(0.95, simulations=N),
    "1": Dial.at(1.0, simulations=N),
    "own mixture": Dial(simulations=N, prior_weight=0.2, value_weight=0.9),
    "network prior, rollouts": Dial(simulations=N, prior_weight=1.0, value_weight=0.0),
    "uniform prior, network values": Dial(simulations=N, prior_weight=0.0, value_weight=1.0),
}


def assert_same_tree(search: Search, row: int, reference: ReferenceSearch) -> None:
    """That a row's whole tree is the reference's: visits, values, priors and proofs of every node and edge."""
    nodes, met = nodes_of(search, row), 0

    def compare(found: NodeView, expected: Node) -> None:
        nonlocal met
        met += 1
        assert found.position == expected.position.tobytes()
        assert found.visits == expected.visits
        assert found.totals == expected.totals
        assert found.values == expected.values.tolist()
        assert found.solved == expected.solved
        for edge, other in zip(found.edges, expected.edges, strict=True):
            assert (edge.action, edge.prior) == (other.action, float(other.prior))
            assert (edge.visits, edge.total, edge.proof) == (other.visits, other.total, other.proof)
            assert (edge.child is None) == (other.child is None)
            if edge.child is not None and other.child is not None:
                compare(nodes[edge.child], other.child)

    assert reference.root is not None
    compare(nodes[0], reference.root)
    assert met == len(nodes)


def assert_same_decision(search: Search, row: int, reference: ReferenceSearch) -> None:
    """That a row's move, policy and cost are the reference's."""
    decisions = search.decisions(np.array([row]))
    assert decisions.actions[0] == reference.choose()
    assert decisions.evaluations[0] == reference.evaluations
    assert decisions.plies[0] == reference.plies
    target = reference.target()
    expected = [target.get(action, 0.0) for action in range(search.game.num_actions)]
    np.testing.assert_allclose(decisions.policy[0], expected, atol=1e-7)


def compare_with_reference(spec: str, config: SearchConfig, count: int) -> None:
    game = games.load(spec)
    positions = sampled(spec, count, most=GAMES[spec])
    evaluator = HashEvaluator(game)
    search = searched(game, evaluator, config, positions, seeds(count))
    for row in range(count):
        reference = ReferenceSearch(game, evaluator, config)
        reference.begin(positions[row : row + 1], int(seeds(count)[row]))
        reference.run(config.dial.simulations)
        assert_same_tree(search, row, reference)
        assert_same_decision(search, row, reference)


@pytest.mark.parametrize("dial", DIALS)
@pytest.mark.parametrize("spec", GAMES)
def test_every_tree_is_the_reference_searchs(spec: str, dial: str) -> None:
    compare_with_reference(spec, SearchConfig(dial=DIALS[dial]), 40)


@pytest.mark.full
@pytest.mark.parametrize("dial", DIALS)
@pytest.mark.parametrize("spec", GAMES)
def test_every_larger_tree_is_the_reference_searchs(spec: str, dial: str) -> None:
    place = DIALS[dial]
    deeper = Dial(simulations=150, prior_weight=place.prior_weight, value_weight=place.value_weight)
    compare_with_reference(spec, SearchConfig(dial=deeper), 300)


@pytest.mark.parametrize(
    "config",
    [
        SearchConfig(dial=Dial(simulations=40), c_puct=0.3, fpu_reduction=0.0),
        SearchConfig(dial=Dial(simulations=40), c_puct=5.0, fpu_reduction=1.0, c_base=10.0),
        SearchConfig(dial=Dial(simulations=40, value_weight=0.5), c_puct=0.5, c_rollout=4.0),
    ],
)
def test_trees_follow_the_configured_numbers(config: SearchConfig) -> None:
    compare_with_reference("connect_four", config, 15)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", ["0.5", "0.75", "1"])
def test_each_row_of_a_batch_equals_that_row_alone(dial: str, strategy: Strategy) -> None:
    game = games.load("connect_four")
    config = SearchConfig(dial=DIALS[dial], strategy=strategy)
    positions, evaluator = sampled("connect_four", 24, most=26), HashEvaluator(game)
    together = decided(game, evaluator, config, positions, seeds(24))
    for row in range(24):
        alone = decided(game, evaluator, config, positions[row : row + 1], seeds(24)[row : row + 1])
        assert_same(alone, part(together, slice(row, row + 1)))


@pytest.mark.parametrize("dial", ["0.5", "0.75", "1"])
def test_rows_that_begin_at_different_times_search_as_rows_that_begin_together(dial: str) -> None:
    game = games.load("connect_four")
    config, evaluator = SearchConfig(dial=DIALS[dial]), HashEvaluator(game)
    positions = sampled("connect_four", 12, most=26)
    together = decided(game, evaluator, config, positions, seeds(12))
    search = Search(game, evaluator, config, 5)
    waiting, at = list(range(12)), dict[int, int]()
    while waiting or not search.finished.all():
        for row in np.flatnonzero(search.finished)[:1].tolist():
            if row in at:
                assert_same(search.decisions(np.array([row])), part(together, [at.pop(row)]))
            if waiting:
                at[row] = waiting.pop(0)
                search.clear(np.array([row]))
                search.begin(np.array([row]), positions[[at[row]]], seeds(12)[[at[row]]])
        search.advance()
    for row, index in at.items():
        assert_same(search.decisions(np.array([row])), part(together, [index]))


def test_each_row_has_its_own_budget_and_each_simulation_adds_one_visit() -> None:
    game = games.load("connect_four")
    positions, budgets = game.initial(6), np.array([1, 2, 3, 10, 40, 100])
    for dial in (Dial(), Dial.at(1.0)):
        search = Search(game, HashEvaluator(game), SearchConfig(dial=dial), 6)
        search.begin(np.arange(6), positions, seeds(6), simulations=budgets)
        search.run()
        root = search.decisions(np.arange(6)).root
        assert root is not None
        assert root.visits.sum(axis=1).tolist() == budgets.tolist()
        assert search.done.tolist() == budgets.tolist()


def test_an_evaluator_is_asked_once_a_round_and_never_about_the_end_of_a_game() -> None:
    game = games.load("tic_tac_toe")
    asked: list[Positions] = []

    class Listening(HashEvaluator):
        def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
            asked.append(positions.copy())
            return super().__call__(positions)

    positions = sampled("tic_tac_toe", 30, most=7)
    decisions = decided(game, Listening(game), SearchConfig(dial=Dial(simulations=30)), positions, seeds(30))
    assert len(asked) <= 31
    assert not np.concatenate(asked)["terminal"].any()
    assert decisions.evaluations.sum() == sum(map(len, asked))
    assert not decisions.plies.any()


def test_the_root_tells_prior_visits_values_and_the_gap() -> None:
    game = games.load("connect_four")
    positions, evaluator = sampled("connect_four", 30, most=10), HashEvaluator(game)
    dial = Dial(simulations=50, prior_weight=0.5)
    decisions = decided(game, evaluator, SearchConfig(dial=dial), positions, seeds(30))
    root, legal = decisions.root, game.legal_actions(positions)
    logits = np.where(legal, evaluator(positions)[0].astype(np.float64), -np.inf)
    assert root is not None
    assert root.network_policy is not None
    assert decisions.gap is not None
    np.testing.assert_allclose(root.prior, softmax(0.5 * logits, axis=1), atol=3e-5)
    np.testing.assert_allclose(root.network_policy, softmax(logits, axis=1), atol=1e-6)
    np.testing.assert_allclose(decisions.gap, entropy(decisions.policy, softmax(logits, axis=1), axis=1), rtol=1e-5)
    assert not root.visits[~legal].any()
    assert np.isnan(root.q[~legal]).all()
    assert (np.isnan(root.q) == (root.visits == 0)).all()
    assert np.nanmax(abs(root.q)) <= 1.0
    open_rows = np.isnan(root.proven).all(axis=1)
    assert open_rows.sum() > 10
    shares = root.visits / root.visits.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(decisions.policy[open_rows], shares[open_rows], rtol=1e-6)
    mover = positions["to_play"].astype(np.int64)
    means = (np.nan_to_num(root.q) * root.visits).sum(axis=1) + evaluator(positions)[1][np.arange(30), mover]
    np.testing.assert_allclose(
        decisions.values[np.arange(30), mover][open_rows], (means / (1 + root.visits.sum(axis=1)))[open_rows], rtol=1e-5
    )


def test_the_gain_is_what_the_move_is_worth_above_the_networks_own() -> None:
    game = world(Choice(0, [LOSS, WIN]))
    decisions = decided(game, Favouring(game, 0), SearchConfig(dial=Dial(simulations=9)), game.initial(1), seeds(1))
    assert decisions.actions[0] == 1
    assert decisions.gain is not None
    assert decisions.gain[0] == 2.0


class Favouring(HashEvaluator):
    """A network that is nearly sure of one action and sees every position as even."""

    def __init__(self, game: Game, action: int, logit: float = 4.0) -> None:
        super().__init__(game)
        self._logits = np.where(np.arange(game.num_actions) == action, logit, 0.0).astype(np.float32)

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        _, values = super().__call__(positions)
        return np.tile(self._logits, (len(positions), 1)), np.zeros_like(values)


def noisy(config: SearchConfig, noise_seeds: npt.NDArray[np.uint64] | None, count: int = 1) -> Any:
    game = games.load("connect_four")
    return decided(game, HashEvaluator(game), config, game.initial(count), seeds(count), noise_seeds)


def test_root_noise_comes_only_with_noise_seeds() -> None:
    config = SearchConfig(dial=Dial(simulations=30))
    plain = noisy(config, None)
    assert_same(noisy(config, None), plain)
    first, again, other = (noisy(config, np.array([seed], np.uint64)) for seed in (5, 5, 6))
    assert_same(first, again)
    assert (first.root.prior != plain.root.prior).any()
    assert (first.root.prior != other.root.prior).any()
    np.testing.assert_array_equal(first.root.network_policy, plain.root.network_policy)


def test_root_noise_is_dirichlet() -> None:
    """Each of n components of a symmetric Dirichlet of total 10 has mean 1/n and variance (1/n)(1 - 1/n) / 11."""
    config = SearchConfig(dial=Dial(simulations=1), noise_fraction=0.25, dirichlet_total=10.0)
    plain = noisy(config, None).root.prior.astype(np.float64)
    mixed = noisy(config, np.arange(1, 2001, dtype=np.uint64), 2000).root.prior.astype(np.float64)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, atol=1e-6)
    noise = (mixed - 0.75 * plain) / 0.25
    np.testing.assert_allclose(noise.mean(axis=0), 1 / 7, atol=0.01)
    np.testing.assert_allclose(noise.var(axis=0), (1 / 7) * (6 / 7) / 11, rtol=0.15)


def test_the_search_follows_the_noisy_prior() -> None:
    config = SearchConfig(dial=Dial(simulations=1), noise_fraction=1.0)
    decisions = noisy(config, np.arange(1, 101, dtype=np.uint64), 100)
    np.testing.assert_array_equal(decisions.actions, decisions.root.prior.argmax(axis=1))
    np.testing.assert_array_equal(decisions.policy.argmax(axis=1), decisions.actions)
    assert len(set(decisions.actions.tolist())) == 7


@pytest.mark.parametrize("dial", [Dial(simulations=500), Dial.at(1.0, simulations=500)])
@pytest.mark.parametrize("limit", [2, 3, 10, 100])
def test_a_search_ends_at_max_nodes(dial: Dial, limit: int) -> None:
    game = games.load("connect_four")
    search = searched(game, HashEvaluator(game), SearchConfig(dial=dial, max_nodes=limit), game.initial(3), seeds(3))
    assert search.finished.all()
    assert search.tree.size.tolist() == [limit] * 3
    assert search.positions.shape == (3, limit)
    root = search.decisions(np.arange(3)).root
    assert root is not None
    assert root.visits.sum(axis=1).tolist() == [limit - 1] * 3


def test_trees_of_large_nodes_are_bounded_by_bytes() -> None:
    small, large = games.load("connect_four"), games.load("go:size=19")
    assert Search(small, None, SearchConfig(dial=Dial.at(1.0)), 1).max_nodes == 4_000_000
    search = Search(large, None, SearchConfig(dial=Dial.at(1.0)), 1)
    assert 0.99 * 2**31 < search.max_nodes * search.forest.node_bytes <= 2**31
    assert agents.load("mcts?max_nodes=5000000", large).config.max_nodes == 5_000_000  # type: ignore[attr-defined]


def test_memory_is_made_for_the_budget_and_not_for_more() -> None:
    game = games.load("connect_four")
    for dial in (Dial(simulations=20), Dial.at(1.0, simulations=20)):
        search = searched(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(4), seeds(4))
        assert search.positions.shape[1] <= 22


def test_node_bytes_are_what_the_arrays_take() -> None:
    game = games.load("connect_four")
    for dial in (Dial(simulations=50), Dial.at(1.0, simulations=50)):
        search = searched(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(1), seeds(1))
        taken = sum(array.nbytes for array in search.tree if array.ndim > 1) + search.positions.nbytes
        assert taken == search.forest.capacity * search.forest.node_bytes


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"c_puct": 0.0}, "c_puct"),
        ({"c_rollout": -1.0}, "c_rollout"),
        ({"c_base": 0.0}, "c_base"),
        ({"c_puct": float("nan")}, "c_puct"),
        ({"fpu_reduction": -0.1}, "fpu_reduction"),
        ({"dirichlet_total": 0.0}, "dirichlet_total"),
        ({"noise_fraction": 1.5}, "noise_fraction"),
        ({"max_nodes": 1}, "max_nodes"),
        ({"leaf_nodes": -1}, "leaf_nodes"),
    ],
)
def test_bad_numbers_are_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be.*got {next(iter(options.values()))}"):
        SearchConfig(**options)


def test_impossible_searches_are_refused() -> None:
    game = games.load("tic_tac_toe")
    with pytest.raises(ValueError, match="simulations must be at least 1"):
        Search(game, HashEvaluator(game), SearchConfig(dial=Dial(simulations=0)), 1)
    with pytest.raises(ValueError, match="network"):
        Search(game, None, SearchConfig(dial=Dial.at(0.5)), 1)
    search, rows = Search(game, HashEvaluator(game), SearchConfig(), 1), np.arange(1)
    over = play(game, [0, 3, 1, 4, 2])
    with pytest.raises(ValueError, match="positions must not be terminal"):
        search.begin(rows, over, seeds(1))
    for budget in (0, -3):
        with pytest.raises(ValueError, match=f"simulations must be at least 1, got {budget}"):
            search.begin(rows, game.initial(1), seeds(1), simulations=budget)
    with pytest.raises(ValueError, match="rows must have expanded roots"):
        search.decisions(rows)
    search.begin(rows, game.initial(1), seeds(1))
    with pytest.raises(ValueError, match="rows must have expanded roots"):
        search.decisions(rows)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part_wrong", [0, 1])
def test_an_evaluator_that_is_not_finite_is_refused(wrong: float, part_wrong: int) -> None:
    """It would lead the selection nowhere, for ever."""
    game = games.load("connect_four")

    class Broken(HashEvaluator):
        def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
            answers = super().__call__(positions)
            if self.calls == 3:
                answers[part_wrong][0, 1] = wrong
            return answers

    with pytest.raises(ValueError, match="the evaluator must return finite logits and values"):
        decided(game, Broken(game), SearchConfig(), game.initial(2), seeds(2))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: None, "got None"),
        (lambda n: np.zeros((n, 9)), r"of shapes \(2, A\) and \(2, P\), got \(9,\) and \(9,\)"),
        (lambda n: (np.zeros((n, 8)), np.zeros((n, 2))), "9 logits and 2 values for each position, got 8 and 2"),
        (lambda n: (np.zeros((n, 1)), np.zeros((n, 2))), "got 1 and 2"),
        (lambda n: (np.zeros((1, 9)), np.zeros((1, 2))), r"got \(1, 9\) and \(1, 2\)"),
        (lambda n: (np.zeros((n, 9)), np.zeros(n)), r"got \(2, 9\) and \(2,\)"),
        (lambda n: (np.zeros((n, 9)), np.zeros((n, 1))), "got 9 and 1"),
        (lambda n: (np.zeros((n, 9)), np.full((n, 2), 50.0)), r"values in \[-1, 1\], got 50 to 50"),
        (lambda n: (np.full((n, 9), "a"), np.zeros((n, 2))), "two arrays, logits and values"),
    ],
)
@pytest.mark.parametrize("dial", [Dial.at(0.0), Dial(simulations=8)])
def test_an_evaluator_that_answers_something_else_is_refused(
    answer: Callable[[int], Any], message: str, dial: Dial
) -> None:
    """Kernels would read past the ends of its arrays."""
    game = games.load("tic_tac_toe")
    config = SearchConfig(dial=dial, symmetric=False)
    agent = SearchAgent(game, lambda positions: answer(len(positions)), config, name="mine")
    with pytest.raises(ValueError, match=f"the evaluator must return .*{message}"):
        agent.decide(game.initial(2), seeds(2))
    if dial.searches:
        with pytest.raises(ValueError, match=f"the evaluator must return .*{message}"):
            decided(game, lambda positions: answer(len(positions)), config, game.initial(2), seeds(2))


def test_an_evaluator_may_answer_in_any_numbers_and_keeps_its_arrays() -> None:
    game, positions = games.load("tic_tac_toe"), sampled("tic_tac_toe", 20, least=1, most=6)

    class Doubles(HashEvaluator):
        def __call__(self, positions: Positions) -> Any:
            logits, values = super().__call__(positions)
            answers.append((np.asfortranarray(logits, np.float64), values.astype(np.float64)))
            kept.append(tuple(array.copy() for array in answers[-1]))
            return answers[-1]

    answers: list[Any] = []
    kept: list[Any] = []
    found = decided(game, Doubles(game), SearchConfig(), positions, seeds(20))
    assert_same(found, decided(game, HashEvaluator(game), SearchConfig(), positions, seeds(20)))
    for answer, before in zip(answers, kept, strict=True):
        for array, was in zip(answer, before, strict=True):
            np.testing.assert_array_equal(array, was)


def test_logits_of_illegal_actions_may_be_anything() -> None:
    game, positions = games.load("tic_tac_toe"), sampled("tic_tac_toe", 20, least=1, most=6)

    class Masking(HashEvaluator):
        def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
            logits, values = super().__call__(positions)
            return np.where(game.legal_actions(positions), logits, np.float32(-np.inf)), values

    plain, masked = (
        decided(game, e, SearchConfig(), positions, seeds(20)) for e in (HashEvaluator(game), Masking(game))
    )
    assert_same(plain, masked)


def play(game: Game, actions: list[int]) -> Positions:
    """The position after `actions`."""
    position = game.initial(1)
    for action in actions:
        position = game.step(position, [action])
    return position
