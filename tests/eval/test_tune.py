"""Tuning: the model's numbers, the search on landscapes with a known optimum, and real games that go on when killed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

import games
from benchmarks.tuning import World
from eval import tune
from eval.records import Record, replay
from eval.store import Store
from eval.tuning.acquisition import choose, expected_regret, samples
from eval.tuning.curve import curve, observed, png
from eval.tuning.kernel import DifferenceKernel
from eval.tuning.landscape import Landscape, Rounds, fit
from eval.tuning.loop import Duel, Found, optimise
from eval.tuning.matches import Matches, Setup
from eval.tuning.space import Floats, Space
from hybrid import agents, checkpoint, tuned
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.search_agent import SearchAgent
from hybrid.tuned import Budget, Options

LINE = Space.of(["dial"])
CUBE = Space.of(["prior_weight", "value_weight", "c_puct"])


def test_candidates_begin_with_the_dials_that_everyone_knows() -> None:
    assert [LINE.values(point) for point in LINE.candidates[:2]] == [{"dial": 0.5}, {"dial": 1.0}]
    assert CUBE.values(CUBE.candidates[0]) == {"prior_weight": 1.0, "value_weight": 1.0, "c_puct": 1.5}
    assert CUBE.values(CUBE.candidates[1]) == {"prior_weight": 0.0, "value_weight": 0.0, "c_puct": 1.5}
    for space in (LINE, CUBE):
        assert len(np.unique(space.candidates, axis=0)) == len(space.candidates)
        assert space.candidates.min() == 0.0
        assert space.candidates.max() == 1.0
        assert space.direct[1]
        assert not space.direct[0]
    assert LINE.direct.sum() == 1


@pytest.mark.parametrize("names", [[], ["depth"], ["dial", "dial"], ["dial", "prior_weight"], ["value_weight", "dial"]])
def test_other_axes_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="axes must be"):
        Space.of(names)


def test_the_kernel_is_that_of_differences_of_a_matern_process() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((5, 2)), rng.random((5, 2))
    flags = np.zeros((5, 1))
    matern = ConstantKernel(2.0) * Matern((0.3, 0.8), nu=2.5)
    parts = [matern(a, b) for a in (one, other) for b in (one, other)]
    rows = np.column_stack((one, flags, other, flags))
    kernel = DifferenceKernel(np.array([2.0, 0.3, 0.8]))
    expected = parts[0] - parts[1] - parts[2] + parts[3]
    assert kernel(rows) == pytest.approx(expected)
    assert kernel.diag(rows) == pytest.approx(expected.diagonal())


def test_the_gradient_of_the_kernel_is_its_slope() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack((rng.random((4, 2)), np.ones(4), rng.random((4, 2)), np.zeros(4)))
    theta = np.log([2.0, 0.3, 0.8])
    _, gradient = DifferenceKernel(np.exp(theta))(rows, eval_gradient=True)
    for number in range(3):
        step = 1e-6 * np.eye(3)[number]
        high, low = (DifferenceKernel(np.exp(theta + sign * step))(rows) for sign in (1, -1))
        assert gradient[:, :, number] == pytest.approx((high - low) / 2e-6, abs=1e-6)


def results(*duels: tuple[int, int, Sequence[float]]) -> Rounds:
    """Rounds of pairs of candidates."""
    rounds = Rounds.none()
    for first, second, scores in duels:
        rounds = rounds.extended(first, second, np.array(scores, np.float64))
    return rounds


def test_with_many_games_strength_is_what_elo_says() -> None:
    """75 % against 25 % is 190.8 Elo."""
    landscape = fit(LINE, results((1, 0, [1.0, 0.5] * 3000)))
    assert landscape.mean[1] == pytest.approx(400 * math.log10(3), abs=2.0)
    assert landscape.mean[0] == pytest.approx(0.0, abs=1e-6)
    mean, deviation = landscape.at(LINE.candidates[:2])
    assert mean == pytest.approx(landscape.mean[:2])
    assert deviation[0] == pytest.approx(0.0, abs=1e-3)


def test_it_does_not_matter_who_is_named_first() -> None:
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 5, (3, 40)) / 4
    pairs = [(0, 10), (10, 30), (1, 30)]
    one = fit(LINE, results(*((a, b, s.tolist()) for (a, b), s in zip(pairs, scores, strict=True))))
    other = fit(LINE, results(*((b, a, (1 - s).tolist()) for (a, b), s in zip(pairs, scores, strict=True))))
    assert one.mean == pytest.approx(other.mean, abs=0.1)


def test_dispersion_is_one_for_coins_and_small_for_draws() -> None:
    coins = np.random.default_rng(3).integers(0, 2, (2000, 2)).mean(axis=1)
    assert fit(LINE, results((0, 20, coins.tolist()))).dispersion == pytest.approx(1.0, abs=0.1)
    assert fit(LINE, results((0, 20, [0.5] * 2000))).dispersion < 0.05


def test_expected_regret_of_two_candidates() -> None:
    """E max(0, X) of X ~ N(-20, 50²) is 50 φ(0.4) - 20 Φ(-0.4) = 11.52."""
    known = fit(LINE, Rounds.none())
    covariance = np.zeros_like(known.covariance)
    covariance[1, 1] = 2500.0
    mean = np.full(len(covariance), -1000.0)
    mean[0], mean[1] = 0.0, -20.0
    landscape = replace(known, mean=mean, covariance=covariance)
    drawn = [samples(landscape, np.random.default_rng(seed)) for seed in range(20)]
    assert np.mean([expected_regret(landscape, one) for one in drawn]) == pytest.approx(11.52, abs=1.0)
    assert set(choose(landscape, drawn[0], 1, 4)[0]) == {0, 1}


def test_a_duel_is_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is certain which is best."""
    known = fit(LINE, Rounds.none())
    certain: Landscape = replace(known, mean=np.linspace(100, 0, 51), covariance=np.zeros_like(known.covariance))
    drawn = samples(certain, np.random.default_rng(0))
    assert choose(certain, drawn, 2, 4) == [(0, 1), (0, 1)]


def test_the_same_seed_searches_the_same_way() -> None:
    def run(seed: int) -> Found:
        return optimise(LINE, World(LINE, 3).play, seed=seed, games=160)

    one, again, other = run(1), run(1), run(2)
    assert one.steps == again.steps
    assert np.array_equal(one.rounds.first, again.rounds.first)
    assert not np.array_equal(one.rounds.first, other.rounds.first)


def test_games_are_bounded_and_rounds_are_never_shared() -> None:
    world, asked = World(LINE, 0), list[Duel]()

    def play(duels: Sequence[Duel]) -> list[Floats]:
        asked.extend(duels)
        return world.play(duels)

    found = optimise(LINE, play, games=200, precision=0.0)
    assert 200 <= found.steps[-1].games < 208
    numbers = [duel.start + k for duel in asked for k in range(duel.rounds)]
    assert sorted(numbers) == list(range(len(numbers)))
    assert 2 * len(numbers) == found.steps[-1].games
    assert not found.settled


@pytest.mark.parametrize("options", [{"games": 0}, {"precision": -1.0}, {"precision": math.nan}])
def test_searches_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="games must be at least 2 and precision at least 0"):
        optimise(LINE, World(LINE, 0).play, **options)


class Cliff(World):
    """A gentle slope down to the direct end, which itself is by far the best: it moves for less."""

    def elo(self, points: Floats) -> Floats:
        return np.where(points[:, 0] == 1.0, 200.0, -60.0 * points[:, 0])


def test_a_direct_end_apart_from_the_rest_is_found_and_does_not_bend_the_rest() -> None:
    found = optimise(LINE, Cliff(LINE, 0).play, games=400, jump=True)
    assert LINE.values(found.point) == {"dial": 1.0}
    beside, _ = found.landscape.at(np.array([[0.99]]))
    assert beside[0] < 50.0
    assert png(curve(found, "cliff")).startswith(b"\x89PNG")


def test_what_was_observed_alone_is_near_the_truth() -> None:
    world = World(LINE, 0)
    world.height, world.optimum = 300.0, np.array([0.5])
    found = optimise(LINE, world.play, games=600, precision=0.0)
    strength, played = observed(found)
    often = int(np.argmax(played))
    truth = world.elo(LINE.candidates)
    assert played.sum() == 2 * found.steps[-1].games
    assert strength[often] == pytest.approx(truth[often] - truth[0], abs=100.0)
    assert np.isnan(strength[played == 0]).all()


def test_a_picture_of_three_axes() -> None:
    found = optimise(CUBE, World(CUBE, 0).play, games=64)
    figure = curve(found, "cube")
    assert [panel.get_xlabel() for panel in figure.axes] == ["prior_weight", "value_weight", "c_puct"]
    assert png(figure).startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an untrained network."""
    game, config = games.load("tic_tac_toe"), NetworkConfig(blocks=1, channels=4)
    weights = initial_weights(config, NetworkShape.of(game), np.random.default_rng(1))
    path = tmp_path_factory.mktemp("network") / "000007.safetensors"
    stored = checkpoint.Checkpoint(
        weights=weights, config=config, shape=NetworkShape.of(game), game=game.spec, generation=7
    )
    checkpoint.save(path, stored)
    return path


@pytest.fixture
def plan(network: Path, tmp_path: Path) -> tune.Plan:
    """A small plan for a fresh run folder."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / network.name).write_bytes(network.read_bytes())
    budget = Budget.parse("8")
    return tune.Plan(
        game="tic_tac_toe", agent=str(tmp_path / "run"), budget=budget, games=64, confirm=8, opening_plies=2
    )


def stored(plan: tune.Plan) -> list[Record]:
    with Store(tune.place_of(plan).store, plan.game) as store:
        return [replace(record, costs=()) for record in store.records()]


def test_real_games_end_in_a_setting_that_agents_use(plan: tune.Plan) -> None:
    tuning = tune.run(plan)
    assert tuning.found.steps[-1].games == 64
    assert [gain.dial for gain in tuning.gains] == [0.0, 0.5, 1.0]
    assert all(len(gain.match.games) == 8 for gain in tuning.gains if gain.match is not None)
    agent = agents.load(f"{plan.agent}?dial=tuned&simulations=8", games.load("tic_tac_toe"))
    named = agents.load(tuning.spec, games.load("tic_tac_toe"))
    assert isinstance(agent, SearchAgent)
    assert isinstance(named, SearchAgent)
    assert agent.config == named.config
    for record in stored(plan):
        assert len(replay(record)) == len(record.moves) + 1


def test_agents_with_options_are_tuned_by_themselves(plan: tune.Plan) -> None:
    """Neither setting nor games nor pictures of one kind of search take the place of another's."""
    searches = (plan, replace(plan, agent=f"{plan.agent}?strategy=uct&device=cpu"))
    for one in searches:
        tune.run(replace(one, games=8, confirm=2))
    assert [setting.own for setting in tuned.load(plan.agent)] == [(), (("strategy", "uct"),)]
    places = [tune.place_of(one) for one in searches]
    assert all(place.store.is_file() for place in places)
    assert len({place.curve for place in places}) == 2


@pytest.mark.parametrize("change", [{"seed": 1}, {"opening_plies": 3}])
def test_other_games_have_a_store_of_their_own(plan: tune.Plan, change: dict[str, Any]) -> None:
    short = replace(plan, games=8, confirm=2)
    tune.run(short)
    before = stored(plan)
    tune.run(replace(short, **change))
    assert stored(plan) == before
    assert len(stored(replace(plan, **change))) > 0
    assert len(tuned.load(plan.agent)) == 1


def test_interrupted_it_goes_on_to_the_same_end(
    plan: tune.Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = tune.run(plan)
    expected, setting = stored(plan), tuned.load(plan.agent)
    tune.place_of(plan).store.unlink()
    add, left = Store.add, [0]

    def interrupted(self: Store, records: Any) -> int:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return add(self, records)

    monkeypatch.setattr(Store, "add", interrupted)
    for count in (3, 30, 35):
        left[0] = count
        with pytest.raises(KeyboardInterrupt):
            tune.run(plan)
    left[0] = 10_000
    resumed = tune.run(plan)
    assert len(expected) - (10_000 - left[0]) == 3 + 30 + 35
    assert stored(plan) == expected
    assert tuned.load(plan.agent) == setting
    assert resumed.spec == whole.spec
    left[0] = 0
    assert tune.run(plan).spec == whole.spec


def small(network: Path, folder: Path, opening_plies: int = 4) -> Setup:
    """Matches of tic-tac-toe at two simulations."""
    return Setup(
        game=games.load("tic_tac_toe"),
        file=network,
        common=(("simulations", "2"),),
        store=folder / "games.db",
        seed=3,
        opening_plies=opening_plies,
        concurrent=64,
    )


def test_games_of_another_version_of_the_agents_are_no_evidence(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = small(network, tmp_path)
    with Matches(setup) as matches:
        matches.match((("dial", "0"),), (("dial", "0.5"),), 2)
    monkeypatch.setattr("eval.store.PLAY_VERSION", 1_000)
    with pytest.raises(ValueError, match="made by another version of the agents"):
        Matches(setup)


def test_repeats_are_seen_when_names_have_changed(network: Path, tmp_path: Path) -> None:
    """A store tells agents apart by their checkpoints once one name has had several."""
    setup = small(network, tmp_path, opening_plies=0)
    dials: list[Options] = [(("dial", "0"),), (("dial", "0"), ("symmetric", "false"))]
    with Matches(setup) as matches:
        assert len(matches.scores(dials.__getitem__, [Duel(first=0, second=1, start=0, rounds=2)])[0]) == 1
    with Store(setup.store, "tic_tac_toe") as store:
        for label in store.labels().values():
            store.agent(label, "f" * 64)
    with Matches(setup) as matches:
        assert len(matches.scores(dials.__getitem__, [Duel(first=0, second=1, start=0, rounds=4)])[0]) == 1


def test_trials_are_played_on_openings_that_the_search_has_not_seen(network: Path, tmp_path: Path) -> None:
    """No position of theirs, nor its mirror image, was one of the search's; nor was a seed."""
    game, setup = games.load("tic_tac_toe"), small(network, tmp_path)

    def images(match: Sequence[Record]) -> set[bytes]:
        starts = np.concatenate([replay(record)[record.opening : record.opening + 1] for record in match])
        views = [game.transform(starts, np.full(len(starts), k)) for k in range(len(game.action_symmetries))]
        return {view[row].tobytes() for view in views for row in range(len(starts))}

    with Matches(setup) as matches:
        dials = {number: (("dial", f"{0.5 + 0.1 * number:g}"),) for number in range(3)}
        matches.scores(dials.__getitem__, [Duel(first=0, second=1, start=0, rounds=20)])
        searched = [*matches._known.values()]
        trial = matches.match(dials[2], dials[0], 40)
    assert len(images(trial.games)) >= 20
    assert not images(trial.games) & images(searched)
    assert not {record.seed for record in trial.games} & {record.seed for record in searched}


def test_the_proposal_must_not_lose_its_trial(plan: tune.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dial 0.5 stays where the best that was found loses to it, and the verdict says so."""
    options = tune.options_of(LINE, np.array([0.4]))
    match = Matches.match

    def lost(self: Matches, first: Any, second: Any, count: int) -> Any:
        played = match(self, first, second, count)
        if second != (("dial", "0.5"),):
            return played
        beaten = tuple(
            replace(game, returns=(1.0, -1.0) if game.seats[0] == 1 else (-1.0, 1.0)) for game in played.games
        )
        return type(played)(beaten)

    monkeypatch.setattr(Matches, "match", lost)
    found = replace(optimise(LINE, World(LINE, 0).play), point=np.array([0.4]))
    monkeypatch.setattr(tune, "optimise", lambda *_, **__: found)
    tuning = tune.run(plan)
    assert tuning.proposed == options == (("dial", "0.7"),)
    assert tuning.options == (("dial", "0.5"),)
    assert "dial 0.5 stays" in tuning.verdict
    assert tuning.gains[1].match is None
    assert tuned.load(plan.agent)[0].options == (("dial", "0.5"),)


def test_exploration_keeps_its_ratio_between_network_and_rollouts() -> None:
    options = dict(tune.options_of(CUBE, np.array([0.5, 0.25, 0.75])))
    assert options == {"prior_weight": "0.5", "value_weight": "0.25", "c_puct": "3", "c_rollout": "6"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agent": "mcts"}, "agent must be a trained run"),
        ({"agent": "{run}?dial=0.3"}, "sets dial, which tuning sets itself"),
        ({"agent": "{run}?c_rollout=2", "axes": ("c_puct",)}, "sets c_rollout"),
        ({"agent": "{run}?depth=3"}, "depth"),
        ({"game": "connect_four"}, "connect_four"),
        ({"game": "mnk:m=3,n=3,k=3,players=3"}, "two players"),
        ({"axes": ("depth",)}, "axes must be"),
        ({"agent": "{run}?strategy=gumbel", "budget": Budget.parse("5ms")}, "gumbel"),
    ],
)
def test_mistakes_are_found_before_the_first_game(plan: tune.Plan, change: dict[str, Any], said: str) -> None:
    run = plan.agent
    if "agent" in change:
        change = {**change, "agent": change["agent"].format(run=run)}
    with pytest.raises(ValueError, match=said):
        tune.run(replace(plan, **change))
    assert {entry.name for entry in Path(run).iterdir()} == {"checkpoints"}


@pytest.mark.parametrize("content", ["", "{}", "not JSON"])
def test_settings_that_cannot_be_added_to_are_found_before_the_first_game(plan: tune.Plan, content: str) -> None:
    (Path(plan.agent) / "tuning.json").write_text(content)
    with pytest.raises(ValueError, match="holds no tuned settings"):
        tune.run(plan)
    assert {entry.name for entry in Path(plan.agent).iterdir()} == {"checkpoints", "tuning.json"}
    assert (Path(plan.agent) / "tuning.json").read_text() == content


@pytest.mark.parametrize("change", [{"confirm": 3}, {"confirm": 0}, {"games": 1}, {"precision": 0.0}])
def test_plans_without_sense_are_refused(plan: tune.Plan, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(plan, **change)


def test_a_lone_checkpoint_has_no_place_for_its_dial(plan: tune.Plan, network: Path) -> None:
    with pytest.raises(ValueError, match="must be in a run folder"):
        tune.run(replace(plan, agent=str(network)))


@pytest.mark.parametrize("budget", ["4", "2ms", "6evaluations"])
def test_every_budget_lets_strength_jump_at_the_direct_end(plan: tune.Plan, budget: str) -> None:
    tuning = tune.run(replace(plan, budget=Budget.parse(budget), games=16, confirm=2))
    assert tuning.found.jump
    trial = tuning.gains[2].match
    if trial is not None and "evaluations" in budget:
        spent = trial.costs(1)
        assert spent.evaluations == 0
