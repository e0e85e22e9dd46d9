"""Configurations refuse what cannot be meant, and survive JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import games
from games.rules import lift
from hybrid.dial import Dial
from training.config import Config, EvaluationConfig, LaterConfig, LearnerConfig, ReplayConfig, from_json, to_json
from training.evaluation import check_evaluation
from training.origin import reopened
from training.recipes import RECIPES, recipe
from training.replay import sample_dtype
from training.selfplay_config import SelfPlayConfig


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("game", ["tic_tac_toe", "connect_four"])
def test_recipes_survive_json(name: str, game: str) -> None:
    config = recipe(name, games.load(game))
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_recipes_fit_the_game() -> None:
    short, long = (recipe("quick", games.load(game)) for game in ("tic_tac_toe", "connect_four"))
    # A random tic-tac-toe game takes 7.6 plies and a Connect Four game about 21.
    assert short.self_play.temperature_plies == 6
    assert 14 <= long.self_play.temperature_plies <= 17
    assert short.self_play.opening_plies < long.self_play.opening_plies == 6


def test_longer_recipes_begin_with_longer_openings_up_to_a_limit() -> None:
    plies = {
        (name, spec): recipe(name, games.load(spec)).self_play.opening_plies
        for name in RECIPES
        for spec in ("connect_four", "othello")
    }
    assert plies["quick", "connect_four"] == 6
    assert plies["quick", "othello"] == 8
    assert all(plies[name, "connect_four"] == 12 and plies[name, "othello"] == 15 for name in ("standard", "strong"))


def test_replays_of_large_positions_are_shorter() -> None:
    small, large = games.load("connect_four"), games.load("go:size=19")
    assert recipe("standard", small).replay.capacity == 1_000_000
    taken = recipe("standard", large).replay.capacity * sample_dtype(large).itemsize
    assert 0.99 * 2**30 < taken <= 2**30


def test_longer_recipes_mix_channels_where_the_board_is_small() -> None:
    mixed = {
        (name, spec): recipe(name, games.load(spec)).network.mixed
        for name in RECIPES
        for spec in ("connect_four", "othello", "go:size=9")
    }
    assert [mixed[name, "connect_four"] for name in RECIPES] == [0, 8, 8]
    assert [mixed["standard", spec] for spec in ("othello", "go:size=9")] == [8, 0]


def test_larger_recipes_prove_more_where_a_game_has_proofs() -> None:
    proofs = {
        (name, spec): (config.prove_nodes, config.hindsight_nodes)
        for name in RECIPES
        for spec in ("connect_four", "pig")
        for config in [recipe(name, games.load(spec)).self_play]
    }
    assert proofs["quick", "connect_four"] == (1000, 30_000)
    assert proofs["standard", "connect_four"] == (3000, 30_000)
    late = recipe("strong", games.load("connect_four")).afterwards().self_play
    assert (late.prove_nodes, late.hindsight_nodes) == (3000, 99_900)
    assert all(proofs[name, "pig"] == (0, 0) for name in RECIPES)


def test_longer_recipes_search_less_where_proofs_reach() -> None:
    for spec, plies in {"connect_four": (16, 14), "tic_tac_toe": (0, 0), "othello": (0, 0), "pig": (0, 0)}.items():
        standard, strong = (recipe(name, games.load(spec)) for name in ("standard", "strong"))
        assert standard.self_play.endgame_plies == strong.self_play.endgame_plies == plies[0]
        assert strong.afterwards().self_play.endgame_plies == plies[1]


def test_the_dial_starts_at_the_direct_end_where_a_schedule_says_so() -> None:
    playing = SelfPlayConfig(direct_generations=2, direct_simulations=50, prove_nodes=7)
    config = Config(self_play=playing)
    assert config.at(2).self_play == replace(playing, dial=Dial.at(1, simulations=50), full_fraction=1.0)
    assert config.at(3) == config


def test_budgets_grow_while_generations_cost_the_same() -> None:
    playing = SelfPlayConfig(dial=Dial(simulations=64), games=256, growth=4.0)
    config = Config(self_play=playing, generations=5, replay=ReplayConfig(samples_per_position=3.0))
    ages = [config.at(generation) for generation in range(1, 6)]
    assert ages[0] == config
    assert [age.self_play.dial.simulations for age in ages] == [64, 91, 128, 181, 256]
    assert [age.self_play.fast_simulations for age in ages] == [24, 34, 48, 68, 96]
    assert [age.self_play.games for age in ages] == [256, 181, 128, 91, 64]
    # As many steps of learning for the positions of fewer games.
    learned = [age.replay.samples_per_position * age.self_play.games for age in ages]
    assert learned == pytest.approx([3 * 256] * 5, rel=0.01)
    assert Config(self_play=playing, generations=1).at(1).self_play == playing


def test_a_long_run_changes_once_and_its_rates_start_anew() -> None:
    later = LaterConfig(
        after=3,
        blocks=2,
        simulations=3,
        games=0.5,
        hindsight_nodes=4,
        endgame_plies=12,
        samples_per_position=2,
        recent=0.5,
        rate=0.4,
    )
    playing = SelfPlayConfig(dial=Dial(simulations=64), games=256, growth=2.0, prove_nodes=9, hindsight_nodes=25)
    learner = LearnerConfig(learning_rate=0.01, kernel_learning_rate=0.1, final_share=0.05)
    config = Config(later=later, self_play=playing, learner=learner, generations=5)
    ages = [config.at(generation) for generation in range(1, 6)]
    assert [age.network.blocks - config.network.blocks for age in ages] == [0, 0, 0, 2, 2]
    assert [age.self_play.dial.simulations for age in ages] == [64, 91, 128, 384, 384]
    assert [age.self_play.games for age in ages] == [256, 181, 128, 64, 64]
    assert [age.self_play.hindsight_nodes for age in ages] == [25, 25, 25, 100, 100]
    assert [age.self_play.endgame_plies for age in ages] == [0, 0, 0, 12, 12]
    assert [age.replay.samples_per_position for age in ages[::4]] == [4, 16]
    assert [age.replay.drawn(300_000) for age in ages[::4]] == [100_000, 50_000]
    assert [config.progress(generation) for generation in range(1, 6)] == [0, 0.5, 1, 0, 1]
    rates = [age.learner for age in ages]
    assert [rate.learning_rate for rate in rates] == pytest.approx([0.01] * 3 + [0.004] * 2)
    assert [rate.kernel_learning_rate for rate in rates] == pytest.approx([0.1] * 3 + [0.04] * 2)
    last = [rate.final_share * rate.learning_rate for rate in rates]
    assert last == pytest.approx([0.0005] * 5)


def test_a_run_that_ends_before_the_change_is_as_if_there_were_none() -> None:
    config = Config(later=LaterConfig(after=3, blocks=2, rate=0.5), self_play=SelfPlayConfig(growth=2.0), generations=3)
    plain = replace(config, later=LaterConfig())
    for generation in range(1, 4):
        assert replace(config.at(generation), later=LaterConfig()) == plain.at(generation)
        assert config.progress(generation) == plain.progress(generation)
    assert config.afterwards() == config


def test_rollouts_at_the_start_may_outlast_the_change() -> None:
    playing = SelfPlayConfig(direct_generations=2, direct_simulations=50, games=8)
    config = Config(self_play=playing, later=LaterConfig(after=1, simulations=2, games=0.5), generations=3)
    ages = [config.at(generation) for generation in (1, 2, 3)]
    assert [age.self_play.dial.simulations for age in ages] == [50, 50, 256]
    assert [age.self_play.games for age in ages] == [8, 4, 4]


@pytest.mark.parametrize(("done", "generations"), [(3, 3), (3, 5), (4, 5)])
def test_what_follows_a_run_after_its_change_begins_as_that_would_go_on(done: int, generations: int) -> None:
    config = Config(later=LaterConfig(after=3, blocks=2, rate=0.5), generations=generations)
    following = reopened(config, done)
    assert following.network.blocks == config.network.blocks + 2
    assert following.learner.learning_rate == 0.5 * config.learner.learning_rate
    assert (following.later, following.generations) == (LaterConfig(), generations)


def test_what_follows_a_run_after_its_change_may_still_begin_by_rollouts() -> None:
    """Of ten generations by rollouts seven are over, five of them before the change."""
    config = Config(later=LaterConfig(after=5, blocks=1), self_play=SelfPlayConfig(direct_generations=10))
    assert reopened(config, 7).self_play.direct_generations == 3


def test_what_follows_a_run_before_its_change_comes_to_it_as_well() -> None:
    later = LaterConfig(after=3, blocks=2, rate=0.5)
    config = Config(later=later, self_play=SelfPlayConfig(direct_generations=2), generations=5)
    following = reopened(config, 1)
    assert following.later == replace(later, after=2)
    assert following.network == config.network
    assert following.self_play.direct_generations == 1
    assert following.generations == 5


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ({"after": 1, "blocks": 255}, "later must lead to what is allowed: blocks must be"),
        ({"after": 1, "rate": 0.01}, "later.rate must be at least final_share, 0.05, got 0.01"),
    ],
)
def test_a_change_that_cannot_be_is_refused_before_it_is_due(later: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(later=LaterConfig(**later), generations=2)


def test_unknown_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'fast': known are quick, standard, strong"):
        recipe("fast", games.load("tic_tac_toe"))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("seeds",), 1, r"config has no \['seeds'\]: its keys are .*seed"),
        (("learner", "lr"), 1, r"config.learner has no \['lr'\]"),
        (("self_play", "dial", "sims"), 1, r"config.self_play.dial has no \['sims'\]"),
        (("generations",), "3", "config.generations must be int, got '3'"),
        (("generations",), True, "config.generations must be int, got True"),
        (("generations",), 1.5, "config.generations must be int, got 1.5"),
        (("learner",), [1], "config.learner has no"),
        (("evaluation", "anchors"), "random", "config.evaluation.anchors must be tuple"),
        (("learner", "accelerator"), "tpu", "accelerator must be one of cpu, cuda, got 'tpu'"),
        (("learner", "precision"), "half", "precision must be one of float, winograd, bfloat16, fastest, got 'half'"),
        (("learner", "learning_rate"), float("nan"), "learning_rate must be positive, got nan"),
        (
            ("learner",),
            {"precision": "winograd", "accelerator": "cuda"},
            "precision 'winograd' is for the CPU: accelerator must be cpu, got 'cuda'",
        ),
    ],
)
def test_json_that_is_no_config_is_refused(path: tuple[str, ...], value: Any, message: str) -> None:
    content = json.loads(json.dumps(to_json(Config())))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        from_json(content)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SelfPlayConfig, {"dial": Dial(simulations=0)}, "dial must search in self-play, got simulations=0"),
        (SelfPlayConfig, {"dial": Dial(seconds=1.0)}, "dial must be given in simulations in self-play"),
        (SelfPlayConfig, {"full_fraction": 0.0}, "full_fraction must be positive, got 0.0"),
        (SelfPlayConfig, {"full_fraction": 1.5}, "full_fraction must be between 0 and 1, got 1.5"),
        (SelfPlayConfig, {"games": 0}, "games must be at least 1, got 0"),
        (SelfPlayConfig, {"growth": 0.5}, "growth must be at least 1, got 0.5"),
        (SelfPlayConfig, {"growth": float("inf")}, "growth must be at least 1 and finite, got inf"),
        (SelfPlayConfig, {"slots": -1}, "slots must be at least 0, got -1"),
        (Config, {"workers": 501}, "workers must be at most 500, got 501"),
        (SelfPlayConfig, {"device": "gpu"}, "device must be cpu, cuda or cuda:N, got 'gpu'"),
        (SelfPlayConfig, {"temperature": 0.0}, "temperature must be positive"),
        (SelfPlayConfig, {"opening_nodes": 10}, "opening_nodes needs prove_nodes, got 10 and no proofs"),
        (SelfPlayConfig, {"hindsight_nodes": 10}, "hindsight_nodes needs prove_nodes, got 10 and no proofs"),
        (LaterConfig, {"blocks": 2, "rate": 0.5}, "after must be at least 1 where blocks, rate are to change, got 0"),
        (LaterConfig, {"after": -1}, "after must be at least 0, got -1"),
        (LaterConfig, {"after": 1, "simulations": 0.0}, "simulations must be positive, got 0.0"),
        (LaterConfig, {"after": 1, "rate": 2.0}, "rate must be between 0 and 1, got 2.0"),
        (ReplayConfig, {"capacity": 0}, "capacity must be at least 1, got 0"),
        (ReplayConfig, {"recent": 0.0}, "recent must be positive, got 0.0"),
        (ReplayConfig, {"recent": 1.5}, "recent must be between 0 and 1, got 1.5"),
        (LearnerConfig, {"batch": 0}, "batch must be at least 1, got 0"),
        (LearnerConfig, {"ema_decay": 1.0}, "ema_decay must be below 1, got 1.0"),
        (LearnerConfig, {"kernel_weight_decay": -0.1}, "kernel_weight_decay must be at least 0, got -0.1"),
        (LearnerConfig, {"outcome_weight": 2.0}, "outcome_weight must be between 0 and 1, got 2.0"),
        (EvaluationConfig, {"games": 3}, "games must be even"),
        (EvaluationConfig, {"every": -1}, "every must be at least 0, got -1"),
        (Config, {"generations": 0}, "generations must be at least 1, got 0"),
        (Config, {"workers": -1}, "workers must be at least 0, got -1"),
    ],
)
def test_values_out_of_range_are_refused(kind: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_the_window_is_a_share_of_the_replay_but_never_too_small() -> None:
    replay = ReplayConfig(window=1000, recent=0.25)
    assert [replay.drawn(size) for size in (0, 500, 4000, 4004, 100_000)] == [1000, 1000, 1000, 1001, 25_000]


def test_configurations_are_frozen() -> None:
    config = Config()
    with pytest.raises(AttributeError):
        config.seed = 3  # type: ignore[misc]
    assert replace(config, seed=3) != config


def test_games_for_one_player_have_no_matches() -> None:
    alone = lift(
        "alone",
        num_actions=2,
        observation_shape=(1, 1, 2),
        fields=[("sum", "u1")],
        play=add,
        legal=anything,
        observe=nothing,
        players=1,
    )
    assert all(recipe(name, alone).evaluation.every == 0 for name in RECIPES)
    with pytest.raises(ValueError, match=r"evaluation.every must be 0, .* a game for one player, got every=3"):
        check_evaluation(alone, EvaluationConfig(every=3))
    check_evaluation(alone, EvaluationConfig(every=3, anchors=()))


def add(s: Any, a: int) -> None:
    s.sum += a
    s.ply += 1
    s.terminal = s.ply == 4
    if s.terminal:
        s.returns[0] = s.sum / 4


def anything(s: Any, mask: Any) -> None:
    mask[:] = True


def nothing(s: Any, planes: Any) -> None:
    planes[0, 0, 0] = s.sum
