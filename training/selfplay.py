"""Self-play: games whose searched positions become samples.

Every game is random in its own (seed, generation, number) alone, and a batched search decides each row by itself, so a
game is the same whichever worker, slot or company it is played in.
Shapes: R rows of the search, B positions, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.chance import settle
from hybrid.agent import Decisions
from hybrid.evaluate import Evaluator
from hybrid.search import Search, SearchConfig
from hybrid.strategy import Strategy
from training.config import SelfPlayConfig
from training.replay import Samples, sample_dtype
from training.seeds import Purpose, generator


@dataclass(frozen=True, kw_only=True, eq=False)
class PlayedGame:
    """One finished game of self-play.

    Attributes:
        number: its number within the generation.
        samples: `[T]` one for every searched position, in order.
        length: plies, random opening plies included.
        returns: `[P]` its result.
        simulations: simulations spent.
        evaluations: leaves that the evaluator was asked about.
        gap: mean amortisation gap of the moves with full budget, in nats; NaN where nothing was measured.
        proven: share of the searched positions whose value was proven.
    """

    number: int
    samples: Samples
    length: int
    returns: npt.NDArray[np.float32]
    simulations: int
    evaluations: int
    gap: float
    proven: float


def play_games(
    game: Game, evaluator: Evaluator | None, config: SelfPlayConfig, seed: int, generation: int, numbers: Sequence[int]
) -> Iterator[PlayedGame]:
    """Play the games `numbers` of a generation, `config.slots` at a time, and yield each as it ends.

    The rows of the search are asynchronous: a finished row moves at once, a finished game's row takes the next game.
    """
    rows = min(config.slots, len(numbers))
    if not rows:
        return
    search_config = SearchConfig(
        dial=config.dial,
        strategy=Strategy[config.strategy.upper()],
        c_puct=config.c_puct,
        dirichlet_total=config.noise_total,
        noise_fraction=config.noise_fraction,
    )
    search = Search(game, evaluator, search_config, rows)
    waiting = iter(numbers)
    playing = {row: _Game(game, config, seed, generation, next(waiting)) for row in range(rows)}
    _begin(search, list(playing), playing)
    while playing:
        search.advance()
        finished = [row for row in np.flatnonzero(search.finished).tolist() if row in playing]
        if not finished:
            continue
        _move(search, finished, playing)
        for row in finished:
            if playing[row].over:
                yield playing.pop(row).result()
                number = next(waiting, None)
                if number is not None:
                    search.clear(np.array([row]))
                    playing[row] = _Game(game, config, seed, generation, number)
        _begin(search, [row for row in finished if row in playing], playing)


def _begin(search: Search, rows: list[int], playing: dict[int, _Game]) -> None:
    """Start the next search of `rows`: full searches with root noise, fast ones without."""
    for row in rows:
        playing[row].draw()
    for full in (True, False):
        chosen = [row for row in rows if playing[row].full == full]
        if chosen:
            games = [playing[row] for row in chosen]
            search.begin(
                np.array(chosen),
                np.concatenate([game.position for game in games]),
                np.array([game.search_seed for game in games], np.uint64),
                np.array([game.budget for game in games]),
                np.array([game.noise_seed for game in games], np.uint64) if full else None,
            )


def _move(search: Search, rows: list[int], playing: dict[int, _Game]) -> None:
    """Play the moves that the finished searches of `rows` decide."""
    games = [playing[row] for row in rows]
    decisions = search.decisions(np.array(rows))
    proven = search.tree.node["solved"][rows, 0] == 1
    actions = [game.choose(decisions.policy[i], int(decisions.actions[i])) for i, game in enumerate(games)]
    after = search.game.step(np.concatenate([game.position for game in games]), actions)
    for i, game in enumerate(games):
        game.record(decisions, i, int(search.done[rows[i]]), bool(proven[i]))
        game.arrive(after[i : i + 1])


class _Game:
    """A game in progress, and everything random in it.

    Attributes:
        position: `[1]` where it stands.
        full: whether the current search has the full budget.
        budget: its simulations.
        search_seed: its seed.
        noise_seed: the seed of its root noise.
    """

    def __init__(self, game: Game, config: SelfPlayConfig, seed: int, generation: int, number: int) -> None:
        self._game, self._config, self._number, self._generation = game, config, number, generation
        self._rng = generator(seed, generation, Purpose.SELF_PLAY, number)
        self.position = opening(game, config, self._rng)
        self.full, self.budget = False, 0
        self.search_seed, self.noise_seed = np.zeros(2, np.uint64)
        self._samples: list[Samples] = []
        self._dtype = sample_dtype(game)
        self._simulations = self._evaluations = self._proven = 0
        self._gaps: list[float] = []

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return bool(self.position["terminal"][0])

    def draw(self) -> None:
        """Draw the next search's budget and seeds."""
        self.full = bool(self._rng.random() < self._config.full_fraction)
        self.budget = self._config.dial.simulations if self.full else self._config.fast_simulations
        self.search_seed, self.noise_seed = self._rng.integers(2**64, size=2, dtype=np.uint64)

    def choose(self, policy: npt.NDArray[np.float32], best: int) -> int:
        """The move: drawn from the search's `policy` `[A]` with temperature during the first plies, then `best`.

        Gumbel's own choice is random already.
        """
        if self._config.strategy == "gumbel" or self.position["ply"][0] >= self._config.temperature_plies:
            return best
        weights = (policy.astype(np.float64) / policy.max()) ** (1 / self._config.temperature)
        return int(self._rng.choice(len(weights), p=weights / weights.sum()))

    def arrive(self, position: Positions) -> None:
        """Go on to `position` `[1]`, or where chance moves there, to the outcome that this game draws."""
        self.position = settle(self._game, position, self._rng)

    def record(self, decisions: Decisions, row: int, simulations: int, proven: bool) -> None:
        """Remember the search that decided the current position; `outcome` is filled in at the end."""
        sample = np.zeros(1, self._dtype)
        sample["position"] = self.position
        sample["policy"] = decisions.policy[row]
        sample["value"] = decisions.values[row]
        sample["weight"] = self.full
        sample["generation"] = self._generation
        self._samples.append(sample)
        self._simulations += simulations
        self._evaluations += int(decisions.evaluations[row])
        self._proven += proven
        if self.full and decisions.gap is not None:
            self._gaps.append(float(decisions.gap[row]))

    def result(self) -> PlayedGame:
        """The finished game."""
        samples = np.concatenate(self._samples)
        samples["outcome"] = self.position["returns"]
        return PlayedGame(
            number=self._number,
            samples=samples,
            length=int(self.position["ply"][0]),
            returns=self.position["returns"][0].copy(),
            simulations=self._simulations,
            evaluations=self._evaluations,
            gap=float(np.nanmean(self._gaps)) if not np.isnan(self._gaps).all() else float("nan"),
            proven=self._proven / len(samples),
        )


def opening(game: Game, config: SelfPlayConfig, rng: np.random.Generator) -> Positions:
    """Where a game begins: `[1]`, the starting position, or after some uniformly random plies that do not end it.

    Outcomes of chance are not counted among those plies.
    """
    plies = int(rng.integers(1, config.opening_plies + 1)) if config.opening_plies else 0
    if rng.random() >= config.opening_fraction:
        plies = 0
    while True:
        position = settle(game, game.initial(), rng)
        for _ in range(plies):
            if not position["terminal"][0]:
                action = rng.choice(np.flatnonzero(game.legal_actions(position)[0]))
                position = settle(game, game.step(position, [action]), rng)
        if not position["terminal"][0]:
            return position
        plies -= 1
