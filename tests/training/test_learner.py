"""The learner minimises what it says it does, and repeats itself exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import games
from hybrid.network import weights_of
from hybrid.network_config import NetworkConfig
from training.config import LearnerConfig, LearnerPrecision
from training.learner import Learner, Losses, fabric_of, mean_losses, optimise, torch_threads
from training.replay import Batch

NETWORK = NetworkConfig(blocks=2, channels=8, mixed=2)
CONFIG = LearnerConfig(batch=8)


def batch(**changes: object) -> Batch:
    """Two tic-tac-toe positions: the start, and after a stone in the centre."""
    game = games.load("tic_tac_toe")
    positions = np.concatenate([game.initial(), game.step(game.initial(), [4])])
    policy = np.zeros((2, 9), np.float32)
    policy[0, 4] = 1
    policy[1, [0, 2]] = 0.5
    values = np.array([[1, -1], [-1, 1]], np.float32)
    one = Batch(
        planes=game.observe(positions),
        legal=game.legal_actions(positions),
        policy=policy,
        outcome=values,
        value=np.zeros_like(values),
        weight=np.ones(2, np.float32),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def learner(config: LearnerConfig = CONFIG, seed: int = 0, *, blank: bool = False) -> Learner:
    """A learner; a blank one has all weights zero, so it answers with the uniform policy and the value 0."""
    made = Learner(games.load("tic_tac_toe"), NETWORK, config, seed)
    if blank:
        for parameter in made.parameters():
            torch.nn.init.zeros_(parameter)
    return made


def losses_of(made: Learner, one: Batch) -> list[float]:
    return [float(value) for value in made.training_step(one).detach()]


def test_losses_of_a_blank_network_by_hand() -> None:
    """Uniform over 9 and 8 legal moves: cross-entropies log 9 and log 8; value 0 against half of outcomes +-1: 1/4."""
    total, policy, value, entropy, target_entropy = losses_of(learner(blank=True), batch())
    assert policy == pytest.approx((np.log(9) + np.log(8)) / 2, rel=1e-6)
    assert entropy == pytest.approx((np.log(9) + np.log(8)) / 2, rel=1e-6)
    assert target_entropy == pytest.approx(np.log(2) / 2, rel=1e-6)
    assert value == pytest.approx(0.25)
    assert total == pytest.approx(policy + value)


def test_muon_moves_the_convolutions_of_the_trunk_and_nothing_else() -> None:
    made = learner()
    *_, muon = made.configure_optimizers().param_groups
    names = {id(weight): name for name, weight in made.network.named_parameters()}
    kinds = [f"blocks.{block}.{kind}.weight" for block in range(2) for kind in ("first", "second")]
    assert [names[id(weight)] for weight in muon["params"]] == kinds


def test_weight_decides_which_policies_count() -> None:
    _, policy, value, *_ = losses_of(learner(blank=True), batch(weight=np.array([0, 1], np.float32)))
    assert policy == pytest.approx(np.log(8), rel=1e-6)
    assert value == pytest.approx(0.25)
    total, policy, *_ = losses_of(learner(blank=True), batch(weight=np.zeros(2, np.float32)))
    assert policy == 0
    assert total == pytest.approx(0.25)


def test_value_target_mixes_outcome_and_search() -> None:
    search = np.array([[-1, 1], [1, -1]], np.float32)
    mixed = replace(CONFIG, outcome_weight=0.75)
    *_, value, _, _ = losses_of(learner(mixed, blank=True), batch(value=search))
    assert value == pytest.approx(0.5**2)
    *_, value, _, _ = losses_of(learner(replace(CONFIG, outcome_weight=0), blank=True), batch(value=search))
    assert value == pytest.approx(1)


@pytest.mark.parametrize("precision", ["float", "winograd", "bfloat16"])
def test_learning_reaches_the_targets(precision: LearnerPrecision) -> None:
    made, one = trained(steps=150, precision=precision)
    assert made is not None
    final = Losses(**dict(zip(Losses.__dataclass_fields__, [*losses_of(made, one), 0.0], strict=True)))
    assert final.policy == pytest.approx(np.log(2) / 2, abs=0.03)
    assert final.value < 0.01


def test_learning_repeats_itself_exactly() -> None:
    first, second = (weights_of(trained(steps=20)[0].network) for _ in range(2))
    other = weights_of(trained(steps=20, seed=1)[0].network)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert any(first[name].tobytes() != other[name].tobytes() for name in first)


def test_sixteen_bits_are_for_computing_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Weights and averages stay in single precision; the results differ, and repeat themselves."""
    made, same, other = (trained(20, precision=precision)[0] for precision in ("bfloat16", "bfloat16", "float"))
    assert {parameter.dtype for parameter in made.parameters()} == {torch.float32}
    half, again, single = (weights_of(one.network) for one in (made, same, other))
    assert all(half[name].tobytes() == again[name].tobytes() for name in half)
    assert any(half[name].tobytes() != single[name].tobytes() for name in half)
    assert caplog.records == []


def test_winograd_is_how_the_blocks_of_the_network_are_computed() -> None:
    """Its steps are those of torch but for rounding, and repeat themselves; what plays is an average of weights."""
    made, same, other = (trained(20, precision=precision)[0] for precision in ("winograd", "winograd", "float"))
    ours, again, plain = (weights_of(one.network) for one in (made, same, other))
    assert all(ours[name].tobytes() == again[name].tobytes() for name in ours)
    assert any(ours[name].tobytes() != plain[name].tobytes() for name in ours)
    assert all(ours[name] == pytest.approx(plain[name], abs=1e-3) for name in ours)


def test_wrong_values_are_unlearned_in_sixteen_bits_too() -> None:
    """At a value of tanh(4), where the truth is -1, the gradient is 2 (tanh(4) + 1) (1 - tanh(4) ** 2) = 0.00536."""
    made = learner(replace(CONFIG, outcome_weight=1.0), blank=True)
    torch.nn.init.constant_(made.network.value.bias, 4.0)
    lost = np.array([[-1, 1], [1, -1]], np.float32)[[0, 0]]
    with fabric_of(replace(CONFIG, precision="bfloat16")).autocast():
        value = made.training_step(batch(outcome=lost))[2]
    value.backward()  # type: ignore[no-untyped-call]
    gradient = made.network.value.bias.grad
    assert gradient is not None
    assert gradient.item() == pytest.approx(0.00536, rel=0.01)


def test_a_precision_must_be_settled() -> None:
    with pytest.raises(ValueError, match="precision must be settled before anything is learned, got 'fastest'"):
        fabric_of(replace(CONFIG, precision="fastest"))


def test_average_is_the_mean_of_weights_with_its_decay() -> None:
    """By hand: with every weight at 1, then at 2, then at 4, and decays 1/11, 2/12 and 3/13 but at most 0.2."""
    made = learner(replace(CONFIG, ema_decay=0.2), blank=True)
    expected = 0.0
    for weight, decay in ((1.0, 1 / 11), (2.0, 2 / 12), (4.0, 0.2)):
        for parameter in made.network.parameters():
            torch.nn.init.constant_(parameter, weight)
        made.update_average()
        expected = decay * expected + (1 - decay) * weight
        assert made.agent_weights["stem.bias"] == pytest.approx(expected, rel=1e-6)


def test_learning_rates_fall_along_a_cosine() -> None:
    made = learner(replace(CONFIG, learning_rate=1e-2, kernel_learning_rate=0.1, final_share=0.1))
    optimizer = made.configure_optimizers()
    for progress, share in ((0.0, 1.0), (0.5, 0.55), (1.0, 0.1)):
        made.set_learning_rates(optimizer, progress)
        rates = [1e-2 * share, 1e-2 * share, 0.05 * 1e-2 * share, 0.1 * share]  # of matrices, biases, gains, kernels
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(rates)


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_only_matrices_decay_and_all_weights_are_learned_once(name: Any) -> None:
    made = learner(replace(CONFIG, weight_decay=0.1, kernel_weight_decay=0.2, optimizer=name))
    groups = made.configure_optimizers().param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.0, 0.2][: len(groups)]
    assert [{p.ndim for p in group["params"]} for group in groups[1:3]] == [{1}, {0}]
    assert all(p.ndim in (2, 4) for group in (groups[0], *groups[3:]) for p in group["params"])
    learned = [id(p) for group in groups for p in group["params"]]
    assert sorted(learned) == sorted(id(p) for p in made.network.parameters())


def test_a_network_without_blocks_has_no_gains_to_learn() -> None:
    game = games.load("tic_tac_toe")
    made = Learner(game, NetworkConfig(blocks=0, channels=4), CONFIG, 0)
    assert [len(group["params"]) > 0 for group in made.configure_optimizers().param_groups] == [True, True]


@pytest.mark.parametrize("precision", ["float", "winograd"])
def test_a_network_whose_units_are_all_off_is_not_alive(precision: LearnerPrecision) -> None:
    """Biases far below 0 let nothing through, and then no gradient back."""
    config = replace(CONFIG, precision=precision)
    made, one, fabric = learner(config), batch(), fabric_of(config)
    module, optimizer = fabric.setup(made, made.configure_optimizers())
    assert made.alive  # before the first step
    optimise(fabric, module, optimizer, one, 1.0)
    assert made.alive
    torch.nn.init.constant_(made.network.blocks[1].second.bias, -1e6)
    torch.nn.init.constant_(made.network.blocks[1].gain, 1.0)
    for _ in range(10):
        assert made.alive
        optimise(fabric, module, optimizer, one, 1.0)
    assert not made.alive


@pytest.mark.parametrize("precision", ["float", "winograd"])
@pytest.mark.parametrize("layer", ["value", "blocks.1.first", "stem"])
def test_a_network_whose_weights_are_no_numbers_is_not_alive(layer: str, precision: LearnerPrecision) -> None:
    config = replace(CONFIG, precision=precision)
    made, one, fabric = learner(config), batch(), fabric_of(config)
    module, optimizer = fabric.setup(made, made.configure_optimizers())
    torch.nn.init.constant_(made.network.get_parameter(f"{layer}.bias"), float("nan"))
    optimise(fabric, module, optimizer, one, 1.0)
    assert not made.alive


def trained(steps: int, seed: int = 0, precision: LearnerPrecision = "float") -> tuple[Learner, Batch]:
    """A learner after some steps on one batch."""
    config = replace(CONFIG, precision=precision)
    made, one, fabric = learner(config, seed), batch(), fabric_of(config)
    module, optimizer = fabric.setup(made, made.configure_optimizers())
    with torch_threads(1):
        mean = mean_losses([optimise(fabric, module, optimizer, one, 1.0) for _ in range(steps)])
    assert mean.gradient > 0
    assert made.steps == steps
    return made, one
