"""What `analyse` lays open: facts about one decision, which it neither changes nor charges for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import games
from games import Game, LiftedGame, Positions
from hybrid import agents
from hybrid.analyse import analyse
from hybrid.dial import Dial
from hybrid.evaluate import Evaluator
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy
from tests.hybrid.bandits import bandit, logits_of
from tests.hybrid.fakes import HashEvaluator, assert_same, nodes_of, sampled, seeds
from tests.hybrid.test_proofs import Leaning, root_of
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, world

LN2 = float(np.log(2.0))
PRIOR = [1 / 2, 1 / 4, 1 / 8, 1 / 8]
DIALS = {"0": Dial.at(0.0), "0.5": Dial(simulations=40), "0.75": Dial.at(0.75, simulations=40), "1": Dial.at(1.0)}


def agent_of(game: Game, evaluator: Evaluator | None, dial: Dial, strategy: Strategy = Strategy.PUCT) -> SearchAgent:
    return SearchAgent(game, evaluator, SearchConfig(dial=dial, strategy=strategy), name="agent")


def of_world(root: Choice, dial: Dial) -> tuple[LiftedGame, SearchAgent]:
    """A world, and an agent whose network has the policy `PRIOR` everywhere and sees player 0 a little ahead."""
    game = world(root)
    return game, agent_of(game, Leaning(game, logits_of(PRIOR), (0.25, -0.25)), dial)


@pytest.mark.parametrize("dial", [Dial(simulations=50), Dial.at(0.75, simulations=50), Dial.at(1.0, simulations=50)])
@pytest.mark.parametrize(
    ("options", "gap"),
    [
        ([LOSS, WIN, DRAW, DRAW], 2 * LN2),  # all on the action to which the network gives 1/4
        ([DRAW, LOSS, LOSS, LOSS], LN2),
        ([LOSS, DRAW, DRAW, LOSS], 1.5 * LN2),  # halves on 1/4 and 1/8: (log 2 + log 4) / 2
        ([DRAW, DRAW, DRAW, DRAW], 0.25 * LN2),  # quarters on 1/2, 1/4, 1/8, 1/8: (-log 2 + 0 + log 2 + log 2) / 4
    ],
)
def test_the_gap_is_the_divergence_from_the_networks_policy(
    options: list[tuple[float, float]], gap: float, dial: Dial
) -> None:
    game, agent = of_world(Choice(0, list(options)), dial)
    analysis = analyse(game, game.initial(1), agent)
    assert analysis.gap == pytest.approx(gap, abs=1e-6)
    if dial.consults_network:
        assert analysis.decision.gap is not None
        assert analysis.decision.gap[0] == pytest.approx(gap, abs=1e-6)
    else:
        assert analysis.decision.gap is None


def test_the_gap_of_visits() -> None:
    """One visit each, where nothing is proven: (-log 2 + 0 + log 2 + log 2) / 4."""
    game = bandit([0.0] * 4)
    agent = agent_of(game, Leaning(game, logits_of(PRIOR)), Dial(simulations=4), Strategy.UCT)
    analysis = analyse(game, game.initial(1), agent)
    assert root_of(analysis.decision).visits[0].tolist() == [1, 1, 1, 1]
    assert analysis.gap == pytest.approx(0.25 * LN2, abs=1e-6)


@pytest.mark.parametrize("dial", DIALS)
def test_the_networks_own_view_is_told_everywhere_on_the_dial(dial: str) -> None:
    game, agent = of_world(Choice(1, [Choice(0, [WIN, LOSS]), DRAW, LOSS, DRAW]), DIALS[dial])
    analysis = analyse(game, game.initial(1), agent)
    assert analysis.network_policy is not None
    assert analysis.network_values is not None
    np.testing.assert_allclose(analysis.network_policy, PRIOR, rtol=1e-6)
    assert analysis.network_values.tolist() == [0.25, -0.25]
    assert analysis.legal.tolist() == [True] * 4


@pytest.mark.parametrize("dial", DIALS)
def test_the_decision_and_its_cost_are_the_agents_own(dial: str) -> None:
    """The network is asked once more than the decision costs, and the decision is the same to the last bit."""
    game = games.load("connect_four")
    positions = sampled("connect_four", 6, most=26)
    for index in range(6):
        position = positions[index : index + 1]
        alone = agent_of(game, HashEvaluator(game), DIALS[dial]).decide(position, np.array([index], np.uint64))
        evaluator = HashEvaluator(game)
        analysis = analyse(game, position, agent_of(game, evaluator, DIALS[dial]), seed=index)
        assert_same(analysis.decision, alone)
        assert evaluator.evaluations == alone.evaluations[0] + 1
        assert (alone.evaluations[0] == 0) == (dial == "1")


def test_an_analysis_leaves_the_next_decision_as_it_would_have_been() -> None:
    game = games.load("connect_four")
    positions = sampled("connect_four", 4, most=20)
    for dial in DIALS.values():
        agent = agent_of(game, HashEvaluator(game), dial)
        expected = agent.decide(positions, seeds(4))
        analyse(game, positions[:1], agent)
        assert_same(agent.decide(positions, seeds(4)), expected)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", ["0.5", "0.75", "1"])
def test_the_variation_follows_the_most_visited_actions(dial: str, strategy: Strategy) -> None:
    game = games.load("connect_four")
    lengths = []
    for index in range(8):
        position = sampled("connect_four", 8, most=20)[index : index + 1]
        agent = agent_of(game, HashEvaluator(game), DIALS[dial], strategy)
        analysis = analyse(game, position, agent)
        assert agent.search is not None
        nodes, at = nodes_of(agent.search, 0), 0
        for action in analysis.variation:
            assert nodes[at].position == position.tobytes()
            (edge,) = [edge for edge in nodes[at].edges if edge.action == action]
            assert edge.visits == max(other.visits for other in nodes[at].edges) > 0
            assert edge.child is not None
            at, position = edge.child, game.step(position, [action])
        assert not any(edge.visits for edge in nodes[at].edges)
        lengths.append(len(analysis.variation))
    assert min(lengths) >= 1
    assert max(lengths) >= 3


def test_the_variation_of_a_forced_line() -> None:
    """One good move each, three times, and then the end."""
    line = Choice(0, [LOSS, Choice(1, [WIN, WIN, Choice(0, [Choice(1, [WIN]), LOSS])])])
    game, agent = of_world(line, Dial(simulations=60))
    assert analyse(game, game.initial(1), agent).variation == [1, 2, 0, 0]


@pytest.mark.parametrize(("options", "gain"), [([LOSS, WIN], 2.0), ([WIN, LOSS], 0.0), ([LOSS, DRAW], 1.0)])
def test_the_gain_is_what_the_move_is_worth_above_the_networks_favourite(
    options: list[tuple[float, float]], gain: float
) -> None:
    """The favourite is action 0, which the search tries first."""
    game, agent = of_world(Choice(0, list(options)), Dial(simulations=100))
    assert analyse(game, game.initial(1), agent).gain == gain


def test_the_gain_is_unknown_where_the_favourite_was_not_tried() -> None:
    """One simulation without a prior tries the favourite, or another action."""
    game = bandit([0.5, 0.25, 0.0, 0.0])
    agent = agent_of(game, Leaning(game, logits_of(PRIOR)), Dial.at(1.0, simulations=1))
    found = {}
    for seed in range(20):
        analysis = analyse(game, game.initial(1), agent, seed=seed)
        found[int(analysis.decision.actions[0])] = analysis.gain
    assert found == {0: 0.0, 1: None, 2: None, 3: None}


def test_where_all_is_lost_the_policies_are_still_policies() -> None:
    game, agent = of_world(Choice(0, [LOSS] * 4), Dial(simulations=50))
    analysis = analyse(game, game.initial(1), agent)
    assert analysis.decision.values[0].tolist() == [-1.0, 1.0]
    for policy in (analysis.improved, analysis.regularised):
        assert policy is not None
        np.testing.assert_allclose(policy, PRIOR, rtol=1e-6)


def test_improved_and_regularised_policies_favour_the_better_arm() -> None:
    game = bandit([-0.5, 0.5, -0.5, -0.5])
    agent = agent_of(game, Leaning(game, logits_of(PRIOR)), Dial(simulations=40), Strategy.UCT)
    analysis = analyse(game, game.initial(1), agent)
    for policy in (analysis.improved, analysis.regularised):
        assert policy is not None
        assert policy.sum() == pytest.approx(1.0)
        assert policy[1] > 0.25
        assert max(policy[0] / PRIOR[0], policy[2] / PRIOR[2], policy[3] / PRIOR[3]) < 1


def test_without_a_search_there_is_only_the_networks_view() -> None:
    game, agent = of_world(Choice(0, [LOSS, WIN]), Dial(simulations=0))
    analysis = analyse(game, game.initial(1), agent)
    assert analysis.decision.actions[0] == 0
    assert analysis.network_policy is not None
    assert analysis.gap == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(analysis.network_policy, [2 / 3, 1 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(analysis.network_policy, analysis.decision.policy[0])
    assert analysis.variation == []
    assert (analysis.improved, analysis.regularised, analysis.gain) == (None, None, None)
    assert analysis.legal.tolist() == [True, True, False, False]


def test_without_a_network_there_is_only_the_search() -> None:
    game = games.load("tic_tac_toe")
    analysis = analyse(game, game.initial(1), agents.load("mcts?simulations=50", game))
    assert (analysis.network_policy, analysis.network_values) == (None, None)
    assert (analysis.gap, analysis.gain) == (None, None)
    assert analysis.improved is not None
    assert analysis.variation[0] == root_of(analysis.decision).visits[0].argmax()


@pytest.mark.parametrize("spec", ["random", "minimax?depth=2", "perfect"])
def test_other_agents_have_nothing_but_their_decision_to_show(spec: str) -> None:
    game = games.load("tic_tac_toe")
    position = game.step(game.initial(1), [4])
    analysis = analyse(game, position, agents.load(spec, game), seed=3)
    assert_same(analysis.decision, agents.load(spec, game).decide(position, np.array([3], np.uint64)))
    assert analysis.legal.tolist() == [action != 4 for action in range(9)]
    assert analysis.variation == []
    for nothing in ("improved", "regularised", "network_policy", "network_values", "gap", "gain"):
        assert getattr(analysis, nothing) is None


def test_a_remembered_game_is_analysed_on_its_own_tree() -> None:
    """Two games are played side by side; what is told of each is what an agent that plays it alone tells."""
    game = games.load("connect_four")

    def told(agent: SearchAgent, opening: int, number: int, ply: int) -> tuple[list[int], npt.NDArray[np.float64], int]:
        position = game.initial(1)
        for _ in range(ply):
            position = game.step(position, [opening])
        analysis = analyse(game, position, agent, seed=ply, remembered=number)
        assert analysis.improved is not None
        return analysis.variation, analysis.improved, int(root_of(analysis.decision).visits.sum())

    both, *lone = (agent_of(game, HashEvaluator(game), Dial(simulations=60)) for _ in range(3))
    for ply in range(3):
        for number, opening in ((0, 3), (1, 0)):
            variation, improved, visits = told(both, opening, number, ply)
            alone = told(lone[number], opening, number, ply)
            assert (variation, visits) == (alone[0], alone[2])
            np.testing.assert_array_equal(improved, alone[1])


def finished() -> Positions:
    game = games.load("tic_tac_toe")
    position = game.initial(1)
    for action in (0, 3, 1, 4, 2):
        position = game.step(position, [action])
    return position


@pytest.mark.parametrize("dial", DIALS)
def test_only_one_position_that_is_not_over_can_be_analysed(dial: str) -> None:
    game = games.load("tic_tac_toe")
    agent = agent_of(game, HashEvaluator(game), DIALS[dial])
    for count in (0, 2):
        with pytest.raises(ValueError, match=f"position must be a batch of one, got {count}"):
            analyse(game, game.initial(count), agent)
    with pytest.raises(ValueError, match="must not be terminal"):
        analyse(game, finished(), agent)
