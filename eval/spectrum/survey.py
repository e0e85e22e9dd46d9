"""Making the map: the pool plays a tournament, its agents are measured, and strength is calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression

from eval import tournament
from eval.results import Results
from eval.schedule import Schedule
from eval.spectrum.design import ANCHOR_ELO, Cell, Design, Pool
from eval.spectrum.measure import Measured, measure
from eval.spectrum.positions import labelled, sample
from games import load as load_game
from hybrid import checkpoint
from hybrid.strength import Rung, Strength

_CONCURRENT = 256
"""Games that a worker plays at once: with tens of agents, fewer would leave the networks with batches of one."""
_UNDISTURBED = 0.8
_STORE, _MEASURED = "games.db", "measured.json"


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """The map and everything that was measured.

    Attributes:
        design: what was asked for.
        pool: its agents.
        results: the games between them.
        labels: by spec, the agent's name in `results`.
        measured: by spec, what games do not tell.
    """

    design: Design
    pool: Pool
    results: Results
    labels: dict[str, str]
    measured: dict[str, Measured]

    @property
    def generations(self) -> list[int]:
        """The checkpoints, oldest first."""
        return sorted(self.pool.networks)

    def cell(self, generation: int, position: float, simulations: int) -> Cell:
        """The cell at this place. Raises KeyError where there is none."""
        return self._cells[generation, position, simulations]

    @cached_property
    def _cells(self) -> dict[tuple[int, float, int], Cell]:
        return {(cell.generation, cell.position, cell.simulations): cell for cell in self.pool.cells}

    def elo(self, spec: str) -> Estimate:
        """An agent's rating."""
        ratings, label = self.results.ratings, self.labels[spec]
        return Estimate(float(ratings.elo[ratings.agents.index(label)]), *ratings.interval(label))

    def gain(self, spec: str, over: str) -> Estimate:
        """How far one agent is above another, which may be the same."""
        return Estimate(0.0, 0.0, 0.0) if spec == over else self.sum({spec: 1.0, over: -1.0})

    def sum(self, weights: dict[str, float]) -> Estimate:
        """A weighted sum of ratings by spec; the weights add up to 0."""
        named = {self.labels[spec]: weight for spec, weight in weights.items() if weight}
        return Estimate(*self.results.ratings.combination(named)) if named else Estimate(0.0, 0.0, 0.0)

    @cached_property
    def evaluations(self) -> dict[str, float]:
        """Network evaluations per move in the games, by spec."""
        spent, moves = dict.fromkeys(self.labels.values(), 0), dict.fromkeys(self.labels.values(), 0)
        for record in self.results.records:
            for label, cost in zip(record.agents, record.costs, strict=True):
                spent[label] += cost.evaluations
                moves[label] += cost.moves
        return {spec: spent[label] / max(moves[label], 1) for spec, label in self.labels.items()}

    def milliseconds(self, spec: str) -> float:
        """Wall time of a move decided by itself."""
        return self.measured[spec].milliseconds

    @property
    def cautions(self) -> list[str]:
        """What is wrong with the measurements, if anything is."""
        times = [self.measured[cell.agent] for cell in self.pool.cells]
        share = sum(one.processor for one in times) / sum(one.milliseconds for one in times)
        found = [self.results.caution] if self.results.caution is not None else []
        if share < _UNDISTURBED:
            found.append(
                f"this machine was busy with other work while time was measured: agents had a processor {share:.0%} of "
                f"the time, so milliseconds are too many; without {_MEASURED} the same command measures them again"
            )
        return found


def play(
    design: Design,
    pool: Pool,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[tournament.Progress], None] | None = None,
) -> Results:
    """Play the missing games of the pool of `design` in `folder`, which is made if need be.

    Raises:
        ValueError: the store of games cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arranged = tournament.Plan(
        game=design.game,
        agents=pool.agents,
        games=design.games,
        schedule=Schedule.ADAPTIVE,
        seed=design.seed,
        opening_plies=design.opening_plies,
        pairings=pool.pairings,
    )
    return tournament.run(
        arranged,
        folder / _STORE,
        workers=workers,
        concurrent=_CONCURRENT,
        anchor=design.opponents[0],
        anchor_elo=ANCHOR_ELO,
        progress=progress,
    )


def complete(
    design: Design,
    pool: Pool,
    results: Results,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Spectrum:
    """The map, after what games do not tell has been measured too; what `folder` knows already is kept."""
    game = load_game(design.game)
    positions = sample(game, results.records, design.seed)
    known = labelled(game, positions, design.seed)
    return Spectrum(
        design=design,
        pool=pool,
        results=results,
        labels=dict(zip(pool.agents, results.agents, strict=True)),
        measured=measure(pool, positions, known, folder / _MEASURED, seed=design.seed, progress=progress),
    )


def rising(measured: Sequence[Estimate]) -> list[float]:
    """Ratings made to rise, from each agent to the next, by isotonic regression weighted by their variances."""
    # An anchor among them has no error at all; half a point keeps its weight finite.
    errors = [max(one.high - one.low, 1.0) for one in measured]
    fitted = isotonic_regression([one.value for one in measured], weights=1.0 / np.square(errors))
    return [float(elo) for elo in fitted.x]


def calibrate(spectrum: Spectrum) -> Strength | None:
    """The strength of the newest checkpoint by level, or None where its agent has options of its own."""
    pool = spectrum.pool
    if not pool.rungs:
        return None
    measured = [spectrum.elo(spec) for _, spec in pool.rungs]
    return Strength(
        game=pool.game,
        checkpoint=pool.newest.name,
        digest=checkpoint.digest_of(pool.newest),
        anchor=spectrum.design.opponents[0],
        anchor_elo=ANCHOR_ELO,
        agents=len(pool.agents),
        games=len(spectrum.results.records),
        rungs=tuple(
            Rung(level=level, measured=one.value, low=one.low, high=one.high, elo=elo)
            for (level, _), one, elo in zip(pool.rungs, measured, rising(measured), strict=True)
        ),
    )
