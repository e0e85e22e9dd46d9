"""Where time goes: seconds belong to the innermost part, and measuring changes nothing and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import games
from hybrid.evaluate import load_evaluator
from hybrid.network_config import NetworkConfig
from hybrid.prover import Prover
from hybrid.search_kernels import kernels
from tests.training.test_selfplay import fingerprint
from training.backends import untrained
from training.config import Config
from training.effort import Effort, Meter, resident_memory
from training.measure import loop
from training.recipes import usable_cores
from training.selfplay import play_games
from training.timing import PARTS, Clock, profile


def work(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_every_second_belongs_to_the_innermost_part() -> None:
    clock = Clock("python")
    inner = clock.around("rules", lambda: work(0.02))

    def both() -> None:
        work(0.03)
        inner()

    clock.around("tree", both)()
    work(0.01)
    clock.enter("python")
    # Nothing but the work takes a hundredth of a second.
    assert {name: round(seconds, 2) for name, seconds in clock.seconds.items()} == {
        "python": 0.01,
        "tree": 0.03,
        "rules": 0.02,
    }


def test_a_part_ends_where_an_error_is_raised() -> None:
    clock = Clock("python")
    with pytest.raises(ZeroDivisionError):
        clock.around("rules", lambda: 1 / 0)()
    assert clock.enter("tree") == "python"


def test_measured_games_are_the_same_games(tiny: Config) -> None:
    game, config = games.load("tic_tac_toe"), replace(tiny.self_play, prove_nodes=20, cache_megabytes=1.0)
    agent = untrained(game, NetworkConfig(blocks=1, channels=8), 0)
    steps, proofs = dict(vars(kernels())), (Prover.prove, Prover.proofs, Prover.values)
    played, evaluations, parts = profile(game, agent, config, 3, 6)
    assert vars(kernels()) == steps
    assert (Prover.prove, Prover.proofs, Prover.values) == proofs
    assert not {"step", "legal_actions", "rollout", "chance"} & vars(game).keys()
    evaluator = load_evaluator(game, agent, precision=config.precision)
    expected = list(play_games(game, evaluator, config, 3, 1, range(6)))
    assert fingerprint(played) == fingerprint(expected)
    assert 0 < evaluations <= evaluator.evaluations
    assert parts.keys() == set(PARTS)
    assert min(parts.values()) > 0


def test_idle_time_is_what_nobody_used() -> None:
    meter = Meter([])
    work(0.05)
    time.sleep(0.1)
    # One of the cores worked for a third of the time at most, or longer if it had to wait for its turn.
    assert 1 - 0.5 / usable_cores() < meter.idle() < 1


def test_workers_count() -> None:
    program = (
        "import time; block = bytearray(b'x' * 50_000_000); print(flush=True)\nwhile time.process_time() < 60: pass"
    )
    alone, memory = Meter([]), resident_memory([os.getpid()])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as worker:
        try:
            assert worker.stdout is not None
            worker.stdout.readline()
            both = Meter([worker.pid])
            alone.idle()
            time.sleep(0.3)
            assert both.idle() < alone.idle()
            assert both.memory() - alone.memory() > 40_000_000
            assert resident_memory([worker.pid, os.getpid()]) - memory > 40_000_000
        finally:
            worker.kill()


def test_efforts_add_up() -> None:
    total = Effort(evaluations=1, seconds=2.0) + Effort(evaluations=10, seconds=20.0)
    assert total == Effort(evaluations=11, seconds=22.0)


def test_a_loop_of_two_generations_has_none_to_measure(tiny: Config) -> None:
    with pytest.raises(ValueError, match="generations must be at least 3 to measure the loop, got 2"):
        loop(games.load("tic_tac_toe"), replace(tiny, generations=2))
