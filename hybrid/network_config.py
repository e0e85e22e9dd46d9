"""What determines a network: its configuration, the game's shape, and from both the name and shape of every weight.

Free of torch, so that agents can be read and run without it.
Shapes: observations `[C, H, W]`, A actions, P players, F channels, M mixed channels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from games import Game

Weights = Mapping[str, npt.NDArray[np.float32]]
"""A network's weights by name; `weight_shapes` lists them."""

Ranges = Mapping[str, tuple[float, float]]
"""The lowest and highest value, 0 included, of every activation that 8 bits round, by name in the ONNX graph."""

_MOST_UNITS = 4096
"""Of any layer."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The size of a residual policy/value network.

    Attributes:
        blocks: residual blocks of two 3x3 convolutions each, at most 256.
        channels: F, channels of the trunk, at most 4096.
        mixed: M, channels inside the second block, the fourth and so on that a linear layer of M * H * W units, at most
            4096, mixes over the whole board, so that cells far from each other tell on each other without many
            convolutions between; all channels of a network that has fewer. 0 = none.
        policy_channels: channels of the 1x1 convolution before the policy's linear layer.
        value_channels: channels of the 1x1 convolution before the value's hidden layer.
        value_hidden: units of the value's hidden layer.
    """

    blocks: int = 4
    channels: int = 48
    mixed: int = 0
    policy_channels: int = 8
    value_channels: int = 8
    value_hidden: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            size, lowest = getattr(self, field.name), int(field.name not in ("blocks", "mixed"))
            highest = 256 if field.name == "blocks" else _MOST_UNITS
            if type(size) is not int or not lowest <= size <= highest:
                raise ValueError(f"{field.name} must be an integer between {lowest} and {highest}, got {size!r}")

    def mixes(self, block: int) -> int:
        """How many channels a block, counted from 0, mixes over the board."""
        return min(self.mixed, self.channels) if block % 2 else 0


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """What a network must know about its game.

    Attributes:
        observation: `(C, H, W)` of one observation.
        actions: A, the size of the action space.
        players: P, the number of players.
        zero_sum: two players whose returns are opposite: the network computes the mover's value alone.
    """

    observation: tuple[int, int, int]
    actions: int
    players: int
    zero_sum: bool

    def __post_init__(self) -> None:
        sizes = (*self.observation, self.actions, self.players)
        if len(sizes) != 5 or any(type(size) is not int or not 1 <= size < 2**24 for size in sizes):
            raise ValueError(f"observation (C, H, W), actions and players must be positive integers, got {sizes}")
        if self.zero_sum and self.players != 2:
            raise ValueError(f"zero_sum is for two players, got players={self.players}")

    @classmethod
    def of(cls, game: Game) -> NetworkShape:
        """The shape of `game`."""
        channels, height, width = game.observation_shape
        return cls(
            observation=(channels, height, width),
            actions=game.num_actions,
            players=game.players,
            zero_sum=game.zero_sum,
        )

    @property
    def cells(self) -> int:
        """H * W."""
        return self.observation[1] * self.observation[2]

    @property
    def value_outputs(self) -> int:
        """How many values the last layer computes: one where the other is its opposite."""
        return 1 if self.zero_sum else self.players


def weight_shapes(config: NetworkConfig, shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """The shape of every weight by name, in the order of the forward pass.

    Raises ValueError where the mixed channels of a board are too many.
    """
    units = shape.cells * max(map(config.mixes, range(config.blocks)), default=0)
    if units > _MOST_UNITS:
        board, most = " x ".join(map(str, shape.observation[1:])), _MOST_UNITS // shape.cells
        raise ValueError(f"mixed must be at most {most} on a board of {board}, got {config.mixed}")
    trunk, heads = config.channels, config.policy_channels + config.value_channels
    layers: dict[str, tuple[int, ...]] = {"stem": (trunk, shape.observation[0], 3, 3)}
    for block in range(config.blocks):
        layers[f"blocks.{block}.first"] = (trunk, trunk, 3, 3)
        if config.mixes(block):
            layers[f"blocks.{block}.mix"] = (units, units)
        layers[f"blocks.{block}.second"] = (trunk, trunk, 3, 3)
    layers["heads"] = (heads, trunk, 1, 1)
    layers["policy"] = (shape.actions, config.policy_channels * shape.cells)
    layers["hidden"] = (config.value_hidden, config.value_channels * shape.cells + 2 * trunk)
    layers["value"] = (shape.value_outputs, config.value_hidden)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, weight in layers.items():
        shapes |= {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
        if name.endswith(".second"):
            shapes[name.replace("second", "gain")] = ()
    return shapes


def initial_weights(
    config: NetworkConfig, shape: NetworkShape, rng: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights: He et al. (2015) before ReLUs, a tenth of that for the outputs; biases and gains are zero.

    With its gain at zero a residual block is the identity (Bachlechner et al. 2020, ReZero), which is what lets the
    network train without normalisation.
    """
    weights: dict[str, npt.NDArray[np.float32]] = {}
    for name, size in weight_shapes(config, shape).items():
        weights[name] = np.zeros(size, np.float32)
        if name.endswith(".weight"):
            scale = math.sqrt(2.0 / math.prod(size[1:])) * (0.1 if name in ("policy.weight", "value.weight") else 1.0)
            weights[name] = scale * rng.standard_normal(size, np.float32)
    return weights


def activation_names(config: NetworkConfig) -> list[str]:
    """The activations that 8 bits round, in the order of the forward pass."""
    blocks: list[str] = []
    for block in range(config.blocks):
        parts = ("inner", "mixed", "second", "relu") if config.mixes(block) else ("inner", "second", "relu")
        blocks += [f"blocks.{block}.{part}" for part in parts]
    return ["planes", "stem.relu", *blocks, "heads.relu", "mean"]


def check_ranges(ranges: Ranges, config: NetworkConfig) -> None:
    """Raises ValueError unless `ranges` are finite and hold 0 for exactly the activations of `activation_names`."""
    expected = activation_names(config)
    if ranges.keys() != set(expected):
        raise ValueError(f"ranges must be those of {config}, of {', '.join(expected)}, got {', '.join(ranges)}")
    for name, (low, high) in ranges.items():
        if not -math.inf < low <= 0.0 <= high < math.inf:
            raise ValueError(f"the range of {name} must be finite and hold 0, got {low} to {high}")


def check_weights(weights: Weights, config: NetworkConfig, shape: NetworkShape) -> None:
    """Raises ValueError unless `weights` are exactly the finite float32 arrays that `weight_shapes` lists."""
    expected = weight_shapes(config, shape)
    if weights.keys() != expected.keys():
        missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
        raise ValueError(f"weights do not belong to {config}: missing are {missing}, unknown are {unknown}")
    for name, size in expected.items():
        weight = weights[name]
        if weight.shape != size or weight.dtype != np.float32:
            raise ValueError(f"weight {name} must be float32 {size}, got {weight.dtype} {weight.shape}")
        if not np.isfinite(weight).all():
            raise ValueError(f"weight {name} must be finite, got NaN or infinity")


def check_device(device: str) -> None:
    """Raises ValueError unless `device` is the name of one, which may or may not exist."""
    if not re.fullmatch(r"cpu|cuda(:(0|[1-9][0-9]?))?", device):
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}")
