"""The dial: where an agent stands between the amortised (network) and the direct (search) optimiser."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = 1_000_000_000
"""Simulations that a move may have: no tree of as many fits into any memory."""


@dataclass(frozen=True, kw_only=True)
class Dial:
    """One agent's place on the spectrum, by axis.

    Attributes:
        simulations: search budget per move; 0 = no search at all, the network's move.
        prior_weight: the search prior is `softmax(prior_weight * logits)` over legal moves; 0 = uniform, in [0, 1].
        value_weight: w in [0, 1]; a leaf's value is `w * network + (1 - w) * outcome of one random rollout`.
        seconds: wall-clock budget per move instead of `simulations`, or None.
    """

    simulations: int = 64
    prior_weight: float = 1.0
    value_weight: float = 1.0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.simulations, int) or not 0 <= self.simulations <= MOST:
            raise ValueError(f"simulations must be a whole number from 0 to {MOST:,}, got {self.simulations!r}")
        for name, weight in (("prior_weight", self.prior_weight), ("value_weight", self.value_weight)):
            if not 0.0 <= weight <= 1.0:
                raise ValueError(f"{name} must be between 0 and 1, got {weight}")
        if self.seconds is not None and not 0.0 < self.seconds < math.inf:
            raise ValueError(f"time must be positive, got {self.seconds} s")

    @classmethod
    def at(cls, position: float, *, simulations: int = 64, seconds: float | None = None) -> Dial:
        """The one-number path: 0 = amortised (network alone), 0.5 = AlphaZero, 1 = direct (search alone).

        Up to ½ the budget grows from none to the whole, as `round(simulations ** (2 t))`, or with a time budget as
        `seconds * 64 ** (2 t - 1)`; from ½ on the network's weight falls to nothing at equal budget.
        """
        if not 0.0 <= position <= 1.0:
            raise ValueError(f"dial must be between 0 and 1, got {position}")
        if simulations < 1:
            raise ValueError(f"simulations must be at least 1 beside a dial position, got {simulations}")
        if position == 0.0:
            return cls(simulations=0)
        if position < 0.5:
            budget = round(simulations ** (2.0 * position))
            return cls(
                simulations=budget, seconds=None if seconds is None else seconds * 64.0 ** (2.0 * position - 1.0)
            )
        weight = 2.0 * (1.0 - position)
        return cls(simulations=simulations, prior_weight=weight, value_weight=weight, seconds=seconds)

    @property
    def searches(self) -> bool:
        """Whether a move costs any search."""
        return self.simulations > 0

    @property
    def consults_network(self) -> bool:
        """Whether a decision reads the network at all: everywhere but at the direct end."""
        return not self.searches or self.prior_weight > 0.0 or self.value_weight > 0.0
