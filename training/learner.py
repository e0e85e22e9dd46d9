"""The learner: fits the network to what the search found, and averages its weights into the agent that plays.

Shapes: B positions, A actions, P players, observations `[C, H, W]`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from games import Game
from hybrid.network import Network, load_weights, weights_of
from hybrid.network_config import NetworkConfig, NetworkShape, Weights, initial_weights
from training.config import Config, LearnerConfig
from training.muon import Muon
from training.replay import Batch
from training.winograd import Winograd

_GAIN_SHARE = 0.05
"""Of AdamW's rate, for the blocks' gains where Muon moves the kernels that they scale. These grow, so that gains settle
at some thousandths. Steps at the whole rate are as large as that: they would set a block's output at random, and a
network may die of it."""
_WARMING = 10
"""The step with which the average moves half of the way to the network: before it further, later less and less."""
_UNREACHED = 10
"""Steps in a row whose gradients do not reach the first layer, after which a network counts as dead."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What one optimisation step, or the mean of several, looked like; in nats but for `value`.

    Attributes:
        total: what was minimised.
        policy: cross-entropy of the policy to the search's.
        value: mean squared error of the value, per player.
        entropy: of the network's policy.
        target_entropy: of the search's policy: what `policy` cannot fall below.
        gradient: norm of the gradient before clipping.
    """

    total: float
    policy: float
    value: float
    entropy: float
    target_entropy: float
    gradient: float


class Learner(LightningModule):
    """A network in training, and the exponential average of its weights, which is what plays."""

    def __init__(self, game: Game, network: NetworkConfig, config: LearnerConfig, seed: int) -> None:
        super().__init__()
        shape = NetworkShape.of(game)
        weights = initial_weights(network, shape, np.random.default_rng(seed))
        self.network = Network(network, shape, weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        if config.precision == "winograd":
            convolve = Winograd(*shape.observation[1:], network.channels)
            for block in self.network.blocks:
                block.convolve = convolve
        self.steps = 0
        self._unreached = 0
        self._config = config

    @classmethod
    def at(cls, game: Game, config: Config, generation: int) -> Learner:
        """The untrained learner of a run's generation."""
        config = config.at(generation)
        return cls(game, config.network, config.learner, config.seed)

    def grown(self, game: Game, config: Config, generation: int) -> Learner:
        """The learner of a run's generation, with what this one has learned.

        Further blocks of its network change nothing at first, for their gains are 0.
        """
        learner = Learner.at(game, config, generation)
        learner.load_state_dict(learner.state_dict() | self.state_dict())
        learner.steps = self.steps
        return learner

    def begin_with(self, weights: Weights) -> None:
        """Go on from an agent's weights; the average moves on as slowly as it does after many steps."""
        for network in (self.network, self.average):
            load_weights(network, weights)
        decay = self._config.ema_decay
        self.steps = math.ceil(_WARMING * decay / (1 - decay))

    def forward(self, planes: Tensor) -> Any:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""
        return self.network(planes)

    def training_step(self, batch: Batch) -> Tensor:
        """The losses of a batch, stacked in the order of `Losses` without the gradient."""
        tensors = {field.name: torch.from_numpy(getattr(batch, field.name)).to(self.device) for field in fields(batch)}
        planes, weight, target = tensors["planes"], tensors["weight"], tensors["policy"]
        # In single precision from here on, whatever the network computed in.
        logits, values = (one.float() for one in self.network(planes.to(memory_format=torch.channels_last)))
        log_policy = functional.log_softmax(logits.masked_fill(~tensors["legal"], -1e9), dim=1)
        share = weight / weight.sum().clamp(min=1e-6)
        policy = -(share * (target * log_policy).sum(1)).sum()
        mix = self._config.outcome_weight
        value = functional.mse_loss(values, mix * tensors["outcome"] + (1 - mix) * tensors["value"])
        with torch.no_grad():
            entropy = -(log_policy.exp() * log_policy).sum(1).mean()
            target_entropy = -(share * torch.xlogy(target, target).sum(1)).sum()
        return torch.stack((policy + self._config.value_weight * value, policy, value, entropy, target_entropy))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Muon on the trunk's convolutions, or AdamW on all; vectors and scalars (biases, gains) are not decayed.

        A group's `share` is what it has of its optimizer's learning rate.
        """
        config, named = self._config, dict(self.network.named_parameters())
        kernels = [p for name, p in named.items() if name.startswith("blocks.") and p.ndim == 4]
        trunk = {id(p) for p in kernels} if config.optimizer == "muon" else set()
        others = [p for p in named.values() if id(p) not in trunk]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": config.weight_decay, "share": 1.0},
            {"params": [p for p in others if p.ndim == 1], "weight_decay": 0.0, "share": 1.0},
        ]
        if gains := [p for p in others if p.ndim == 0]:
            groups.append({"params": gains, "weight_decay": 0.0, "share": _GAIN_SHARE if trunk else 1.0})
        if not trunk:
            return torch.optim.AdamW(groups, lr=config.learning_rate)
        return Muon(
            kernels,
            groups,
            rate=config.learning_rate,
            kernel_rate=config.kernel_learning_rate,
            weight_decay=config.kernel_weight_decay,
        )

    def set_learning_rates(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        """Set the rates for when `progress` in [0, 1] of the run is over: half a cosine down to the final share."""
        last = self._config.final_share
        share = last + (1 - last) * (1 + math.cos(math.pi * progress)) / 2
        for group in optimizer.param_groups:
            first = self._config.kernel_learning_rate if "momentum" in group else self._config.learning_rate
            group["lr"] = share * first * group.get("share", 1.0)

    @torch.no_grad()
    def update_average(self) -> None:
        """Count a step, look what its gradient reached, and move the average towards the network."""
        self.steps += 1
        stem = [parameter.grad for parameter in self.network.stem.parameters()]
        reached = any(gradient is None or bool(gradient.any()) for gradient in stem)
        self._unreached = 0 if reached else self._unreached + 1
        decay = min(self._config.ema_decay, self.steps / (self.steps + _WARMING))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    @property
    def alive(self) -> bool:
        """Whether it can learn: its weights are numbers, and gradients have reached the first layer of late.

        Where all units of the trunk are off, whatever the position, none does any more, and nothing is learned.
        """
        finite = all(bool(parameter.isfinite().all()) for parameter in self.network.parameters())
        return finite and self._unreached < _UNREACHED

    @property
    def agent_weights(self) -> Weights:
        """The weights that play: the average."""
        return weights_of(self.average)


def fabric_of(config: LearnerConfig) -> Fabric:
    """What the learner runs on. Raises ValueError where its precision has not been settled."""
    if config.precision == "fastest":
        raise ValueError("precision must be settled before anything is learned, got 'fastest'")
    # Named as a precision instead of given as a plugin it would announce itself on the screen.
    mixed = MixedPrecision("bf16-mixed", config.accelerator) if config.precision == "bfloat16" else None
    return Fabric(accelerator=config.accelerator, devices=1, plugins=mixed)


def optimise(fabric: Any, learner: Any, optimizer: Any, batch: Batch, clip: float) -> Tensor:
    """One step on one batch, learner and optimizer being Fabric's; returns the losses in the order of `Losses`."""
    with fabric.autocast():
        losses = learner.training_step(batch)
    optimizer.zero_grad()
    fabric.backward(losses[0])
    # What is no number makes the weights none either, and the learner tells that it is not alive.
    norm = fabric.clip_gradients(learner, optimizer, max_norm=clip, error_if_nonfinite=False)
    optimizer.step()
    learner.update_average()
    return torch.cat((losses.detach(), norm.detach().reshape(1)))


def mean_losses(steps: list[Tensor]) -> Losses:
    """The mean over steps of what `optimise` returns."""
    names = [field.name for field in fields(Losses)]
    return Losses(**dict(zip(names, torch.stack(steps).mean(0).tolist(), strict=True)))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
