"""Agents read from a run folder or a checkpoint, anywhere on the dial."""

from __future__ import annotations

from games import Game
from hybrid import checkpoint
from hybrid.durations import parse_duration
from hybrid.evaluate import load_evaluator
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent, dial_from
from hybrid.strategy import Strategy


def make(
    game: Game,
    path: str,
    dial: float | None = None,
    simulations: int = 64,
    prior_weight: float | None = None,
    value_weight: float | None = None,
    time: str = "",
    strategy: Strategy = Strategy.PUCT,
    c_puct: float = SearchConfig.c_puct,
    c_rollout: float = SearchConfig.c_rollout,
    c_visit: float = SearchConfig.c_visit,
    c_scale: float = SearchConfig.c_scale,
    max_considered: int = SearchConfig.max_considered,
    fpu_reduction: float = SearchConfig.fpu_reduction,
    reuse: bool = True,
    parallel_leaves: int = 1,
    device: str = "cpu",
    temperature: float = 0.0,
) -> SearchAgent:
    """Spec `runs/c4?dial=0.3&simulations=64`: the newest network of a run (or one checkpoint) behind the dial.

    `runs/c4?elo=1200` stands for the options at which the run plays at that rating; see `hybrid.strength`.

    Args:
        game: the game to play, which must be the one that the network was trained on.
        path: a run folder or a checkpoint file.
        dial: position on the one-number path; `simulations` is then its N.
        simulations: search budget per move; 0 = the network alone.
        prior_weight: the prior's axis of the dial, in [0, 1]; not together with `dial`.
        value_weight: the value's axis, in [0, 1]; not together with `dial`.
        time: wall-clock budget per move instead of `simulations`, as `20ms`.
        strategy: `puct`, `uct` or `gumbel`.
        c_puct: see `SearchConfig`, as for the next seven.
        c_rollout: as above.
        c_visit: as above.
        c_scale: as above.
        max_considered: as above.
        fpu_reduction: as above.
        reuse: as above.
        parallel_leaves: as above.
        device: `cpu`, `cuda` or `cuda:N`.
        temperature: draw the moves of the network alone from softmax(logits / temperature); 0 = play the best.
    """
    place = dial_from(simulations, dial, prior_weight, value_weight, parse_duration(time))
    config = SearchConfig(
        dial=place,
        strategy=strategy,
        c_puct=c_puct,
        c_rollout=c_rollout,
        c_visit=c_visit,
        c_scale=c_scale,
        max_considered=max_considered,
        fpu_reduction=fpu_reduction,
        reuse=reuse,
        parallel_leaves=parallel_leaves,
    )
    stored = checkpoint.load(checkpoint.find(path), game)
    evaluator = load_evaluator(game, stored, device=device)
    return SearchAgent(game, evaluator, config, name=path, temperature=temperature)
