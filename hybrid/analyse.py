"""What an agent thinks of one position, and what its network thinks of it: diagnostics, never part of a decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.agent import Agent, Decisions, divergence
from hybrid.dial import Dial
from hybrid.search_agent import SearchAgent
from hybrid.search_config import SearchConfig


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One decision and what surrounds it; arrays run over the A actions.

    Attributes:
        decision: the agent's own, a batch of one, with what it cost.
        legal: `[A]`.
        variation: the principal variation, beginning with the most visited action; empty without a search, or where a
            proof spared it.
        improved: `[A]` softmax(log prior + σ(completed Q)) (Danihelka et al. 2022), or None without a search.
        regularised: `[A]` the policy that PUCT's visits approximate (Grill et al. 2020), or None without a search.
        network_policy: `[A]` the network's, also where the dial does not consult it, or None without a network.
        network_values: `[P]` the network's, per player, or None.
        gap: KL(decision's policy ‖ network policy) in nats, or None without a network.
        gain: the search's value of its move less that of the network's favourite, for the mover; None without search,
            network, or simulations that tried the favourite.
    """

    decision: Decisions
    legal: npt.NDArray[np.bool_]
    variation: list[int]
    improved: npt.NDArray[np.float64] | None = None
    regularised: npt.NDArray[np.float64] | None = None
    network_policy: npt.NDArray[np.float32] | None = None
    network_values: npt.NDArray[np.float32] | None = None
    gap: float | None = None
    gain: float | None = None


def analyse(game: Game, position: Positions, agent: Agent, seed: int = 0, *, remembered: int | None = None) -> Analysis:
    """Let `agent` decide on `position` `[1]` and lay open why.

    The network is asked for its view even at the direct end; the decision and its cost do not notice. `remembered` is
    the number of the game that the position belongs to, where the agent is to remember it (see `Agent.decide`).

    Raises:
        ValueError: not exactly one position, or a terminal one.
    """
    if len(position) != 1:
        raise ValueError(f"position must be a batch of one, got {len(position)}")
    games = None if remembered is None else np.array([remembered])
    decision = agent.decide(position, np.array([seed], np.uint64), games)
    legal = game.legal_actions(position)[0]
    if not isinstance(agent, SearchAgent):
        return Analysis(decision=decision, legal=legal, variation=[])
    variation, improved, regularised = [], None, None
    if agent.search is not None:
        row = agent.row(remembered)
        variation = agent.search.forest.variation(row)
        improved, regularised = agent.search.policies(row)
    policy, values = _ask(agent, position) if agent.evaluator is not None else (None, None)
    return Analysis(
        decision=decision,
        legal=legal,
        variation=variation,
        improved=improved,
        regularised=regularised,
        network_policy=policy,
        network_values=values,
        gap=None if policy is None else float(divergence(decision.policy, policy[None])[0]),
        gain=None if policy is None else _gain(decision, int(np.argmax(policy))),
    )


def _ask(agent: SearchAgent, position: Positions) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The policy over legal actions and the values of the agent's network alone."""
    alone = SearchConfig(dial=Dial(simulations=0), symmetric=agent.config.symmetric)
    network = SearchAgent(agent.game, agent.evaluator, alone, name="network")
    view = network.decide(position, np.zeros(1, np.uint64))
    return view.policy[0], view.values[0]


def _gain(decision: Decisions, favourite: int) -> float | None:
    """The value that the search gained over the network's favourite, by the search's own estimates."""
    if decision.root is None:
        return None
    known = np.where(np.isnan(decision.root.proven[0]), decision.root.q[0], decision.root.proven[0])
    gain = float(known[decision.actions[0]] - known[favourite])
    return None if np.isnan(gain) else gain
