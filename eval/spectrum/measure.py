"""What games alone do not tell of an agent: how long it thinks, how far it departs from its network, how often it errs.

Shapes: B positions, A actions.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eval import exact
from eval.labels import Labelled
from eval.spectrum.design import Pool
from eval.tournament import resolve
from games import Game, Positions
from games import load as load_game
from hybrid import agents
from hybrid.agent import PLAY_VERSION, Agent
from hybrid.files import write_atomically

Policies = npt.NDArray[np.float32]

_ALONE = 24
"""Positions that are decided one by one to measure time."""
_PATIENCE = 3.0
"""Seconds after which an agent's time is known well enough."""
_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class Truth:
    """How an agent did where some move gives away value: `exact.Score` in short."""

    positions: int
    optimal: float
    low: float
    high: float
    regret: float
    regret_error: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of one agent.

    Attributes:
        milliseconds: mean wall time of a move decided by itself, the faster of two tries.
        processor: how much of it was this process's own time on a processor.
        gaps: by generation, mean KL(its policy ‖ that generation's network policy) in nats, and its standard error.
        truth: how it did against a solver, or None where there is none.
    """

    milliseconds: float
    processor: float
    gaps: Mapping[int, tuple[float, float]]
    truth: Truth | None


def measure(
    pool: Pool,
    positions: Positions,
    labelled: Labelled | None,
    path: Path,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Measured]:
    """Measure every agent of `pool`, by spec; what the file at `path` holds already is not measured again.

    Args:
        pool: the agents.
        positions: `[B]` on which policies are compared and time is taken.
        labelled: positions with the truth about them, or None.
        path: where results are kept, written after each agent.
        seed: of the decisions.
        progress: called with how many agents are done, and of how many.
    """
    game = load_game(pool.game)
    digest = hashlib.sha256(positions.tobytes() + (labelled.positions.tobytes() if labelled else b"")).hexdigest()
    known, found = _read(path), {}
    owners = _owners(pool)
    networks: dict[int, Policies] = {}
    for done, spec in enumerate(pool.agents):
        progress(done, len(pool.agents))
        concrete, hashed = resolve(spec, game)
        wanted = owners.get(spec, ())
        key = repr((PLAY_VERSION, spec, hashed, digest, seed, wanted))
        if key not in known:
            for generation in set(wanted) - set(networks):
                networks[generation] = _policies(game, pool.networks[generation], positions, seed)
            references = {generation: networks[generation] for generation in wanted}
            known[key] = _measure(game, concrete, positions, labelled, references, seed)
            write_atomically(path, _written(known))
        found[spec] = known[key]
    progress(len(pool.agents), len(pool.agents))
    return found


def _owners(pool: Pool) -> dict[str, tuple[int, ...]]:
    """The generations whose networks each agent of the map is compared with."""
    owners: dict[str, set[int]] = {}
    for cell in pool.cells:
        if cell.position > 0.0:
            owners.setdefault(cell.agent, set()).add(cell.generation)
    return {spec: tuple(sorted(generations)) for spec, generations in owners.items()}


def _measure(
    game: Game,
    spec: str,
    positions: Positions,
    labelled: Labelled | None,
    references: Mapping[int, Policies],
    seed: int,
) -> Measured:
    """Everything about one agent."""
    agent = agents.load(spec, game)
    truth = None
    if labelled is not None:
        score = exact.measure(agent, labelled, seed=seed, batch=_BATCH).total
        low, high = score.ci95
        truth = Truth(
            positions=score.positions,
            optimal=score.optimal,
            low=1.0 - high,
            high=1.0 - low,
            regret=score.regret,
            regret_error=score.regret_error,
        )
    policies = _decide(agent, positions, seed) if references else None
    gaps = {} if policies is None else {number: _gap(policies, other) for number, other in references.items()}
    wall, processor = _seconds(agent, positions, seed)
    return Measured(milliseconds=1000.0 * wall, processor=1000.0 * processor, gaps=gaps, truth=truth)


def _policies(game: Game, spec: str, positions: Positions, seed: int) -> Policies:
    """The policies `[B, A]` of an agent that is loaded for that alone."""
    return _decide(agents.load(resolve(spec, game)[0], game), positions, seed)


def _decide(agent: Agent, positions: Positions, seed: int) -> Policies:
    """The policies `[B, A]` behind an agent's decisions."""
    seeds = _seeds(seed, len(positions))
    chunks = [slice(start, start + _BATCH) for start in range(0, len(positions), _BATCH)]
    return np.concatenate([agent.decide(positions[rows], seeds[rows]).policy for rows in chunks])


def _gap(policies: Policies, network: Policies) -> tuple[float, float]:
    """Mean KL(policy ‖ network) over positions, in nats, and its standard error."""
    played = np.maximum(policies, 0.0).astype(np.float64)
    ratio = np.where(played > 0, played, 1.0) / np.where(played > 0, np.maximum(network, 1e-30), 1.0)
    gaps = (played * np.log(ratio)).sum(axis=1)
    return float(gaps.mean()), float(gaps.std() / np.sqrt(len(gaps)))


def _seconds(agent: Agent, positions: Positions, seed: int) -> tuple[float, float]:
    """Mean wall time of positions decided one by one, warm, each the faster of two tries; and that on a processor."""
    chosen = positions[np.linspace(0, len(positions) - 1, min(_ALONE, len(positions))).astype(np.int64)]
    seeds = _seeds(seed, len(chosen))
    agent.forget()
    agent.decide(chosen[:1], seeds[:1])
    begun, taken = time.perf_counter(), []
    for row in range(len(chosen)):
        tries = []
        for _ in range(2):
            start, working = time.perf_counter(), time.process_time()
            agent.decide(chosen[row : row + 1], seeds[row : row + 1])
            tries.append((time.perf_counter() - start, time.process_time() - working))
        taken.append(min(tries))
        if time.perf_counter() - begun > _PATIENCE:
            break
    wall, processor = np.mean(taken, axis=0).tolist()
    return wall, processor


def _seeds(seed: int, count: int) -> npt.NDArray[np.uint64]:
    """Seeds `[B]` of decisions."""
    return np.random.default_rng(seed).integers(2**63, size=count).astype(np.uint64)


def _written(known: Mapping[str, Measured]) -> bytes:
    """The content of the file of results."""
    return json.dumps({key: asdict(value) for key, value in known.items()}, indent=1).encode()


def _read(path: Path) -> dict[str, Measured]:
    """The results in a file; none if it is missing or not of this version, as they can be had again."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: Measured(
                milliseconds=value["milliseconds"],
                processor=value["processor"],
                gaps={int(number): (mean, error) for number, (mean, error) in value["gaps"].items()},
                truth=None if value["truth"] is None else Truth(**value["truth"]),
            )
            for key, value in raw.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
