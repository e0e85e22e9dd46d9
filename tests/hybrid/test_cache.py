"""The evaluation cache: never another result, never asked twice, never larger than allowed."""

from __future__ import annotations

import numpy as np
import pytest

import games
from games import Game, Positions
from hybrid.cache import WAYS, CachedEvaluator
from hybrid.evaluate import NetworkEvaluator
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Floats, OnnxRuntime

GAME = games.load("connect_four")
SLOT = GAME.dtype.itemsize + 4 * (7 + 2) + 16


class Recorder:
    """An evaluator that computes something from the stones and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        self.asked += [position.tobytes() for position in positions]
        stones = positions["stones"].astype(np.float64)
        logits = np.sin(stones[:, :1] * np.arange(1, 8) + stones[:, 1:])
        return logits.astype(np.float32), np.cos(stones).astype(np.float32)


def wander(game: Game, rng: np.random.Generator, batch: int, plies: int) -> Positions:
    """Positions after `plies` random moves; few enough of them coincide often."""
    positions = game.initial(batch)
    for _ in range(plies):
        legal = game.legal_actions(positions)
        positions = game.step(positions, [rng.choice(np.flatnonzero(row)) for row in legal])
    return positions


def of(slots: int) -> float:
    """Megabytes that hold just `slots` slots."""
    return slots * SLOT / 2**20


@pytest.mark.parametrize("slots", [WAYS, 64, 2**14])
@pytest.mark.parametrize("plies", [1, 3])
def test_results_are_those_of_the_network_bit_for_bit(slots: int, plies: int) -> None:
    config, shape, rng = NetworkConfig(blocks=1, channels=8), NetworkShape.of(GAME), np.random.default_rng(0)
    runtime = OnnxRuntime(config, shape, initial_weights(config, shape, rng))
    cached = CachedEvaluator(GAME, NetworkEvaluator(GAME, runtime), megabytes=of(slots))
    direct = NetworkEvaluator(GAME, runtime)
    for _ in range(60):
        positions = wander(GAME, rng, int(rng.integers(1, 33)), int(rng.integers(plies)))
        for result, expected in zip(cached(positions), direct(positions), strict=True):
            np.testing.assert_array_equal(result, expected)
    assert cached.queries == direct.evaluations > cached.evaluations
    assert cached.hit_rate == 1 - cached.evaluations / cached.queries


def test_with_room_for_all_nothing_is_asked_twice() -> None:
    rng, recorder = np.random.default_rng(1), Recorder()
    cached = CachedEvaluator(GAME, recorder, megabytes=of(2**16))
    seen: set[bytes] = set()
    for _ in range(100):
        positions = wander(GAME, rng, 50, int(rng.integers(1, 5)))
        cached(positions)
        seen |= {position.tobytes() for position in positions}
    assert len(recorder.asked) == len(set(recorder.asked)) == cached.evaluations
    assert set(recorder.asked) == seen
    assert cached.queries == 5000


def test_duplicates_within_a_batch_are_asked_once() -> None:
    recorder = Recorder()
    positions = GAME.step(GAME.initial(7), [0, 1, 2, 3, 4, 5, 6])[[3, 3, 0, 3, 0, 5]]
    logits, _ = CachedEvaluator(GAME, recorder)(positions)
    assert len(recorder.asked) == 3
    np.testing.assert_array_equal(logits, Recorder()(positions)[0])


def test_the_least_recently_used_makes_room() -> None:
    recorder = Recorder()
    cached = CachedEvaluator(GAME, recorder, megabytes=of(WAYS))  # one bucket
    positions = GAME.step(GAME.initial(7), range(7))
    for action in (0, 1, 2, 3, 0, 4, 0, 2, 3, 4, 1):
        cached(positions[[action]])
    # 4 takes the place of 1, which is then asked for again.
    assert recorder.asked == [positions[action].tobytes() for action in (0, 1, 2, 3, 4, 1)]


def test_a_batch_larger_than_the_table_is_answered() -> None:
    recorder, rng = Recorder(), np.random.default_rng(2)
    cached = CachedEvaluator(GAME, recorder, megabytes=of(WAYS))
    positions = wander(GAME, rng, 200, 4)
    for result, expected in zip(cached(positions), Recorder()(positions), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_the_table_keeps_its_size() -> None:
    rng = np.random.default_rng(3)
    cached = CachedEvaluator(GAME, Recorder(), megabytes=0.01)
    tables = [value for value in vars(cached).values() if isinstance(value, np.ndarray)]
    assert 0.005 * 2**20 < sum(table.nbytes for table in tables) <= 0.01 * 2**20
    for _ in range(20):
        cached(wander(GAME, rng, 50, 5))
    assert {id(value) for value in vars(cached).values() if isinstance(value, np.ndarray)} == set(map(id, tables))


def test_answers_do_not_share_memory_with_the_table() -> None:
    cached = CachedEvaluator(GAME, Recorder())
    positions = GAME.step(GAME.initial(2), [1, 2])
    for result in cached(positions):
        result[:] = 99
    np.testing.assert_array_equal(cached(positions)[0], Recorder()(positions)[0])
    assert cached.evaluations == 2


def test_a_failed_evaluation_leaves_nothing_behind() -> None:
    class Failing(Recorder):
        fail = True

        def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
            if self.fail:
                raise RuntimeError("out of order")
            return super().__call__(positions)

    failing = Failing()
    cached = CachedEvaluator(GAME, failing)
    with pytest.raises(RuntimeError, match="out of order"):
        cached(GAME.initial(2))
    failing.fail = False
    np.testing.assert_array_equal(cached(GAME.initial(2))[0], Recorder()(GAME.initial(2))[0])


def test_clearing_forgets() -> None:
    recorder = Recorder()
    cached = CachedEvaluator(GAME, recorder)
    cached(GAME.initial())
    cached.clear()
    cached(GAME.initial())
    assert len(recorder.asked) == 2


def test_an_empty_batch() -> None:
    logits, values = CachedEvaluator(GAME, Recorder())(GAME.initial(0))
    assert (logits.shape, values.shape) == ((0, 7), (0, 2))


@pytest.mark.parametrize("megabytes", [0.0, 0.0001, -1.0, float("nan"), float("inf")])
def test_impossible_sizes_are_refused(megabytes: float) -> None:
    with pytest.raises(ValueError, match="megabytes must be at least"):
        CachedEvaluator(GAME, Recorder(), megabytes=megabytes)
