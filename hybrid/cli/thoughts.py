"""What an agent was thinking, for people: a line about its decision and a table of its moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape

from hybrid.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from hybrid.analyse import Analysis

_LONGEST_LINE = 12
"""Moves of the principal variation that are shown."""


def headline(analysis: Analysis, names: Sequence[str], mover: int) -> str:
    """The decision in one line: move, value for the `mover` if there is an opinion of it, cost and amortisation gap."""
    decisions = analysis.decision
    parts = [f"[bold]{escape(names[int(decisions.actions[0])])}[/bold]"]
    if decisions.root is not None or decisions.values.any():  # zeros without a search are no opinion: see `Decisions`
        parts.append(f"value {decisions.values[0, mover]:+.2f}")
    if decisions.root is not None:
        parts.append(f"{int(decisions.root.visits[0].sum())} visits")
    parts.append(f"{int(decisions.evaluations[0])} network evaluations, {int(decisions.plies[0])} rollout plies")
    parts.append(f"{1000 * float(decisions.seconds[0]):.1f} ms")
    if decisions.root is not None and analysis.gap is not None:
        parts.append(f"gap {analysis.gap:.3f} nats")
    if analysis.gain is not None:
        parts.append(f"gain {analysis.gain:+.2f}")
    return "Agent: " + " · ".join(parts)


def expectation(analysis: Analysis, names: Sequence[str]) -> str | None:
    """The principal variation in one line; None without a search."""
    if not analysis.variation:
        return None
    shown = [escape(names[action]) for action in analysis.variation[:_LONGEST_LINE]]
    return "Principal variation: " + " ".join(shown) + (" ..." if len(analysis.variation) > _LONGEST_LINE else "")


def moves_table(analysis: Analysis, names: Sequence[str], most: int) -> Table | None:
    """The `most` best moves with what the agent thinks of them; None where it has no opinion.

    Columns are the policy that was followed, the network's, the search's prior, the policy improved by the search's
    values, visits, value for the mover and what is proven; those that there is nothing for are left out.
    """
    decisions, legal = analysis.decision, np.flatnonzero(analysis.legal).tolist()
    root, policy = decisions.root, decisions.policy[0]
    if root is None and np.ptp(policy[legal]) == 0:
        return None
    columns: dict[str, Callable[[int], str]] = {"policy": lambda action: f"{policy[action]:.1%}"}
    if root is not None:
        network, improved = analysis.network_policy, analysis.improved
        if network is not None:
            columns["network"] = lambda action: f"{network[action]:.1%}"
        columns["prior"] = lambda action: f"{root.prior[0, action]:.1%}"
        if improved is not None:
            columns["improved"] = lambda action: f"{improved[action]:.1%}"
        columns["visits"] = lambda action: str(root.visits[0, action])
        columns["value"] = lambda action: _number(root.q[0, action])
        columns["proven"] = lambda action: _proof(root.proven[0, action])
    listing = table("", "move", *columns)
    weight = policy if root is None else root.visits[0] + policy
    for action in sorted(legal, key=lambda a: (-float(weight[a]), a))[:most]:
        cells = (show(action) for show in columns.values())
        listing.add_row(escape(names[action]), *cells, style="bold" if action == decisions.actions[0] else None)
    return listing


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.3f}"


def _proof(value: float) -> str:
    """A proven value in words."""
    return "" if np.isnan(value) else {1.0: "win", 0.0: "draw", -1.0: "loss"}.get(value, f"{value:+.3f}")
