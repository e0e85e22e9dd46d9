"""The recipes: configurations of training runs that fit a game, by what they are for."""

from __future__ import annotations

import math
import types
import typing
from dataclasses import replace

import joblib
import numpy as np

from games import Game, LiftedGame
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from hybrid.proving import tells_forced_moves
from training.config import MOST_WORKERS, Config, EvaluationConfig, LaterConfig, LearnerConfig, ReplayConfig
from training.replay import sample_dtype
from training.selfplay_config import SelfPlayConfig

_SHORT = 27.0
"""A game is short if a random one takes at most so many plies on average."""
_MIXED_CELLS = 64
"""The largest board on which networks mix channels by default: the layer grows with the square of the cells."""
_REPLAY_BYTES = 2**30
"""Memory that a replay takes at most: a position of Go on 19 x 19 takes 13 KB, and states on disk hold the replay."""


def quick(game: Game) -> Config:
    """A first agent: for Connect Four within ten minutes on two cores."""
    config = _sized(game, generations=52, games=192, simulations=48)
    # In so short a run a small network wins: a generation of it takes half the time.
    return replace(config, network=NetworkConfig(blocks=3, channels=32), evaluation=EvaluationConfig(every=26))


def standard(game: Game) -> Config:
    """A strong agent: for Connect Four within an hour on two cores of a fast processor.

    Such have instructions for networks of eight bits (VNNI) and for learning in sixteen; without them it takes longer.
    """
    config = _sized(
        game, generations=250, games=256, simulations=64, capacity=1_000_000, prove_nodes=3000, opening_share=0.55
    )
    # Where forced moves are known, hindsight proves what comes late in a short game: searches of it hardly matter.
    length = mean_length(game) if tells_forced_moves(game) else math.inf
    endgame = length if length <= _SHORT else 0.0
    return replace(
        config,
        # What happens in one corner may decide what is right in another, which convolutions learn late.
        network=NetworkConfig(mixed=8 if math.prod(game.observation_shape[1:]) <= _MIXED_CELLS else 0),
        # What is hardest to play lies near the usual start of the game, which more games should pass through.
        self_play=replace(config.self_play, opening_fraction=0.8, endgame_plies=round(0.75 * endgame)),
        # Errors fall with the samples learned: on two cores about one of them learns.
        replay=replace(config.replay, samples_per_position=5.5),
        learner=replace(config.learner, batch=256, learning_rate=0.0056, kernel_learning_rate=0.1, ema_decay=0.99),
        evaluation=EvaluationConfig(every=40),
        # At first steps are what is missing, then truer targets and a network that can tell them apart.
        later=LaterConfig(
            after=250,
            blocks=2,
            simulations=2.0,
            games=0.5,
            hindsight_nodes=3.33,
            endgame_plies=round(0.66 * endgame),
            samples_per_position=1.5,
            rate=0.4,
        ),
    )


def strong(game: Game) -> Config:
    """The standard recipe, gone on with: for Connect Four within two hours on two cores of a fast processor."""
    return replace(standard(game), generations=550)


RECIPES: typing.Mapping[str, typing.Callable[[Game], Config]] = types.MappingProxyType(
    {"quick": quick, "standard": standard, "strong": strong}
)


def recipe(name: str, game: Game) -> Config:
    """The recipe called `name`, for `game`, without evaluations where there is no opponent.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}: known are {', '.join(RECIPES)}")
    config = RECIPES[name](game)
    return config if game.players > 1 else replace(config, evaluation=replace(config.evaluation, every=0))


def _sized(
    game: Game,
    *,
    generations: int,
    games: int,
    simulations: int,
    capacity: int = 300_000,
    prove_nodes: int = 1000,
    opening_share: float = 0.3,
) -> Config:
    """A configuration that fits the game's length: it sets how long moves are drawn and how long openings are.

    Random openings of up to `opening_share` of a random game, or of a short one where it is longer, lead to the phase
    in which a network that learns for long still errs.

    To learn from every move of many games teaches more than deeper searches of some. Where games begin by random plies,
    they need not be drawn so freely later on, and end as they ought to more often. The nodes of proofs count where the
    game allows any: beside a large network they cost little. Which runtime is fastest, how many games a worker plays
    side by side and in which precision it learns fastest are measured when a run is made.
    """
    length = mean_length(game)
    provable = isinstance(game, LiftedGame) and game.zero_sum and not game.stochastic
    return Config(
        generations=generations,
        workers=min(usable_cores(), MOST_WORKERS),
        self_play=SelfPlayConfig(
            dial=Dial(simulations=simulations),
            full_fraction=1.0,
            games=games,
            slots=0,
            backend="fastest",
            temperature=0.5,
            temperature_plies=round(length * 0.75),
            opening_fraction=0.9,
            opening_plies=max(1, round(opening_share * min(length, _SHORT))),
            prove_nodes=prove_nodes if provable else 0,
            hindsight_nodes=30_000 if provable else 0,
        ),
        replay=ReplayConfig(capacity=min(capacity, _REPLAY_BYTES // sample_dtype(game).itemsize)),
        learner=LearnerConfig(threads=max(1, usable_cores() // 2), precision="fastest"),
    )


def mean_length(game: Game, samples: int = 256) -> float:
    """Mean plies of `samples` seeded random games."""
    _, plies = game.rollout(game.initial(samples), np.arange(samples, dtype=np.uint64))
    return float(plies.mean())


def usable_cores() -> int:
    """Processor cores that this process may use: by its affinity, and by the quota of the container that it is in."""
    return int(joblib.cpu_count())
