"""One game of self-play: where it stands, everything random in it, and the samples it leaves.

Shapes: T samples, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.chance import settle
from hybrid.agent import Decisions
from hybrid.forest import joined
from hybrid.prover import Proof, Prover
from training.replay import Samples, sample_dtype
from training.resignation import Resignation, Verdict
from training.seeds import Purpose, generator
from training.selfplay_config import SelfPlayConfig

_LENGTHS_SHARE, _LENGTHS_LEAST = 0.1, 30_000
"""Share of hindsight's nodes with which lengths are sought, and how many are sought with at least if there are as many:
where these do not tell, outcomes are sought with all."""
_REDRAWN = 20
"""How often other plies are drawn for an opening whose outcome is proven."""


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
        resignation: whether a player gave up, or would have, and was right or wrong.
    """

    number: int
    samples: Samples
    length: int
    returns: npt.NDArray[np.float32]
    simulations: int
    evaluations: int
    gap: float
    proven: float
    resignation: Verdict


@dataclass(frozen=True, kw_only=True, eq=False)
class Provers:
    """What proves the positions of games.

    Attributes:
        lengths: tells fastest wins and slowest losses.
        outcomes: tells the outcome alone, and so reaches further.
    """

    lengths: Prover
    outcomes: Prover


class Playing:
    """A game in progress.

    Attributes:
        position: `[1]` where it stands: terminal or given up, or to be searched.
        full: whether the current search has the full budget.
        budget: its simulations.
        search_seed: its seed.
        noise_seed: the seed of its root noise.
    """

    def __init__(
        self, game: Game, config: SelfPlayConfig, provers: Provers | None, seed: int, generation: int, number: int
    ) -> None:
        self._game, self._config, self._provers = game, config, provers
        self._number, self._generation = number, generation
        self._rng = generator(seed, generation, Purpose.SELF_PLAY, number)
        self.full, self.budget = False, 0
        self.search_seed, self.noise_seed = np.zeros(2, np.uint64)
        self._samples: list[Samples] = []
        self._dtype = sample_dtype(game)
        self._simulations = self._evaluations = 0
        self._proven: list[bool] = []
        self._gaps: list[float] = []
        self._resignation = Resignation(config, self._rng)
        self.position = opening(game, config, self._rng, provers)
        self._play_proven()

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self._resignation.made or bool(self.position["terminal"][0])

    def draw(self) -> None:
        """Draw the next search's budget and seeds."""
        config = self._config
        self.full = bool(self._rng.random() < config.full_fraction)
        self.budget = config.dial.simulations if self.full else config.fast_simulations
        if 0 < config.endgame_plies <= self.position["ply"][0]:
            self.budget = min(self.budget, config.endgame_simulations)
        self.search_seed, self.noise_seed = self._rng.integers(2**64, size=2, dtype=np.uint64)

    def choose(self, weights: npt.NDArray[np.float64], best: int) -> int:
        """The move: drawn in proportion to `weights` `[A]` with temperature during the first plies, then `best`.

        Gumbel's own choice is random already.
        """
        if self._config.strategy == "gumbel" or self.position["ply"][0] >= self._config.temperature_plies:
            return best
        shares = (weights / weights.max()) ** (1 / self._config.temperature)
        # As `Generator.choice` draws, without its checks, which take longer than all the rest.
        points = (shares / shares.sum()).cumsum()
        return int((points / points[-1]).searchsorted(self._rng.random(), side="right"))

    def arrive(self, position: Positions) -> None:
        """Go on to `position` `[1]`, or where chance moves there, to the outcome that this game draws.

        Where alpha-beta proves what follows, that is played at once. A game that was given up goes nowhere.
        """
        if self._resignation.made:
            return
        self.position = settle(self._game, position, self._rng)
        self._play_proven()

    def record(self, decisions: Decisions, row: int, simulations: int, proven: bool) -> None:
        """Remember the search that decided the current position."""
        self._remember(decisions.policy[row], decisions.values[row], float(self.full), proven)
        self._simulations += simulations
        self._evaluations += int(decisions.evaluations[row])
        if self.full and decisions.gap is not None:
            self._gaps.append(float(decisions.gap[row]))
        if self._config.resigns:
            self._resignation.consider(decisions, row, int(self.position["to_play"][0]), len(self._samples) - 1)

    def result(self) -> PlayedGame:
        """The finished game."""
        samples = joined(self._samples)
        returns = self._resignation.returns() if self._resignation.made else self.position["returns"][0].copy()
        samples["outcome"] = returns
        if self._config.hindsight_nodes:
            self._look_back(samples)
        return PlayedGame(
            number=self._number,
            samples=samples,
            length=int(self.position["ply"][0]),
            returns=returns,
            simulations=self._simulations,
            evaluations=self._evaluations,
            gap=float(np.nanmean(self._gaps)) if not np.isnan(self._gaps).all() else float("nan"),
            proven=float(np.mean(self._proven)),
            resignation=self._resignation.verdict(samples["outcome"]),
        )

    def _play_proven(self) -> None:
        """Play on by proofs, as long as there are any: each position is learned exactly, and optimal moves are drawn.

        Those are the fastest wins and the slowest losses: opponents that can err are given every chance to.
        """
        while self._provers is not None and not self.over:
            proof = self._provers.lengths.prove(self.position, self._config.prove_nodes)
            if proof is None:
                return
            self._remember(proof.best / proof.best.sum(), _per_player(self.position, proof.value), 1.0, True)
            self.position = self._game.step(self.position, [self._rng.choice(np.flatnonzero(proof.best))])

    def _look_back(self, samples: Samples) -> None:
        """Prove the searched positions from the last one back to the first that resists, and learn those exactly.

        What was played after the earliest proven position no longer matters: its value is the outcome of all before.
        """
        assert self._provers is not None
        provers, nodes = self._provers, self._config.hindsight_nodes
        first = self._prove_back(samples, len(samples), provers.lengths, lengths_nodes(self._config), _learn_best)
        first = self._prove_back(samples, first, provers.outcomes, nodes, _learn_kept)
        if first < len(samples):
            samples["outcome"][first:] = samples["value"][first:]
            samples["outcome"][:first] = samples["value"][first]

    def _prove_back(
        self, samples: Samples, end: int, prover: Prover, nodes: int, learn: Callable[[Samples, Proof], None]
    ) -> int:
        """Prove the samples before `end` one by one and let `learn` change them; the first of those proven."""
        first = end
        while first:
            sample = samples[first - 1 : first]
            proof = prover.prove(sample["position"].copy(), nodes, keep=first < end)
            if proof is None:
                break
            first -= 1
            learn(sample, proof)
            sample["value"] = _per_player(sample["position"], proof.value)
            self._proven[first] = True
        return first

    def _remember(
        self, policy: npt.NDArray[np.floating], values: npt.NDArray[np.float32], weight: float, proven: bool
    ) -> None:
        """Add a sample of the current position; its outcome is filled in at the end."""
        sample = np.zeros(1, self._dtype)
        sample["position"], sample["policy"], sample["value"] = self.position, policy, values
        sample["weight"], sample["generation"] = weight, self._generation
        self._samples.append(sample)
        self._proven.append(proven)


def lengths_nodes(config: SelfPlayConfig) -> int:
    """The most positions that alpha-beta may visit in hindsight to tell fastest wins and slowest losses."""
    nodes = config.hindsight_nodes
    return min(nodes, max(config.prove_nodes, _LENGTHS_LEAST, round(_LENGTHS_SHARE * nodes)))


def _learn_best(sample: Samples, proof: Proof) -> None:
    """The best moves are the policy."""
    sample["policy"], sample["weight"] = proof.best / proof.best.sum(), 1.0


def _learn_kept(sample: Samples, proof: Proof) -> None:
    """Of what the search preferred, the moves remain that keep the value, for these are many and not equally good.

    What a search too small to be learned from preferred is not learned for that.
    """
    policy = np.where(proof.best, sample["policy"], 0.0)
    if policy.any():
        sample["policy"] = policy / policy.sum()
    else:
        _learn_best(sample, proof)


def _per_player(position: Positions, value: float) -> npt.NDArray[np.float32]:
    """`[2]` the mover's value of `position` `[1]` and its opposite, by player."""
    values = np.full(2, -value, np.float32)
    values[int(position["to_play"][0])] = value
    return values


def opening(game: Game, config: SelfPlayConfig, rng: np.random.Generator, provers: Provers | None = None) -> Positions:
    """Where a game begins: `[1]`, the starting position, or after some uniformly random plies that do not end it.

    With `provers` and `config.opening_nodes`, plies after which the outcome is proven are drawn anew, a few times at
    most. Outcomes of chance are not counted among the plies.
    """
    plies = int(rng.integers(1, config.opening_plies + 1)) if config.opening_plies else 0
    if rng.random() >= config.opening_fraction:
        plies = 0
    position = _opened(game, plies, rng)
    if provers is not None and config.opening_nodes:
        for _ in range(_REDRAWN):
            if not plies or provers.outcomes.prove(position, config.opening_nodes) is None:
                break
            position = _opened(game, plies, rng)
    return position


def _opened(game: Game, plies: int, rng: np.random.Generator) -> Positions:
    """`[1]` a position after so many uniformly random plies, or after fewer where all lines may have ended."""
    while True:
        position = settle(game, game.initial(), rng)
        for _ in range(plies):
            if not position["terminal"][0]:
                action = rng.choice(np.flatnonzero(game.legal_actions(position)[0]))
                position = settle(game, game.step(position, [action]), rng)
        if not position["terminal"][0]:
            return position
        plies -= 1
