"""The strategies against numbers worked out by hand and facts from their papers.

Gumbel is Danihelka et al. 2022, "Policy improvement by planning with Gumbel"; Grill is Grill et al. 2020, "Monte-Carlo
tree search as regularized policy optimization". Q values are in [-1, 1] here, in [0, 1] in the former.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import chisquare

import games
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy, Target
from tests.hybrid.bandits import bandit, forged, logits_of, next_action, simulations
from tests.hybrid.fakes import HashEvaluator, decided, nodes_of, sampled, searched, seeds
from tests.hybrid.test_proofs import Leaning, root_of
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, world

GUMBEL, UCT = Strategy.GUMBEL, Strategy.UCT
LN2 = float(np.log(2.0))
BOARD = "mnk:m=5,n=5,k=5"
"""25 actions, and no game ends before the ninth ply."""


def on_board(config: SearchConfig, count: int = 1, noise: bool = False) -> Search:
    """Searches of the empty board by a network that prefers each action a little to the one before it."""
    game = games.load(BOARD)
    evaluator = Leaning(game, [0.05 * action for action in range(25)])
    return searched(game, evaluator, config, game.initial(count), seeds(count), seeds(count, 7) if noise else None)


def pulled(
    payoffs: Sequence[float], prior: Sequence[float], config: SearchConfig, count: int = 1, noise: bool = False
) -> Search:
    """Searches of a bandit."""
    game = bandit(payoffs)
    evaluator = Leaning(game, logits_of(prior))
    return searched(game, evaluator, config, game.initial(count), seeds(count), seeds(count, 7) if noise else None)


def visits_of(search: Search) -> npt.NDArray[np.int64]:
    """`[B, A]` the visits of the root actions."""
    return root_of(search.decisions(np.arange(len(search.seeds)))).visits


# Gumbel: sequential halving.


@pytest.mark.parametrize(
    ("budget", "considered", "best"),
    [
        (16, 4, [6, 6, 2, 2]),  # 2 phases of 8 simulations: 4 x 2, 2 x 4
        (16, 16, [1] * 16),  # the first phase takes all
        (50, 16, [12, 12, 5, 5, 2, 2, 2, 2] + [1] * 8),  # 16 x 1, 8 x 1, 4 x 3, 2 x 6, and 2 simulations are left
        (200, 16, [49, 49, 21, 21, 9, 9, 9, 9] + [3] * 8),  # the paper's figure 1: 16 x 3, 8 x 6, 4 x 12, 2 x 25, +6
        (42, 7, [14, 14, 6, 2, 2, 2, 2]),  # 3 phases: 7 x 2, 3 x 4, 2 x 7, and 2 are left
        (4, 16, [1, 1, 1, 1]),
        (1, 16, [1]),
        (30, 1, [30]),
        (9, 2, [5, 4]),
    ],
)
def test_sequential_halving_visits(budget: int, considered: int, best: list[int]) -> None:
    """Where all values are equal, the prior alone says who is considered and who survives each phase."""
    visits = visits_of(on_board(simulations(budget, strategy=GUMBEL, max_considered=considered)))[0]
    assert visits.tolist() == [0] * (25 - len(best)) + best[::-1]


def test_each_phase_visits_its_candidates_equally_often_and_keeps_the_better_half() -> None:
    """16 simulations, 4 actions: all four twice, then the best two four times; the prior is against both of them."""
    config = simulations(16, strategy=GUMBEL, max_considered=4)
    game = bandit([-0.5, 0.0, 0.5, 0.25])
    search = Search(game, Leaning(game, logits_of([0.4, 0.3, 0.2, 0.1])), config, 1)
    search.begin(np.arange(1), game.initial(1), seeds(1))
    search.advance()
    taken = [next_action(search) for _ in range(16)]
    assert [sorted(taken[first : first + 4]) for first in (0, 4)] == [[0, 1, 2, 3]] * 2
    assert [sorted(taken[first : first + 2]) for first in range(8, 16, 2)] == [[2, 3]] * 4
    decisions = search.decisions(np.arange(1))
    assert decisions.actions[0] == 2
    assert search.finished.all()


@pytest.mark.parametrize(("difference", "action"), [(0.0158, 0), (0.0160, 1)])
def test_prior_and_value_are_weighed_at_the_root_by_sigma(difference: float, action: int) -> None:
    """Visited once, sigma is (50 + 1) times the value in [0, 1]; log(0.6 / 0.4) = 0.405465 = 51 x 0.0159006 / 2."""
    decisions = pulled([0.0, difference], [0.6, 0.4], simulations(2, strategy=GUMBEL)).decisions(np.arange(1))
    assert root_of(decisions).visits[0].tolist() == [1, 1, 0, 0]
    assert decisions.actions[0] == action


@pytest.mark.parametrize(("c_scale", "action"), [(0.7, 1), (0.2, 0)])
@pytest.mark.parametrize("c_visit", [8.0, 9.0])
def test_sigma_follows_its_two_numbers(c_visit: float, c_scale: float, action: int) -> None:
    """(9 or 10) x 0.7 x 0.2 / 2 is above log(1.5) = 0.405, and the same with 0.2 below."""
    config = simulations(2, strategy=GUMBEL, c_visit=c_visit, c_scale=c_scale)
    assert pulled([0.0, 0.2], [0.6, 0.4], config).decisions(np.arange(1)).actions[0] == action


# Gumbel: completed Q and the improved policy.


def test_the_improved_policy_by_hand() -> None:
    """Sigma is (50 + 3) (q + 1) / 2. With u = 2 log 2 / 53, one u more of value doubles an action's weight.

    The actions have q = 0, q = u and no visit. For the last, v_mix = (v + 4 (1/2 x 0 + 1/4 x u) / (3/4)) / 5, which is
    2 u at v = 26 u / 3. So the weights are 1/2, 1/4 x 2 and 1/4 x 4.
    """
    u = 2 * LN2 / 53
    search = forged(simulations(4, strategy=GUMBEL), [0.5, 0.25, 0.25], [3, 1, 0], [0.0, u, 0.0], value=26 * u / 3)
    np.testing.assert_allclose(search.policies(0)[0], [0.25, 0.25, 0.5, 0.0], rtol=1e-5)
    np.testing.assert_allclose(search.decisions(np.arange(1)).policy[0], [0.25, 0.25, 0.5, 0.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("visits", "totals", "value", "draws", "completed"),
    [
        ([2, 1, 0, 0], [1.0, -1 / 4, 0, 0], 3 / 5, [], [1 / 2, -1 / 4, 3 / 10, 3 / 10]),
        ([0, 0, 4, 0], [0, 0, 2.0, 0], -1 / 2, [], [3 / 10, 3 / 10, 1 / 2, 3 / 10]),
        ([1, 1, 1, 1], [1 / 8, 1 / 4, -1 / 2, 0.0], 1.0, [], [1 / 8, 1 / 4, -1 / 2, 0.0]),
        ([2, 1, 0, 0], [1.0, -1 / 4, 0, 0], 3 / 5, [0], [0.0, -1 / 4, 3 / 40, 3 / 40]),
    ],
)
def test_completed_values_by_hand(
    visits: list[int], totals: list[float], value: float, draws: list[int], completed: list[float]
) -> None:
    """With prior (1/2, 1/3, 1/12, 1/12), v_mix = (v + N x mean of the visited q weighed by prior) / (1 + N).

    First: (3/5 + 3 (1/4 - 1/12) / (5/6)) / 4 = 3/10. Second: (-1/2 + 4 x 1/2) / 5 = 3/10. Last, where the first action
    is a proven draw and so worth 0 whatever its mean: (3/5 + 3 (-1/12) / (5/6)) / 4 = 3/40.

    Sigma is 1 + max N times (q + 1) / 2 here, so that log(improved / prior) is known up to a constant.
    """
    prior = np.array([1 / 2, 1 / 3, 1 / 12, 1 / 12])
    config = simulations(sum(visits), strategy=GUMBEL, c_visit=1.0)
    improved, _ = forged(config, prior.tolist(), visits, totals, value, draws).policies(0)
    risen = 2 * np.log(improved / prior) / (1 + max(visits))
    np.testing.assert_allclose(risen - risen[0], np.array(completed) - completed[0], atol=1e-6)


def test_before_any_simulation_every_policy_is_the_prior() -> None:
    search = forged(simulations(1), [0.5, 0.3, 0.2], [0, 0, 0], [0.0, 0.0, 0.0], value=0.3)
    for policy in search.policies(0):
        np.testing.assert_allclose(policy, [0.5, 0.3, 0.2, 0.0], rtol=1e-6)


def test_where_all_is_lost_all_is_equally_good() -> None:
    """Every action has the value -1, so that nothing moves the improved policy away from the prior."""
    game = world(Choice(0, [LOSS] * 3))
    search = searched(game, Leaning(game, logits_of([0.5, 0.3, 0.2])), simulations(20), game.initial(1), seeds(1))
    assert (root_of(search.decisions(np.arange(1))).proven[0, :3] == -1.0).all()
    for policy in search.policies(0):
        np.testing.assert_allclose(policy, [0.5, 0.3, 0.2, 0.0], rtol=1e-6)


@pytest.mark.parametrize("strategy", Strategy)
def test_policies_from_a_search_are_worth_at_least_the_prior_in_bandits(strategy: Strategy) -> None:
    """Policy improvement (Gumbel, section 4; Grill, section 3) where all arms were pulled: q is what they pay."""
    rng = np.random.default_rng(3)
    gains = []
    for _ in range(15):
        payoffs, prior = rng.uniform(-1, 1, 4), rng.dirichlet(np.ones(4))
        search = pulled(payoffs.tolist(), prior.tolist(), simulations(100, strategy=strategy, fpu_reduction=0.0))
        if visits_of(search)[0].all():
            gains.append([policy @ payoffs - prior @ payoffs for policy in search.policies(0)])
    assert len(gains) >= 10
    assert np.min(gains) >= -1e-6
    assert np.mean(gains, axis=0).min() > 0.2


@pytest.mark.parametrize("strategy", Strategy)
def test_policies_from_a_search_are_worth_at_least_the_prior_in_games(strategy: Strategy) -> None:
    game, count = games.load("connect_four"), 100
    positions = sampled("connect_four", count, most=20)
    legal = game.legal_actions(positions)
    search = searched(
        game, HashEvaluator(game), simulations(60, strategy=strategy, c_puct=5.0), positions, seeds(count)
    )
    root, checked = root_of(search.decisions(np.arange(count))), 0
    for row in range(count):
        if (root.visits[row][legal[row]] > 0).all() and np.isnan(root.proven[row]).all():
            q, prior = np.nan_to_num(root.q[row]), root.prior[row].astype(np.float64)
            checked += 1
            for policy in search.policies(row):
                np.testing.assert_allclose(policy.sum(), 1.0, rtol=1e-6)
                assert not policy[~legal[row]].any()
                assert policy @ q >= prior @ q - 1e-6
    assert checked > 10


# Gumbel: the root's noise.

PRIOR = [0.5, 0.3, 0.2]


def test_one_simulation_without_noise_takes_the_most_probable_action() -> None:
    game, positions = games.load("connect_four"), sampled("connect_four", 50, most=20)
    evaluator = HashEvaluator(game)
    decisions = decided(game, evaluator, simulations(1, strategy=GUMBEL), positions, seeds(50))
    logits = np.where(game.legal_actions(positions), evaluator(positions)[0], -np.inf)
    unproven = np.isnan(root_of(decisions).proven).all(axis=1)
    assert unproven.sum() > 35
    np.testing.assert_array_equal(decisions.actions[unproven], logits.argmax(axis=1)[unproven])


@pytest.mark.parametrize("budget", [1, 16])
def test_with_noise_and_equal_values_the_move_is_drawn_from_the_prior(budget: int) -> None:
    """The Gumbel-max trick: argmax(g + logits) has distribution softmax(logits)."""
    search = pulled([0.0] * 3, PRIOR, simulations(budget, strategy=GUMBEL), 3000, noise=True)
    actions = search.decisions(np.arange(3000)).actions
    assert chisquare(np.bincount(actions, minlength=3), 3000 * np.array(PRIOR)).pvalue > 1e-3


def test_with_noise_the_considered_actions_are_drawn_without_replacement() -> None:
    """Two of three: {0, 1} has 0.5 x 0.3 / 0.5 + 0.3 x 0.5 / 0.7 = 18/35, {0, 2} 0.2 + 1/8, {1, 2} the rest."""
    search = pulled([0.0] * 3, PRIOR, simulations(2, strategy=GUMBEL, max_considered=2), 3000, noise=True)
    visits = visits_of(search)
    assert (visits.sum(axis=1) == 2).all()
    assert visits.max() == 1
    missing = np.bincount(visits[:, :3].argmin(axis=1), minlength=3)
    expected = np.array([1 - 18 / 35 - 13 / 40, 13 / 40, 18 / 35])
    assert chisquare(missing, 3000 * expected).pvalue > 1e-3


def test_sampled_actions_improve_the_policy_where_the_most_probable_ones_do_not() -> None:
    """The paper's example: values (0, 0, 1), prior (0.5, 0.3, 0.2) and two simulations.

    The prior is worth 0.2, the better of its two most probable actions 0. Sampled without replacement, the third action
    is among the two with probability 0.2 + 0.5 x 0.2 / 0.5 + 0.3 x 0.2 / 0.7 = 17/35, and then found to be the best.
    """
    config = simulations(2, strategy=GUMBEL, max_considered=2)
    plain = pulled([-0.9, -0.9, 0.9], PRIOR, config).decisions(np.arange(1))
    assert plain.actions[0] != 2
    sampling = pulled([-0.9, -0.9, 0.9], PRIOR, config, 3000, noise=True).decisions(np.arange(3000))
    assert abs(np.mean(sampling.actions == 2) - 17 / 35) < 0.03


@pytest.mark.parametrize(("budget", "considered"), [(2, 2), (3, 2), (4, 4), (16, 4)])
def test_the_move_is_worth_at_least_the_prior_at_any_budget(budget: int, considered: int) -> None:
    """Gumbel's policy improvement, on average over its noise; arms differ in what they pay and in their prior."""
    rng = np.random.default_rng(4)
    for _ in range(5):
        payoffs, prior = rng.uniform(-1, 1, 4), rng.dirichlet(np.ones(4))
        config = simulations(budget, strategy=GUMBEL, max_considered=considered)
        actions = pulled(payoffs.tolist(), prior.tolist(), config, 500, noise=True).decisions(np.arange(500)).actions
        assert payoffs[actions].mean() > prior @ payoffs - 3 * payoffs.std() / np.sqrt(500)


@pytest.mark.parametrize(("prior_weight", "considered"), [(0.0, 25), (1.0, 16)])
def test_without_a_prior_all_legal_actions_are_considered(prior_weight: float, considered: int) -> None:
    dial = Dial(simulations=25, prior_weight=prior_weight)
    visits = visits_of(on_board(SearchConfig(dial=dial, strategy=GUMBEL)))[0]
    assert (visits > 0).sum() == considered
    assert visits.sum() == 25


def test_without_a_prior_ties_are_broken_evenly_by_seed() -> None:
    dial = Dial(simulations=1, prior_weight=0.0)
    search = on_board(SearchConfig(dial=dial, strategy=GUMBEL), 2500)
    counts = np.bincount(search.decisions(np.arange(2500)).actions, minlength=25)
    assert chisquare(counts).pvalue > 1e-3


# Gumbel below the root, and with proofs.


def chain(length: int) -> Choice:
    """A position from which one legal move after another leads to a draw."""
    return Choice(0, [chain(length - 1) if length else DRAW])


def test_below_the_root_visits_follow_the_improved_policy() -> None:
    """Equal values leave the prior (1/2, 1/4, 1/4) as it is.

    Of policy - visits / (1 + all visits), the largest is at first that of action 0, then of 1 and 2 (1/4 each, against
    0 and 1/6), then of 0 again (1/4 against 0): 2, 1 and 1 visits after four simulations, 4, 2 and 2 after eight.
    """
    game = world(Choice(0, [Choice(0, [chain(5)] * 3)]))
    evaluator = Leaning(game, [LN2, 0, 0, 0])
    for budget, expected in ((3, [1, 1, 0]), (5, [2, 1, 1]), (9, [4, 2, 2])):
        search = searched(game, evaluator, simulations(budget, strategy=GUMBEL), game.initial(1), seeds(1))
        root, below, *_ = nodes_of(search, 0)
        assert root.edges[0].visits == budget
        assert [edge.visits for edge in below.edges] == expected


def test_gumbel_leaves_a_proven_loss_alone() -> None:
    game = world(Choice(0, [LOSS, chain(12), chain(12)]))
    evaluator = Leaning(game, [9, 1, 0, 0])
    search = searched(game, evaluator, simulations(8, strategy=GUMBEL), game.initial(1), seeds(1))
    decisions = search.decisions(np.arange(1))
    assert root_of(decisions).proven[0, 0] == -1.0
    assert root_of(decisions).visits[0, 0] == 1
    assert root_of(decisions).visits[0].sum() == 8
    assert decisions.actions[0] == 1
    np.testing.assert_allclose(decisions.policy[0], [0, np.e / (1 + np.e), 1 / (1 + np.e), 0], rtol=1e-5)


@pytest.mark.parametrize("noise", [False, True])
def test_gumbel_takes_a_win_and_then_stops(noise: bool) -> None:
    game = world(Choice(0, [chain(5), LOSS, WIN, DRAW]))
    noises = seeds(30, 7) if noise else None
    search = searched(game, HashEvaluator(game), simulations(50, strategy=GUMBEL), game.initial(30), seeds(30), noises)
    decisions = search.decisions(np.arange(30))
    assert (decisions.actions == 2).all()
    assert (decisions.policy == [0, 0, 1, 0]).all()
    assert (search.done <= 4).all()


def test_gumbel_prefers_a_proven_draw_to_what_looks_worse() -> None:
    game = world(Choice(0, [chain(20), DRAW]))
    for value, action in ((-0.5, 1), (0.5, 0)):
        evaluator = Leaning(game, [3, 0, 0, 0], (value, -value))
        decisions = decided(game, evaluator, simulations(8, strategy=GUMBEL), game.initial(1), seeds(1))
        assert root_of(decisions).proven[0, 1] == 0.0
        assert decisions.actions[0] == action


# Grill: the regularised policy.


def test_the_regularised_policy_by_hand() -> None:
    """With c = 3, two actions and N = 4, lambda = 3 x 2 / 6 = 1; prior 1/2 each, q = 0 and 3/4.

    0.5 / a + 0.5 / (a - 0.75) = 1 at a = 1.5: shares of 1/3 and 2/3.
    """
    config = simulations(4, c_puct=3.0, target=Target.REGULARISED)
    search = forged(config, [0.5, 0.5], [1, 3], [0.0, 2.25])
    np.testing.assert_allclose(search.policies(0)[1], [1 / 3, 2 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(search.decisions(np.arange(1)).policy[0], [1 / 3, 2 / 3, 0, 0], rtol=1e-6)


def optimum(q: npt.NDArray[np.float64], prior: npt.NDArray[np.float64], weight: float) -> npt.NDArray[np.float64]:
    """The distribution that maximises q . pi - weight KL(prior || pi), found numerically."""

    def loss(logits: npt.NDArray[np.float64]) -> float:
        policy = softmax(logits)
        return float(weight * prior @ np.log(prior / policy) - q @ policy)

    found = minimize(loss, np.log(prior), method="BFGS", options={"gtol": 1e-9, "xrtol": 1e-12})
    policy: npt.NDArray[np.float64] = softmax(found.x)
    return policy


@pytest.mark.parametrize(
    ("c_puct", "visits", "weight"),
    [
        (2.0, [4, 3, 2], 0.5),  # 2 x 3 / (3 + 9)
        (1.0, [20, 10, 5, 1], 0.15),  # 6 / (4 + 36)
        (1.5, [1, 1, 1, 13], 0.3),  # 1.5 x 4 / (4 + 16)
        (2.5, [2, 2, 2, 3], 7.5 / 13),  # 2.5 x 3 / (4 + 9)
    ],
)
def test_the_regularised_policy_is_the_optimum(c_puct: float, visits: list[int], weight: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        prior, q = rng.dirichlet(np.ones(len(visits))), rng.uniform(-1, 1, len(visits))
        search = forged(simulations(sum(visits), c_puct=c_puct), prior.tolist(), visits, (q * visits).tolist())
        found = search.policies(0)[1][: len(visits)]
        np.testing.assert_allclose(found.sum(), 1.0, rtol=1e-9)
        np.testing.assert_allclose(found, optimum(q, prior, weight), atol=1e-5)


def test_with_many_simulations_the_regularised_policy_is_the_best_action() -> None:
    many = 10**8
    search = forged(simulations(1), [0.98, 0.01, 0.01], [many] * 3, [0.1 * many, 0.3 * many, 0.2 * many])
    assert search.policies(0)[1][1] > 0.998


@pytest.mark.parametrize("least", [0.0, 1e-30, 1e-20, 1e-10])
def test_the_regularised_policy_by_hand_where_the_prior_all_but_rules_the_best_action_out(least: float) -> None:
    """Lambda is 1.5 x 3 / 12 = 0.375 and the best action 1 ahead, so alpha is its q and the first has 0.375 / 1."""
    policy = forged(simulations(9), [1.0, least, least], [3, 3, 3], [-1.0, 2.0, -1.0]).policies(0)[1]
    np.testing.assert_allclose(policy, [0.375, 0.625, 0, 0], atol=1e-8)


@pytest.mark.parametrize("count", [1000, 5000])
def test_puct_visits_approximate_the_regularised_policy(count: int) -> None:
    """Grill's section 3.2: where q is fixed, (1 + n) / (|A| + N) tracks the policy within (|A| - 1) / (|A| + N).

    c_base is set so large that c(s) is a constant, as it is in the paper. N is large enough that lambda hardly moves.
    """
    rng = np.random.default_rng(6)
    for _ in range(3):
        payoffs, prior = rng.uniform(-1, 1, 4), rng.dirichlet(np.ones(4))
        search = pulled(payoffs.tolist(), prior.tolist(), simulations(count, c_puct=2.0, c_base=1e15))
        shares = (1 + visits_of(search)[0]) / (4 + count)
        policy = optimum(payoffs.astype(np.float32).astype(np.float64), prior, 2.0 * np.sqrt(count) / (4 + count))
        assert abs(shares - policy).max() <= 3 / (4 + count) + 1e-5
        np.testing.assert_allclose(search.policies(0)[1], policy, atol=1e-5)


# PUCT and UCT.


@pytest.mark.parametrize(
    ("c_base", "ahead", "action"),
    [(10.0, 0.0846, 0), (10.0, 0.0847, 1), (1e15, 0.0499, 0), (1e15, 0.0501, 1)],
)
def test_puct_by_hand(c_base: float, ahead: float, action: int) -> None:
    """N = 9, and two actions with prior 1/2 and 4 and 5 visits: U differs by c(s) x 3 x 0.5 x (1/5 - 1/6) = 0.05 c(s).

    c(s) = 1 + log((1 + 9 + 10) / 10) = 1 + log 2 = 1.693147, so 0.0846574; without growth c(s) = 1.
    """
    config = simulations(1, c_puct=1.0, c_base=c_base)
    search = forged(config, [0.5, 0.5], [4, 5], [0.0, 5 * ahead])
    assert next_action(search) == action


@pytest.mark.parametrize(("c_puct", "action"), [(0.372, 0), (0.373, 1)])
def test_first_play_urgency_by_hand(c_puct: float, action: int) -> None:
    """The root's mean is (0.5 + 0.3) / 4 = 0.2, and 0.36 of the prior visited: unvisited q is 0.2 - 0.5 x 0.6 = -0.1.

    0.1 + c sqrt(3) 0.36 / 4 and -0.1 + c sqrt(3) 0.4 are equal at c = 0.2 / (0.31 sqrt(3)) = 0.37248.
    """
    config = simulations(1, c_puct=c_puct, c_base=1e15, fpu_reduction=0.5)
    assert next_action(forged(config, [0.36, 0.4, 0.24], [3, 0, 0], [0.3, 0, 0], value=0.5)) == action


@pytest.mark.parametrize(("weight", "action"), [(1.0, 1), (0.5, 0)])
def test_exploration_mixes_as_values_do(weight: float, action: int) -> None:
    """As in `test_puct_by_hand`, 0.05 c against 0.07, where c is 1, or with half rollouts (1 + 3) / 2."""
    dial = Dial(simulations=1, value_weight=weight)
    config = SearchConfig(dial=dial, c_puct=1.0, c_rollout=3.0, c_base=1e15)
    assert next_action(forged(config, [0.5, 0.5], [4, 5], [0.0, 0.35])) == action


def test_uct_visits_every_action_once_before_any_twice() -> None:
    config = simulations(4, strategy=UCT)
    assert visits_of(pulled([-1.0, 0.9, 0.2, 0.5], [0.97, 0.01, 0.01, 0.01], config))[0].tolist() == [1, 1, 1, 1]
    for budget in (1, 2, 3):
        assert visits_of(pulled([0.1] * 4, [0.25] * 4, simulations(budget, strategy=UCT))).max() == 1


def test_uct_by_hand() -> None:
    """Two arms that pay 1/2 and 0, c = 1.4: 0.5 + 1.4 sqrt(ln N / n) against 1.4 sqrt(ln N / n').

    N = 2: 1.666 > 1.166; 3: 1.538 > 1.467; 4: 1.452 < 1.648; 5: 1.525 > 1.256; 6: 1.437 > 1.325; 7: 1.373 < 1.381.
    """
    game = bandit([0.5, 0.0])
    search = Search(game, Leaning(game, [1, 0, 0, 0]), simulations(8, strategy=UCT), 1)
    search.begin(np.arange(1), game.initial(1), seeds(1))
    search.advance()
    assert [next_action(search) for _ in range(8)] == [0, 1, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(("c_uct", "action"), [(1.004, 0), (1.006, 1)])
def test_uct_weighs_exploration_by_its_number(c_uct: float, action: int) -> None:
    """N = 4, 3 visits of mean 1/2 against one of 0: 0.5 + 0.67978 c and 1.17741 c are equal at c = 1.00476."""
    search = forged(simulations(1, strategy=UCT, c_uct=c_uct), [0.5, 0.5], [3, 1], [1.5, 0.0])
    assert next_action(search) == action


def test_uct_knows_no_prior_once_all_actions_are_visited() -> None:
    priors = ([0.25] * 4, [0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97])
    visits = [visits_of(pulled([0.1, 0.3, -0.2, 0.6], prior, simulations(100, strategy=UCT))) for prior in priors]
    for other in visits[1:]:
        np.testing.assert_array_equal(other, visits[0])
