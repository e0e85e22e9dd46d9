"""The policy/value network in torch: what the learner trains; on CPU it is played through `hybrid.onnx_model`.

Shapes: B positions, observations `[C, H, W]`, F channels, M of them mixed, A actions, P players.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hybrid.network_config import NetworkConfig, NetworkShape, Weights, check_device, check_weights

if TYPE_CHECKING:
    from hybrid.checkpoint import Checkpoint


class Convolve(Protocol):
    """How a block's convolutions are computed."""

    def __call__(self, x: Tensor, kernel: Tensor, bias: Tensor, others: Tensor | None = None) -> Tensor:
        """From boards `[B, F, H, W]` `relu(conv(x) + bias + others)`, by a kernel `[F, F, 3, 3]`."""


def convolve(x: Tensor, kernel: Tensor, bias: Tensor, others: Tensor | None = None) -> Tensor:
    """See `Convolve`: by torch, on any device."""
    y = functional.conv2d(x, kernel, bias, padding=1)
    return (y if others is None else y.add_(others)).relu_()


class Block(nn.Module):
    """`[B, F, H, W]` to the same: `relu(x + gain * conv(mix(relu(conv(x)))))`, the identity on `x >= 0` at gain 0.

    Without mixed channels `mix` is the identity.

    Attributes:
        convolve: computes its convolutions; a learner may have its own.
    """

    convolve: Convolve = staticmethod(convolve)

    def __init__(self, channels: int, mixed: int, cells: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.mix = Mix(mixed, cells) if mixed else nn.Identity()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.first.bias, self.second.bias
        assert first is not None
        assert second is not None
        inner = self.mix(self.convolve(x, self.first.weight, first))
        # The gain scales the kernel instead of its output, which is many times larger.
        return self.convolve(inner, self.gain * self.second.weight, self.gain * second, x)


class Mix(nn.Linear):
    """`[B, F, H, W]` to the same: the first M channels become `relu(linear(flattened))`, the others stay."""

    def __init__(self, mixed: int, cells: int) -> None:
        super().__init__(mixed * cells, mixed * cells)
        self._mixed = mixed

    def forward(self, input: Tensor) -> Tensor:
        rows, _, height, width = input.shape
        # Channels last on both sides, as they lie in memory: joined in another order they would be copied twice.
        sizes = [self._mixed, input.shape[1] - self._mixed]
        these, others = torch.split(input.permute(0, 2, 3, 1), sizes, 3)
        flat = these.permute(0, 3, 1, 2).flatten(1)
        mixed = torch.relu_(super().forward(flat)).view(rows, self._mixed, height, width).permute(0, 2, 3, 1)
        return torch.cat((mixed, others), 3).permute(0, 3, 1, 2)


class Network(nn.Module):
    """A residual policy/value network without normalisation layers.

    A 3x3 convolution, gated residual blocks, one 1x1 convolution for both heads; the policy is linear in its flattened
    channels, the value has a hidden layer over its own and over the trunk's mean and maximum (Wu 2019, section 3.3).
    """

    def __init__(self, config: NetworkConfig, shape: NetworkShape, weights: Weights) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        channels, heads = config.channels, config.policy_channels + config.value_channels
        with torch.device("meta"):  # draws no random numbers: the weights are given
            self.stem = nn.Conv2d(shape.observation[0], channels, 3, padding=1)
            mixed = map(config.mixes, range(config.blocks))
            self.blocks = nn.Sequential(*(Block(channels, count, shape.cells) for count in mixed))
            self.heads = nn.Conv2d(channels, heads, 1)
            self.policy = nn.Linear(config.policy_channels * shape.cells, shape.actions)
            self.hidden = nn.Linear(config.value_channels * shape.cells + 2 * channels, config.value_hidden)
            self.value = nn.Linear(config.value_hidden, shape.value_outputs)
        self.to_empty(device="cpu")
        load_weights(self, weights)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""
        trunk = self.blocks(torch.relu_(self.stem(planes)))
        heads = torch.relu_(self.heads(trunk))
        policy, value = heads[:, : self.config.policy_channels], heads[:, self.config.policy_channels :]
        features = torch.cat((value.flatten(1), trunk.mean((2, 3)), trunk.amax((2, 3))), 1)
        hidden = functional.relu(self.hidden(features))
        # In 16 bits the tangent would be flat beyond 3.5, where wrong values could not be unlearned.
        values = torch.tanh(self.value(hidden).float())
        if self.shape.zero_sum:
            values = torch.cat((values, -values), 1)
        return self.policy(policy.flatten(1)), values


def from_checkpoint(checkpoint: Checkpoint) -> Network:
    """The network of a checkpoint."""
    return Network(checkpoint.config, checkpoint.shape, checkpoint.weights)


def load_weights(network: Network, weights: Weights) -> None:
    """Copy `weights` into `network`, wherever that lives. Raises ValueError where they do not fit."""
    check_weights(weights, network.config, network.shape)
    network.load_state_dict({name: torch.from_numpy(np.array(weight)) for name, weight in weights.items()})


def weights_of(network: Network) -> dict[str, npt.NDArray[np.float32]]:
    """A copy of the network's weights by name."""
    state = network.state_dict()
    return {
        name: weight.detach().to("cpu", torch.float32, copy=True).contiguous().numpy() for name, weight in state.items()
    }


def device_of(name: str) -> torch.device:
    """The device `cpu`, `cuda` (the first) or `cuda:N`. Raises ValueError if there is none."""
    check_device(name)
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise ValueError(f"device {name!r} does not exist: torch sees {count} CUDA devices")
    return device


class TorchRuntime:
    """A network in torch (a `hybrid.runtime.Runtime`), in half precision on CUDA devices."""

    def __init__(self, config: NetworkConfig, shape: NetworkShape, weights: Weights, *, device: str) -> None:
        self._device = device_of(device)
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        network = Network(config, shape, weights).eval().requires_grad_(False).to(self._device, self._dtype)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(self, planes: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""
        logits, values = self._network(torch.from_numpy(planes).to(self._device, self._dtype))
        return logits.float().cpu().numpy(), values.float().cpu().numpy()
