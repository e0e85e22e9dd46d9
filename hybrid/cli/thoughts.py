"""What an agent was thinking, for people: a line about its decision and a table of its moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape

from hybrid.agent import Decisions
from hybrid.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table


def headline(decisions: Decisions, names: Sequence[str], mover: int) -> str:
    """The first row's decision in one line: move, value for the `mover`, cost and amortisation gap."""
    parts = [f"[bold]{escape(names[int(decisions.actions[0])])}[/bold]", f"value {decisions.values[0, mover]:+.2f}"]
    if decisions.root is not None:
        parts.append(f"{int(decisions.root.visits[0].sum())} visits")
    parts.append(f"{int(decisions.evaluations[0])} network evaluations, {int(decisions.plies[0])} rollout plies")
    parts.append(f"{1000 * float(decisions.seconds[0]):.1f} ms")
    if decisions.gap is not None and np.isfinite(decisions.gap[0]):
        parts.append(f"gap {float(decisions.gap[0]):.3f} nats")
    if decisions.gain is not None and np.isfinite(decisions.gain[0]):
        parts.append(f"gain {float(decisions.gain[0]):+.2f}")
    return "Agent: " + " · ".join(parts)


def moves_table(decisions: Decisions, names: Sequence[str], legal: Sequence[int], most: int) -> Table | None:
    """The first row's `most` best moves with what the agent thinks of them; None where it has no opinion.

    Values are for the mover; a dash stands for what is not known.
    """
    root, policy = decisions.root, decisions.policy[0]
    if root is None and np.ptp(policy[list(legal)]) == 0:
        return None
    listing = table("", "move", "policy", "prior", "network", "visits", "value", "proven")
    weight = policy if root is None else root.visits[0] + policy
    for action in sorted(legal, key=lambda a: (-float(weight[a]), a))[:most]:
        network = None if root is None or root.network_policy is None else root.network_policy[0, action]
        listing.add_row(
            escape(names[action]),
            f"{policy[action]:.1%}",
            "-" if root is None else f"{root.prior[0, action]:.1%}",
            "-" if network is None else f"{network:.1%}",
            "-" if root is None else str(root.visits[0, action]),
            "-" if root is None else _number(root.q[0, action]),
            "" if root is None else _proof(root.proven[0, action]),
            style="bold" if action == decisions.actions[0] else None,
        )
    return listing


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.3f}"


def _proof(value: float) -> str:
    """A proven value in words."""
    return "" if np.isnan(value) else {1: "win", 0: "draw", -1: "loss"}.get(int(value), "")
