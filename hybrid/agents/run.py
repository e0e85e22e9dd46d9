"""Agents read from a run folder or a checkpoint, anywhere on the dial."""

from __future__ import annotations

from dataclasses import replace

from games import Game
from hybrid.dial import Dial
from hybrid.durations import parse_duration
from hybrid.evaluate import Evaluators, Precision
from hybrid.proving import usual_leaf_nodes, usual_root_nodes
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent, dial_from, require_one_budget
from hybrid.search_config import LeafImages
from hybrid.strategy import Strategy

_SIMULATIONS = 4
"""Simulations for each network evaluation, at most, of an agent whose budget is of evaluations."""


def make(
    game: Game,
    path: str,
    evaluators: Evaluators,
    dial: float | None = None,
    simulations: int | None = None,
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
    max_nodes: int | None = None,
    parallel_leaves: int = 1,
    device: str = "cpu",
    precision: Precision = "float",
    temperature: float = 0.0,
    symmetric: bool = True,
    leaf_images: LeafImages = LeafImages.OWN,
    leaf_nodes: int | None = None,
    root_nodes: int | None = None,
    evaluations: int | None = None,
) -> SearchAgent:
    """Spec `runs/c4?dial=0.3&simulations=64`: the newest network of a run (or one checkpoint) behind the dial.

    `runs/c4?elo=1200` stands for the options at which the run plays at that rating; see `hybrid.strength`. And
    `runs/c4?dial=tuned` for those that play best at the spec's budget; see `hybrid.tuned`.

    Args:
        game: the game to play, which must be the one that the network was trained on.
        path: a run folder or a checkpoint file.
        evaluators: where the network is found or made.
        dial: position on the one-number path; `simulations` is then its N.
        simulations: search budget per move, 64 where none is given; 0 = the network alone.
        prior_weight: the prior's axis of the dial, in [0, 1]; not together with `dial`.
        value_weight: the value's axis, in [0, 1]; not together with `dial`.
        time: wall-clock budget per move instead of `simulations`, as `20ms`.
        strategy: `puct`, `uct` or `gumbel`.
        c_puct: weight of the prior in PUCT with the network's values; `SearchConfig` tells more of this and the next
            seven.
        c_rollout: the same with rollout values; the two mix by `value_weight`.
        c_visit: Gumbel's c_visit.
        c_scale: Gumbel's c_scale, for values in [0, 1].
        max_considered: root actions that Gumbel samples; all legal ones at prior weight 0.
        fpu_reduction: how far below its parent's mean an unvisited action starts, times the root of the prior visited.
        reuse: whether the tree is kept for the next move of a game; matches decide every move afresh.
        max_nodes: nodes at which a search ends, whatever its budget; by default 4 million, or what 2 GiB hold.
        parallel_leaves: leaves of one tree evaluated together, to fill a GPU's batches at a cost in strength.
        device: `cpu`, `cuda` or `cuda:N`.
        precision: `float`, or `int8` as in self-play; see `load_runtime`.
        temperature: draw the moves of the network alone from softmax(logits / temperature); 0 = play the best.
        symmetric: judge the position to move in by the network's mean over its images under the game's symmetries, an
            evaluation each.
        leaf_images: `own` or `all`: by which of its images any other leaf is judged.
        leaf_nodes: positions that alpha-beta may visit to prove each new leaf; by default 30 where a network is
            consulted and the game tells forced moves, as Connect Four does, else 0.
        root_nodes: the same before each search, for its root; by default 150 for each simulation or evaluation of the
            budget, or 1,000 for each millisecond, in the same places.
        evaluations: budget of network evaluations per move instead of `simulations`; see `bound`.
    """
    require_one_budget(simulations=simulations, time=time, evaluations=evaluations)
    if evaluations is not None and evaluations < 1:
        raise ValueError(f"evaluations must be at least 1, got {evaluations}")
    amount = simulations if evaluations is None else evaluations
    place = dial_from(
        Dial.simulations if amount is None else amount, dial, prior_weight, value_weight, parse_duration(time)
    )
    if leaf_nodes is None:
        leaf_nodes = usual_leaf_nodes(game) if place.consults_network else 0
    if root_nodes is None:
        root_nodes = usual_root_nodes(game, place) if place.consults_network else 0
    place, most = bound(place) if evaluations else (place, 0)
    config = SearchConfig(
        dial=place,
        max_evaluations=most,
        strategy=strategy,
        c_puct=c_puct,
        c_rollout=c_rollout,
        c_visit=c_visit,
        c_scale=c_scale,
        max_considered=max_considered,
        fpu_reduction=fpu_reduction,
        reuse=reuse,
        max_nodes=max_nodes,
        parallel_leaves=parallel_leaves,
        symmetric=symmetric,
        leaf_images=leaf_images,
        leaf_nodes=leaf_nodes,
        root_nodes=root_nodes,
    )
    return SearchAgent(game, evaluators.of(path, device, precision), config, name=path, temperature=temperature)


def bound(place: Dial) -> tuple[Dial, int]:
    """The dial that spends the simulations of `place` as network evaluations, and how many those are at most.

    Simulations that end in a known result need no evaluation, so there may be more of them, up to four times as many:
    a game's last moves need hardly any. Where no network is called, there are as many simulations as evaluations.
    """
    if not (place.searches and place.consults_network):
        return place, 0
    return replace(place, simulations=_SIMULATIONS * place.simulations), place.simulations
