"""Proofs: never wrong, backed up as far as they go, and what the move and the policy make of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

import games
from games import Game, Positions
from hybrid.agent import Decisions, Root, divergence
from hybrid.dial import Dial
from hybrid.minimax import AlphaBeta
from hybrid.proving import RootProofs, usual_leaf_nodes, usual_root_nodes
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy
from tests.hybrid.fakes import Floats, HashEvaluator, decided, nodes_of, sampled, searched, seeds
from tests.hybrid.worlds import DRAW, LOSS, WIN, Choice, world
from tests.minimax_reference import solver

SMALL = {
    "tic_tac_toe": (0, 7),
    "connect_four:rows=4,columns=4,connect=3": (2, 8),
    "connect_four:rows=4,columns=4,connect=4": (8, 14),
}
"""Games that are solved in a moment: the least and the most random plies before a position."""


class Leaning:
    """A network with the given opinion of every position: logits `[A]`, and values `[P]`, even by default."""

    def __init__(self, game: Game, logits: list[float], values: tuple[float, ...] | None = None) -> None:
        self.evaluations = 0
        self._logits = np.array(logits, np.float32)
        self._values = np.zeros(game.players, np.float32) if values is None else np.array(values, np.float32)

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        self.evaluations += len(positions)
        return np.tile(self._logits, (len(positions), 1)), np.tile(self._values, (len(positions), 1))


def root_of(decisions: Decisions) -> Root:
    assert decisions.root is not None
    return decisions.root


def assert_true(spec: str, search: Search, row: int) -> int:
    """That every proof in a row's tree is the exact value; how many nodes are proven before the game is over."""
    proven = 0
    for node in nodes_of(search, row):
        if node.solved:
            position = np.frombuffer(node.position, search.game.dtype)
            value = solver(spec).value(position)
            assert node.values == [value, -value]
            proven += not position["terminal"][0]
    return proven


@pytest.mark.parametrize("dial", [Dial(simulations=80), Dial.at(0.75, simulations=80), Dial.at(1.0, simulations=80)])
@pytest.mark.parametrize("spec", SMALL)
def test_no_proof_is_ever_wrong(spec: str, dial: Dial) -> None:
    prove(spec, SearchConfig(dial=dial), 100)


@pytest.mark.parametrize("nodes", [1, 30, 1000])
@pytest.mark.parametrize("dial", [Dial(simulations=80), Dial.at(1.0, simulations=80)])
@pytest.mark.parametrize("spec", SMALL)
def test_no_proof_at_a_leaf_is_ever_wrong(spec: str, dial: Dial, nodes: int) -> None:
    prove(spec, SearchConfig(dial=dial, leaf_nodes=nodes), 40)


def test_a_proven_leaf_is_not_evaluated() -> None:
    spec = "connect_four:rows=4,columns=4,connect=4"
    game, positions = games.load(spec), sampled(spec, 30, *SMALL[spec])
    asked = []
    for nodes in (0, 30, 100_000):
        evaluator = HashEvaluator(game)
        config = SearchConfig(dial=Dial(simulations=60), leaf_nodes=nodes)
        search = searched(game, evaluator, config, positions, seeds(30))
        asked.append(evaluator.evaluations)
    assert asked[0] > 1.1 * asked[1]
    # Where every leaf can be proven, only the roots are judged; nearly all of them are proven by their children.
    assert asked[2] == len(positions)
    assert np.mean(search.tree.node["solved"][:, 0]) > 0.8


@pytest.mark.parametrize("nodes", [1, 30, 1000])
@pytest.mark.parametrize("dial", [Dial(simulations=80), Dial.at(1.0, simulations=80)])
@pytest.mark.parametrize("spec", SMALL)
def test_no_proof_at_a_root_is_ever_wrong(spec: str, dial: Dial, nodes: int) -> None:
    prove(spec, SearchConfig(dial=dial, root_nodes=nodes), 40)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_proven_root_is_played_out_by_its_best_moves(strategy: Strategy) -> None:
    """However few the simulations and whatever the network says: wins the fastest, losses the slowest, draws kept."""
    spec = "connect_four:rows=4,columns=5"
    game, positions, analyst = games.load(spec), sampled(spec, 60, 8, 16), AlphaBeta(games.load(spec))
    config = SearchConfig(dial=Dial(simulations=2), strategy=strategy, root_nodes=10**6)
    evaluator = HashEvaluator(game)
    search = searched(game, evaluator, config, positions, seeds(60))
    decisions, told = search.decisions(np.arange(60)), []
    for row in range(60):
        analysis = analyst.analyse(positions[row : row + 1])
        assert analysis.best[decisions.actions[row]]
        assert analysis.best[decisions.policy[row] > 0].all()
        assert decisions.values[row, positions["to_play"][row]] == analysis.value
        assert (search.done[row] == 0) == (analysis.value == 1.0)
        root, favourite = root_of(decisions), int(np.argmax(root_of(decisions).network_policy[row]))  # type: ignore[index]
        assert (root.proven[row, analysis.best] == analysis.value).all()
        gain = 0.0 if analysis.best[favourite] or analysis.value == -1.0 else {0.0: 1.0, 1.0: np.nan}[analysis.value]
        np.testing.assert_equal(decisions.gain[row], gain)  # type: ignore[index]
        told.append(analysis.value)
    assert {-1.0, 0.0, 1.0} == set(told)
    np.testing.assert_allclose(decisions.gap, divergence(decisions.policy, root.network_policy))  # type: ignore[arg-type]


def test_a_remembered_tree_takes_in_what_is_proven_of_its_new_root() -> None:
    """Positions are played to the end by a search that keeps its tree, and always by the best moves."""
    spec, row = "connect_four:rows=4,columns=5", np.zeros(1, np.int64)
    game, analyst = games.load(spec), AlphaBeta(games.load(spec))
    config = SearchConfig(dial=Dial(simulations=60), root_nodes=10**6)
    search, remembered = Search(game, HashEvaluator(game), config, 1), 0
    for start in np.split(sampled(spec, 12, 6, 8), 12):
        position = start
        while not position["terminal"][0]:
            search.begin(row, position, seeds(1))
            remembered += int(search.tree.size[0]) > 1
            search.run()
            action = search.decisions(row).actions
            assert analyst.analyse(position).best[action[0]]
            position = game.step(position, action)
    assert remembered > 20


@pytest.mark.parametrize("name", ["leaf_nodes", "root_nodes"])
def test_proofs_leave_other_rows_alone(name: str) -> None:
    game, positions = games.load("connect_four"), sampled("connect_four", 12, most=30)
    config, evaluator = SearchConfig(dial=Dial(simulations=40), **{name: 30}), HashEvaluator(game)  # type: ignore[arg-type]
    together = decided(game, evaluator, config, positions, seeds(12))
    for row in range(12):
        one = slice(row, row + 1)
        alone = decided(game, evaluator, config, positions[one], seeds(12)[one])
        np.testing.assert_array_equal(root_of(alone).visits[0], root_of(together).visits[row])
        np.testing.assert_array_equal(alone.values[0], together.values[row])


@pytest.mark.parametrize("name", ["leaf_nodes", "root_nodes"])
@pytest.mark.parametrize("spec", ["pig", "mnk:players=3", "pettingzoo:connect_four_v3"])
def test_there_are_proofs_only_where_alpha_beta_can_search(spec: str, name: str) -> None:
    game = games.load(spec)
    assert usual_leaf_nodes(game) == 0
    assert usual_root_nodes(game, Dial(simulations=100)) == 0
    config = SearchConfig(**{name: 30})  # type: ignore[arg-type]
    makers = (partial(Search, rows=1), partial(SearchAgent, name="agent"))
    for make in makers:
        with pytest.raises(ValueError, match=rf"{name} must be 0 but for two-player zero-sum games.*got 30 for"):
            make(game, HashEvaluator(game), config)


def test_proofs_are_usual_where_forced_moves_are_known() -> None:
    known, unknown = games.load("connect_four"), games.load("tic_tac_toe")
    assert [usual_leaf_nodes(game) for game in (known, unknown)] == [30, 0]
    budgets = Dial(simulations=100), Dial(seconds=0.05), Dial(simulations=0)
    assert [usual_root_nodes(known, dial) for dial in budgets] == [15_000, 50_000, 0]
    assert [usual_root_nodes(unknown, dial) for dial in budgets] == [0, 0, 0]
    for longest in (Dial(seconds=3600.0), Dial(simulations=10**9)):
        SearchConfig(dial=longest, root_nodes=usual_root_nodes(known, longest))


def test_roots_are_proven_within_a_quarter_of_a_move() -> None:
    """The empty board is far from being proven by as many nodes as these, which nobody visits in so short a time."""
    game = games.load("connect_four")
    proofs = RootProofs(game, 10**9, 1, seconds=0.01)
    prover, asked = proofs._outcomes.proofs, []

    def counted(positions: Positions, nodes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        asked.append(nodes)
        return prover(positions, nodes)

    proofs._outcomes.proofs = counted  # type: ignore[method-assign]
    for _ in range(3):
        proofs.look(np.zeros(1, np.int64), game.initial())
    assert np.isnan(proofs.values[0])
    assert proofs.best.all()
    assert 0 < max(asked) < 10**7


def test_an_easy_root_says_nothing_of_how_fast_positions_are_visited() -> None:
    game = games.load("connect_four")
    proofs, won = RootProofs(game, 10**6, 1, seconds=1.0), game.initial()
    for action in (0, 1, 0, 1, 0, 1):
        won = game.step(won, [action])
    for _ in range(2):
        proofs.look(np.zeros(1, np.int64), won)
        assert proofs.values[0] == 1.0
    assert proofs._pace == 0.0
    proofs.look(np.zeros(1, np.int64), game.initial())
    pace = proofs._pace
    assert pace > 0.0
    proofs.look(np.zeros(1, np.int64), won)
    assert proofs._pace == pace


def test_a_slow_moment_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The empty board takes all nodes that it may have, by a clock of 1 µs for each but for one look at 200 µs."""
    game, now, cost = games.load("connect_four"), [0.0], [1e-6]
    proofs = RootProofs(game, 10**5, 1, seconds=0.05)
    prover, asked = proofs._outcomes.proofs, []

    def counted(positions: Positions, nodes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        asked.append(nodes)
        found = prover(positions, nodes)
        now[0] += cost[0] * nodes
        return found

    monkeypatch.setattr("hybrid.proving.time.perf_counter", lambda: now[0])
    proofs._outcomes.proofs = counted  # type: ignore[method-assign]
    for each in (1e-6, 2e-4, 1e-6, 1e-6):
        cost[0] = each
        proofs.look(np.zeros(1, np.int64), game.initial())
    assert asked == [1000, 12_500, 12_500, pytest.approx(62, abs=1), pytest.approx(12_500, rel=0.02)]


@pytest.mark.parametrize("strategy", [Strategy.UCT, Strategy.GUMBEL])
def test_no_proof_is_ever_wrong_with_another_strategy(strategy: Strategy) -> None:
    prove("tic_tac_toe", SearchConfig(dial=Dial(simulations=80), strategy=strategy), 100)


@pytest.mark.full
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("dial", [Dial(simulations=600), Dial.at(0.75, simulations=600), Dial.at(1.0, simulations=600)])
@pytest.mark.parametrize("spec", SMALL)
def test_no_proof_of_many_is_ever_wrong(spec: str, dial: Dial, strategy: Strategy) -> None:
    prove(spec, SearchConfig(dial=dial, strategy=strategy), 1000)


def prove(spec: str, config: SearchConfig, count: int) -> None:
    """Search positions of a game and hold every proof, at the root and below, against plain minimax."""
    game, positions = games.load(spec), sampled(spec, count, *SMALL[spec])
    search = searched(game, HashEvaluator(game), config, positions, seeds(count))
    decisions, solved = search.decisions(np.arange(count)), solver(spec)
    proven = [assert_true(spec, search, row) for row in range(count)]
    assert sum(proven) > count
    root = root_of(decisions)
    for row in range(count):
        values = solved.action_values(positions[row : row + 1])
        found = root.proven[row]
        assert all(found[action] == values[action] for action in np.flatnonzero(~np.isnan(found)).tolist())
        best = {action for action, value in values.items() if value == max(values.values())}
        if search.tree.node[row, 0].solved:
            assert int(decisions.actions[row]) in best
            assert set(np.flatnonzero(decisions.policy[row]).tolist()) <= best
            mover = int(positions["to_play"][row])
            assert decisions.values[row, mover] == max(values.values())
        elif decisions.actions[row] not in best:
            assert found[decisions.actions[row]] != -1.0 or max(values.values()) == -1.0


def test_a_win_is_taken_at_once_and_ends_the_search() -> None:
    game = world(Choice(0, [DRAW, Choice(1, [WIN, LOSS]), WIN, LOSS]))
    for dial in (Dial(simulations=100), Dial.at(1.0, simulations=100)):
        search = searched(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(20), seeds(20))
        decisions = search.decisions(np.arange(20))
        assert (decisions.actions == 2).all()
        assert (decisions.policy == [0, 0, 1, 0]).all()
        assert (decisions.values == [1, -1]).all()
        assert (search.done < 20).all()
        assert search.finished.all()


def test_the_least_evil_is_chosen_by_proof() -> None:
    draw = world(Choice(0, [Choice(1, [LOSS, WIN]), Choice(1, [DRAW, WIN]), LOSS]))
    decisions = decided(draw, None, SearchConfig(dial=Dial.at(1.0, simulations=100)), draw.initial(9), seeds(9))
    assert (decisions.actions == 1).all()
    assert (decisions.values == 0).all()
    assert (root_of(decisions).proven[:, :3] == [-1, 0, -1]).all()
    lost = world(Choice(0, [LOSS, Choice(1, [LOSS, WIN])]))
    decisions = decided(lost, None, SearchConfig(dial=Dial.at(1.0, simulations=100)), lost.initial(9), seeds(9))
    assert (decisions.values == [-1, 1]).all()
    assert (decisions.policy == [0.5, 0.5, 0, 0]).all()
    visits = root_of(decisions).visits
    assert (visits[np.arange(9), decisions.actions] == visits.max(axis=1)).all()


def test_a_proven_loss_is_left_alone_whatever_the_network_says() -> None:
    """The network adores action 0, which the second simulation proves lost; nothing is known of the others."""
    game = world(Choice(0, [Choice(1, [LOSS]), Choice(1, [Choice(0, [WIN, LOSS])] * 2), Choice(1, [DRAW, WIN])]))
    search = searched(
        game, Leaning(game, [9, 1, 0, 0]), SearchConfig(dial=Dial(simulations=2)), game.initial(1), seeds(1)
    )
    decisions = search.decisions(np.arange(1))
    assert root_of(decisions).visits[0].tolist() == [2, 0, 0, 0]
    assert root_of(decisions).proven[0, 0] == -1.0
    assert decisions.actions[0] == 1
    np.testing.assert_allclose(decisions.policy[0], [0, np.e / (1 + np.e), 1 / (1 + np.e), 0], rtol=1e-5)
    for _ in range(20):
        search.budget += 1
        search.run()
    assert root_of(search.decisions(np.arange(1))).visits[0, 0] == 2


def test_a_proven_draw_replaces_a_move_that_looks_worse() -> None:
    vague = Choice(1, [Choice(0, [Choice(1, [WIN, LOSS]), Choice(1, [LOSS, WIN])])] * 3)
    game = world(Choice(0, [vague, DRAW]))
    for value, action in ((-0.5, 1), (0.5, 0)):
        evaluator = Leaning(game, [np.log(3.0), 0, 0, 0], (value, -value))
        config = SearchConfig(dial=Dial(simulations=5), c_puct=100.0)
        decisions = decided(game, evaluator, config, game.initial(1), seeds(1))
        root = root_of(decisions)
        assert root.visits[0, 0] > root.visits[0, 1] > 0
        assert np.isnan(root.proven[0, 0])
        assert np.sign(root.q[0, 0]) == np.sign(value)
        assert decisions.actions[0] == action


def test_double_moves_and_passes_need_no_flip() -> None:
    """Player 0 moves three times in a row; only the third move tells, and the way to it is unique."""
    end = Choice(0, [LOSS, WIN])
    game = world(Choice(0, [Choice(0, [LOSS, Choice(1, [end])]), Choice(0, [LOSS, LOSS]), Choice(1, [DRAW, LOSS])]))
    for dial in (Dial(simulations=200), Dial.at(0.6, simulations=200), Dial.at(1.0, simulations=200)):
        decisions = decided(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(20), seeds(20))
        assert (decisions.actions == 0).all()
        assert (decisions.values == [1, -1]).all()


def test_a_move_of_the_other_player_right_after_ones_own_is_seen_from_his_side() -> None:
    game = world(Choice(1, [Choice(1, [WIN, DRAW]), Choice(0, [LOSS, LOSS, WIN]), Choice(0, [LOSS, DRAW])]))
    decisions = decided(game, None, SearchConfig(dial=Dial.at(1.0, simulations=200)), game.initial(20), seeds(20))
    assert set(decisions.actions.tolist()) == {0, 2}
    assert (decisions.values == 0).all()
    assert (root_of(decisions).proven[:, 1] == -1).all()


def test_games_without_zero_sum_prove_nothing() -> None:
    game = world(Choice(0, [(0.5, 0.5), (1.0, 1.0), (-1.0, 1.0)]), zero_sum=False)
    search = searched(game, None, SearchConfig(dial=Dial.at(1.0, simulations=60)), game.initial(5), seeds(5))
    decisions = search.decisions(np.arange(5))
    assert np.isnan(root_of(decisions).proven).all()
    assert (search.done == 60).all()
    assert (decisions.actions == 1).all()
    np.testing.assert_allclose(root_of(decisions).q[:, :3], np.tile([0.5, 1.0, -1.0], (5, 1)))


A, B, C = (1.0, -0.5, -0.5), (-0.5, 1.0, -0.5), (-0.5, -0.5, 1.0)


def test_each_of_three_players_seeks_his_own_value() -> None:
    """Backward induction: 2 picks C over A; so 1 takes the certain 0.2 of the other branch; so 0 takes 0.1 at once.

    A search with two sides (friend or foe) would have 1 and 2 allied against 0 and would not find these.
    """
    greedy = Choice(1, [Choice(2, [C, A]), (0.0, 0.2, -0.2)])
    game = world(Choice(0, [greedy, (0.1, 0.0, -0.1), Choice(2, [(-0.9, 0.1, 0.8), (0.9, 0.1, 0.0)])]), players=3)
    for dial in (Dial(simulations=600), Dial.at(1.0, simulations=600)):
        decisions = decided(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(10), seeds(10))
        assert (decisions.actions == 1).all()
        root = root_of(decisions)
        assert np.isnan(root.proven).all()
        np.testing.assert_allclose(root.q[:, 1], 0.1, atol=1e-6)
        assert (root.visits.sum(axis=1) == 600).all()
    kind = world(Choice(0, [Choice(1, [A, (0.9, 0.95, -1.0)]), (0.1, 0.0, -0.1), Choice(2, [C, B])]), players=3)
    decisions = decided(kind, None, SearchConfig(dial=Dial.at(1.0, simulations=600)), kind.initial(10), seeds(10))
    assert (decisions.actions == 0).all()
    assert (abs(decisions.values[:, 0] - 0.9) < 0.2).all()


def test_three_players_on_a_board_take_their_own_win() -> None:
    """Two in a line win: player 0, who has a corner, completes it wherever he can."""
    game = games.load("mnk:m=3,n=3,k=2,players=3")
    position = game.initial(1)
    for action in (0, 8, 6):
        position = game.step(position, [action])
    decisions = decided(game, None, SearchConfig(dial=Dial.at(1.0, simulations=300)), position, seeds(1))
    after = game.step(position, decisions.actions)
    assert after["terminal"][0]
    assert after["returns"][0].tolist() == [1.0, -0.5, -0.5]
