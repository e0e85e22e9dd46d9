r"""What OpenSpiel's AlphaZero trained, as an engine that speaks the Go Text Protocol and plays Connect Four.

    timeout --signal INT --kill-after 5 1800 PYTHON -m open_spiel.python.examples.alpha_zero \
        --game connect_four --nn_model mlp --actors 10 --evaluators 0 --path /tmp/peer
    taskset -c 0 hybrid match connect_four 'RUN?time=50ms' --games 400 \
        'gtp?timeout=300s&command=PYTHON benchmarks/openspiel_engine.py /tmp/peer --time-per-move 0.05'

PYTHON is one with OpenSpiel 1.5 and TensorFlow 2.15, whose AlphaZero's defaults are Connect Four's. (Those of 2.0 are
tic-tac-toe's, and its networks are not compiled.) The engine searches as the training evaluates its agents: by
OpenSpiel's own `MCTSBot`, with PUCT and no noise. `MCTSBot` makes a fixed number of simulations, so for a time per
move that number is found at the start by trying, and then kept; positions are remembered for the length of a move.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyspiel
from open_spiel.python.algorithms import mcts  # type: ignore[import-not-found]
from open_spiel.python.algorithms.alpha_zero import evaluator, model  # type: ignore[import-not-found]
from peer_gtp import options, serve

GAME = pyspiel.load_game("connect_four")
CHECKPOINT = re.compile(r"checkpoint-(-1|\d+)\.index")


class Player:
    """Chooses moves with one network and a fixed number of simulations, 0 for the network's own best move."""

    def __init__(self, network: Any, uct_c: float, simulations: int) -> None:
        self.simulations = simulations
        self._evaluator = evaluator.AlphaZeroEvaluator(GAME, network)
        self._bot = mcts.MCTSBot(
            GAME,
            uct_c,
            max(1, simulations),
            self._evaluator,
            solve=False,
            random_state=np.random.RandomState(0),
            child_selection_fn=mcts.SearchNode.puct_value,
            dont_return_chance_node=True,
        )

    def choose(self, columns: list[int]) -> int:
        """The column played after `columns`."""
        self._evaluator.clear_cache()
        state = GAME.new_initial_state()
        for column in columns:
            state.apply_action(column)
        if self.simulations < 2:  # the first simulation is the root's own
            return int(max(self._evaluator.prior(state), key=lambda pair: pair[1])[0])
        return int(self._bot.mcts_search(state).best_child().action)


def load(path: Path) -> tuple[str, dict[str, Any], Any]:
    """The name of a checkpoint, or of a folder's newest; how it was trained, and its network.

    Raises:
        ValueError: there is none, or it is of another game.
    """
    path = path.resolve()
    folder, wanted = (path, "*") if path.is_dir() else (path.parent, path.name)
    found = [file for file in folder.glob(f"{wanted}.index") if CHECKPOINT.fullmatch(file.name)]
    if not found:
        raise ValueError(f"checkpoint must be one of OpenSpiel's, or a folder of them, got {str(path)!r}")
    name = max(found, key=lambda file: file.stat().st_mtime).stem
    config = json.loads((folder / "config.json").read_text())
    if config["game"] != "connect_four":
        raise ValueError(f"checkpoint must be of connect_four, got one of {config['game']}")
    return name, config, model.Model.from_checkpoint(str(folder / name))


def main() -> None:
    """Answer until `quit` or the end of the input."""
    arguments = options(__doc__.splitlines()[0]).parse_args()
    name, config, network = load(arguments.checkpoint)
    note = f"{name}: {config}"
    serve(arguments, "OpenSpiel", note, lambda simulations: Player(network, config["uct_c"], simulations))


if __name__ == "__main__":
    main()
