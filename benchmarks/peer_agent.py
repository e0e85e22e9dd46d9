"""Connect Four's agent of mctx and pgx: network, search and checkpoints, for `peer_training.py` and `peer_engine.py`.

It needs the peer's environment (jax, mctx, pgx, dm-haiku, optax) and none of ours. What is learned and how it searches
is pgx's published AlphaZero example: a residual network of the second version with batch normalisation, and Gumbel
MuZero's search over pgx's own rules. B: games side by side, A: actions.
"""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import haiku as hk  # type: ignore[import-not-found]
import jax  # type: ignore[import-not-found]
import jax.numpy as jnp  # type: ignore[import-not-found]
import mctx  # type: ignore[import-not-found]
import numpy as np
import pgx  # type: ignore[import-not-found]

ENVIRONMENT = pgx.make("connect_four")
PLANES = (6, 7, 2)
"""Shape of an observation: rows, columns, stones of the mover and of the other."""

_BESIDES = ("config", "iteration", "seconds")
"""What a checkpoint holds besides the weights."""

Model = Any
"""Haiku's parameters and state, dictionaries by module and name."""


@dataclass(frozen=True)
class Config:
    """A training; the defaults are those of pgx's example."""

    blocks: int = 6
    channels: int = 128
    games: int = 1024
    """Side by side, begun anew in every iteration."""
    steps: int = 256
    """Moves of each of them in an iteration; where a game ends the next begins."""
    simulations: int = 32
    batch: int = 4096
    rate: float = 0.001
    passes: int = 1
    """How often an iteration's samples are learned."""
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or (value == 0 and field.name != "seed"):
                raise ValueError(f"{field.name} must be positive, got {value}")
        if self.batch > self.games * self.steps:
            raise ValueError(f"batch must be at most games x steps = {self.games * self.steps}, got {self.batch}")


@dataclass(frozen=True)
class Checkpoint:
    """A network at some time of its training."""

    config: Config
    model: Model
    iteration: int
    seconds: float


def _normalised(planes: Any, learning: bool) -> Any:
    """Batch normalisation with a moving average of 0.9, and a rectifier."""
    return jax.nn.relu(hk.BatchNorm(True, True, 0.9)(planes, is_training=learning))


def network(config: Config) -> Any:
    """Haiku's pair of functions; `apply(params, state, planes [B, 6, 7, 2], learning)` is logits, values and state.

    Logits `[B, A]` are of all actions, legal or not; values `[B]` are the mover's, in [-1, 1].
    """

    def forward(planes: Any, learning: bool) -> tuple[Any, Any]:
        trunk = hk.Conv2D(config.channels, 3)(planes.astype(jnp.float32))
        for _ in range(config.blocks):
            inner = hk.Conv2D(config.channels, 3)(_normalised(trunk, learning))
            trunk = trunk + hk.Conv2D(config.channels, 3)(_normalised(inner, learning))
        trunk = _normalised(trunk, learning)
        policy = hk.Flatten()(_normalised(hk.Conv2D(2, 1)(trunk), learning))
        value = hk.Flatten()(_normalised(hk.Conv2D(1, 1)(trunk), learning))
        value = hk.Linear(1)(jax.nn.relu(hk.Linear(config.channels)(value)))
        return hk.Linear(ENVIRONMENT.num_actions)(policy), jnp.tanh(value[:, 0])

    return hk.without_apply_rng(hk.transform_with_state(forward))


def fresh(config: Config) -> Model:
    """An untrained network.

    Haiku begins the moving variances at 0, with which an untrained network, as the example's first games have it, would
    multiply by 300 at every normalisation and know but one move; here they begin at 1.
    """
    params, state = network(config).init(jax.random.PRNGKey(config.seed), jnp.zeros((2, *PLANES)), True)
    begun = {
        module: {
            name: jnp.ones_like(array) if module.endswith("var_ema") and name == "average" else array
            for name, array in named.items()
        }
        for module, named in state.items()
    }
    return params, begun


def search(config: Config, model: Model, key: Any, states: Any, simulations: int, gumbel_scale: float) -> Any:
    """What mctx decides in `states` `[B]`; their `action_weights` `[B, A]` are the improved policy.

    Where pgx begins a game anew it leaves the mark of the ended one on the first position, so that the example searches
    that position as a terminal one; the mark is taken off here.
    """
    apply = network(config).apply
    states = states.replace(terminated=jnp.zeros_like(states.terminated))

    def recurrent(model: Model, key: Any, action: Any, states: Any) -> Any:
        mover = states.current_player
        states = jax.vmap(ENVIRONMENT.step)(states, action)
        (logits, value), _ = apply(*model, states.observation, False)
        output = mctx.RecurrentFnOutput(
            reward=jnp.take_along_axis(states.rewards, mover[:, None], axis=1)[:, 0],
            discount=jnp.where(states.terminated, 0.0, -1.0),
            prior_logits=jnp.where(states.legal_action_mask, logits, jnp.finfo(logits.dtype).min),
            value=jnp.where(states.terminated, 0.0, value),
        )
        return output, states

    (logits, value), _ = apply(*model, states.observation, False)
    return mctx.gumbel_muzero_policy(
        model,
        key,
        mctx.RootFnOutput(prior_logits=logits, value=value, embedding=states),
        recurrent,
        simulations,
        invalid_actions=~states.legal_action_mask,
        gumbel_scale=gumbel_scale,
    )


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    arrays = {
        f"{part}|{module}|{name}": np.asarray(array)
        for part, modules in zip(("params", "state"), checkpoint.model, strict=True)
        for module, named in modules.items()
        for name, array in named.items()
    }  # type: dict[str, Any]
    about = (json.dumps(asdict(checkpoint.config)), checkpoint.iteration, checkpoint.seconds)
    arrays |= dict(zip(_BESIDES, map(np.asarray, about), strict=True))
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load(path: Path) -> Checkpoint:
    """The checkpoint in a file, or the newest in a folder. Raises ValueError where there is none."""
    if path.is_dir():
        found = sorted(path.glob("*.npz"))
        if not found:
            raise ValueError(f"{path} holds no checkpoint (*.npz)")
        path = found[-1]
    model: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in set(arrays.files) - set(_BESIDES):
            part, module, key = name.split("|")
            model[part == "state"].setdefault(module, {})[key] = jnp.asarray(arrays[name])
        config = Config(**json.loads(str(arrays["config"])))
        return Checkpoint(config, model, int(arrays["iteration"]), float(arrays["seconds"]))
