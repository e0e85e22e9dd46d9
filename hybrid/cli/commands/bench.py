"""Measure self-play, learning and the loop of both on this machine, beside what network and torch alone could do.

Plays a generation of self-play with a network of random weights, every move searched in full, and runs the same network
by itself at its best batch size on the same cores, before and after. Simulations are descents that were executed; those
that end in a known result need no network, so there can be more of them than the network's limit. Then it learns from
these games, beside torch's own training step, and last it trains a few generations, to see where the cores' time goes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from games import Game
    from hybrid.checkpoint import Checkpoint
    from hybrid.network_config import NetworkConfig
    from hybrid.throughput import Limit
    from training.config import Config
    from training.playing import PlayedGame
    from training.selfplay_config import BackendName, Precision, SelfPlayConfig


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid bench`."""
    from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument("--blocks", type=NonNegativeInt, default=5, help="residual blocks of the network")
    parser.add_argument("--channels", type=PositiveInt, default=64, help="channels of the network")
    parser.add_argument(
        "--mixed", type=NonNegativeInt, default=0, help="channels mixed over the board; see hybrid train"
    )
    parser.add_argument("--simulations", type=PositiveInt, default=100, help="search budget per move")
    parser.add_argument("--workers", type=NonNegativeInt, default=0, help="processes that play; 0 = one for each core")
    parser.add_argument(
        "--slots", type=NonNegativeInt, default=0, help="games that one worker plays side by side; 0 = the fastest"
    )
    parser.add_argument("--games", type=PositiveInt, default=384, help="games in the generation that is measured")
    parser.add_argument("--precision", choices=["float", "int8"], default="int8", help="of the network's inference")
    backends = ["fastest", "onnxruntime", "openvino"]
    parser.add_argument("--backend", choices=backends, default="fastest", help="what runs the network")
    parser.add_argument("--cache-megabytes", type=NonNegativeFloat, default=64.0, help="a worker's cache, MB; 0 = none")
    parser.add_argument(
        "--prove-nodes", type=NonNegativeInt, default=0, help="of alpha-beta before each move; 0 = none"
    )
    parser.add_argument(
        "--leaf-nodes", type=NonNegativeInt, default=0, help="of alpha-beta at each new leaf of a search; 0 = none"
    )
    parser.add_argument("--batch", type=PositiveInt, default=128, help="positions of a training step")
    parser.add_argument("--generations", type=NonNegativeInt, default=2, help="of the loop that is measured; 0 = none")
    parser.add_argument("--loop-games", type=PositiveInt, default=192, help="games of each of these generations")
    parser.add_argument("--seconds", type=PositiveFloat, default=0.5, help="for each trial of a limit, s")


def run(
    *,
    game: str,
    blocks: int,
    channels: int,
    mixed: int,
    simulations: int,
    workers: int,
    slots: int,
    games: int,
    precision: Precision,
    backend: BackendName,
    cache_megabytes: float,
    prove_nodes: int,
    leaf_nodes: int,
    batch: int,
    generations: int,
    loop_games: int,
    seconds: float,
    seed: int,
) -> Outcome:
    """Measure and show."""
    from games import load
    from hybrid.dial import Dial
    from hybrid.network_config import NetworkConfig
    from training.backends import untrained
    from training.recipes import usable_cores
    from training.selfplay_config import SelfPlayConfig

    network = NetworkConfig(blocks=blocks, channels=channels, mixed=mixed)
    rules, workers = load(game), workers or usable_cores()
    play = SelfPlayConfig(
        dial=Dial(simulations=simulations),
        full_fraction=1.0,
        games=games,
        slots=slots,
        precision=precision,
        backend=backend,
        cache_megabytes=cache_megabytes,
        prove_nodes=prove_nodes,
        leaf_nodes=leaf_nodes,
    )
    config = _training(rules, network, play, workers, batch, seed)
    data: dict[str, Any] = {
        "game": game,
        "blocks": blocks,
        "channels": channels,
        "mixed": mixed,
        "simulations": simulations,
        "precision": precision,
        "backend": config.self_play.backend,
        "cores": usable_cores(),
        "workers": workers,
        "slots": config.self_play.slots,
    }
    agent = untrained(rules, network, seed)
    played, measured = _self_play(rules, agent, config, seconds)
    data |= measured | _parts(rules, agent, config)
    data |= _learning(rules, config, played, seconds)
    if generations:
        # The first and the last generation do not count.
        config = replace(config, self_play=replace(config.self_play, games=loop_games), generations=generations + 2)
        data |= _loop(rules, config, data["self_play_parts"])
    _show(data)
    return Outcome(data)


def _training(game: Game, network: NetworkConfig, play: SelfPlayConfig, workers: int, batch: int, seed: int) -> Config:
    """The standard recipe with another network, other self-play and no evaluations; what is measured is settled."""
    from training.config import EvaluationConfig, LaterConfig
    from training.recipes import recipe
    from training.settling import settle

    standard, never = recipe("standard", game), EvaluationConfig(every=0)
    standard = replace(standard, later=LaterConfig(), learner=replace(standard.learner, batch=batch))
    config = replace(standard, network=network, evaluation=never, workers=workers, seed=seed)
    return settle(game, replace(config, self_play=play))


def _self_play(
    game: Game, agent: Checkpoint, config: Config, seconds: float
) -> tuple[list[PlayedGame], dict[str, Any]]:
    """Self-play's games, and its rates between two measurements of the network's limit."""
    from training.measure import self_play

    with console().status("measuring the network alone") as status:
        best = _best(agent, config.self_play, seconds)
        limits = [_sustained(agent, config.self_play, best, seconds)]
        status.update("measuring self-play")
        played, effort, elapsed, memory = self_play(game, agent, config.self_play, config.seed, config.workers)
        status.update("measuring the network alone again")
        limits.append(_sustained(agent, config.self_play, best, seconds))
    limit = sum(limits) / len(limits)
    simulations, evaluations = sum(one.simulations for one in played) / elapsed, effort.evaluations / elapsed
    return played, {
        "seconds": elapsed,
        "simulations_per_second": simulations,
        "network_evaluations_per_second": evaluations,
        "network_limit_per_second": limit,
        "network_limits": limits,
        "network_share": evaluations / limit,
        "simulations_share": simulations / limit,
        "games_per_hour": 3600 * len(played) / elapsed,
        "limit_batch": best.batch,
        "limit_workers": best.workers,
        "workers_busy": effort.seconds / (elapsed * config.workers),
        "workers_megabytes": memory / 2**20,
    }


def _best(agent: Checkpoint, config: SelfPlayConfig, seconds: float) -> Limit:
    """How the agent's network runs fastest by itself, in calls on all cores or one on each, and in which batches."""
    from hybrid.throughput import limit
    from training.backends import settled
    from training.recipes import usable_cores

    measure = partial(limit, agent, backend=settled(config), precision=config.precision, seconds=seconds, repeats=1)
    tried = [measure(workers=w, threads=t) for w, t in sorted({(1, usable_cores()), (usable_cores(), 1)})]
    return max(tried, key=lambda measured: measured.positions_per_second)


def _sustained(agent: Checkpoint, config: SelfPlayConfig, best: Limit, seconds: float) -> float:
    """Positions a second of the agent's network as it runs fastest, over ten times `seconds`.

    The best of many short trials would tell what the machine does at its luckiest.
    """
    from hybrid.throughput import limit
    from training.backends import settled
    from training.recipes import usable_cores

    return limit(
        agent,
        workers=best.workers,
        threads=max(1, usable_cores() // best.workers),
        backend=settled(config),
        precision=config.precision,
        batches=(best.batch,),
        seconds=10 * seconds,
        repeats=1,
    ).positions_per_second


def _parts(game: Game, agent: Checkpoint, config: Config) -> dict[str, Any]:
    """The shares of self-play's parts in a worker's time: the games of one worker's slots, played here."""
    from training.timing import profile

    with console().status("measuring where self-play's time goes"):
        games = min(config.self_play.slots, -(-config.self_play.games // config.workers))
        _, _, parts = profile(game, agent, config.self_play, config.seed, games)
    total = sum(parts.values())
    return {"self_play_parts": {part: seconds / total for part, seconds in parts.items()}}


def _learning(game: Game, config: Config, played: list[PlayedGame], seconds: float) -> dict[str, Any]:
    """The rates of learning from the games that were played."""
    import numpy as np

    from training.measure import learning

    with console().status("measuring the learner"):
        rates = learning(game, config, np.concatenate([one.samples for one in played]), seconds)
    return {
        "training_batch": config.learner.batch,
        "training_precision": config.learner.precision,
        "training_samples_per_second": rates.learner,
        "training_steps_samples_per_second": rates.step,
        "training_limit_per_second": rates.bare,
        "training_share": rates.learner / rates.bare,
    }


def _loop(game: Game, config: Config, parts: dict[str, float]) -> dict[str, Any]:
    """Where the cores' time goes in a run; a worker's time is split by `parts`, the shares measured before."""
    from training.measure import loop
    from training.recipes import usable_cores

    with console().status("measuring the whole loop"):
        cost = loop(game, config)
    total = cost.seconds * usable_cores()
    shares = {part: share * cost.workers / total for part, share in parts.items()}
    shares |= {name: getattr(cost, name) / total for name in ("replay", "learner", "other")}
    return {
        "loop_seconds": cost.seconds,
        "loop_shares": shares | {"idle": cost.idle},
        "loop_idle": cost.idle,
        "memory_megabytes": cost.memory / 2**20,
    }


def _show(data: dict[str, Any]) -> None:
    """Print the figures."""
    mixed = f" with {data['mixed']} channels mixed" if data["mixed"] else ""
    title = (
        f"{data['game']}, {data['blocks']} x {data['channels']} network{mixed}, "
        f"{data['simulations']} simulations a move, "
        f"{data['precision']} in {data['backend']}, {data['workers']} workers "
        f"with {data['slots']} games each on {data['cores']} cores"
    )
    listing = table(title, "measured", "", "unit", "of the limit", left=1)
    shape = f"batch {data['limit_batch']}, {data['limit_workers']} side by side"
    rows = [
        ("simulations", f"{data['simulations_per_second']:,.0f}", "/s", f"{data['simulations_share']:.1%}"),
        ("network evaluations", f"{data['network_evaluations_per_second']:,.0f}", "/s", f"{data['network_share']:.1%}"),
        (f"network alone ({shape})", f"{data['network_limit_per_second']:,.0f}", "/s", ""),
        ("games", f"{data['games_per_hour']:,.0f}", "/h", ""),
        (
            "training samples",
            f"{data['training_samples_per_second']:,.0f}",
            "/s",
            f"{data['training_share']:.1%}",
        ),
        (
            f"torch's own step, batch {data['training_batch']}, {data['training_precision']}",
            f"{data['training_limit_per_second']:,.0f}",
            "/s",
            "",
        ),
    ]
    if "memory_megabytes" in data:
        rows.append(("memory of the loop", f"{data['memory_megabytes']:,.0f}", "MB", ""))
    for row in rows:
        listing.add_row(*row)
    console().print(listing)
    shares = table("where the time goes", "part", "of self-play", *["of the loop"] * ("loop_shares" in data), left=1)
    whole = data.get("loop_shares", {})
    for part in dict.fromkeys((*data["self_play_parts"], *whole)):
        own = f"{data['self_play_parts'][part]:.1%}" if part in data["self_play_parts"] else ""
        shares.add_row(part, own, *([f"{whole[part]:.1%}"] if whole else []))
    console().print(shares)
