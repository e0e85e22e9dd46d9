"""Both bridges: our games as PettingZoo environments, theirs and OpenSpiel's as ours, and what is refused."""

from __future__ import annotations

import importlib
import pickle
import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import AECEnv

import games
from games.check import check
from games.engines import Facts
from games.pettingzoo import bridge, env
from games.replay import ReplayedGame
from games.sampling import Sample, play

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # their tests import environments in the old way
    from pettingzoo.test import api_test, render_test, seed_test

SPECS = [
    "tic_tac_toe",
    "connect_four",
    "mnk:m=4,n=3,k=3,players=3",
    "hex:size=4,swap=True",
    "go:size=3",
    "othello:size=4",
    "pig:target=12,max_plies=60",
    "pig:target=15,players=3",
]


@pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array")  # they know their own environments by name
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros")
@pytest.mark.filterwarnings("ignore:Action mask numpy array is all zeros")
@pytest.mark.parametrize("spec", SPECS)
def test_our_games_pass_pettingzoos_tests(spec: str) -> None:
    def make(render_mode: str | None = None) -> Any:
        return env(spec, render_mode=render_mode)

    api_test(make(), num_cycles=50)
    seed_test(make, num_cycles=10)
    render_test(make)


def test_observations_of_go_stay_in_their_space_to_the_end() -> None:
    table = env("go:size=5")
    table.reset(seed=0)
    for _ in range(2):
        table.step(25)
    observation = table.observe("player_0")
    assert table.terminations["player_0"]
    assert table.observation_space("player_0").contains(observation)
    assert table.observation_space("player_0")["observation"].high.max() == 1


def test_shared_margins_are_not_zero_sum_as_it_is_meant_here() -> None:
    game = games.load("openspiel:dots_and_boxes(num_rows=1,num_cols=3,utility_margin=true)")
    assert not game.zero_sum
    assert all(line.ok for line in check(game, games=10))


def test_an_environment_follows_the_game() -> None:
    table = env("connect_four", render_mode="rgb_array")
    table.reset(seed=0)
    for action in (0, 1, 0, 1, 0, 1):
        assert table.observe("player_0")["action_mask"].any() == (table.agent_selection == "player_0")
        table.step(action)
    image = table.render()
    assert image.shape == (6 * 48, 7 * 48, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 4  # cells, lines and both players' stones
    assert table.observe("player_0")["observation"][:, :, 0].sum() == 3
    np.testing.assert_array_equal(
        table.observe("player_0")["observation"], table.observe("player_1")["observation"][:, :, [1, 0, 2, 4, 3]]
    )
    table.step(0)
    assert table.rewards == {"player_0": 1, "player_1": -1}
    assert all(table.terminations.values())


def test_chance_moves_by_itself_by_the_seed_of_reset() -> None:
    def throws(seed: int) -> list[int]:
        table, seen = env("pig"), []
        table.reset(seed=seed)
        for _ in range(12):
            assert table.observe(table.agent_selection)["action_mask"].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
            before = table.agent_selection
            table.step(0)
            seen.append(round(100 * float(table.observe(table.agent_selection)["observation"][0, 0, 2])))
            assert (seen[-1] == 0) == (table.agent_selection != before)  # a 1 ends the turn
        return seen

    assert throws(1) == throws(1)
    table = env("pig")
    table.reset(seed=1)
    ways = []
    for _ in range(8):  # without a seed its chances go on, instead of beginning anew
        table.reset()
        table.step(0)
        ways.append(table.position.tobytes())
    table.reset(seed=1)
    for way in ways:
        table.reset()
        table.step(0)
        assert table.position.tobytes() == way
    assert len(set(ways)) > 1
    assert len({tuple(throws(seed)) for seed in range(8)}) > 4


def test_an_illegal_move_loses() -> None:
    table = env("connect_four:rows=1,columns=4,connect=2")
    table.reset()
    table.step(2)
    table.step(2)
    assert table.rewards == {"player_0": 0, "player_1": -1}
    assert all(table.terminations.values())


def test_unknown_render_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="render_mode must be None or one of human, rgb_array, ansi, got 'svg'"):
        env("tic_tac_toe", render_mode="svg")


FOREIGN = ["pettingzoo:tictactoe_v3", "pettingzoo:connect_four_v3", "openspiel:breakthrough(rows=4,columns=3)"]


@pytest.mark.parametrize("spec", FOREIGN)
def test_foreign_games_conform(spec: str) -> None:
    assert [finding for finding in check(spec, games=4) if not finding.ok] == []


def test_a_foreign_game_that_is_too_long_is_nobodys() -> None:
    """A game may be cut off everywhere: in rollouts, in searches and in what the conformance suite plays."""
    game = bridge("connect_four_v3", max_plies=20)
    ends, plies = game.rollout(game.initial(40), np.arange(40, dtype=np.uint64))
    assert plies.max() == 20
    assert ends[plies < 20].all()
    assert not ends[plies == 20].all()
    assert [finding for finding in check(replace(game, spec=""), games=4) if not finding.ok] == []
    short = bridge("connect_four_v3", max_plies=5)
    position = short.initial()
    for action in range(5):
        assert not position["terminal"][0]
        position = short.step(position, [action])
    assert position["terminal"][0]
    assert not position["returns"].any()
    assert not short.legal_actions(position).any()


def twin(game: ReplayedGame, remembered: int, *, copies: bool = True) -> ReplayedGame:
    """The same game anew, with an engine of its own and nothing remembered yet."""
    library, _, name = game.spec.partition(":")
    fresh: ReplayedGame = importlib.import_module(f"games.{library}").bridge(name)
    return replace(fresh, engine=fresh.engine if copies else OneOfAKind(fresh.engine), remembered=remembered)


@dataclass
class OneOfAKind:
    """An engine that cannot be copied."""

    engine: Any

    def copy(self) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def facts(game: games.Game, sample: Sample) -> list[bytes]:
    rows = np.random.default_rng(0).permutation(len(sample.before))[:20]
    positions = sample.before[rows]
    return [array.tobytes() for array in (game.legal_actions(positions), game.observe(positions))]


@pytest.mark.parametrize("spec", FOREIGN)
def test_shortcuts_change_nothing(spec: str) -> None:
    """With nothing remembered every question is answered by a replay from the start; the answers are the same."""
    fast = games.load(spec)
    assert isinstance(fast, ReplayedGame)
    assert fast.engine.copy() is not None
    sample = play(fast, 5, 2, 1000)
    slow, tight = twin(fast, 0), twin(fast, 2)
    alone, both = twin(fast, 20_000, copies=False), twin(fast, 2, copies=False)
    for game in (slow, tight, alone, both):
        assert play(game, 5, 2, 1000).after.tobytes() == sample.after.tobytes()
        assert facts(game, sample) == facts(fast, sample)


@dataclass
class Fading:
    """An engine whose copies lose what is observed of them."""

    engine: Any
    copied: bool = False

    def copy(self) -> Any:
        return Fading(self.engine.copy(), True)

    def facts(self) -> Facts:
        facts: Facts = self.engine.facts()
        return replace(facts, observation=facts.observation * 0) if self.copied else facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def test_unsound_copies_are_found_by_the_conformance_suite() -> None:
    game = games.load("openspiel:tic_tac_toe")
    assert isinstance(game, ReplayedGame)
    findings = check(replace(game, engine=Fading(game.engine)), games=4)
    assert [finding.property for finding in findings if not finding.ok] == ["replay"]


class Shuffling(AECEnv):  # type: ignore[misc]
    """Two players name 0 or 1, three times each; equal last names win for the first. With `leak` copies share them."""

    metadata: ClassVar[dict[str, Any]] = {"name": "shuffling_v0"}

    def __init__(self, leak: bool = False) -> None:
        super().__init__()
        self.possible_agents = ["first", "second"]
        self.named = Shared() if leak else []

    def observation_space(self, agent: str) -> Any:
        return spaces.Box(-1, 1, (6,), np.float32)

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        self.agents = list(self.possible_agents)
        self.named.clear()
        self.agent_selection = "first"
        self.rewards = dict.fromkeys(self.agents, 0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, Any] = {agent: {} for agent in self.agents}

    def observe(self, agent: str) -> Any:
        return np.array([*self.named, *[-1] * (6 - len(self.named))], np.float32)

    def step(self, action: Any) -> None:
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        self.named.append(action)
        self.agent_selection = self.possible_agents[len(self.named) % 2]
        if len(self.named) == 6:
            sign = 1 if self.named[4] == self.named[5] else -1
            self.rewards = {"first": sign, "second": -sign}
            self.terminations = dict.fromkeys(self.agents, True)


class Shared(list[int]):
    """A list of which no copies are made."""

    def __deepcopy__(self, memory: dict[int, Any]) -> Shared:
        return self


@pytest.mark.parametrize("leak", [False, True])
def test_environments_are_copied_only_where_copies_are_sound(leak: bool) -> None:
    """Both are played soundly; the one that no copy can be made of is replayed."""
    spec = f"pettingzoo:{__name__}:Shuffling(leak={leak})"
    game = games.load(spec)
    assert isinstance(game, ReplayedGame)
    assert (game.engine.copy() is None) == leak
    assert [finding for finding in check(spec, games=4) if not finding.ok] == []


@pytest.mark.parametrize(
    ("ours", "theirs"), [("connect_four", "pettingzoo:connect_four_v3"), ("tic_tac_toe", "openspiel:tic_tac_toe")]
)
def test_bridged_games_are_the_games(ours: str, theirs: str) -> None:
    own, foreign = games.load(ours), games.load(theirs)
    sample = play(own, 3, 8, 100)
    position, other = own.initial(8), foreign.initial(8)
    rng = np.random.default_rng(3)
    while not position["terminal"].all():
        legal = own.legal_actions(position)
        np.testing.assert_array_equal(legal, foreign.legal_actions(other))
        actions = np.argmax(legal * rng.random(legal.shape), axis=1)
        position, other = own.step(position, actions), foreign.step(other, actions)
        for name in ("to_play", "ply", "terminal", "returns"):
            live = position["terminal"] == 0
            keep = slice(None) if name != "to_play" else live  # who would move after the end means nothing
            np.testing.assert_array_equal(position[name][keep], other[name][keep])
    assert foreign.zero_sum
    assert len(sample.last) == 8


def test_bridged_games_are_pickled_by_spec() -> None:
    game = games.load("openspiel:tic_tac_toe")
    assert pickle.loads(pickle.dumps(game)).spec == game.spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("openspiel:backgammon", "backgammon.*SAMPLED_STOCHASTIC|backgammon.*EXPLICIT_STOCHASTIC"),
        ("openspiel:dark_hex", "dark_hex.*IMPERFECT_INFORMATION"),
        ("openspiel:matrix_rps", "matrix_rps"),
        ("openspiel:no_such_game", "OpenSpiel has no game 'no_such_game'"),
        ("pettingzoo:rps_v2", "hidden"),
        ("pettingzoo:go_v5(5)", "options must be written name=value"),
        ("pettingzoo:no_such_env_v0", "PettingZoo cannot make 'no_such_env_v0'"),
        ("pettingzoo:no_such_module:env", "PettingZoo cannot make 'no_such_module:env'"),
    ],
)
def test_what_cannot_be_a_game_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        games.load(spec)


def test_any_environment_may_be_named_by_its_factory() -> None:
    game = games.load("pettingzoo:pettingzoo.classic.tictactoe.tictactoe:env(screen_height=100)")
    assert game.num_actions == 9


@pytest.mark.parametrize(
    "spec", ["openspiel:tic_tac_toe", "openspiel:dots_and_boxes(num_rows=1,num_cols=3)", "pettingzoo:tictactoe_v3"]
)
def test_rollouts_go_on_from_a_copy_as_they_do_step_by_step(spec: str) -> None:
    game = games.load(spec)
    assert isinstance(game, ReplayedGame)
    stepwise = replace(game, remembered=0)
    sample = play(game, seed=3, games=4, max_plies=100)
    positions = np.concatenate((game.initial(3), sample.after))
    seeds = np.arange(len(positions), dtype=np.uint64)
    for found, expected in zip(game.rollout(positions, seeds), stepwise.rollout(positions, seeds), strict=True):
        np.testing.assert_array_equal(found, expected)
    short = replace(game, max_plies=2)
    returns, plies = short.rollout(short.initial(3), seeds[:3])
    assert not returns.any()
    assert plies.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("openspiel:tic_tac_to", "OpenSpiel has no game 'tic_tac_to': did you mean tic_tac_toe"),
        ("openspiel:xyzzy", "OpenSpiel has no game 'xyzzy'$"),
        ("openspiel:tic_tac_toe(x=1)", "OpenSpiel cannot load 'tic_tac_toe.x=1.': [^\n]*$"),
        ("pettingzoo:connect_four_v3(", "its bracket is not closed"),
        ("pettingzoo:tictacto_v3", "PettingZoo cannot make 'tictacto_v3': .{1,300}$"),
    ],
)
def test_a_foreign_game_that_does_not_exist_is_told_in_a_line(
    spec: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=message):
        games.load(spec)
    assert capfd.readouterr().err.count("\n") <= 1


def test_what_goes_wrong_in_openspiel_is_told_in_a_line() -> None:
    from games.openspiel import OpenSpielEngine

    class Failing:
        def apply_action(self, action: int) -> None:
            raise RuntimeError("no such move\nand much more")

    engine = OpenSpielEngine("its game", (1, 1, 1), Failing())
    with pytest.raises(ValueError, match=r"^OpenSpiel's its game failed at action 3: no such move$"):
        engine.play(3)
