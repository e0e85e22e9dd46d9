"""Every native game trains with the same few lines, and a few generations are enough to beat random play."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import games
from eval.match import Match, play, seatings
from games.load import names
from hybrid import agents
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from training.config import Config, EvaluationConfig, LearnerConfig, ReplayConfig, SelfPlayConfig
from training.loop import train

SMALL = Config(
    network=NetworkConfig(blocks=2, channels=16),
    self_play=SelfPlayConfig(
        dial=Dial(simulations=24), full_fraction=1.0, games=48, temperature_plies=10, opening_plies=2
    ),
    replay=ReplayConfig(capacity=20_000),
    learner=LearnerConfig(batch=64, learning_rate=4e-3),
    evaluation=EvaluationConfig(every=0),
    generations=4,
    workers=0,
)
NATIVE = [
    "hex:size=5",
    "breakthrough:rows=6,columns=4",
    "othello:size=6",
    "go:size=5,komi=0.5",
    "mnk:m=5,n=5,k=4,players=3",
    "mnk:m=7,n=7,k=4",
    "connect_four",
    "tic_tac_toe",
    "pig:target=40,max_plies=400",
]


def against_random(spec: str, run: Path, rounds: int) -> Match:
    """What `SMALL` learns of a game, on the middle of the dial, against random players in all other seats."""
    game = games.load(spec)
    train(game, SMALL, run)
    agent = agents.load(f"{run}?dial=0.5&simulations=100", game)
    others = [agents.load("random", game) for _ in range(game.players - 1)]
    count = rounds * len(seatings(game.players))
    return play(game, [agent, *others], count, np.random.default_rng(0), opening_plies=1)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:only .* games are distinct")  # of tic-tac-toe there are not enough
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, marks=pytest.mark.xfail(reason="measured 90 % in 360 games"))
        if "players=3" in spec
        else spec
        for spec in NATIVE
    ],
)
def test_a_few_generations_beat_random_play(spec: str, tmp_path: Path) -> None:
    match = against_random(spec, tmp_path / "run", 60)
    assert match.score >= 0.95, f"{match.score:.1%} {match.ci95} in {len(match.games)} games"


def test_every_native_game_is_trained() -> None:
    """A new game must be added here."""
    assert {spec.partition(":")[0] for spec in NATIVE} == set(names())
