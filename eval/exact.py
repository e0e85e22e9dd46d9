"""Exact yardsticks: any agent's moves on positions whose every move's true value is known (`eval.labels`).

Shapes: B positions, A actions. Values are game-theoretic, for the mover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.labels import DIFFICULTIES, PHASES, Labelled
from eval.statistics import calibration_error, wilson
from hybrid.agent import Agent, Decisions


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well an agent did on one set of positions.

    Attributes:
        positions: how many there were.
        critical: how many of them had a move that gives away value.
        blunders: moves that changed the game-theoretic outcome.
        regret: mean value given away, in [0, 2].
        regret_error: the standard error of `regret`.
        fastest: share of moves that also win as fast, or lose as slowly, as possible.
        value_error: mean distance of the agent's value from the truth, in [0, 2].
        calibration: mean distance of its values from the mean truth where it has that value, in [0, 2]; see
            `eval.statistics.calibration_error`.
        gap: mean amortisation gap in nats, or None where there is none.
    """

    positions: int
    critical: int
    blunders: int
    regret: float
    regret_error: float
    fastest: float
    value_error: float
    calibration: float
    gap: float | None

    @property
    def blunder_rate(self) -> float:
        """The share of moves that changed the outcome."""
        return self.blunders / self.positions

    @property
    def optimal(self) -> float:
        """The share of moves that kept the position's value."""
        return 1.0 - self.blunder_rate

    @property
    def critical_blunder_rate(self) -> float:
        """The share of moves that changed the outcome, where one could."""
        return self.blunders / max(self.critical, 1)

    @property
    def ci95(self) -> tuple[float, float]:
        """The 95 % interval of `blunder_rate` (Wilson's)."""
        return wilson(self.blunder_rate, self.positions, 1.96)


@dataclass(frozen=True, kw_only=True)
class Report:
    """An agent's scores over all positions and by class, and its mean cost per move."""

    agent: str
    total: Score
    classes: tuple[tuple[str, Score], ...]
    seconds: float
    evaluations: float

    def rows(self) -> Iterator[tuple[str, Score]]:
        """Every class and then `all`, with its score."""
        yield from self.classes
        yield "all", self.total


def measure(
    agent: Agent,
    labelled: Labelled,
    *,
    seed: int = 0,
    batch: int = 256,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Let `agent` move once in every position, in batches, and compare with the truth.

    Args:
        agent: whose moves are judged.
        labelled: the positions and the truth about them.
        seed: of the decisions.
        batch: how many positions are decided in one call.
        progress: called after each call with the number of positions that it decided.

    Raises:
        ValueError: there is no position.
    """
    if not len(labelled):
        raise ValueError("labelled must hold at least one position, got none")
    seeds = np.random.default_rng(seed).integers(2**63, size=len(labelled)).astype(np.uint64)
    decisions = []
    for start in range(0, len(labelled), batch):
        rows = slice(start, start + batch)
        decisions.append(agent.decide(labelled.positions[rows], seeds[rows]))
        if progress is not None:
            progress(len(decisions[-1].actions))
    judged = _judge(labelled, decisions)
    names = labelled.classes
    order = [f"{phase}-{difficulty}" for phase in PHASES for difficulty in (*DIFFICULTIES, "drawn")]
    return Report(
        agent=agent.name,
        total=_summary(judged),
        classes=tuple((name, _summary(judged[names == name])) for name in order if (names == name).any()),
        seconds=float(np.mean(np.concatenate([decision.seconds for decision in decisions]))),
        evaluations=float(np.mean(np.concatenate([decision.evaluations for decision in decisions]))),
    )


def table(reports: Sequence[Report]) -> str:
    """Blunder rates in percent by class, as a Markdown table: one row an agent, `n` the positions of each class."""
    columns = [(name, score.positions) for name, score in reports[0].rows()]
    head = [f"{name} (n={count})" for name, count in columns]
    extra = ["where one could err", "regret", "value error", "calibration", "ms/move"]
    lines = [["agent", *head, *extra], ["---"] * (1 + len(head) + len(extra))]
    for report in reports:
        rates = [f"{100 * score.blunder_rate:.1f}" for _, score in report.rows()]
        total = report.total
        errors = [f"{value:.3f}" for value in (total.value_error, total.calibration)]
        measures = [f"{100 * total.critical_blunder_rate:.1f}", f"{total.regret:.4f}", *errors]
        lines.append([report.agent, *rates, *measures, f"{1000 * report.seconds:.2f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _judge(labelled: Labelled, decisions: Sequence[Decisions]) -> npt.NDArray[np.void]:
    """What each decision was worth: `[B]` records of critical, regret, fastest, value, truth, gap."""
    rows = np.arange(len(labelled))
    actions = np.concatenate([decision.actions for decision in decisions])
    values = np.concatenate([decision.values for decision in decisions])
    best = labelled.best
    judged = np.zeros(len(rows), [(name, "f8") for name in ("critical", "regret", "fastest", "value", "truth", "gap")])
    judged["critical"] = labelled.critical
    judged["regret"] = best - labelled.values[rows, actions]
    drawn = (best == 0) & (judged["regret"] == 0)
    # Among moves of equal value the plies tell: exactly those of perfect play are as fast, or as slow, as can be.
    target = np.where(best > 0, 1, -1)[:, None] * labelled.plies
    fast = np.where(labelled.values == best[:, None], target, np.iinfo(np.int64).max).min(axis=1)
    judged["fastest"] = drawn | ((judged["regret"] == 0) & (target[rows, actions] == fast))
    judged["value"], judged["truth"] = values[rows, labelled.positions["to_play"].astype(np.int64)], best
    gaps = [np.full(len(decision.actions), np.nan) if decision.gap is None else decision.gap for decision in decisions]
    judged["gap"] = np.concatenate(gaps)
    return judged


def _summary(judged: npt.NDArray[np.void]) -> Score:
    """The score of some of `_judge`'s records."""
    gap = float(np.mean(judged["gap"]))
    return Score(
        positions=len(judged),
        critical=int(judged["critical"].sum()),
        blunders=int(np.count_nonzero(judged["regret"])),
        regret=float(judged["regret"].mean()),
        regret_error=float(judged["regret"].std() / np.sqrt(len(judged))),
        fastest=float(judged["fastest"].mean()),
        value_error=float(np.abs(judged["value"] - judged["truth"]).mean()),
        calibration=calibration_error(np.clip(judged["value"], -1.0, 1.0), judged["truth"]),
        gap=None if np.isnan(gap) else gap,
    )
