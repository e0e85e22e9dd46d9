"""Where the time of self-play goes: seconds of the processor by part, measured from outside.

The parts are `network` (the inference runtime), `evaluator` (what is around it: observations, cache, rotation of
values), `tree` (the compiled steps of the search), `rules`, `proofs` (alpha-beta) and `python`, which is all else.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from games import Game
from hybrid.cache import CachedEvaluator
from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import NetworkEvaluator, load_runtime
from hybrid.prover import Prover
from hybrid.runtime import Floats, Runtime
from hybrid.search_kernels import chance_kernels, kernels
from training.backends import settled
from training.playing import PlayedGame
from training.selfplay import play_games
from training.selfplay_config import SelfPlayConfig

PARTS = ("network", "evaluator", "tree", "rules", "proofs", "python")


class Clock:
    """Seconds of the processor by part, each second in the innermost part that was running."""

    def __init__(self, part: str) -> None:
        """Begin in `part`."""
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.process_time()
        self._part = part

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


def profile(
    game: Game, agent: Checkpoint, config: SelfPlayConfig, seed: int, games: int
) -> tuple[list[PlayedGame], int, dict[str, float]]:
    """Play `games` games in this process, as a worker does: they, the network's evaluations and seconds by part.

    One game before them, not counted, loads everything.
    """
    clock = Clock("python")
    runtime = TimedRuntime(load_runtime(agent, backend=settled(config), precision=config.precision), clock)
    evaluator: Any = NetworkEvaluator(game, runtime)
    if config.cache_megabytes:
        evaluator = CachedEvaluator(game, evaluator, megabytes=config.cache_megabytes)
    with timed_parts(clock, game.stochastic):
        rules = timed_rules(game, clock)
        asked = clock.around("evaluator", evaluator)
        list(play_games(rules, asked, config, seed, 0, range(1)))
        clock.enter("python")
        clock.seconds.clear()
        runtime.positions = 0
        played = list(play_games(rules, asked, config, seed, 1, range(games)))
        clock.enter("python")
    return played, runtime.positions, {part: clock.seconds[part] for part in PARTS}


def timed_rules(game: Game, clock: Clock) -> Game:
    """A copy of `game` whose rules are timed; observations are the evaluator's part."""
    rules = object.__new__(type(game))
    vars(rules).update(vars(game))
    for name in ("step", "legal_actions", "rollout", "chance"):
        object.__setattr__(rules, name, clock.around("rules", getattr(game, name)))
    return rules


@contextmanager
def timed_parts(clock: Clock, stochastic: bool) -> Iterator[None]:
    """Time the compiled steps of the search and alpha-beta's proofs for a while."""
    with ExitStack() as stack:
        for steps in (kernels(), chance_kernels()) if stochastic else (kernels(),):
            for name in vars(steps):
                stack.enter_context(timed(clock, "tree", steps, name))
        for name in ("prove", "proofs", "values"):
            stack.enter_context(timed(clock, "proofs", Prover, name))
        yield


@contextmanager
def timed(clock: Clock, part: str, owner: Any, name: str) -> Iterator[None]:
    """Time the function `name` of `owner`, a module, class or object, for a while."""
    function = getattr(owner, name)
    setattr(owner, name, clock.around(part, function))
    try:
        yield
    finally:
        setattr(owner, name, function)
