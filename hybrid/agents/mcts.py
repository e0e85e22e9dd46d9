"""The direct end of the spectrum: search with random rollouts, from nothing but the rules."""

from __future__ import annotations

from games import Game
from hybrid.dial import Dial
from hybrid.durations import parse_duration
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy


def make(
    game: Game,
    simulations: int = 1000,
    time: str = "",
    strategy: Strategy = Strategy.PUCT,
    c_rollout: float = SearchConfig.c_rollout,
    c_uct: float = SearchConfig.c_uct,
    fpu_reduction: float = SearchConfig.fpu_reduction,
    reuse: bool = True,
) -> SearchAgent:
    """Spec `mcts?simulations=1000`, or `mcts?time=20ms`: the same as a run at `dial=1`. See `SearchConfig`."""
    dial = Dial.at(1.0, simulations=simulations, seconds=parse_duration(time))
    config = SearchConfig(
        dial=dial, strategy=strategy, c_rollout=c_rollout, c_uct=c_uct, fpu_reduction=fpu_reduction, reuse=reuse
    )
    return SearchAgent(game, None, config, name="mcts")
