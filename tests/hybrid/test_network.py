"""The torch network: what it computes, and what it costs in random numbers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from hybrid.network import Block, Mix, Network, load_weights, weights_of
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights, weight_shapes

SHAPE = NetworkShape(observation=(2, 3, 4), actions=5, players=3, zero_sum=False)
SMALL = NetworkConfig(blocks=2, channels=6, mixed=4, policy_channels=2, value_channels=3, value_hidden=7)


def network(shape: NetworkShape = SHAPE, config: NetworkConfig = SMALL, seed: int = 0) -> Network:
    return Network(config, shape, initial_weights(config, shape, np.random.default_rng(seed)))


@pytest.mark.parametrize("observation", [(2, 6, 7), (1, 1, 1), (3, 1, 9), (4, 5, 1)])
@pytest.mark.parametrize(("players", "zero_sum"), [(1, False), (2, True), (2, False), (3, False)])
def test_output_shapes_and_range(observation: tuple[int, int, int], players: int, zero_sum: bool) -> None:
    shape = NetworkShape(observation=observation, actions=9, players=players, zero_sum=zero_sum)
    logits, values = network(shape)(torch.full((4, *observation), 3.0))
    assert logits.shape == (4, 9)
    assert values.shape == (4, players)
    assert values.abs().max() <= 1
    if zero_sum:
        assert torch.equal(values[:, 0], -values[:, 1])


def test_parameter_count_by_hand() -> None:
    # Stem 64*2*9+64; five blocks of two convolutions 64*64*9+64 and one gain; heads 16*64+16;
    # policy 7*336+7; hidden 64*(336+128)+64; value 64+1.
    expected = 1216 + 5 * (2 * 36928 + 1) + 1040 + 2359 + 29760 + 65
    shape = NetworkShape(observation=(2, 6, 7), actions=7, players=2, zero_sum=True)
    trained = network(shape, NetworkConfig(blocks=5, channels=64))
    assert sum(parameter.numel() for parameter in trained.parameters()) == expected


def test_mixed_channels_see_the_whole_board_and_are_computed_as_said() -> None:
    shape = NetworkShape(observation=(1, 5, 6), actions=2, players=2, zero_sum=True)
    config = NetworkConfig(blocks=2, channels=7, mixed=3)
    trained = network(shape, config)
    for block in trained.blocks:
        nn.init.constant_(cast("Block", block).gain, 0.5)
    mixing = cast("Block", trained.blocks[1])
    before = torch.rand((4, 7, 5, 6)).to(memory_format=torch.channels_last)
    inner = torch.relu(mixing.first(before))
    mix = cast("Mix", mixing.mix)
    weight, bias = (weight.detach().numpy() for weight in (mix.weight, mix.bias))
    mixed = np.maximum(inner[:, :3].reshape(4, -1).detach().numpy() @ weight.T + bias, 0.0).reshape(4, 3, 5, 6)
    together = torch.cat((torch.from_numpy(mixed), inner[:, 3:]), 1)
    expected = torch.relu(before + 0.5 * mixing.second(together))
    assert torch.allclose(mixing(before), expected, atol=1e-5)
    far = before.clone()
    far[:, :, 0, 0] += 1.0
    assert (mixing(far)[:, :, 4, 5] != mixing(before)[:, :, 4, 5]).any()
    assert torch.equal(trained.blocks[0](far)[:, :, 4, 5], trained.blocks[0](before)[:, :, 4, 5])


def test_blocks_are_the_identity_at_first() -> None:
    weights = initial_weights(SMALL, SHAPE, np.random.default_rng(1))
    shallow = NetworkConfig(blocks=0, channels=6, policy_channels=2, value_channels=3, value_hidden=7)
    without = {name: weights[name] for name in weight_shapes(shallow, SHAPE)}
    planes = torch.from_numpy(np.random.default_rng(2).random((3, 2, 3, 4), np.float32))
    # The same order in memory, that numbers are added up in the same one.
    last: Any = {"memory_format": torch.channels_last}
    deep, flat = Network(SMALL, SHAPE, weights).to(**last), Network(shallow, SHAPE, without).to(**last)
    for a, b in zip(deep(planes.to(**last)), flat(planes.to(**last)), strict=True):
        assert torch.equal(a, b)


def test_every_parameter_learns_once_the_gates_are_open() -> None:
    trained = network()
    for block in trained.blocks:
        nn.init.constant_(cast("Block", block).gain, 0.5)
    logits, values = trained(torch.from_numpy(np.random.default_rng(3).random((16, 2, 3, 4), np.float32)))
    (logits.square().sum() + (values - 0.5).square().sum()).backward()
    still = [name for name, weight in trained.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


def test_building_leaves_the_global_generators_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), pickle.dumps(np.random.get_state())  # noqa: NPY002
    first, again, other = network(), network(), network(seed=1)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert numpy_state == pickle.dumps(np.random.get_state())  # noqa: NPY002
    assert torch.equal(first.stem.weight, again.stem.weight)
    assert not torch.equal(first.stem.weight, other.stem.weight)


def test_weights_round_trip_and_are_copies() -> None:
    trained = network()
    weights = weights_of(trained)
    assert {name: weight.shape for name, weight in weights.items()} == weight_shapes(SMALL, SHAPE)
    other = network(seed=9)
    load_weights(other, weights)
    weights["stem.weight"][:] = 0
    assert torch.equal(other.stem.weight, trained.stem.weight)
    assert trained.stem.weight.abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("value.bias"), "missing are .'value.bias'"),
        (lambda w: w.update(extra=np.zeros(1, np.float32)), "unknown are .'extra'"),
        (lambda w: w.update({"policy.bias": np.zeros(4, np.float32)}), "policy.bias must be float32"),
        (lambda w: w.update({"policy.bias": np.zeros(5)}), "policy.bias must be float32"),
        (lambda w: w["stem.bias"].fill(np.nan), "stem.bias must be finite"),
    ],
)
def test_foreign_weights_are_refused(change: Callable[[Any], Any], message: str) -> None:
    weights = initial_weights(SMALL, SHAPE, np.random.default_rng(0))
    change(weights)
    with pytest.raises(ValueError, match=message):
        Network(SMALL, SHAPE, weights)


@pytest.mark.parametrize(
    "options",
    [
        {"blocks": -1},
        {"blocks": 257},
        {"channels": 0},
        {"channels": 2.0},
        {"value_hidden": True},
        {"mixed": -1},
    ],
)
def test_bad_sizes_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be an integer between"):
        NetworkConfig(**options)


def test_as_many_channels_are_mixed_as_there_are_and_as_fit_the_board() -> None:
    assert [NetworkConfig(blocks=4, mixed=8).mixes(block) for block in range(4)] == [0, 8, 0, 8]
    assert NetworkConfig(channels=6, mixed=8).mixes(1) == 6
    shape = NetworkShape(observation=(3, 19, 19), actions=362, players=2, zero_sum=True)
    assert weight_shapes(NetworkConfig(mixed=11), shape)["blocks.1.mix.weight"] == (3971, 3971)
    assert "blocks.0.mix.weight" not in weight_shapes(NetworkConfig(blocks=1, mixed=48), shape)
    with pytest.raises(ValueError, match="mixed must be at most 11 on a board of 19 x 19, got 12"):
        weight_shapes(NetworkConfig(mixed=12), shape)


@pytest.mark.parametrize(
    "options", [{"actions": 0}, {"players": 3}, {"observation": (1, 2)}, {"observation": (1, 0, 2)}]
)
def test_bad_shapes_are_refused(options: Any) -> None:
    good = {"observation": (2, 3, 3), "actions": 9, "players": 2, "zero_sum": True}
    with pytest.raises(ValueError, match=r"must be positive integers|zero_sum is for two players"):
        NetworkShape(**good | options)
