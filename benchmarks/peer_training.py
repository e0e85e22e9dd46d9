"""Train Connect Four as pgx's AlphaZero example does, for a given wall time: the peer that ours are measured against.

    PYTHON benchmarks/peer_training.py runs/peer --seconds 600 --preset cpu

PYTHON has jax, mctx, pgx, dm-haiku and optax. The time runs from the start of this program, imports and compilation
included; what is unfinished then is lost. Checkpoints are `runs/peer/SECONDS.npz`; `log.jsonl` tells of every
iteration. The example's evaluation against pgx's own model is left out, which saves the peer that time.

`--preset published` are the example's own defaults, made for accelerators. `--preset cpu` is the same algorithm scaled
to two cores. B: games side by side, T: steps, A: actions.
"""

import time

_BEGAN = time.monotonic()

import argparse  # noqa: E402
import json  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from dataclasses import fields, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple, cast  # noqa: E402

import jax  # type: ignore[import-not-found]  # noqa: E402
import jax.numpy as jnp  # type: ignore[import-not-found]  # noqa: E402
import numpy as np  # noqa: E402
import optax  # type: ignore[import-not-found]  # noqa: E402
from peer_agent import ENVIRONMENT, Checkpoint, Config, Model, fresh, network, save, search  # noqa: E402
from pgx.experimental import auto_reset  # type: ignore[import-not-found]  # noqa: E402

PRESETS = {
    "published": Config(),
    "cpu": Config(blocks=3, channels=32, games=64, steps=128, batch=128),
}


class Step(NamedTuple):
    """One move of all games, `[B, ...]`; a whole iteration's are `[T, B, ...]`."""

    planes: Any
    policy: Any
    reward: Any
    ended: Any


class Sample(NamedTuple):
    """What is learned of a position: the improved policy, and the outcome for its mover where `known`."""

    planes: Any
    policy: Any
    outcome: Any
    known: Any


_Move = Callable[[Model, Any, Any], tuple[Any, Step]]
_Update = Callable[[Model, Any, Sample], tuple[Model, Any, Any]]


class Clock:
    """The wall time of this program, of which it has `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - _BEGAN

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.now >= self._seconds


def mover(config: Config) -> _Move:
    """A compiled move in all games `[B]`: search, play what it chose, begin ended games anew."""
    play = jax.vmap(auto_reset(ENVIRONMENT.step, ENVIRONMENT.init))

    def move(model: Model, states: Any, key: Any) -> tuple[Any, Step]:
        searching, beginning = jax.random.split(key)
        found = search(config, model, searching, states, config.simulations, 1.0)
        after = play(states, found.action, jax.random.split(beginning, config.games))
        reward = jnp.take_along_axis(after.rewards, states.current_player[:, None], axis=1)[:, 0]
        return after, Step(states.observation, found.action_weights, reward, after.terminated)

    return cast(_Move, jax.jit(move))


def self_play(config: Config, move: _Move, model: Model, key: Any, clock: Clock) -> Step | None:
    """One iteration's games, `[T, B, ...]`; None if the time ended first."""
    beginning, key = jax.random.split(key)
    states = jax.vmap(ENVIRONMENT.init)(jax.random.split(beginning, config.games))
    steps = []
    for number, one in enumerate(jax.random.split(key, config.steps)):
        states, step = move(model, states, one)
        steps.append(jax.device_get(step))
        if clock.over:
            print(f"the time ended in self-play, after {number + 1} of {config.steps} steps", flush=True)
            return None
    return Step(*(np.stack(column) for column in zip(*steps, strict=True)))


def samples_of(steps: Step) -> Sample:
    """The samples `[T * B, ...]` of an iteration; the outcome of games that did not end is not known."""
    outcome, known = np.zeros(steps.reward.shape, np.float32), np.zeros(steps.ended.shape, bool)
    later, ends = np.zeros(steps.reward.shape[1], np.float32), np.zeros(steps.ended.shape[1], bool)
    for index in reversed(range(len(steps.reward))):
        later = steps.reward[index] - np.where(steps.ended[index], 0.0, later)
        ends = ends | steps.ended[index]
        outcome[index], known[index] = later, ends
    columns = (steps.planes, steps.policy, outcome, known)
    return Sample(*(column.reshape(-1, *column.shape[2:]) for column in columns))


def learner(config: Config) -> tuple[Any, _Update]:
    """The optimizer, and a compiled update by one batch: model, optimizer's state, policy's and value's loss `[2]`."""
    optimizer, apply = optax.adam(config.rate), network(config).apply

    def loss(params: Any, state: Any, sample: Sample) -> tuple[Any, tuple[Any, Any]]:
        (logits, value), state = apply(params, state, sample.planes, True)
        policy_loss = optax.softmax_cross_entropy(logits, sample.policy).mean()
        value_loss = (optax.l2_loss(value, sample.outcome) * sample.known).mean()
        return policy_loss + value_loss, (state, jnp.stack([policy_loss, value_loss]))

    def update(model: Model, memory: Any, sample: Sample) -> tuple[Model, Any, Any]:
        params, state = model
        gradients, (state, losses) = jax.grad(loss, has_aux=True)(params, state, sample)
        changes, memory = optimizer.update(gradients, memory)
        return (optax.apply_updates(params, changes), state), memory, losses

    return optimizer, cast(_Update, jax.jit(update))


def batches(config: Config, samples: Sample, rng: np.random.Generator) -> Iterator[Sample]:
    """Shuffled batches of all samples, `config.passes` times; what fills no batch is left out."""
    for _ in range(config.passes):
        order = rng.permutation(len(samples.known))
        for first in range(0, len(order) - config.batch + 1, config.batch):
            yield Sample(*(column[order[first : first + config.batch]] for column in samples))


def train(config: Config, run: Path, clock: Clock, every: float) -> None:
    """Iterate until the time is up, with a checkpoint at most `every` seconds and one at the end."""
    model = fresh(config)
    optimizer, update = learner(config)
    memory, move = optimizer.init(model[0]), mover(config)
    key, rng = jax.random.PRNGKey(config.seed), np.random.default_rng(config.seed)
    newest = Checkpoint(config, model, 0, clock.now)
    saved = _saved(newest, run)
    while not clock.over:
        key, playing = jax.random.split(key)
        began = clock.now
        steps = self_play(config, move, model, playing, clock)
        if steps is None:
            break
        played, samples, losses = clock.now, samples_of(steps), []
        for batch in batches(config, samples, rng):
            model, memory, loss = update(model, memory, batch)
            losses.append(np.asarray(loss))
            if clock.over:
                break
        newest = Checkpoint(config, model, newest.iteration + 1, clock.now)
        _log(run, newest, samples, np.array(losses), played - began)
        if newest.seconds - saved.seconds >= every:
            saved = _saved(newest, run)
    if saved is not newest:
        _saved(newest, run)
    print(f"ended after {clock.now:.1f} s, {newest.iteration} iterations", flush=True)


def _saved(checkpoint: Checkpoint, run: Path) -> Checkpoint:
    """Save a checkpoint under the seconds of its training, and return it."""
    save(checkpoint, run / f"{checkpoint.seconds:08.1f}.npz")
    return checkpoint


def _log(run: Path, newest: Checkpoint, samples: Sample, losses: Any, playing: float) -> None:
    """Add a line about an iteration, whose self-play took `playing` seconds, to the run's log, and print it."""
    count = len(samples.known)
    line = {
        "iteration": newest.iteration,
        "seconds": round(newest.seconds, 1),
        "processor_seconds": round(time.process_time(), 1),
        "positions": count * newest.iteration,
        "updates": len(losses),
        "simulations_per_second": round(count * newest.config.simulations / playing),
        "policy_loss": round(float(losses[:, 0].mean()), 4),
        "value_loss": round(float(losses[:, 1].mean()), 4),
    }
    with (run / "log.jsonl").open("a") as file:
        print(json.dumps(line), file=file)
    print(json.dumps(line), flush=True)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of the checkpoints, new or empty")
    parser.add_argument("--seconds", type=float, required=True, help="wall time from the start of the program")
    parser.add_argument("--preset", choices=PRESETS, default="published")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between checkpoints (default: 60)")
    for field in fields(Config):
        parser.add_argument(f"--{field.name}", type=type(field.default), help="instead of the preset's")
    arguments = parser.parse_args()
    given = {field.name: getattr(arguments, field.name) for field in fields(Config)}
    config = replace(PRESETS[arguments.preset], **{name: value for name, value in given.items() if value is not None})
    arguments.run.mkdir(parents=True, exist_ok=True)
    if any(arguments.run.iterdir()):
        raise ValueError(f"run must be a new or empty folder, got {arguments.run}")
    print(config, flush=True)
    train(config, arguments.run, Clock(arguments.seconds), arguments.every)


if __name__ == "__main__":
    main()
