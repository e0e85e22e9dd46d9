"""The direct end of the spectrum: search with random rollouts, from nothing but the rules."""

from __future__ import annotations

from games import Game
from hybrid.dial import Dial
from hybrid.durations import parse_duration
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent, require_one_budget
from hybrid.strategy import Strategy

SIMULATIONS = 1000
"""Simulations for each move where no budget is given."""


def make(
    game: Game,
    simulations: int | None = None,
    time: str = "",
    strategy: Strategy = Strategy.PUCT,
    c_rollout: float = SearchConfig.c_rollout,
    c_uct: float = SearchConfig.c_uct,
    fpu_reduction: float = SearchConfig.fpu_reduction,
    reuse: bool = True,
    max_nodes: int | None = None,
) -> SearchAgent:
    """Spec `mcts?simulations=1000`, the default, or `mcts?time=20ms`: the same as a run at `dial=1`.

    Args:
        game: the game to play.
        simulations: search budget per move, 1000 where none is given.
        time: wall-clock budget per move instead of `simulations`, as `20ms`.
        strategy: `puct`, `uct` or `gumbel`.
        c_rollout: weight of the prior, which is uniform, in PUCT; `SearchConfig` tells more of this and the next three.
        c_uct: exploration weight of UCT, for values in [-1, 1].
        fpu_reduction: how far below its parent's mean an unvisited action starts, times the root of the prior visited.
        reuse: whether the tree is kept for the next move of a game; matches decide every move afresh.
        max_nodes: nodes at which a search ends, whatever its budget; by default 4 million, or what 2 GiB hold.
    """
    require_one_budget(simulations=simulations, time=time)
    if simulations is not None and simulations < 1:
        raise ValueError(f"simulations must be at least 1, got {simulations}")
    dial = Dial.at(1.0, simulations=simulations or SIMULATIONS, seconds=parse_duration(time))
    config = SearchConfig(
        dial=dial,
        strategy=strategy,
        c_rollout=c_rollout,
        c_uct=c_uct,
        fpu_reduction=fpu_reduction,
        reuse=reuse,
        max_nodes=max_nodes,
    )
    return SearchAgent(game, None, config, name="mcts")
