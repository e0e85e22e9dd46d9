"""The algorithm: self-play, replay, minibatches, learning, evaluation, checkpoint, and again.

While a generation is played, the agent before it is judged and the network learns from all before it. Every random
number is seeded by the run's seed, the generation and its purpose, and what is learned from or played with never
depends on who was faster. So a run that is interrupted and resumed equals one that was not, bit for bit, on the same
machine and versions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric import Fabric

from games import Game
from hybrid import checkpoint
from hybrid.checkpoint import Checkpoint, path_of
from hybrid.network_config import NetworkShape, weight_shapes
from hybrid.runtime import calibrate
from training import origin, state, tensorboard
from training.backends import check_exists
from training.config import Config, to_json
from training.effort import Meter
from training.evaluation import check_evaluation, evaluate, judge
from training.learner import Learner, Losses, fabric_of, mean_losses, optimise, torch_threads
from training.playing import opening
from training.progress import Observer, Report, summarise
from training.recipes import mean_length
from training.replay import Replay
from training.seeds import Purpose, generator
from training.selfplay import check_playable
from training.settling import settle
from training.workers import Round, Workers

_CALIBRATED = 512
"""Positions on which the agent is calibrated."""


def train(
    game: Game,
    config: Config,
    run: Path | str,
    observer: Observer | None = None,
    *,
    start: Path | str | None = None,
) -> Path:
    """Train an agent in the new run folder `run`; returns the agent's file.

    It begins from nothing, or with the network and the replay of the run in folder `start`, or the network of the
    agent in file `start`; that is left as it is.

    Raises:
        ValueError: the folder exists already, the game cannot be loaded again by its spec, proofs, resignation, anchors
            or labelled positions are asked for that do not fit it, there is no such device, `start` cannot be built on
            (`Origin.check`), or learning rates are so high that the network dies; what it was before is kept.
        ChildProcessError: a self-play worker died.
        OSError: the disk is full or cannot be written.
    """
    _check(game, config)
    state.check_new(Path(run), game)
    if start is not None:
        origin.read(start, game).check(game, config.network)
    config = settle(game, config)
    # Read anew: what is built on may have been trained further meanwhile.
    state.create(Path(run), game, config, None if start is None else origin.read(start, game).hand_on(game, config))
    return _locked(Path(run), *state.describe(Path(run), game), observer)


def resume(run: Path | str, observer: Observer | None = None, *, game: Game | None = None) -> Path:
    """Go on with the run in folder `run` after its last complete generation; returns the agent's file.

    `game` is for a run whose game's file has moved since, or lies elsewhere seen from here.

    Raises:
        ValueError: there is no run, it is damaged, or of another game, another process trains in it, or a device of it
            does not exist here, nor an agent that it is measured against, or its network dies.
        ChildProcessError: a self-play worker died.
        OSError: the disk is full or cannot be written.
    """
    run = Path(run)
    game, config = state.describe(run, game)
    _check(game, config)
    return _locked(run, game, config, observer)


def _locked(run: Path, game: Game, config: Config, observer: Observer | None) -> Path:
    """Train in a run folder that nobody else trains in meanwhile."""
    with state.locked(run):
        state.sweep(run)
        return _loop(run, game, config, observer or Observer())


def _loop(run: Path, game: Game, config: Config, observer: Observer) -> Path:
    """The whole run on one page."""
    learner = Learner.at(game, config, state.newest(run))
    replay = Replay(game, config.replay.capacity)
    fabric, module, optimizer = _set_up(learner, config)
    done = state.restore(run, learner, optimizer, replay)
    state.check_space(run, replay, learner)
    if done == 0 or not path_of(run, done).exists():
        _save_agent(run, game, config, learner, replay, done)
    checkpoint.load(path_of(run, done), game)  # those who play would only fail
    observer.started(game, config, run, done)
    pace = _Pace(config, done)
    with (
        tensorboard.events(run, done) as log,
        torch_threads(config.learner.threads),
        Workers(game, config.seed, config.workers) as workers,
    ):
        meter, play = Meter(workers.process_ids), None
        for generation in range(done + 1, config.generations + 1):
            rng = generator(config.seed, generation, Purpose.LEARNING)
            if config.late(generation) and not config.late(generation - 1):
                learner = learner.grown(game, config, generation)
                fabric, module, optimizer = _set_up(learner, config)
                pace.anew()
            module.set_learning_rates(optimizer, config.progress(generation))
            learn = partial(_learn, fabric, module, optimizer, replay, config.at(generation), rng)
            observer.phase(generation, "self-play")
            play = play or _start(workers, run, config, generation, observer)
            losses, learning_seconds = learn(replay.count(generation - 1) if config.overlap else 0, play.hear)
            played, effort = play.finish()
            for one in played:
                replay.insert(one.samples)
            games = summarise(played, effort, play.seconds, replay.age(generation))

            if losses is None or not config.overlap or generation == config.generations:
                observer.phase(generation, "learning")
                losses, seconds = learn(replay.count(generation))
                learning_seconds += seconds
            assert losses is not None  # a generation has positions
            _check_alive(learner, run, config.at(generation), generation)

            observer.phase(generation, "evaluation")
            state.check_space(run, replay, learner)
            _save_agent(run, game, config, learner, replay, generation)
            # Those who play need not wait for the verdict.
            more = generation < config.generations
            play = _start(workers, run, config, generation + 1, observer) if more else None
            due = _due(config, generation)
            matches = evaluate(run, game, config, generation) if due else ()
            judged = judge(run, game, config, generation) if due else ()

            report = Report(
                generation=generation,
                generations=config.generations,
                self_play=games,
                losses=losses,
                learning_rate=optimizer.param_groups[0]["lr"],
                learning_seconds=learning_seconds,
                seconds=pace.generation(),
                matches=matches,
                judged=judged,
                idle=meter.idle(),
                memory=meter.memory(),
                seconds_left=pace.left(),
            )
            tensorboard.write(log, game, report, played[0].samples)
            state.save(run, generation, learner, optimizer, replay)
            observer.generation_done(report)
    return path_of(run, config.generations)


def _set_up(learner: Learner, config: Config) -> tuple[Fabric, Any, Any]:
    """What a learner runs on, and Fabric's learner and optimizer."""
    fabric = fabric_of(config.learner)
    return fabric, *fabric.setup(learner, learner.configure_optimizers())


def _start(workers: Workers, run: Path, config: Config, generation: int, observer: Observer) -> Round:
    """Have a generation played by the agent before it."""
    playing, heard = config.at(generation).self_play, partial(observer.game_played, generation)
    return workers.start(playing, generation, path_of(run, generation - 1), heard)


def _learn(
    fabric: Fabric,
    module: Any,
    optimizer: Any,
    replay: Replay,
    config: Config,
    rng: np.random.Generator,
    positions: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[Losses | None, float]:
    """Draw so many samples as `positions` new ones are worth; mean losses, None without any, and seconds.

    `meanwhile` is called after every step.
    """
    start = time.perf_counter()
    steps = []
    window = config.replay.drawn(len(replay))
    count = round(positions * config.replay.samples_per_position / config.learner.batch)
    for _ in range(max(count, positions > 0)):
        batch = replay.sample(rng, config.learner.batch, window)
        steps.append(optimise(fabric, module, optimizer, batch, config.learner.clip))
        meanwhile()
    return mean_losses(steps) if steps else None, time.perf_counter() - start


def _check(game: Game, config: Config) -> None:
    """Raises ValueError for what would be missed only later, by those who play or when the agent is evaluated."""
    weight_shapes(config.at(config.generations).network, NetworkShape.of(game))
    for device in (config.self_play.device, config.learner.accelerator):
        check_exists(device)
    check_playable(game, config.self_play)
    check_evaluation(game, config.evaluation)


def _check_alive(learner: Learner, run: Path, config: Config, generation: int) -> None:
    """Raises ValueError, before anything of a generation is kept, where its network can learn no more."""
    if learner.alive:
        return
    rates = f"learner.learning_rate={config.learner.learning_rate:g}"
    if config.learner.optimizer == "muon":
        rates += f" or learner.kernel_learning_rate={config.learner.kernel_learning_rate:g}"
    message = f"{rates} is too high: in generation {generation} the network died, and no longer tells positions apart"
    if before := state.newest(run):
        message += (
            f". {str(run)!r} holds generation {before}; resumed it would die again, "
            "but a run that starts from it (--start) can go on at lower rates"
        )
    raise ValueError(message)


def _due(config: Config, generation: int) -> bool:
    """Whether the agent of a generation is evaluated."""
    every = config.evaluation.every
    return every > 0 and (generation % every == 0 or generation == config.generations)


def _save_agent(run: Path, game: Game, config: Config, learner: Learner, replay: Replay, generation: int) -> None:
    """Write the file that plays, calibrated on positions of the replay, or of random games while there are none."""
    shape, network, weights = NetworkShape.of(game), config.at(generation).network, learner.agent_weights
    rng = generator(config.seed, generation, Purpose.CALIBRATION)
    if len(replay):
        planes = replay.sample(rng, _CALIBRATED).planes
    else:
        openings = replace(config.self_play, opening_fraction=1.0, opening_plies=round(mean_length(game)))
        planes = game.observe(np.concatenate([opening(game, openings, rng) for _ in range(_CALIBRATED)]))
    checkpoint.save(
        path_of(run, generation),
        Checkpoint(
            weights=weights,
            config=network,
            shape=shape,
            game=game.spec,
            generation=generation,
            ranges=calibrate(network, shape, weights, planes),
            extra={"training": to_json(config)},
        ),
    )


class _Pace:
    """Measures how long things take."""

    def __init__(self, config: Config, done: int) -> None:
        self._config, self._done = config, done
        self._start, self._last, self._measured = time.perf_counter(), time.perf_counter(), 0

    def anew(self) -> None:
        """Called where generations begin to take longer or shorter: those before tell nothing of those to come."""
        self._start, self._measured = self._last, 0

    def generation(self) -> float:
        """Called at a generation's end: the seconds that it took."""
        last, self._last = self._last, time.perf_counter()
        self._done, self._measured = self._done + 1, self._measured + 1
        return self._last - last

    def left(self) -> float:
        """Seconds that the rest will take at the pace of the generations so far.

        Before a change later ones count by their games and the budgets of these, the best guess there is.
        """
        later, total = self._config.later, self._config.generations
        after = later.after if self._config.late(total) else total
        changed = total - max(after, self._done)
        same = total - self._done - changed
        weight = later.simulations * later.games if self._done <= after else 1.0
        return (self._last - self._start) / self._measured * (same + weight * changed)
