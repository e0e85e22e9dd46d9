"""Where the time of self-play goes: `taskset -c 0 python benchmarks/selfplay_profile.py`.

One process plays a generation, as a worker does, with a network of random weights (5 x 64 by default), every move
searched in full. Seconds of its processor are counted in the inference runtime, in the evaluator around it
(observations, cache, rotation of values), in the compiled kernels of the search, in the rules, in alpha-beta's proofs,
and in all else, which is Python. A first generation only compiles. `--cache 0` leaves out the cache of positions met
again, and `--proofs 3000` lets alpha-beta try to prove every position first, as the recipes do.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import games
from games.sampling import play
from hybrid.cache import CachedEvaluator
from hybrid.checkpoint import Checkpoint
from hybrid.dial import Dial
from hybrid.evaluate import NetworkEvaluator, Precision, load_runtime
from hybrid.minimax import AlphaBeta
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Floats, Runtime, calibrate
from hybrid.search_kernels import kernels
from training.config import SelfPlayConfig
from training.selfplay import play_games


class Clock:
    """Seconds of the processor by part, each second in the innermost part that was running."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.process_time()
        self._part = "python"

    def enter(self, part: str) -> str:
        """Go on in another part; returns the one before."""
        now, before = time.process_time(), self._part
        self.seconds[before] += now - self._last
        self._last, self._part = now, part
        return before

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its time counted as `part`."""

        def timed(*arguments: Any, **options: Any) -> Any:
            before = self.enter(part)
            try:
                return function(*arguments, **options)
            finally:
                self.enter(before)

        return timed


class TimedRuntime:
    """A network's runtime that counts its time and its positions."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.positions = 0
        self._run = clock.around("network", runtime.run)

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        """See `Runtime.run`."""
        self.positions += len(planes)
        logits, values = self._run(planes)
        return logits, values


def prepare(game: games.Game, arguments: argparse.Namespace) -> tuple[Any, SelfPlayConfig, TimedRuntime, Clock]:
    """The evaluator, the options, the runtime in the evaluator and the clock that runs in all of them."""
    shape, config = NetworkShape.of(game), NetworkConfig(blocks=arguments.blocks, channels=arguments.channels)
    weights = initial_weights(config, shape, np.random.default_rng(0))
    ranges = calibrate(config, shape, weights, game.observe(play(game, 0, 16, 1000).before))
    checkpoint = Checkpoint(weights=weights, config=config, shape=shape, game=game.spec, ranges=ranges)
    precision: Precision = arguments.precision
    clock = Clock()
    runtime = TimedRuntime(load_runtime(checkpoint, precision=precision), clock)
    evaluator: Any = NetworkEvaluator(game, runtime)
    if arguments.cache:
        evaluator = CachedEvaluator(game, evaluator, megabytes=arguments.cache)
    options = SelfPlayConfig(
        dial=Dial(simulations=arguments.simulations),
        full_fraction=1.0,
        games=arguments.games,
        slots=arguments.slots,
        prove_nodes=arguments.proofs,
    )
    for name, kernel in vars(kernels()).items():
        setattr(kernels(), name, clock.around("kernels", kernel))
    for name in ("step", "legal_actions", "rollout"):
        object.__setattr__(game, name, clock.around("rules", getattr(game, name)))
    AlphaBeta.prove = clock.around("proofs", AlphaBeta.prove)  # type: ignore[method-assign]
    return clock.around("evaluator", evaluator), options, runtime, clock


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", default="connect_four")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--simulations", type=int, default=100)
    parser.add_argument("--games", type=int, default=32)
    parser.add_argument("--slots", type=int, default=32, help="games side by side")
    parser.add_argument("--precision", choices=["float", "int8"], default="float")
    parser.add_argument("--cache", type=float, default=64.0, help="megabytes")
    parser.add_argument("--proofs", type=int, default=0, help="positions that alpha-beta may visit for a proof")
    arguments = parser.parse_args()
    game = games.load(arguments.game)
    evaluator, options, runtime, clock = prepare(game, arguments)
    generation = partial(play_games, game, evaluator, options, 0)
    list(generation(0, range(2)))
    clock.enter("python")
    clock.seconds.clear()
    runtime.positions = 0
    played = list(generation(1, range(arguments.games)))
    clock.enter("python")
    total = sum(clock.seconds.values())
    simulations = sum(one.simulations for one in played)
    print(f"{simulations / total:,.0f} simulations/s, {runtime.positions / total:,.0f} network evaluations/s")
    for part, seconds in sorted(clock.seconds.items(), key=lambda item: -item[1]):
        print(f"{part}: {seconds / total:.1%}")


if __name__ == "__main__":
    main()
