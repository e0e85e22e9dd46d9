"""Maps of the spectrum whose truth is known: the games are drawn from ratings given by a formula, not played."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import games
from eval.records import Cost, Record
from eval.results import Results
from eval.spectrum.design import ANCHOR_ELO, Design, Pool, plan
from eval.spectrum.measure import Measured, Truth
from eval.spectrum.survey import Spectrum
from hybrid import agents, checkpoint
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from tests.eval.simulate import World

NETWORK = {8: 700.0, 17: 1000.0, 25: 1150.0}
"""What the network alone is rated, by generation."""
DOUBLING = 60.0
"""What doubling the simulations buys at dial 0.5."""
DIRECT = 90.0
"""And without a network."""


def run_folder(folder: Path, generations: tuple[int, ...] = tuple(NETWORK)) -> Path:
    """A run of tic-tac-toe with an untrained network for each generation."""
    game, config = games.load("tic_tac_toe"), NetworkConfig(blocks=1, channels=4)
    shape = NetworkShape.of(game)
    for generation in generations:
        weights = initial_weights(config, shape, np.random.default_rng(generation))
        stored = checkpoint.Checkpoint(
            weights=weights, config=config, shape=shape, game=game.spec, generation=generation
        )
        checkpoint.save(checkpoint.path_of(folder, generation), stored)
    return folder


def truth(spec: str) -> float:
    """The rating of an agent of the pool; `mcts?simulations=100` has `ANCHOR_ELO`."""
    parsed = agents.parse_spec(spec, games.load("tic_tac_toe"))
    options = dict(parsed.options)
    simulations = int(options.get("simulations", "0"))
    if parsed.kind == "random":
        return 150.0
    direct = ANCHOR_ELO + DIRECT * math.log2(max(simulations, 1) / 100)
    if parsed.kind == "mcts":
        return direct
    network = NETWORK[int(Path(parsed.path).stem)]
    if simulations == 0:
        return network - 130.0 * float(options.get("temperature", "0"))
    weight = float(options.get("prior_weight", "1"))
    return weight * (network + DOUBLING * math.log2(2 * simulations)) + (1.0 - weight) * direct


def mapped(folder: Path, *, openings: int = 12, seed: int = 0, **options: Any) -> Spectrum:
    """A map over `run_folder(folder)` with `openings` openings for each pairing, each played both ways."""
    design = Design(game="tic_tac_toe", agent=str(run_folder(folder)), **options)
    pool = plan(design)
    results = Results(
        game=pool.game,
        agents=pool.agents,
        records=_records(pool, openings, np.random.default_rng(seed)),
        anchor=design.opponents[0],
        anchor_elo=ANCHOR_ELO,
    )
    return Spectrum(
        design=design,
        pool=pool,
        results=results,
        labels={spec: spec for spec in pool.agents},
        measured={spec: _measured(pool, spec) for spec in pool.agents},
    )


def _records(pool: Pool, openings: int, rng: np.random.Generator) -> tuple[Record, ...]:
    """Every pairing's games; the moves are only names of games."""
    seats = [order for one, other in pool.pairings for order in ((one, other), (other, one)) for _ in range(openings)]
    rounds = [number for _ in pool.pairings for _ in range(2) for number in range(openings)]
    first, second = (np.array(column) for column in zip(*seats, strict=True))
    world = World(elo=tuple(truth(spec) for spec in pool.agents), advantage=20.0)
    points = world.points(first, second, np.zeros(len(first)), rng)
    costs = {spec: Cost(evaluations=_simulations(spec) * 10, moves=10) for spec in pool.agents}
    return tuple(
        Record(
            game=pool.game,
            agents=(pool.agents[one], pool.agents[other]),
            seats=(one, other),
            round=number,
            seed=index,
            opening=1,
            moves=(number, index),
            returns=(2.0 * point - 1.0, 1.0 - 2.0 * point),
            costs=(costs[pool.agents[one]], costs[pool.agents[other]]),
        )
        for index, ((one, other), number, point) in enumerate(zip(seats, rounds, points.tolist(), strict=True))
    )


def _simulations(spec: str) -> int:
    """Network evaluations of a move."""
    parsed = agents.parse_spec(spec, games.load("tic_tac_toe"))
    return max(int(dict(parsed.options).get("simulations", "0")), 1) if parsed.kind == agents.RUN else 0


def _measured(pool: Pool, spec: str) -> Measured:
    """Costs in proportion to simulations, and errors that fall with the rating."""
    errors = 1.0 / (1.0 + 10 ** ((truth(spec) - 900.0) / 400.0))
    simulations = dict(agents.parse_spec(spec, games.load("tic_tac_toe")).options).get("simulations", "0")
    share = 0.003 if spec.startswith("mcts") else 0.1
    return Measured(
        milliseconds=0.2 + share * int(simulations),
        processor=0.2 + share * int(simulations),
        gaps={generation: (1.0 - network / 2000.0, 0.03) for generation, network in NETWORK.items()},
        truth=Truth(
            positions=300,
            optimal=1.0 - errors,
            low=1.0 - errors - 0.05,
            high=1.0 - errors + 0.04,
            regret=errors,
            regret_error=0.02,
        ),
    )
