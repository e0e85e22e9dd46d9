"""Deciding together: agents that ask the same evaluator have their leaves judged in one batch of the network.

Each of them goes on until it asks, all questions are answered at once, and so on until all have decided. On the CPU an
evaluator's rows do not depend on their batch, so every agent decides as it would by itself.
Shapes: B positions of one agent.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from games import Positions
from hybrid.agent import Agent, Decisions
from hybrid.evaluate import Evaluator, Judged, arrays_of
from hybrid.forest import joined

Deciding = Generator[Positions, Judged, Decisions]
"""A decision in the making: yields positions, is sent what the evaluator says of them, returns the decisions."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one agent is asked to decide; see `Agent.decide`."""

    agent: Agent
    positions: Positions
    seeds: npt.NDArray[np.uint64]
    games: npt.NDArray[np.int64] | None


@runtime_checkable
class Sharing(Protocol):
    """An agent that can leave its evaluator to others."""

    @property
    def asks(self) -> Evaluator | None:
        """Whom it asks; None if it asks nobody, or decides by itself."""

    def deciding(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Deciding:
        """`Agent.decide` with the evaluator left to the caller, and `seconds` too."""


def decide(requests: Sequence[Request]) -> list[Decisions]:
    """What every agent decides; those that ask the same evaluator are answered in common batches.

    An agent that is asked twice, as one that plays itself, has only one set of trees: it decides once after the other.
    """
    found: dict[int, Decisions] = {}
    groups: dict[int, tuple[Evaluator, dict[int, Deciding]]] = {}
    busy: set[int] = set()
    for number, one in enumerate(requests):
        agent, asked = one.agent, (one.positions, one.seeds, one.games)
        evaluator = agent.asks if isinstance(agent, Sharing) else None
        if isinstance(agent, Sharing) and evaluator is not None and id(agent) not in busy:
            groups.setdefault(id(evaluator), (evaluator, {}))[1][number] = agent.deciding(*asked)
            busy.add(id(agent))
        else:
            found[number] = agent.decide(*asked)
    for evaluator, members in groups.values():
        found |= zip(members, finish(list(members.values()), evaluator), strict=True)
    return [found[number] for number in range(len(requests))]


def finish(decisions: Sequence[Deciding], evaluator: Evaluator | None) -> list[Decisions]:
    """Bring decisions to their end, all judged by `evaluator`.

    The `seconds` of each are its own and, by positions asked, its share of the evaluator's, equal for all its rows.
    """
    turns = [_Turn(one) for one in decisions]
    for turn in turns:
        turn.go_on(None, 0.0)
    while asking := [(turn, turn.asked) for turn in turns if turn.asked is not None]:
        assert evaluator is not None
        start = time.perf_counter()
        ends = np.cumsum([len(asked) for _, asked in asking])
        together = joined([asked for _, asked in asking])
        logits, values = arrays_of(evaluator(together), len(together))
        each = (time.perf_counter() - start) / max(int(ends[-1]), 1)
        for (turn, asked), end in zip(asking, ends.tolist(), strict=True):
            rows = slice(end - len(asked), end)
            turn.go_on((logits[rows], values[rows]), each * len(asked))
    return [turn.outcome() for turn in turns]


class _Turn:
    """One agent's decision and, until it is made, the positions that it waits for."""

    def __init__(self, steps: Deciding) -> None:
        self.asked: Positions | None = None
        self._steps = steps
        self._decided: Decisions | None = None
        self._seconds = 0.0

    def go_on(self, answer: Judged | None, seconds: float) -> None:
        """Go on with an answer, which took `seconds`, to the next question or the end."""
        start = time.perf_counter()
        try:
            self.asked = next(self._steps) if answer is None else self._steps.send(answer)
        except StopIteration as end:
            self.asked, self._decided = None, end.value
        self._seconds += seconds + time.perf_counter() - start

    def outcome(self) -> Decisions:
        """The decisions, with the time they took."""
        assert self._decided is not None
        count = len(self._decided.actions)
        return replace(self._decided, seconds=np.full(count, self._seconds / max(count, 1)))
