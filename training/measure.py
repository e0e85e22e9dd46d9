"""How fast self-play, learning and the loop of both are on this machine, each beside its limit.

Shapes: B positions of a batch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from games import Game
from hybrid.checkpoint import Checkpoint, save
from hybrid.network_config import NetworkShape, initial_weights
from training.config import Config
from training.effort import Effort, resident_memory
from training.playing import PlayedGame
from training.progress import Observer, Report
from training.recipes import usable_cores
from training.replay import Replay, Samples
from training.selfplay_config import SelfPlayConfig
from training.timing import Clock, timed
from training.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Positions a second that are learned from, the best of several turns.

    Attributes:
        learner: drawn from the replay, observed and learned from, as in a run.
        step: learned from, the batch being given.
        bare: through torch's own step alone: forward, backward and AdamW of the same network and batch.
    """

    learner: float
    step: float
    bare: float


@dataclass(frozen=True, kw_only=True)
class LoopCost:
    """What became of the cores' time in a run, in core seconds.

    Attributes:
        seconds: wall time of its generations.
        workers: processor time of self-play.
        replay: of drawing minibatches.
        learner: of learning from them.
        other: of everything else in the training process: calibrating, saving, logging.
        idle: the share of the cores' time that was not used; what other programs used is part of it.
        memory: the most resident bytes at the end of a generation, all processes together.
    """

    seconds: float
    workers: float
    replay: float
    learner: float
    other: float
    idle: float
    memory: int


def self_play(
    game: Game, agent: Checkpoint, config: SelfPlayConfig, seed: int, workers: int
) -> tuple[list[PlayedGame], Effort, float, int]:
    """One generation's games, what they cost, wall seconds and the workers' resident bytes at the end.

    A few games before, not counted, load everything.
    """
    with tempfile.TemporaryDirectory() as folder, Workers(game, seed, workers) as pool:
        path = Path(folder, "agent.safetensors")
        save(path, agent)
        pool.play(replace(config, games=2 * workers), 0, path, lambda one: None)
        play = pool.start(config, 1, path, lambda one: None)
        played, effort = play.finish()
        return played, effort, play.seconds, resident_memory(pool.process_ids)


def learning(game: Game, config: Config, samples: Samples, seconds: float, turns: int = 3) -> Rates:
    """How fast `config` learns from `samples`, and how fast torch's own step is; each runs for `seconds` a turn."""
    from training.learner import Learner, fabric_of, optimise, torch_threads

    size, rng = config.learner.batch, np.random.default_rng(config.seed)
    replay = Replay(game, max(len(samples), 1))
    replay.insert(samples)
    learner = Learner(game, config.network, config.learner, config.seed)
    fabric = fabric_of(config.learner)
    module, optimizer = fabric.setup(learner, learner.configure_optimizers())
    batch = replay.sample(rng, size)
    contenders: Sequence[Callable[[], object]] = (
        lambda: optimise(fabric, module, optimizer, replay.sample(rng, size), config.learner.clip),
        lambda: optimise(fabric, module, optimizer, batch, config.learner.clip),
        _bare_step(game, config, batch.planes, fabric.autocast),
    )
    best = [0.0] * len(contenders)
    with torch_threads(config.learner.threads):
        for contender in contenders:
            contender()
        for _ in range(turns):
            for index, contender in enumerate(contenders):
                best[index] = max(best[index], size * _calls_per_second(contender, seconds))
    return Rates(learner=best[0], step=best[1], bare=best[2])


def loop(game: Game, config: Config) -> LoopCost:
    """Train by `config` in a folder that is deleted afterwards.

    The first and the last generation are not counted: they are learned from while nothing is played.

    Raises:
        ValueError: there are no others.
    """
    from training import loop as algorithm

    if config.generations < 3:
        raise ValueError(f"generations must be at least 3 to measure the loop, got {config.generations}")
    clock = Clock("other")
    watch = _Watch(clock)
    with (
        timed(clock, "replay", Replay, "sample"),
        timed(clock, "learner", algorithm, "optimise"),
        tempfile.TemporaryDirectory() as folder,
    ):
        algorithm.train(game, config, Path(folder, "run"), watch)
    first, last = watch.marks[0], watch.marks[-2]
    reports = watch.reports[1:-1]
    seconds = last["wall"] - first["wall"]
    workers = sum(report.self_play.processor_seconds for report in reports)
    parts = {name: last[name] - first[name] for name in ("replay", "learner", "other")}
    used = (workers + sum(parts.values())) / (seconds * usable_cores())
    return LoopCost(
        seconds=seconds,
        workers=workers,
        **parts,
        idle=max(0.0, 1.0 - used),
        memory=max(report.memory for report in reports),
    )


class _Watch(Observer):
    """Keeps the reports, and what the clock and the wall's show at each of them."""

    def __init__(self, clock: Clock) -> None:
        self.reports: list[Report] = []
        self.marks: list[dict[str, float]] = []
        self._clock = clock

    def generation_done(self, report: Report) -> None:
        self._clock.enter(self._clock.enter("other"))
        self.reports.append(report)
        self.marks.append(self._clock.seconds | {"wall": time.perf_counter()})


def _bare_step(
    game: Game,
    config: Config,
    planes: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    precision: Callable[[], AbstractContextManager[Any]],
) -> Callable[[], object]:
    """Torch's own training step on `planes` `[B, C, H, W]` and made-up targets, its network in `precision`."""
    import torch
    from torch.nn import functional

    from hybrid.network import Network

    shape, device = NetworkShape.of(game), config.learner.accelerator
    weights = initial_weights(config.network, shape, np.random.default_rng(config.seed))
    network = Network(config.network, shape, weights).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    inputs = torch.from_numpy(planes).to(device, memory_format=torch.channels_last)
    policy = torch.full((len(planes), shape.actions), 1.0 / shape.actions, device=device)
    value = torch.zeros((len(planes), shape.players), device=device)

    def step() -> None:
        with precision():
            logits, values = (one.float() for one in network(inputs))
        loss = functional.cross_entropy(logits, policy) + functional.mse_loss(values, value)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _calls_per_second(function: Callable[[], object], seconds: float) -> float:
    """How often `function` runs a second, when it is run again and again for `seconds`."""
    runs, start = 0, time.perf_counter()
    while not runs or time.perf_counter() - start < seconds:
        function()
        runs += 1
    return runs / (time.perf_counter() - start)
