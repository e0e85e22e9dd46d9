"""Trees kept between moves: the subtree as it was, new simulations on top, and nothing where nothing fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import games
from games import Game, Positions
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy
from tests.hybrid.fakes import HashEvaluator, NodeView, assert_same, decided, nodes_of, part, sampled, searched, seeds
from tests.hybrid.test_search import assert_same_decision, assert_same_tree
from tests.reference import ReferenceSearch

DIALS = [Dial(simulations=60), Dial.at(0.75, simulations=60), Dial.at(1.0, simulations=60)]
ONE = np.arange(1)


def later(game: Game, position: Positions, actions: list[int]) -> Positions:
    """`position` `[1]` after `actions`."""
    for action in actions:
        position = game.step(position, [action])
    return position


def shape(nodes: list[NodeView], index: int) -> tuple[object, ...]:
    """A subtree without the numbers of its nodes."""
    node = nodes[index]
    edges = [
        (replace(edge, child=None), None if edge.child is None else shape(nodes, edge.child)) for edge in node.edges
    ]
    return replace(node, edges=[]), edges


@pytest.mark.parametrize("dial", DIALS)
def test_a_kept_tree_is_the_subtree_of_the_old_search(dial: Dial) -> None:
    game = games.load("connect_four")
    for row in range(8):
        search = searched(game, HashEvaluator(game), SearchConfig(dial=dial), game.initial(1), seeds(1, row))
        nodes = nodes_of(search, 0)
        own = max(nodes[0].edges, key=lambda edge: edge.visits)
        assert own.child is not None
        reply = max(nodes[own.child].edges, key=lambda edge: edge.visits)
        assert reply.child is not None
        search.begin(ONE, later(game, game.initial(1), [own.action, reply.action]), seeds(1, 50))
        kept = nodes_of(search, 0)
        assert shape(kept, 0) == shape(nodes, reply.child)
        assert kept[0].visits == reply.visits
        search.run()
        grown = nodes_of(search, 0)
        assert grown[0].visits == reply.visits + 60
        assert search.done[0] == 60
        assert all(new.visits >= old.visits for new, old in zip(grown[0].edges, kept[0].edges, strict=True))


@pytest.mark.parametrize("dial", DIALS)
def test_a_game_played_on_one_tree_is_the_references(dial: Dial) -> None:
    game, evaluator = games.load("connect_four"), HashEvaluator(games.load("connect_four"))
    config = SearchConfig(dial=dial)
    search, reference = Search(game, evaluator, config, 1), ReferenceSearch(game, evaluator, config)
    rng, position = np.random.default_rng(4), game.initial(1)
    for seed in seeds(12).tolist():
        search.begin(ONE, position, np.array([seed], np.uint64))
        reference.begin(position, seed)
        search.run()
        reference.run(dial.simulations)
        assert_same_tree(search, 0, reference)
        assert_same_decision(search, 0, reference)
        for own in (True, False):
            if not position["terminal"][0]:
                legal = np.flatnonzero(game.legal_actions(position)[0])
                action = reference.choose() if own and rng.random() < 0.3 else rng.choice(legal)
                position = game.step(position, [action])
        if position["terminal"][0]:
            break
    assert position["ply"][0] > 6


def test_with_root_noise_the_subtree_is_kept_and_gets_noise_of_its_own() -> None:
    game, evaluator, config = games.load("connect_four"), HashEvaluator(games.load("connect_four")), SearchConfig()
    search, reference = Search(game, evaluator, config, 1), ReferenceSearch(game, evaluator, config)
    position = game.initial(1)
    for noise in (7, 8, 9):
        search.begin(ONE, position, seeds(1), noise_seeds=np.array([noise], np.uint64))
        reference.begin(position, int(seeds(1)[0]), noise)
        search.run()
        reference.run(config.dial.simulations)
        assert_same_tree(search, 0, reference)
        position = game.step(position, search.decisions(ONE).actions)


def test_noise_is_never_added_twice() -> None:
    game, evaluator = games.load("connect_four"), HashEvaluator(games.load("connect_four"))
    fresh = decided(game, evaluator, SearchConfig(), game.initial(1), seeds(1), np.array([3], np.uint64))
    search = searched(game, evaluator, SearchConfig(), game.initial(1), seeds(1), np.array([5], np.uint64))
    search.begin(ONE, game.initial(1), seeds(1), noise_seeds=np.array([3], np.uint64))
    search.run()
    assert_same(search.decisions(ONE), fresh)
    plain = decided(game, evaluator, SearchConfig(), game.initial(1), seeds(1))
    search.begin(ONE, game.initial(1), seeds(1))
    search.run()
    assert_same(search.decisions(ONE), plain)


def test_nothing_is_kept_where_the_position_is_not_in_the_tree_or_reuse_is_off() -> None:
    game, evaluator = games.load("connect_four"), HashEvaluator(games.load("connect_four"))
    far = sampled("connect_four", 1, least=15, most=15)
    near = later(game, game.initial(1), [3, 3])
    for config, position in (
        (SearchConfig(), far),
        (SearchConfig(reuse=False), near),
        (SearchConfig(strategy=Strategy.GUMBEL), near),
    ):
        search = searched(game, evaluator, config, game.initial(1), seeds(1))
        search.begin(ONE, position, seeds(1, 9))
        search.run()
        assert_same(search.decisions(ONE), decided(game, evaluator, config, position, seeds(1, 9)))


def test_a_cleared_row_starts_anew() -> None:
    game, evaluator = games.load("connect_four"), HashEvaluator(games.load("connect_four"))
    search = searched(game, evaluator, SearchConfig(), game.initial(2), seeds(2))
    search.clear(ONE)
    search.begin(np.arange(2), game.initial(2), seeds(2))
    search.run()
    assert [nodes_of(search, row)[0].visits for row in range(2)] == [65, 129]


def test_a_proven_position_in_the_tree_needs_no_further_simulation() -> None:
    game = games.load("tic_tac_toe")
    position = later(game, game.initial(1), [0, 3, 1, 8])
    search = searched(game, None, SearchConfig(dial=Dial.at(1.0, simulations=5000)), position, seeds(1))
    assert nodes_of(search, 0)[0].solved
    after = later(game, position, [2])
    assert after["terminal"][0]
    search = searched(game, None, SearchConfig(dial=Dial.at(1.0, simulations=5000)), game.initial(1), seeds(1))
    nodes = nodes_of(search, 0)
    solved = next(node for node in nodes if node.solved and node.edges)
    search.begin(ONE, np.frombuffer(solved.position, game.dtype), seeds(1, 3))
    assert search.finished.all()
    search.run()
    decisions = search.decisions(ONE)
    assert search.done[0] == 0
    assert decisions.values[0].tolist() == solved.values


@pytest.mark.parametrize("dial", [Dial(simulations=60), Dial.at(1.0, simulations=60)])
def test_memory_stays_within_max_nodes_over_a_game(dial: Dial) -> None:
    game, evaluator = games.load("connect_four"), HashEvaluator(games.load("connect_four"))
    search = Search(game, evaluator, SearchConfig(dial=dial, max_nodes=90), 1)
    position = game.initial(1)
    for move in range(6):
        search.begin(ONE, position, seeds(1, move))
        search.run()
        root = search.decisions(ONE).root
        assert root is not None
        assert search.positions.shape[1] <= 90
        assert search.done[0] == 60
        position = game.step(position, search.decisions(ONE).actions)


def agent(game: Game, dial: Dial) -> SearchAgent:
    return SearchAgent(game, HashEvaluator(game), SearchConfig(dial=dial), name="test")


@pytest.mark.parametrize("dial", [Dial(simulations=40), Dial.at(1.0, simulations=40)])
def test_an_agent_remembers_each_game_apart(dial: Dial) -> None:
    """Three games at once, and each of them alone: the same decisions, in whatever order the games are named."""
    game = games.load("connect_four")
    together, alone = agent(game, dial), [agent(game, dial) for _ in range(3)]
    positions = game.initial(3)
    for move in range(3):
        order = np.random.default_rng(move).permutation(3)
        decisions = together.decide(positions[order], seeds(3, 10 * move)[order], 100 + order)
        for index, name in enumerate(order.tolist()):
            own = alone[name].decide(positions[[name]], seeds(3, 10 * move)[[name]], np.array([name]))
            assert_same(own, part(decisions, [index]))
            assert own.root is not None
            assert own.root.visits.sum() >= 40 or not np.isnan(own.root.proven).all()
            positions[name] = game.step(positions[[name]], own.actions)[0]
            positions[name] = game.step(positions[[name]], [(name + move) % 7])[0]
    assert decisions.root is not None
    assert decisions.root.visits.sum() > 3 * 40


@pytest.mark.parametrize("dial", [Dial(simulations=40), Dial.at(1.0, simulations=40)])
def test_an_agent_remembers_nothing_without_games_or_after_forget(dial: Dial) -> None:
    game = games.load("connect_four")
    start, player = game.initial(1), agent(game, dial)
    near = later(game, start, [3, 3])
    expected = agent(game, dial).decide(near, seeds(1))
    player.decide(start, seeds(1))
    assert_same(player.decide(near, seeds(1)), expected)
    player.decide(start, seeds(1), np.array([4]))
    player.forget()
    assert_same(player.decide(near, seeds(1), np.array([4])), expected)
    player.decide(start, seeds(1), np.array([4]))
    assert_same(player.decide(near, seeds(1), np.array([5])), expected)


def test_games_are_named_once() -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match=r"games must name each game once, got \[1, 1\]"):
        agent(game, Dial()).decide(game.initial(2), seeds(2), np.array([1, 1]))
