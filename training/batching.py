"""How many games a worker plays side by side: as many as still make a search of that batch fast on this machine."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from games import Game
from games.chance import awaits
from games.sampling import play
from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import load_evaluator
from hybrid.search import Search, SearchConfig
from training.backends import settled
from training.config import Config
from training.selfplay_config import SelfPlayConfig

SIZES = (16, 32, 64, 96, 128, 192, 256)
"""Batches that are tried."""
_SIMULATIONS = 16
"""Of every search that is timed: rates hardly depend on it."""
_TURNS = 5
"""Rounds over all sizes, of which each size's best counts: other programs only ever slow a search."""
_SECONDS = 6.0
"""No search is begun later than so long after the first."""
_NEARLY = 0.95
"""Of the best rate: so near to each other, rates are not told apart on a machine that does other work too."""


def fastest_slots(game: Game, config: Config, agent: Checkpoint) -> Config:
    """`config` with the largest number of games side by side that is about as fast as any, where it leaves that open.

    That is at most a worker's share of the games. Of sizes that are nearly as fast the largest is taken, because what a
    single search does not show speaks for it: answers that are known without the network, and games that have ended,
    make batches smaller, and what a move costs besides its search is paid less often.
    """
    if config.self_play.slots:
        return config
    share = config.share
    sizes = sorted({min(size, share) for size in SIZES})
    rates = simulation_rates(game, config.self_play, agent, sizes, config.seed) if len(sizes) > 1 else {share: 1.0}
    enough = _NEARLY * max(rates.values())
    slots = max(size for size, rate in rates.items() if rate >= enough)
    return replace(config, self_play=replace(config.self_play, slots=slots))


def simulation_rates(
    game: Game, config: SelfPlayConfig, agent: Checkpoint, sizes: list[int], seed: int
) -> dict[int, float]:
    """Simulations a second of one process by batch size, on positions of random games.

    There is no cache and there are no proofs: how much those spare differs from game to game, but hardly with the
    batch. Where searches are slow the largest sizes are not tried.
    """
    known = None
    if config.dial.consults_network:
        known = load_evaluator(game, agent, backend=settled(config), precision=config.precision)
    dial = replace(config.dial, simulations=_SIMULATIONS)
    sample = play(game, seed, 16, 1000).before
    movers = sample[~awaits(game, sample)]
    rng, rates = np.random.default_rng(seed), dict.fromkeys(sizes, 0.0)
    searches = {size: Search(game, known, SearchConfig(dial=dial, reuse=False), size) for size in sizes}
    searches[sizes[0]].try_out(movers[:1])
    begun = time.perf_counter()
    for _ in range(_TURNS):
        for size, search in searches.items():
            start = time.perf_counter()
            if start - begun > _SECONDS:
                return rates
            roots = movers[rng.integers(len(movers), size=size)]
            search.begin(np.arange(size), roots, rng.integers(2**64, size=size, dtype=np.uint64))
            search.run()
            rates[size] = max(rates[size], search.done.sum() / (time.perf_counter() - start))
    return rates
