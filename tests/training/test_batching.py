"""How many games are played side by side: what is fastest, within a worker's share, and of no consequence to a game."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import games
from hybrid.checkpoint import load
from hybrid.dial import Dial
from training import batching
from training.backends import untrained
from training.batching import simulation_rates
from training.config import Config
from training.loop import train
from training.selfplay import play_games
from training.settling import settle
from training.state import describe


def opened(config: Config, **changes: object) -> Config:
    """`config` with the number of slots left open and other changes to its self-play."""
    return replace(config, self_play=replace(config.self_play, slots=0, **changes))  # type: ignore[arg-type]


def rates_of(monkeypatch: pytest.MonkeyPatch, best: int) -> list[list[int]]:
    """Pretend that `best` games side by side are fastest; returns the sizes that were asked for, by call."""
    calls: list[list[int]] = []

    def rates(game: object, config: object, agent: object, sizes: list[int], seed: int) -> dict[int, float]:
        calls.append(sizes)
        return {size: 1 / (1 + abs(size - best) / 100) for size in sizes}

    monkeypatch.setattr(batching, "simulation_rates", rates)
    return calls


@pytest.mark.parametrize(
    ("count", "workers", "best", "expected", "tried"),
    [
        (500, 2, 64, 64, [16, 32, 64, 96, 128, 192, 250]),
        (151, 2, 200, 76, [16, 32, 64, 76]),
        (134, 2, 64, 67, [16, 32, 64, 67]),  # nearly as fast, and larger
        (160, 2, 64, 64, [16, 32, 64, 80]),
        (9999, 0, 300, 256, [16, 32, 64, 96, 128, 192, 256]),
        (16, 0, 9, 16, None),
    ],
)
def test_the_fastest_within_a_workers_share_is_taken(
    count: int,
    workers: int,
    best: int,
    expected: int,
    tried: list[int] | None,
    monkeypatch: pytest.MonkeyPatch,
    tiny: Config,
) -> None:
    calls = rates_of(monkeypatch, best)
    config = replace(opened(tiny, games=count), workers=workers)
    settled = settle(games.load("tic_tac_toe"), config)
    assert settled == replace(config, self_play=replace(config.self_play, slots=expected))
    assert calls == ([] if tried is None else [tried])


def test_what_is_given_is_left_alone(monkeypatch: pytest.MonkeyPatch, tiny: Config) -> None:
    calls = rates_of(monkeypatch, 64)
    assert settle(games.load("tic_tac_toe"), tiny) == tiny
    assert not calls


@pytest.mark.parametrize(("count", "expected"), [(9999, 512), (100, 50)])
def test_devices_are_not_measured(count: int, expected: int, monkeypatch: pytest.MonkeyPatch, tiny: Config) -> None:
    calls = rates_of(monkeypatch, 64)
    config = opened(tiny, games=count, device="cuda", backend="fastest")
    settled = settle(games.load("tic_tac_toe"), config).self_play
    assert (settled.slots, settled.backend) == (expected, "onnxruntime")
    assert not calls


def test_slow_searches_end_the_measurement(monkeypatch: pytest.MonkeyPatch, tiny: Config) -> None:
    game = games.load("tic_tac_toe")
    monkeypatch.setattr(batching, "_SECONDS", -1.0)
    assert simulation_rates(game, opened(tiny).self_play, untrained(game, tiny.network, 0), [2, 5], 0) == {
        2: 0.0,
        5: 0.0,
    }


@pytest.mark.parametrize("name", ["tic_tac_toe", "pig:target=20"])
@pytest.mark.parametrize("direct", [False, True])
def test_rates_are_measured(name: str, direct: bool, tiny: Config) -> None:
    game = games.load(name)
    config = opened(tiny, dial=Dial.at(1 if direct else 0.5, simulations=16)).self_play
    rates = simulation_rates(game, config, untrained(game, tiny.network, 0), [2, 5], 0)
    assert list(rates) == [2, 5]
    assert all(rate > 0 for rate in rates.values())


def test_open_slots_are_kept_by_the_run_and_change_nothing(tmp_path: Path, alone: Config) -> None:
    game = games.load("tic_tac_toe")
    short = replace(alone, generations=1)
    agents = [train(game, config, tmp_path / name) for name, config in {"a": short, "b": opened(short)}.items()]
    assert describe(tmp_path / "b")[1].self_play.slots == short.self_play.games
    first, second = (load(agent, game).weights for agent in agents)
    assert first.keys() == second.keys()
    assert all((first[name] == second[name]).all() for name in first)


def test_open_slots_play_nothing(tiny: Config) -> None:
    with pytest.raises(ValueError, match="slots must be settled before anything is played, got 0"):
        next(play_games(games.load("tic_tac_toe"), None, opened(tiny).self_play, 0, 1, range(3)))
