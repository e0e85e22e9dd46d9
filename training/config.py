"""Everything that decides a training run, as frozen dataclasses; `training.recipes` fills them in for a game.

A run's length is measured in generations and games, never in seconds, so that a run is the same on every machine.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from training.fields import above_zero, at_least, at_most_one, one_of, parse
from training.selfplay_config import SelfPlayConfig

Accelerator = Literal["cpu", "cuda"]
OptimizerName = Literal["muon", "adamw"]
LearnerPrecision = Literal["float", "winograd", "bfloat16", "fastest"]


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """What is remembered and how often it is learned from.

    Attributes:
        capacity: positions kept, the oldest leaving first.
        window: so many of the newest positions are always learned from.
        recent: share of the replay, of its newest positions, that is learned from once this is more than `window`: the
            first games were played by a network that knew little, and are left behind as the replay grows.
        samples_per_position: how often a position is drawn for learning, on average, per generation's new positions.
    """

    capacity: int = 200_000
    window: int = 20_000
    recent: float = 1 / 3
    samples_per_position: float = 4.0

    def __post_init__(self) -> None:
        at_least(self, 1, "capacity", "window")
        above_zero(self, "recent", "samples_per_position")
        at_most_one(self, "recent")

    def drawn(self, size: int) -> int:
        """How many of the newest positions are learned from when the replay holds `size`."""
        return max(self.window, round(self.recent * size))


@dataclass(frozen=True, kw_only=True)
class LearnerConfig:
    """How the network is fitted to the search.

    Attributes:
        batch: positions per optimisation step.
        optimizer: of the trunk's kernels; everything else is AdamW's.
        kernel_learning_rate: of Muon at the start.
        learning_rate: of AdamW at the start; beside Muon the blocks' gains learn at a twentieth of it.
        final_share: of both rates, reached at the last generation along a cosine, and at the last before a change
            (`later`).
        weight_decay: of AdamW, on all matrices and kernels that it moves.
        kernel_weight_decay: of Muon, on the trunk's kernels. Its steps are equally long however large a kernel is: the
            decay limits how large it grows, so that a step remains a noticeable share of it.
        clip: largest norm of the gradient.
        ema_decay: decay per step of the weight average that plays; it forgets faster during the first steps.
        outcome_weight: the value's target is this share of the game's outcome and the rest of the search's value.
        value_weight: weight of the value's loss beside the policy's.
        accelerator: where the network is trained.
        threads: torch's threads on the CPU, on whose number the last bits of the weights depend.
        precision: of the network's arithmetic while it learns; its weights and their averages are kept in single
            precision. `winograd` multiplies a third as often in the blocks' convolutions, whose transforms run on one
            core, and rounds a little more (`training.winograd`); with `bfloat16` most layers compute in 16 bits, which
            is faster where the processor has instructions for it. `fastest` is decided by measurement when a run is
            made, and kept in its file; on a CUDA device it is single precision.
    """

    batch: int = 128
    optimizer: OptimizerName = "muon"
    kernel_learning_rate: float = 0.07
    learning_rate: float = 2e-3
    final_share: float = 0.05
    weight_decay: float = 1e-4
    kernel_weight_decay: float = 3e-3
    clip: float = 1.0
    ema_decay: float = 0.995
    outcome_weight: float = 0.5
    value_weight: float = 1.0
    accelerator: Accelerator = "cpu"
    threads: int = 1
    precision: LearnerPrecision = "float"

    def __post_init__(self) -> None:
        one_of(self, "accelerator", Accelerator)
        one_of(self, "precision", LearnerPrecision)
        if self.precision == "winograd" and self.accelerator != "cpu":
            raise ValueError(f"precision 'winograd' is for the CPU: accelerator must be cpu, got {self.accelerator!r}")
        at_least(self, 1, "batch", "threads")
        at_least(self, 0, "weight_decay", "kernel_weight_decay", "ema_decay", "outcome_weight")
        one_of(self, "optimizer", OptimizerName)
        above_zero(self, "kernel_learning_rate", "learning_rate", "final_share", "clip", "value_weight")
        at_most_one(self, "kernel_learning_rate", "learning_rate", "final_share", "outcome_weight")
        if self.ema_decay >= 1:
            raise ValueError(f"ema_decay must be below 1, got {self.ema_decay}")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """The matches that measure progress.

    Attributes:
        every: generations between evaluations; the last generation is always evaluated. 0 = never.
        games: games against each anchor, even.
        simulations: the agent's budget per move at dial 0.5.
        anchors: specs of the fixed opponents, as `[random,mcts?simulations=100]`.
        labelled: solver-labelled positions of the game, on which the network alone and the agent at dial 0.5 are
            measured: a set that comes with the package, as `connect_four`, or an .npz file; empty = none. See
            `eval.labels`.
    """

    every: int = 5
    games: int = 40
    simulations: int = 100
    anchors: tuple[str, ...] = ("random", "mcts?simulations=100", "mcts?simulations=1000")
    labelled: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "anchors", tuple(self.anchors))
        at_least(self, 0, "every")
        at_least(self, 2, "games")
        at_least(self, 1, "simulations")
        if self.games % 2:
            raise ValueError(f"games must be even, so that both seats are played equally, got {self.games}")


@dataclass(frozen=True, kw_only=True)
class LaterConfig:
    """What changes in a long run once small searches of many games have taught a small network what they can.

    Attributes:
        after: generations before the change; a run of no more never comes to it. 0 = never.
        blocks: blocks added to the network, which change nothing at first.
        simulations: the budgets of moves by the network, as a multiple of the last before.
        games: games per generation, as a multiple of those before.
        hindsight_nodes: positions that alpha-beta may visit after a game, as a multiple of those before.
        endgame_plies: plies after which a move has a small budget, see `SelfPlayConfig`; 0 = as before.
        samples_per_position: how often a position is drawn for learning, as a multiple of what it was.
        recent: share of the replay that is learned from, as a multiple of what it was: the fewer games there are, the
            longer would those from before the change be learned from.
        rate: both learning rates, as a share of the first ones; at least `final_share`. They fall along a cosine before
            the change and again after it, each time to the same last rates.
    """

    after: int = 0
    blocks: int = 0
    simulations: float = 1.0
    games: float = 1.0
    hindsight_nodes: float = 1.0
    endgame_plies: int = 0
    samples_per_position: float = 1.0
    recent: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        at_least(self, 0, "after", "blocks", "endgame_plies")
        above_zero(self, "simulations", "games", "hindsight_nodes", "samples_per_position", "recent", "rate")
        at_most_one(self, "recent", "rate")
        changes = [field.name for field in dataclasses.fields(self) if getattr(self, field.name) != field.default]
        if not self.after and changes:
            raise ValueError(f"after must be at least 1 where {', '.join(changes)} are to change, got 0")


MOST_WORKERS = 500
"""Processes that may play."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training run.

    Attributes:
        later: what changes after some generations.
        generations: how often the loop of self-play and learning is run.
        overlap: learn from the generations so far while the next one is played, which keeps all cores busy; self-play
            is then by the agent before the newest. The first, unless the run has another's
            games to learn from, and the last generation are learned from at their ends.
        workers: processes that play, at most 500; 0 = the training process itself. On the CPU no result depends on it.
        seed: of everything random in the run.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    self_play: SelfPlayConfig = field(default_factory=SelfPlayConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    later: LaterConfig = field(default_factory=LaterConfig)
    generations: int = 20
    overlap: bool = True
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "generations")
        at_least(self, 0, "workers", "seed")
        if self.workers > MOST_WORKERS:
            raise ValueError(f"workers must be at most {MOST_WORKERS}, got {self.workers}")
        if self.late(self.generations):
            if self.later.rate < self.learner.final_share:
                least = self.learner.final_share
                raise ValueError(f"later.rate must be at least final_share, {least}, got {self.later.rate}")
            try:
                self.afterwards()
            except ValueError as error:
                raise ValueError(f"later must lead to what is allowed: {error}") from error

    @property
    def share(self) -> int:
        """The games of a generation for one worker."""
        return -(-self.self_play.games // max(1, self.workers))

    def late(self, generation: int) -> bool:
        """Whether a generation, counted from 1, comes after the change that `later` tells of."""
        return 0 < self.later.after < generation

    def progress(self, generation: int) -> float:
        """How much is over, in [0, 1], of the generations before the change, or of those after it."""
        first, last = 1, self.generations
        if self.late(generation):
            first = self.later.after + 1
        elif self.late(last):
            last = self.later.after
        return (generation - first) / max(1, last - first)

    def at(self, generation: int) -> Config:
        """What this comes to in a generation, counted from 1, by all its schedules; for 0 what it does in the first."""
        generation = max(1, generation)
        config = self.afterwards() if self.late(generation) else self
        playing, growth = config.self_play, config.self_play.growth ** self.progress(generation)
        if generation <= self.self_play.direct_generations:
            dial = Dial.at(1, simulations=playing.direct_simulations)
            return replace(config, self_play=replace(playing, dial=dial, full_fraction=1.0))
        return _with_budgets(config, growth, 1 / growth, growth)

    def afterwards(self) -> Config:
        """What this is after the change, as a configuration of the generations that remain, which knows of none.

        Itself where it does not come to a change.
        """
        later, learner, growth = self.later, self.learner, self.self_play.growth
        if not self.late(self.generations):
            return self
        nodes, direct = self.self_play.hindsight_nodes, self.self_play.direct_generations
        playing = replace(
            self.self_play,
            growth=1.0,
            direct_generations=max(0, direct - later.after),
            hindsight_nodes=max(min(nodes, 1), round(later.hindsight_nodes * nodes)),
            endgame_plies=later.endgame_plies or self.self_play.endgame_plies,
        )
        changed = replace(
            self,
            network=replace(self.network, blocks=self.network.blocks + later.blocks),
            self_play=playing,
            replay=replace(self.replay, recent=later.recent * self.replay.recent),
            learner=replace(
                learner,
                learning_rate=later.rate * learner.learning_rate,
                kernel_learning_rate=later.rate * learner.kernel_learning_rate,
                final_share=learner.final_share / later.rate,
            ),
            later=LaterConfig(),
            generations=self.generations - later.after,
        )
        return _with_budgets(
            changed, growth * later.simulations, later.games / growth, growth * later.samples_per_position
        )


def _with_budgets(config: Config, budgets: float, games: float, samples: float) -> Config:
    """`config` with its budgets, its games and how often positions are learned multiplied."""
    playing, replay = config.self_play, config.replay
    return replace(
        config,
        self_play=replace(
            playing,
            dial=replace(playing.dial, simulations=max(1, round(budgets * playing.dial.simulations))),
            fast_simulations=max(1, round(budgets * playing.fast_simulations)),
            games=max(1, round(games * playing.games)),
        ),
        replay=replace(replay, samples_per_position=samples * replay.samples_per_position),
    )


def to_json(config: Config) -> dict[str, Any]:
    """The configuration as nested JSON objects, read back by `from_json`."""
    return dataclasses.asdict(config)


def from_json(value: Any) -> Config:
    """The configuration written by `to_json`. Raises ValueError on unknown keys, wrong types and refused values."""
    return typing.cast(Config, parse(Config, value, "config"))
