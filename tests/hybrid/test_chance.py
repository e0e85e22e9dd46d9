"""Search in games of chance: draws by their probabilities, proofs at the mean, and the exact decision in the limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

import games
from games import Game, Positions
from games.chance import awaits, settle
from games.sampling import play
from hybrid.dial import Dial
from hybrid.evaluate import UniformEvaluator
from hybrid.minimax import AlphaBeta
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.solve import solver
from hybrid.strategy import Strategy
from tests.hybrid.fakes import HashEvaluator, assert_same, decided, nodes_of, part, searched, seeds
from tests.hybrid.test_direct import by_rounds
from tests.hybrid.test_proofs import root_of
from tests.hybrid.test_search import assert_same_decision, assert_same_tree
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, Lottery, world
from tests.reference import ReferenceSearch

SMALL = "pig:target=12,max_plies=60"
DIRECT = Dial.at(1.0, simulations=120)
DIALS = {"0.5": Dial(simulations=60), "0.75": Dial.at(0.75, simulations=60), "1": Dial.at(1.0, simulations=60)}
ONE = np.arange(1)


def turns(spec: str, count: int, seed: int = 0) -> Positions:
    """`[count]` different positions of random games at which a player is to move."""
    game = games.load(spec)
    before = np.unique(play(game, seed, 40, 1000).before)
    before = before[~awaits(game, before)]
    return before[np.random.default_rng(seed).permutation(len(before))[:count]]


@pytest.mark.parametrize("dial", DIALS)
@pytest.mark.parametrize("spec", [SMALL, "pig", "pig:target=15,players=3"])
def test_every_tree_is_the_reference_searchs(spec: str, dial: str) -> None:
    game, config, positions = games.load(spec), SearchConfig(dial=DIALS[dial]), turns(spec, 6)
    search = searched(game, HashEvaluator(game), config, positions, seeds(6))
    for row in range(6):
        reference = ReferenceSearch(game, HashEvaluator(game), config)
        reference.begin(positions[row : row + 1], int(seeds(6)[row]))
        reference.run(config.dial.simulations)
        assert_same_tree(search, row, reference)
        assert_same_decision(search, row, reference)


@pytest.mark.parametrize("dial", DIALS)
def test_trees_kept_across_the_dice_are_the_references(dial: str) -> None:
    game, config, rng = games.load("pig"), SearchConfig(dial=DIALS[dial]), np.random.default_rng(1)
    evaluator = HashEvaluator(game)
    search, reference = Search(game, evaluator, config, 1), ReferenceSearch(game, evaluator, config)
    position, kept = game.initial(), 0
    for seed in seeds(10).tolist():
        search.begin(ONE, position, np.array([seed], np.uint64))
        reference.begin(position, seed)
        kept += int(search.tree.node["visits"][0, 0] > 1)
        search.run()
        reference.run(config.dial.simulations)
        assert_same_tree(search, 0, reference)
        position = settle(game, game.step(position, [reference.choose()]), rng)
        if position["terminal"][0]:
            break
    assert kept > 3


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("consult", [False, True])
def test_the_fused_loop_equals_the_rounds_and_each_row_itself_alone(strategy: Strategy, consult: bool) -> None:
    game, positions = games.load(SMALL), turns(SMALL, 8)
    evaluator = UniformEvaluator(game) if consult else None
    dial = Dial(simulations=100, value_weight=0.5) if consult else DIRECT
    config = SearchConfig(dial=dial, strategy=strategy)
    fused, rounds = (
        searched(game, evaluator, config, positions, seeds(8)),
        by_rounds(game, evaluator, config, positions),
    )
    decisions = fused.decisions(np.arange(8))
    assert_same(decisions, rounds.decisions(np.arange(8)))
    for row in range(8):
        assert nodes_of(fused, row) == nodes_of(rounds, row)
        one = slice(row, row + 1)
        assert_same(decided(game, evaluator, config, positions[one], seeds(8)[one]), part(decisions, one))


ODDS = [0.55, 0.3, 0.15]


def drawn(simulations: int, count: int) -> npt.NDArray[np.int64]:
    """`[count, 3]`: visits of a lottery's outcomes, none of them ever proven, in so many searches."""
    ends = [Choice(0, [DRAW, DRAW]) for _ in ODDS]
    game = world(Choice(0, [Lottery(ODDS, ends)]), zero_sum=False)
    search = searched(
        game, None, SearchConfig(dial=Dial.at(1.0, simulations=simulations)), game.initial(count), seeds(count)
    )
    found = []
    for row in range(count):
        nodes = nodes_of(search, row)
        child = nodes[0].edges[0].child
        assert child is not None
        assert [edge.prior for edge in nodes[child].edges] == pytest.approx(ODDS, abs=1e-7)
        assert nodes[child].visits == simulations == sum(edge.visits for edge in nodes[child].edges)
        found.append([edge.visits for edge in nodes[child].edges])
    return np.array(found)


@pytest.mark.parametrize("simulations", [1, 3])
def test_however_few_the_visits_outcomes_come_by_their_probabilities(simulations: int) -> None:
    count = 4000
    shares = drawn(simulations, count).mean(axis=0) / simulations
    errors = np.sqrt(np.array(ODDS) * (1 - np.array(ODDS)) / count)
    assert (abs(shares - ODDS) < 4 * errors).all()


def test_shares_of_visits_come_close_to_the_probabilities_faster_than_by_independent_draws() -> None:
    """Independent draws would miss 1000 p by 15.7, 14.5 and 11.3 (standard deviations); these miss by a few at most."""
    visits = drawn(1000, 50)
    assert abs(visits - 1000 * np.array(ODDS)).max() < 4


def test_a_chance_node_is_proven_at_the_mean_and_by_nothing_less() -> None:
    """A good lottery, a bad one and a draw: 0.2, -0.1 and 0, so the first is the move, and the proven value 0.2."""
    good, bad = Lottery([0.6, 0.4], [WIN, LOSS]), Lottery([0.45, 0.55], [WIN, LOSS])
    game = world(Choice(0, [bad, DRAW, good]))
    for dial in (Dial(simulations=5000), Dial.at(1.0, simulations=5000)):
        search = searched(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(9), seeds(9))
        decisions = search.decisions(np.arange(9))
        assert (search.done < 5000).all()
        assert (decisions.actions == 2).all()
        np.testing.assert_allclose(root_of(decisions).proven[:, :3], [[-0.1, 0, 0.2]] * 9, atol=1e-6)
        np.testing.assert_allclose(decisions.values, [[0.2, -0.2]] * 9, atol=1e-6)
        assert (decisions.policy[:, 2] == 1).all()
        assert search.tree.node["solved"][:, 0].all()


def test_one_won_outcome_proves_nothing_and_all_of_them_a_win() -> None:
    open_ = Choice(1, [Choice(0, [WIN, DRAW]), Choice(0, [DRAW, LOSS])])
    half = world(Choice(0, [Lottery([0.5, 0.5], [WIN, open_])]), zero_sum=True)
    search = searched(half, None, SearchConfig(dial=Dial.at(1.0, simulations=3)), half.initial(20), seeds(20))
    assert not search.tree.node["solved"][:, 0].any()
    sixth = world(Choice(0, [DRAW, Lottery([0.1, 0.2, 0.7], [WIN, Choice(0, [WIN]), WIN])]))
    decisions = decided(sixth, None, SearchConfig(dial=Dial.at(1.0, simulations=300)), sixth.initial(9), seeds(9))
    assert (decisions.values == [1, -1]).all()
    assert (decisions.actions == 1).all()


@pytest.mark.parametrize("strategy", Strategy)
def test_no_proof_is_wrong(strategy: Strategy) -> None:
    spec = "pig:target=6,max_plies=9"
    game, positions, solved = games.load(spec), turns(spec, 30), solver(games.load(spec))
    config = SearchConfig(dial=Dial.at(1.0, simulations=400), strategy=strategy)
    search, proven = searched(game, None, config, positions, seeds(30)), 0
    for row in range(30):
        for node in nodes_of(search, row):
            if node.solved:
                position = np.frombuffer(node.position, game.dtype)
                sign = -1 if position["to_play"][0] == 1 else 1
                assert node.values[0] == pytest.approx(sign * solved.values(position)[0], abs=1e-6)
                proven += bool(awaits(game, position)[0])
    assert proven > 20


@pytest.mark.parametrize(
    ("dial", "least"),
    [(Dial.at(1.0, simulations=20_000), 0.97), (Dial.at(0.75, simulations=3000), 0.9)],
)
def test_in_the_limit_the_search_decides_as_perfect_play_does(dial: Dial, least: float) -> None:
    """Where the better of rolling and holding is better by more than 0.02; the exact values are `hybrid.expected`'s."""
    game, positions = games.load(SMALL), turns(SMALL, 120, seed=2)
    values = solver(game).action_values(positions)[:, :2]
    clear = abs(values[:, 0] - values[:, 1]) > 0.02
    assert clear.sum() > 60
    positions, best = positions[clear], values[clear].argmax(axis=1)
    decisions = decided(game, HashEvaluator(game), SearchConfig(dial=dial), positions, seeds(len(positions)))
    assert (decisions.actions == best).mean() >= least


def test_the_value_of_the_search_tends_to_the_expected_value() -> None:
    game, positions = games.load(SMALL), turns(SMALL, 20)
    truth = solver(game).values(positions)
    errors = []
    for simulations in (30, 1000, 30_000):
        decisions = decided(game, None, SearchConfig(dial=Dial.at(1.0, simulations=simulations)), positions, seeds(20))
        errors.append(abs(decisions.values[np.arange(20), positions["to_play"]] - truth).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.06


@pytest.mark.parametrize("parallel", [2, 8])
@pytest.mark.parametrize("dial", DIALS)
def test_several_leaves_at_once_leave_no_trace_beyond_their_visits(dial: str, parallel: int) -> None:
    game, positions = games.load(SMALL), turns(SMALL, 8)
    config = SearchConfig(dial=DIALS[dial], parallel_leaves=parallel)
    search = searched(game, HashEvaluator(game), config, positions, seeds(8))
    assert_same(decided(game, HashEvaluator(game), config, positions, seeds(8)), search.decisions(np.arange(8)))
    open_ = search.tree.node["solved"][:, 0] == 0
    assert (search.done[open_] == 60).all()
    for row in range(8):
        nodes = nodes_of(search, row)
        for node in nodes:
            position = np.frombuffer(node.position, game.dtype)
            own = int(not awaits(game, position)[0])
            if not node.solved:
                assert node.visits == own + sum(edge.visits for edge in node.edges)
            for edge in node.edges:
                assert edge.visits == (0 if edge.child is None else nodes[edge.child].visits)
                assert abs(edge.total) <= edge.visits


@pytest.mark.parametrize("limit", [3, 4, 11, 40])
def test_memory_stays_within_max_nodes(limit: int) -> None:
    game = games.load("pig")
    config = SearchConfig(dial=Dial.at(1.0, simulations=500), max_nodes=limit)
    trees = []
    for run in (
        searched(game, None, config, game.initial(3), seeds(3)),
        by_rounds(game, None, config, game.initial(3)),
    ):
        assert run.finished.all()
        assert (run.tree.size >= limit - 1).all()
        assert run.positions.shape[1] <= limit
        trees.append([nodes_of(run, row) for row in range(3)])
    assert trees[0] == trees[1]


def test_there_must_be_room_for_a_simulation() -> None:
    with pytest.raises(ValueError, match="max_nodes must be at least 3 in 'pig', got 2"):
        Search(games.load("pig"), None, SearchConfig(dial=DIRECT, max_nodes=2), 1)


def test_chance_nodes_are_nothing_to_decide() -> None:
    game = games.load("pig")
    rolled = game.step(game.initial(), [0])
    search = Search(game, None, SearchConfig(dial=DIRECT), 1)
    with pytest.raises(ValueError, match="positions must not be chance nodes"):
        search.begin(ONE, rolled, seeds(1))
    agent = SearchAgent(game, HashEvaluator(game), SearchConfig(dial=Dial(simulations=0)), name="network")
    with pytest.raises(ValueError, match="positions must not be chance nodes"):
        agent.decide(rolled, seeds(1))


def test_the_network_is_never_asked_about_chance() -> None:
    game = games.load("pig")

    class Listening(HashEvaluator):
        def __call__(self, positions: Positions) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
            assert not awaits(game, positions).any()
            return super().__call__(positions)

    evaluator = Listening(game)
    decisions = decided(game, evaluator, SearchConfig(dial=Dial(simulations=50)), game.initial(4), seeds(4))
    assert decisions.evaluations.tolist() == [51] * 4


def chained() -> Game:
    """A game that breaks the rule that outcomes lead to players."""
    return world(Choice(0, [Lottery([1.0], [Lottery([0.5, 0.5], [WIN, LOSS])])]))


def test_chance_upon_chance_is_refused() -> None:
    game = chained()
    with pytest.raises(ValueError, match="an outcome of chance must lead to"):
        searched(game, None, SearchConfig(dial=DIRECT), game.initial(1), seeds(1))
    with pytest.raises(ValueError, match="an outcome of chance must lead to"):
        searched(game, HashEvaluator(game), SearchConfig(), game.initial(1), seeds(1))


def test_the_principal_variation_ends_where_chance_moves() -> None:
    game = games.load("pig")
    search = searched(game, None, SearchConfig(dial=DIRECT), game.initial(1), seeds(1))
    variation = search.forest.variation(0)
    assert variation[-1] == 0
    assert set(variation[:-1]) <= {1}


def test_alpha_beta_refuses_games_of_chance() -> None:
    with pytest.raises(ValueError, match="minimax needs a game without chance, got 'pig'"):
        AlphaBeta(games.load("pig"))


def test_remembered_games_of_chance_play_as_on_trees_of_their_own() -> None:
    game, config = games.load(SMALL), SearchConfig(dial=DIRECT)
    together, alone = (SearchAgent(game, None, config, name="mcts") for _ in range(2))
    positions, rng = game.initial(2), np.random.default_rng(0)
    for move in range(3):
        decisions = together.decide(positions, seeds(2, move), np.array([0, 1]))
        assert_same(alone.decide(positions[:1], seeds(2, move)[:1], np.array([0])), part(decisions, slice(0, 1)))
        after = game.step(positions, decisions.actions)
        positions = np.concatenate([settle(game, after[row : row + 1], rng) for row in range(2)])


def test_other_seeds_draw_other_dice_and_long_searches_find_the_same_value() -> None:
    game = games.load(SMALL)
    config = SearchConfig(dial=replace(DIRECT, simulations=20_000))
    decisions = decided(game, None, config, np.repeat(game.initial(), 6), seeds(6))
    assert len(np.unique(root_of(decisions).visits[:, 0])) > 1
    assert np.ptp(decisions.values[:, 0]) < 0.05
