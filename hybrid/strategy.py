"""Which edge a search follows: PUCT, UCT or Gumbel, and what of it is the policy to learn from."""

from __future__ import annotations

import math
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Strategy(IntEnum):
    """How edges are selected.

    PUCT: AlphaZero's Q + U (Silver et al. 2018, Science 362).
    UCT: UCB1 applied to trees (Kocsis & Szepesvári 2006); the prior only orders the first visits.
    GUMBEL: sequential halving of sampled root actions, improved-policy matching below (Danihelka et al. 2022).
    """

    PUCT = 0
    UCT = 1
    GUMBEL = 2


class Target(IntEnum):
    """The policy that a search reports and self-play learns from.

    VISITS: the share of simulations (Silver et al. 2018).
    IMPROVED: softmax(log prior + σ(completed Q)) (Danihelka et al. 2022, equation 11).
    REGULARISED: argmax over π of q·π − λ KL(prior ‖ π) (Grill et al. 2020, equations 7 and 9).
    """

    VISITS = 0
    IMPROVED = 1
    REGULARISED = 2


class Selection(NamedTuple):
    """The numbers that select edges, as the kernels take them; `SearchConfig` says what they mean."""

    strategy: int
    target: int
    c_puct: float
    c_base: float
    fpu_reduction: float
    c_uct: float
    c_visit: float
    c_scale: float
    considered: int


@cache
def exploration_weights(c_puct: float, c_base: float, count: int = 4096) -> npt.NDArray[np.float64]:
    """`[count]` c(s) sqrt(N(s)) of PUCT for nodes of so few simulations N(s) that a search meets them all the time."""
    weights = np.array([exploration(c_puct, c_base, simulations) for simulations in range(count)])
    weights.flags.writeable = False
    return weights


def exploration(c_puct: float, c_base: float, simulations: int) -> float:
    """c(s) sqrt(N(s)) with c(s) = c_puct + log((1 + N(s) + c_base) / c_base) (Silver et al. 2018, "Search")."""
    rate = c_puct + math.log((1.0 + simulations + c_base) / c_base)
    return rate * math.sqrt(max(simulations, 1))
