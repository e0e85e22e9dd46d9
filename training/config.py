"""Everything that decides a training run, as frozen dataclasses; `training.recipes` fills them in for a game.

A run's length is measured in generations and games, never in seconds, so that a run is the same on every machine.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig, check_device
from training.fields import above_zero, at_least, at_most_one, one_of, parse

Accelerator = Literal["cpu", "cuda"]
Precision = Literal["float", "int8"]
BackendName = Literal["onnxruntime", "openvino", "fastest"]
SelfPlayStrategy = Literal["puct", "gumbel"]
OptimizerName = Literal["muon", "adamw"]
PolicyTarget = Literal["visits", "improved", "regularised"]
LearnerPrecision = Literal["float", "bfloat16", "fastest"]


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """How the games that the network learns from are played.

    Attributes:
        dial: where self-play stands between network and search; its simulations are the full budget of a move.
        strategy: how the search selects edges; with Gumbel its own noise takes the place of Dirichlet's and of the
            move temperature, and the improved policy is learned.
        target: the policy that is learned, see `hybrid.strategy.Target`; moves are drawn by visits all the same.
        full_fraction: share of moves searched with the full budget, with root noise, whose policy is learned
            (playout-cap randomisation; Wu 2019, section 3.1).
        fast_simulations: the budget of the other moves, whose policy is not learned.
        c_puct: exploration constant of the search.
        games: games per generation.
        slots: games that one worker plays side by side; on the CPU no result depends on it. 0 = as many as are fastest,
            decided by measurement when a run is made, and kept in its file.
        temperature: moves are drawn in proportion to `policy ** (1 / temperature)` during the first plies.
        temperature_plies: how many plies; afterwards the best move is played.
        noise_total: concentration of the Dirichlet noise at the root, shared among the legal actions.
        noise_fraction: its share in the root's prior; 0 = no noise.
        opening_fraction: share of games that begin with uniformly random plies.
        opening_plies: the most such plies; their number is uniform from 1.
        leaf_nodes: positions that alpha-beta may visit at each new leaf of a search; see `SearchConfig`.
        prove_nodes: positions that alpha-beta may visit before a move to prove its value. Proven positions are not
            searched but learned exactly. For two-player zero-sum games without chance; 0 = no proofs.
        hindsight_nodes: positions that alpha-beta may visit after a game for every position of it, from the last
            backwards to the first that resists; from there on, outcomes alone are proven with as many, to the first
            that resists that too. These are learned exactly, and the outcome of earlier ones is what the earliest proof
            says; 0 = what was played counts. As `prove_nodes`, which it needs.
        resign_threshold: the player to move gives up where the search's value and that of its best move are below this;
            -1 = nobody does. For two-player zero-sum games.
        resign_played_out: share of games that are played to their end all the same, to measure how many would have been
            given up without being lost.
        direct_generations: generations at the start that are played at the direct end, by rollouts, while the network
            knows nothing yet and asking it costs a hundred times as much.
        direct_simulations: the budget of their moves.
        growth: the budgets of moves grow from generation to generation by equal factors until they are so many times
            the first ones. Games become fewer in the same measure, and positions are learned from more often, so that
            generations take equally long: what a small budget can teach has been learned at some time.
        device: where the network is asked: `cpu`, or `cuda` or `cuda:N`, which all workers share, in half precision and
            without the next three options. There a batch's size may change the last bits of its rows, and with them the
            games: they depend on the number of slots and workers too, and on the workers' timing unless each has a slot
            for every game that it plays.
        precision: of the network's inference on the CPU, calibrated afresh on the replay for every generation.
        backend: what runs the network; `fastest` is decided by measurement when a run is made, and kept in its file.
        cache_megabytes: memory of each worker for evaluations of positions met again; 0 = none. It changes no result.
    """

    dial: Dial = field(default_factory=lambda: Dial(simulations=128))
    strategy: SelfPlayStrategy = "puct"
    target: PolicyTarget = "visits"
    full_fraction: float = 0.25
    fast_simulations: int = 24
    c_puct: float = 1.5
    games: int = 128
    slots: int = 32
    temperature: float = 1.0
    temperature_plies: int = 16
    noise_total: float = 10.0
    noise_fraction: float = 0.25
    opening_fraction: float = 0.5
    opening_plies: int = 4
    leaf_nodes: int = 0
    prove_nodes: int = 0
    hindsight_nodes: int = 0
    resign_threshold: float = -1.0
    resign_played_out: float = 0.1
    direct_generations: int = 0
    direct_simulations: int = 1000
    growth: float = 1.0
    device: str = "cpu"
    precision: Precision = "int8"
    backend: BackendName = "onnxruntime"
    cache_megabytes: float = 64.0

    def __post_init__(self) -> None:
        if not self.dial.searches:
            raise ValueError(
                "dial must search in self-play, got simulations=0: without search there is nothing to learn"
            )
        if self.dial.seconds is not None:
            raise ValueError(f"dial must be given in simulations in self-play, got {self.dial.seconds} s: seconds vary")
        at_least(self, 1, "fast_simulations", "games", "direct_simulations", "growth")
        at_least(self, 0, "slots", "leaf_nodes", "prove_nodes", "hindsight_nodes", "direct_generations")
        at_least(self, 0, "temperature_plies", "opening_plies", "cache_megabytes")
        if self.hindsight_nodes and not self.prove_nodes:
            raise ValueError(f"hindsight_nodes needs prove_nodes, got {self.hindsight_nodes} and no proofs")
        check_device(self.device)
        one_of(self, "precision", Precision)
        one_of(self, "backend", BackendName)
        one_of(self, "strategy", SelfPlayStrategy)
        one_of(self, "target", PolicyTarget)
        above_zero(self, "full_fraction", "c_puct", "temperature", "noise_total")
        at_most_one(self, "full_fraction", "noise_fraction", "opening_fraction", "resign_played_out")
        if not -1.0 <= self.resign_threshold < 0.0:
            raise ValueError(f"resign_threshold must be at least -1 and below 0, got {self.resign_threshold}")

    @property
    def resigns(self) -> bool:
        """Whether games may be given up."""
        return self.resign_threshold > -1.0


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
        learning_rate: of AdamW at the start.
        final_share: of both rates, reached at the last generation along a cosine.
        weight_decay: on matrices and kernels.
        clip: largest norm of the gradient.
        ema_decay: decay per step of the weight average that plays; it forgets faster during the first steps.
        outcome_weight: the value's target is this share of the game's outcome and the rest of the search's value.
        value_weight: weight of the value's loss beside the policy's.
        accelerator: where the network is trained.
        threads: torch's threads on the CPU, on whose number the last bits of the weights depend.
        precision: of the network's arithmetic while it learns; its weights and their averages are kept in single
            precision. With `bfloat16` most layers compute in 16 bits, which is faster where the processor has
            instructions for it. `fastest` is decided by measurement when a run is made, and kept in its file; on a
            CUDA device it is single precision.
    """

    batch: int = 128
    optimizer: OptimizerName = "muon"
    kernel_learning_rate: float = 0.07
    learning_rate: float = 2e-3
    final_share: float = 0.05
    weight_decay: float = 1e-4
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
        at_least(self, 1, "batch", "threads")
        at_least(self, 0, "weight_decay", "ema_decay", "outcome_weight")
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
        anchors: specs of the fixed opponents.
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
        blocks: further blocks of the network, which change nothing at first.
        simulations: the budgets of moves, as a multiple of those before.
        games: games per generation, likewise.
        hindsight_nodes: likewise.
        samples_per_position: likewise.
        rate: both learning rates, as a share of the first ones. They fall along a cosine before the change and again
            after it, each time to the same last rate.
    """

    after: int = 0
    blocks: int = 0
    simulations: float = 1.0
    games: float = 1.0
    hindsight_nodes: float = 1.0
    samples_per_position: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        at_least(self, 0, "after", "blocks")
        above_zero(self, "simulations", "games", "hindsight_nodes", "samples_per_position", "rate")
        at_most_one(self, "rate")


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
        if self.workers > 500:
            raise ValueError(f"workers must be at most 500, got {self.workers}")

    def late(self, generation: int) -> bool:
        """Whether a generation, counted from 1, is one of those in which what changes later has changed."""
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
        """What this comes to in a generation, counted from 1, by its schedules of the dial and of the budget."""
        late = self.late(generation)
        config = self.changed() if late else self
        playing, learned = config.self_play, config.replay.samples_per_position
        if generation <= playing.direct_generations:
            dial = Dial.at(1, simulations=playing.direct_simulations)
            return replace(config, self_play=replace(playing, dial=dial, full_fraction=1.0))
        growth = playing.growth if late else playing.growth ** self.progress(generation)
        return replace(
            config,
            self_play=_enlarged(playing, growth, 1 / growth),
            replay=replace(config.replay, samples_per_position=growth * learned),
        )

    def changed(self) -> Config:
        """What this is after the change, as a configuration that knows of none; it has the remaining generations.

        Itself where it does not come to one.
        """
        later, learner, replay = self.later, self.learner, self.replay
        if not self.late(self.generations):
            return self
        nodes = round(later.hindsight_nodes * self.self_play.hindsight_nodes)
        return replace(
            self,
            network=replace(self.network, blocks=self.network.blocks + later.blocks),
            self_play=replace(_enlarged(self.self_play, later.simulations, later.games), hindsight_nodes=nodes),
            replay=replace(replay, samples_per_position=later.samples_per_position * replay.samples_per_position),
            learner=replace(
                learner,
                learning_rate=later.rate * learner.learning_rate,
                kernel_learning_rate=later.rate * learner.kernel_learning_rate,
                final_share=min(1.0, learner.final_share / later.rate),
            ),
            later=LaterConfig(),
            generations=self.generations - later.after,
        )


def _enlarged(playing: SelfPlayConfig, budget: float, games: float) -> SelfPlayConfig:
    """`playing` with its budgets and its games multiplied."""
    dial = replace(playing.dial, simulations=max(1, round(budget * playing.dial.simulations)))
    fast = max(1, round(budget * playing.fast_simulations))
    return replace(playing, dial=dial, fast_simulations=fast, games=max(1, round(games * playing.games)))


def to_json(config: Config) -> dict[str, Any]:
    """The configuration as nested JSON objects, read back by `from_json`."""
    return dataclasses.asdict(config)


def from_json(value: Any) -> Config:
    """The configuration written by `to_json`. Raises ValueError on unknown keys, wrong types and refused values."""
    return typing.cast(Config, parse(Config, value, "config"))
