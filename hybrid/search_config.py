"""How to search: the dial, the strategy and their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from hybrid.dial import Dial
from hybrid.strategy import Selection, Strategy, Target

UNLIMITED = 2**40
"""More simulations or evaluations than any search makes."""

MOST = 1_000_000_000
"""What numbers of nodes, evaluations and the like may be at most."""


class LeafImages(Enum):
    """By which of its images under the game's symmetries a leaf is judged that is no root.

    OWN: as it is.
    ALL: by the mean over them.
    """

    OWN = "own"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How to search, apart from where the dial stands.

    Attributes:
        dial: the agent's place on the spectrum.
        strategy: how edges are selected.
        target: the policy that decisions report; by default visits, or the improved policy with Gumbel.
        c_puct: weight of the prior in PUCT with the network's values.
        c_rollout: the same with rollout values, which are noisier; the two mix as the values do, by `value_weight`.
        c_base: visits at which the exploration weight has grown by log 2 (AlphaZero's 19,652).
        fpu_reduction: how far below its parent's mean an unvisited action starts, times the root of the prior visited.
        c_uct: exploration weight of UCT, for values in [-1, 1].
        c_visit: Gumbel's c_visit, as for the next two (Danihelka et al. 2022, section 4 and appendix F).
        c_scale: Gumbel's c_scale, for values in [0, 1].
        max_considered: root actions that Gumbel samples without replacement; all legal ones at prior weight 0.
        dirichlet_total: concentration of the root noise in self-play, shared among the legal actions (AlphaZero's 0.3
            for chess and 0.03 for go are about 10 / legal actions each).
        noise_fraction: its share in the root prior, where `Search.begin` is given noise seeds.
        reuse: whether a row's tree is kept when its next root is found in it; Gumbel always starts anew.
        parallel_leaves: leaves of one tree evaluated together. More than 1 fills a GPU's batches from few trees,
            at a cost in strength for the same simulations: 8 leaves of 100 cost 36 Elo (`docs/search.md`).
        max_nodes: bound on the nodes of one row; a search that reaches it ends. By default `usual_max_nodes`.
        max_evaluations: bound on the network evaluations of one search, which ends where its next leaves could exceed
            it; 0 = none.
        leaf_nodes: positions that alpha-beta may visit to prove the value of each new leaf; a proven leaf is not
            evaluated, and the tree carries its value up as it does that of a finished game. 0 = no proofs. Thirty cost
            little and find wins and losses that are a few forced moves away. For two-player zero-sum games with
            compiled rules and without chance.
        root_nodes: positions that alpha-beta may visit to prove the value of each root before the search begins, and
            as many to tell how long a won or lost game lasts. Of a proven root only the best moves are searched, by
            length where that is told, and a won one is not searched at all. 0 = no proofs. For the same games.
        symmetric: whether a root is judged by the mean over its images under the game's symmetries, an evaluation each;
            not one that was a leaf before.
        leaf_images: by which of their images all other leaves are judged. `own`: as they are. `all`: by the mean over
            their images, as many evaluations for each leaf; it needs `symmetric`.
    """

    dial: Dial = field(default_factory=Dial)
    strategy: Strategy = Strategy.PUCT
    target: Target | None = None
    c_puct: float = 1.5
    c_rollout: float = 3.0
    c_base: float = 19_652.0
    fpu_reduction: float = 0.2
    c_uct: float = 1.4
    c_visit: float = 50.0
    c_scale: float = 1.0
    max_considered: int = 16
    dirichlet_total: float = 10.0
    noise_fraction: float = 0.25
    reuse: bool = True
    parallel_leaves: int = 1
    max_nodes: int | None = None
    max_evaluations: int = 0
    leaf_nodes: int = 0
    root_nodes: int = 0
    symmetric: bool = False
    leaf_images: LeafImages = LeafImages.OWN

    def __post_init__(self) -> None:
        for name in ("c_puct", "c_rollout", "c_base", "c_uct", "c_visit", "c_scale", "dirichlet_total"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not 0 <= self.fpu_reduction < math.inf:
            raise ValueError(f"fpu_reduction must be at least 0 and finite, got {self.fpu_reduction}")
        if not 0 <= self.noise_fraction <= 1:
            raise ValueError(f"noise_fraction must be between 0 and 1, got {self.noise_fraction}")
        if self.max_nodes is not None and not 2 <= self.max_nodes <= MOST:
            raise ValueError(f"max_nodes must be between 2 and {MOST:,}, got {self.max_nodes}")
        for name in ("max_evaluations", "leaf_nodes", "root_nodes"):
            if not 0 <= getattr(self, name) <= MOST:
                raise ValueError(f"{name} must be between 0 and {MOST:,}, got {getattr(self, name)}")
        for name in ("max_considered", "parallel_leaves"):
            if not 1 <= getattr(self, name) <= MOST:
                raise ValueError(f"{name} must be between 1 and {MOST:,}, got {getattr(self, name)}")
        if self.leaf_images == LeafImages.ALL and not self.symmetric:
            raise ValueError("leaf_images=all needs symmetric, got all and false: roots are leaves at first")
        if self.strategy == Strategy.GUMBEL and self.dial.seconds is not None:
            raise ValueError("strategy gumbel plans for a number of simulations: give simulations, not time")
        if self.strategy == Strategy.GUMBEL and self.max_evaluations:
            raise ValueError("strategy gumbel plans for a number of simulations: give simulations, not evaluations")

    @property
    def selection(self) -> Selection:
        """These numbers as the kernels take them; c_puct is the one in force at the dial's `value_weight`."""
        weight = self.dial.value_weight
        improved = Target.IMPROVED if self.strategy == Strategy.GUMBEL else Target.VISITS
        return Selection(
            strategy=int(self.strategy),
            target=int(improved if self.target is None else self.target),
            c_puct=weight * self.c_puct + (1.0 - weight) * self.c_rollout,
            c_base=self.c_base,
            fpu_reduction=self.fpu_reduction,
            c_uct=self.c_uct,
            c_visit=self.c_visit,
            c_scale=self.c_scale,
            considered=self.max_considered if self.dial.prior_weight > 0.0 else 2**31,
        )
