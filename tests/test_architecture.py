"""The directions of imports, by reading the source and by looking at running processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from importlinter.cli import lint_imports

import games
from hybrid import checkpoint
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights

ROOT = Path(__file__).parents[1]

PLAYING = """
import sys
from hybrid.cli.main import main
code = main(["match", "tic_tac_toe", sys.argv[1] + "?simulations=8", "random", "--games", "2"])
loaded = {name.partition(".")[0] for name in sys.modules}
sys.exit(code or sorted(loaded & {"training", "torch", "lightning", "tensorboard", "pettingzoo"}) or 0)
"""


def test_the_contracts_of_imports_are_kept() -> None:
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None) == 0


def test_playing_an_agent_loads_nothing_that_trains_one(tmp_path: Path) -> None:
    game = games.load("tic_tac_toe")
    config, shape = NetworkConfig(blocks=1, channels=4), NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(0))
    path = tmp_path / "agent.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(weights=weights, config=config, shape=shape, game=game.spec))
    command = [sys.executable, "-c", PLAYING, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
