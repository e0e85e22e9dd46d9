"""Worker processes: they change no game, fail loudly, and never outlive their parent."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Pipe
from pathlib import Path

import numpy as np
import pytest

import games
from hybrid.checkpoint import Checkpoint, save
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import calibrate
from training.config import Config
from training.playing import PlayedGame
from training.worker import GameQueue, Outbox
from training.workers import Workers


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained agent."""
    game, config = games.load("tic_tac_toe"), NetworkConfig(blocks=1, channels=8)
    shape = NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(0))
    ranges = calibrate(config, shape, weights, game.observe(game.initial(4)))
    path = tmp_path_factory.mktemp("agent") / "000000.safetensors"
    save(path, Checkpoint(weights=weights, config=config, shape=shape, game=game.spec, ranges=ranges))
    return path


def ignore(game: PlayedGame) -> None:
    """Nobody watches."""


def test_the_number_of_workers_changes_no_game(agent: Path, tiny: Config) -> None:
    game = games.load("tic_tac_toe")
    results = []
    for count in (0, 1, 2):
        with Workers(game, 5, count) as workers:
            assert len(workers.process_ids) == count
            seen: list[PlayedGame] = []
            for generation in (1, 2):
                played, effort = workers.play(tiny.self_play, generation, agent, seen.append)
                assert [one.number for one in played] == list(range(12))
                assert 0 < effort.evaluations <= sum(one.evaluations for one in played)
            assert sorted(one.number for one in seen) == sorted(2 * list(range(12)))
            results.append([one.samples.tobytes() for one in played])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("games", [range(1), range(5, 12), range(499), range(500), range(7, 1000), range(123_456)])
def test_a_queue_gives_every_game_to_one_taker(games: range) -> None:
    queue = GameQueue()
    for _ in range(2):
        queue.put(games, 3)
        takers = [GameQueue.taken(queue.handle, games) for _ in range(3)]
        some = [*itertools.chain.from_iterable(itertools.islice(taker, 2) for taker in takers)]
        assert sorted([*some, *itertools.chain(*takers)]) == list(games)
    queue.close()


def test_who_has_room_takes_what_others_leave() -> None:
    queue = GameQueue()
    queue.put(range(10, 16), 2)
    slow, fast = (GameQueue.taken(queue.handle, range(10, 16)) for _ in range(2))
    assert next(slow) == 10
    assert list(fast) == [11, 12, 13, 14, 15]
    assert list(slow) == []
    queue.close()


def test_a_full_queue_fits_into_its_pipe() -> None:
    queue, games = GameQueue(), range(499)
    queue.put(games, GameQueue.MOST_TAKERS)
    takers = [GameQueue.taken(queue.handle, games) for _ in range(GameQueue.MOST_TAKERS)]
    assert list(itertools.chain(*takers)) == list(games)
    queue.close()


def test_a_queue_whose_owner_is_gone_has_ended() -> None:
    ours, theirs = os.pipe()
    os.close(theirs)
    with pytest.raises(EOFError):
        next(GameQueue.taken(ours, range(3)))
    os.close(ours)


def test_more_workers_than_games_and_more_games_than_slots(agent: Path, tiny: Config) -> None:
    game, few = games.load("tic_tac_toe"), replace(tiny.self_play, slots=1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Workers(game, 5, 3) as workers:
        for count in (2, 9):
            played, _ = workers.play(replace(few, games=count), 1, agent, ignore)
            assert [one.number for one in played] == list(range(count))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_workers_import_no_torch() -> None:
    program = "import sys, training.workers; print(sorted({'torch', 'lightning'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert output.stdout == "[]\n"


def test_a_killed_worker_is_an_error_that_says_so(agent: Path, tiny: Config) -> None:
    with Workers(games.load("tic_tac_toe"), 0, 2) as workers:
        victim = workers.process_ids[1]
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match=rf"worker 1 \(process {victim}\) died with signal SIGKILL"):
            workers.play(tiny.self_play, 1, agent, ignore)


def test_a_failing_worker_reports_its_reason(tmp_path: Path, tiny: Config) -> None:
    missing = tmp_path / "missing.safetensors"
    with (
        Workers(games.load("tic_tac_toe"), 0, 1) as workers,
        pytest.raises(ChildProcessError, match=r"(?s)worker 0 failed:.*no checkpoint.*missing\.safetensors"),
    ):
        workers.play(tiny.self_play, 1, missing, ignore)


def test_closing_ends_the_workers() -> None:
    with Workers(games.load("tic_tac_toe"), 0, 2) as workers:
        processes = workers.process_ids
        assert all(alive(process) for process in processes)
    assert not any(alive(process) for process in processes)


PARENT = """
import sys, time
import games
from training.workers import Workers
workers = Workers(games.load("tic_tac_toe"), 0, 2)
print(*workers.process_ids, flush=True)
time.sleep({sleep})
"""


@pytest.mark.parametrize("delay", [0.0, 0.3, 3.0])
def test_workers_die_with_a_killed_parent(delay: float) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(sleep=60)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    processes = [int(word) for word in parent.stdout.readline().split()]
    time.sleep(delay)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert len(processes) == 2
    assert all(gone(process) for process in processes)


def test_an_interrupt_is_left_to_the_parent(agent: Path, tiny: Config) -> None:
    with Workers(games.load("tic_tac_toe"), 0, 1) as workers:
        workers.play(tiny.self_play, 1, agent, ignore)
        os.kill(workers.process_ids[0], signal.SIGINT)
        played, _ = workers.play(tiny.self_play, 2, agent, ignore)
        assert len(played) == 12


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(process: int, patience: float = 10.0) -> bool:
    """Whether a process has ended within `patience` seconds."""
    deadline = time.monotonic() + patience
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(process)


def test_who_sends_need_not_wait_for_who_hears() -> None:
    ours, theirs = Pipe()
    with ours, theirs, ThreadPoolExecutor() as pool:
        with Outbox(theirs) as outbox:
            for number in range(3):
                outbox.send(bytes([number]) * 10_000_000)  # more than any pipe holds
            # To leave is to wait until all of it is sent.
            heard = pool.submit(lambda: [ours.recv() for _ in range(3)])
        assert [(message[0], len(message)) for message in heard.result(60)] == [(n, 10_000_000) for n in range(3)]


def test_who_sends_to_nobody_goes_on() -> None:
    ours, theirs = Pipe()
    ours.close()
    with theirs, Outbox(theirs) as outbox:
        outbox.send("hello")
        outbox.send("hello again")
