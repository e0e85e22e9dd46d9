"""What is to be tuned, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from games import load as load_game
from hybrid import agents, checkpoint, tuned
from hybrid.tuned import Budget, Options


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to tune, and how long.

    Attributes:
        game: spec of the game, for two players.
        agent: a run folder or a checkpoint in one, perhaps with options of the search (`runs/c4?strategy=uct`).
        budget: what a move may cost.
        axes: what is tuned; see `eval.tuning.space.AXES`.
        games: of the search, at most.
        precision: the search ends when its expected regret is this small, in Elo.
        confirm: games of each match that measures the gain, an even number.
        seed: source of all randomness.
        opening_plies: length of the random openings.
        concurrent: games played at once; it changes none.
    """

    game: str
    agent: str
    budget: Budget
    axes: tuple[str, ...] = ("dial",)
    games: int = 1000
    precision: float = 15.0
    confirm: int = 200
    seed: int = 0
    opening_plies: int = 4
    concurrent: int = 64

    def __post_init__(self) -> None:
        if self.confirm < 2 or self.confirm % 2:
            raise ValueError(f"confirm must be an even number of games, at least 2, got {self.confirm}")
        if self.games < 2:
            raise ValueError(f"games must be at least 2, got {self.games}")
        if not self.precision > 0.0:
            raise ValueError(f"precision must be positive, got {self.precision}")

    @property
    def own(self) -> Options:
        """The agent's own options, in which one kind of search differs from another."""
        return tuned.own_options(agents.parse_spec(self.agent, load_game(self.game)).options)


@dataclass(frozen=True)
class Place:
    """Where the run's tuning is kept: the checkpoint, and the folder and name of the files that come of it."""

    file: Path
    folder: Path
    stem: str

    @property
    def store(self) -> Path:
        """The games."""
        return self.folder / f"{self.stem}.db"

    @property
    def curve(self) -> Path:
        """The picture of the landscape."""
        return self.folder / f"{self.stem}.png"

    @property
    def settings(self) -> Path:
        """What `RUN?dial=tuned` reads."""
        return self.folder.parent / tuned.FILE


def place_of(plan: Plan) -> Place:
    """Where a plan's files are.

    Raises:
        ValueError: the agent is none of a run folder, or its spec sets what is tuned.
    """
    parsed = agents.parse_spec(plan.agent, load_game(plan.game))
    if parsed.kind != agents.RUN:
        raise ValueError(f"agent must be a trained run, which has a network to tune, got {plan.agent!r}")
    taken = {*agents.DIAL_OPTIONS, *plan.axes, *(["c_rollout"] if "c_puct" in plan.axes else [])}
    set_here = taken.intersection(key for key, _ in parsed.options)
    if set_here:
        raise ValueError(f"agent {plan.agent!r} sets {', '.join(sorted(set_here))}, which tuning sets itself")
    file = checkpoint.find(parsed.path)
    settings = checkpoint.beside(file, tuned.FILE)
    if settings is None:
        raise ValueError(f"agent must be in a run folder, where its tuned dial is kept, got {str(file)!r}")
    shared = (*plan.own, ("opening_plies", plan.opening_plies), ("seed", plan.seed))
    parts = (file.stem, str(plan.budget), *plan.axes, *(f"{key}={value}" for key, value in shared))
    return Place(file, settings.parent / "tuning", "-".join(parts))
