"""Which agents a map of the spectrum needs, and which of them should meet.

The map has a cell for every checkpoint, dial position and budget. Cells share agents: at 0 the budget does not matter,
at 1 the network does not, and below ½ the dial is a smaller budget. Beside the cells there are opponents, whose first
anchors the scale, and a ladder from random play to the network alone, by which strength is calibrated.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from games import load as load_game
from games.rules import Game
from hybrid import agents, checkpoint, pretrained
from hybrid.dial import Dial
from hybrid.strength import level_of

POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIMULATIONS = (16, 64, 256)
OPPONENTS = ("mcts?simulations=100", "mcts?simulations=1000")
ANCHOR_ELO = 1000.0
"""What the first opponent is rated."""

_TEMPERATURES = (2.0, 1.0, 0.5)
_RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is to be mapped.

    Attributes:
        game: spec of the game, which must be for two players.
        agent: a run folder or one checkpoint, perhaps with options of the search (`runs/c4?strategy=gumbel`).
        positions: dial positions.
        simulations: budgets, the N of the dial.
        checkpoints: how many of the run's generations, evenly spaced, the last one included.
        opponents: fixed agents; the first is rated `ANCHOR_ELO`.
        games: how many each pairing plays on average.
        seed: source of all openings and decisions.
        opening_plies: length of the random openings.
    """

    game: str
    agent: str
    positions: tuple[float, ...] = POSITIONS
    simulations: tuple[int, ...] = SIMULATIONS
    checkpoints: int = 3
    opponents: tuple[str, ...] = OPPONENTS
    games: int = 24
    seed: int = 0
    opening_plies: int = 4

    def __post_init__(self) -> None:
        for name, values in (("positions", self.positions), ("simulations", self.simulations)):
            if not values or tuple(sorted(set(values))) != tuple(values):
                raise ValueError(f"{name} must be increasing, at least one, got {', '.join(map(str, values))}")
        for position, budget in itertools.product(self.positions, self.simulations):
            Dial.at(position, simulations=budget)
        if self.checkpoints < 1:
            raise ValueError(f"checkpoints must be at least 1, got {self.checkpoints}")
        if not self.opponents or len(set(self.opponents)) < len(self.opponents):
            raise ValueError(f"opponents must be at least one and differ, got {', '.join(self.opponents) or 'none'}")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A place on the map and the agent that stands there."""

    generation: int
    position: float
    simulations: int
    agent: str


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The agents of a map.

    Attributes:
        game: spec of the game.
        cells: the map, by generation, position and budget.
        networks: the spec of each generation's network alone.
        rungs: level and spec of the agents by which strength is calibrated, weakest first; see `hybrid.strength`. None
            if the agent has options of its own.
        agents: all specs, opponents first, each once.
        pairings: who meets whom, as places in `agents`.
        newest: the file of the newest checkpoint.
    """

    game: str
    cells: tuple[Cell, ...]
    networks: dict[int, str]
    rungs: tuple[tuple[float, str], ...]
    agents: tuple[str, ...]
    pairings: tuple[tuple[int, int], ...]
    newest: Path


def plan(design: Design) -> Pool:
    """The pool of a design.

    Raises:
        ValueError: the game, the agent or an opponent cannot be loaded, or does not fit.
    """
    game = load_game(design.game)
    if game.players != 2:
        raise ValueError(f"game must be for 2 players, {game.spec!r} is for {game.players}")
    files = _spaced(_run_of(design.agent, game), design.checkpoints)
    query = design.agent.partition("?")[2]
    names = {generation: pretrained.spelling(file) for generation, file in files.items()}
    specs = {generation: _Specs(name, query, names[max(files)]) for generation, name in names.items()}
    cells = tuple(
        Cell(generation=generation, position=position, simulations=budget, agent=spec.at(position, budget))
        for generation, spec in specs.items()
        for position in design.positions
        for budget in design.simulations
    )
    rungs = _rungs(specs[max(files)], design)
    networks = {generation: spec.at(0.0, 1) for generation, spec in specs.items()}
    found = (cell.agent for cell in cells), networks.values(), (agent for _, agent in rungs)
    everyone = dict.fromkeys(itertools.chain(design.opponents, *found))
    places = {agent: place for place, agent in enumerate(everyone)}
    wanted = itertools.chain(_pairings(design, cells), _beside(design, cells, networks, rungs))
    met = {frozenset((places[one], places[other])) for one, other in wanted if one != other}
    agents.load_all(places, game)  # a mistake should be known before the first game
    return Pool(
        game=game.spec,
        cells=cells,
        networks=networks,
        rungs=rungs,
        agents=tuple(places),
        pairings=tuple(sorted((min(pair), max(pair)) for pair in met)),
        newest=files[max(files)],
    )


@dataclass(frozen=True)
class _Specs:
    """Writes the specs of one checkpoint's agents: of equal agents, equal specs."""

    file: str
    query: str
    newest: str

    def at(self, position: float, budget: int) -> str:
        """The agent at a place on the dial."""
        dial = Dial.at(position, simulations=budget)
        if not dial.consults_network and not self.query:
            return f"mcts?simulations={budget}"
        weights = [
            f"{name}={weight:g}"
            for name, weight in (("prior_weight", dial.prior_weight), ("value_weight", dial.value_weight))
            if weight != 1.0
        ]
        file = self.file if dial.consults_network else self.newest
        return self.spec(f"simulations={dial.simulations}", *weights, file=file)

    def spec(self, *options: str, file: str | None = None) -> str:
        """The agent with these options and the user's own."""
        return f"{file or self.file}?{'&'.join(filter(None, (*options, self.query)))}"


def _run_of(spec: str, game: Game) -> str:
    """The path in an agent's spec. Raises ValueError unless it is that of a run, without what the map itself sets."""
    parsed = agents.parse_spec(spec, game)
    if parsed.kind != agents.RUN:
        raise ValueError(f"agent must be a run folder or a checkpoint, got {spec!r}")
    taken = [key for key, _ in parsed.options if key in agents.DIAL_OPTIONS]
    if taken:
        raise ValueError(f"agent must leave {', '.join(taken)} to the map, got {spec!r}")
    return parsed.path


def _spaced(path: str, count: int) -> dict[int, Path]:
    """At most `count` checkpoints by generation, evenly spaced up to the newest."""
    newest = checkpoint.find(path)
    if Path(path).is_file():
        return {int(newest.stem) if newest.stem.isdecimal() else checkpoint.load(newest).generation: newest}
    last = int(newest.stem)
    found = {generation: checkpoint.path_of(path, generation) for generation in range(last + 1)}
    there = [generation for generation, file in found.items() if file.is_file()]
    wanted = [last * (k + 1) / count for k in range(count)]
    nearest = {min(there, key=lambda generation: (abs(generation - place), -generation)) for place in wanted}
    return {generation: found[generation] for generation in sorted(nearest)}


def _rungs(newest: _Specs, design: Design) -> tuple[tuple[float, str], ...]:
    """Random play, the newest network at falling temperature, then at rising budgets."""
    soft = [(level_of(simulations=0, temperature=heat), f"temperature={heat:g}") for heat in _TEMPERATURES]
    budgets = {
        Dial.at(position, simulations=budget).simulations
        for position in (*design.positions, 0.5)
        for budget in design.simulations
        if 0.0 < position <= 0.5
    }
    if newest.query:
        return ()
    return (
        (0.0, _RANDOM),
        *((level, newest.spec("simulations=0", text)) for level, text in soft),
        (level_of(simulations=0), newest.at(0.0, 1)),
        *((level_of(simulations=budget), newest.at(0.5, budget)) for budget in sorted(budgets - {1})),
    )


def _pairings(design: Design, cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """Neighbours on the map, whose games tell most, and everyone with the opponents, who hold the scale together."""
    grid = {(cell.generation, cell.position, cell.simulations): cell.agent for cell in cells}
    axes = [sorted({key[axis] for key in grid}) for axis in range(3)]
    for key, agent in grid.items():
        for axis in range(3):
            for value in [value for value in axes[axis] if value > key[axis]][:1]:
                generation, position, budget = (value if axis == place else key[place] for place in range(3))
                yield agent, grid[int(generation), position, int(budget)]
        for opponent in design.opponents:
            yield agent, opponent
    yield from itertools.combinations(design.opponents, 2)


def _beside(
    design: Design, cells: Sequence[Cell], networks: dict[int, str], rungs: tuple[tuple[float, str], ...]
) -> Iterator[tuple[str, str]]:
    """The games of networks by themselves, where the map has no 0, and of the ladder."""
    for generation, network in networks.items() if 0.0 not in design.positions else ():
        yield network, next(cell.agent for cell in cells if cell.generation == generation)
        yield from ((network, opponent) for opponent in design.opponents)
    # Among themselves softened rungs, which are one network, tell little of how they fare against others.
    direct = [cell.agent for cell in cells if cell.position == 1.0]
    for level, agent in rungs:
        yield from ((agent, other) for other in (*design.opponents, *(direct if level < 1.0 else ())))
    if rungs:
        yield rungs[0][1], rungs[1][1]  # random play may lose to all others
