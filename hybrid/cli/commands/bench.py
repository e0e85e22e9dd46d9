"""Measure self-play on this machine, beside what the network alone could do.

Plays generations of self-play with a network of random weights, every move searched in full, and runs the same network
by itself at its best batch size on the same cores, before and after. Simulations are descents that were executed; those
that end in a known result need no network, so there can be more of them than the network's limit.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from games import Game
    from hybrid.checkpoint import Checkpoint
    from hybrid.throughput import Limit
    from training.config import Precision, SelfPlayConfig
    from training.playing import PlayedGame


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid bench`."""
    from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument("--blocks", type=NonNegativeInt, default=5, help="residual blocks of the network")
    parser.add_argument("--channels", type=PositiveInt, default=64, help="channels of the network")
    parser.add_argument("--simulations", type=PositiveInt, default=100, help="search budget per move")
    parser.add_argument("--workers", type=NonNegativeInt, default=0, help="processes that play; 0 = one for each core")
    parser.add_argument("--slots", type=PositiveInt, default=32, help="games that one worker plays side by side")
    parser.add_argument("--games", type=PositiveInt, default=128, help="games in the generation that is measured")
    parser.add_argument("--precision", choices=["float", "int8"], default="float", help="of the network's inference")
    parser.add_argument("--cache-megabytes", type=NonNegativeFloat, default=64.0, help="a worker's cache, MB; 0 = none")
    parser.add_argument("--seconds", type=PositiveFloat, default=0.5, help="for each trial of the network alone, s")


def run(
    *,
    game: str,
    blocks: int,
    channels: int,
    simulations: int,
    workers: int,
    slots: int,
    games: int,
    precision: Precision,
    cache_megabytes: float,
    seconds: float,
    seed: int,
) -> Outcome:
    """Measure and show."""
    from games import load
    from hybrid.dial import Dial
    from training.config import SelfPlayConfig
    from training.recipes import usable_cores

    rules = load(game)
    agent = _untrained(rules, blocks, channels, seed)
    config = SelfPlayConfig(
        dial=Dial(simulations=simulations),
        full_fraction=1.0,
        games=games,
        slots=slots,
        precision=precision,
        cache_megabytes=cache_megabytes,
    )
    workers = workers or usable_cores()
    with console().status("measuring the network alone") as status:
        before = _limit(agent, precision, seconds)
        status.update("measuring self-play")
        played, evaluations, elapsed = _self_play(rules, agent, config, seed, workers)
        status.update("measuring the network alone again")
        after = _limit(agent, precision, seconds)
    limit = max(before, after, key=lambda measured: measured.positions_per_second)
    data = {
        "game": game,
        "blocks": blocks,
        "channels": channels,
        "simulations": simulations,
        "precision": precision,
        "cores": usable_cores(),
        "workers": workers,
        "seconds": elapsed,
        "simulations_per_second": sum(one.simulations for one in played) / elapsed,
        "network_evaluations_per_second": evaluations / elapsed,
        "network_limit_per_second": limit.positions_per_second,
        "network_limits": [before.positions_per_second, after.positions_per_second],
        "network_share": evaluations / elapsed / limit.positions_per_second,
        "games_per_hour": 3600 * len(played) / elapsed,
        "limit_batch": limit.batch,
        "limit_workers": limit.workers,
    }
    _show(data)
    return Outcome(data)


def _untrained(game: Game, blocks: int, channels: int, seed: int) -> Checkpoint:
    """An agent with random weights, calibrated on positions of random games."""
    import numpy as np

    from games.sampling import play
    from hybrid.checkpoint import Checkpoint
    from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
    from hybrid.runtime import calibrate

    config, shape = NetworkConfig(blocks=blocks, channels=channels), NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(seed))
    ranges = calibrate(config, shape, weights, game.observe(play(game, seed, 16, 1000).before))
    return Checkpoint(weights=weights, config=config, shape=shape, game=game.spec, ranges=ranges)


def _limit(agent: Checkpoint, precision: Precision, seconds: float) -> Limit:
    """How fast the agent's network runs by itself: one call on all cores or one on each, whichever is faster."""
    from hybrid.throughput import limit
    from training.recipes import usable_cores

    ways = {(1, usable_cores()), (usable_cores(), 1)}
    tried = [
        limit(agent, workers=w, threads=t, precision=precision, seconds=seconds, repeats=1) for w, t in sorted(ways)
    ]
    return max(tried, key=lambda measured: measured.positions_per_second)


def _self_play(
    game: Game, agent: Checkpoint, config: SelfPlayConfig, seed: int, workers: int
) -> tuple[list[PlayedGame], int, float]:
    """One generation's games, network evaluations and seconds; one before it, not counted, loads everything."""
    from hybrid.checkpoint import save
    from training.workers import Workers

    with tempfile.TemporaryDirectory() as folder, Workers(game, config, seed, workers) as pool:
        path = Path(folder, "agent.safetensors")
        save(path, agent)
        pool.play(0, path, lambda one: None)
        start = time.perf_counter()
        played, evaluations = pool.play(1, path, lambda one: None)
        return played, evaluations, time.perf_counter() - start


def _show(data: dict[str, Any]) -> None:
    """Print the figures."""
    title = (
        f"{data['game']}, {data['blocks']} x {data['channels']} network, {data['simulations']} simulations a move, "
        f"{data['workers']} workers on {data['cores']} cores"
    )
    listing = table(title, "measured", "", "unit", left=1)
    limit = data["network_limit_per_second"]
    shape = f"batch {data['limit_batch']}, {data['limit_workers']} side by side"
    rows = (
        ("simulations", f"{data['simulations_per_second']:,.0f}", "/s"),
        ("network evaluations", f"{data['network_evaluations_per_second']:,.0f}", "/s"),
        (f"network alone, at most ({shape})", f"{limit:,.0f}", "/s"),
        ("network evaluations / limit", f"{data['network_share']:.1%}", ""),
        ("simulations / limit", f"{data['simulations_per_second'] / limit:.1%}", ""),
        ("games", f"{data['games_per_hour']:,.0f}", "/h"),
    )
    for row in rows:
        listing.add_row(*row)
    console().print(listing)
