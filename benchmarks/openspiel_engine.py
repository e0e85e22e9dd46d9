r"""What OpenSpiel's AlphaZero trained, as an engine that speaks the Go Text Protocol and plays Connect Four.

    timeout 3600 PYTHON -m open_spiel.python.examples.alpha_zero \
        --game connect_four --nn_model mlp --actors 10 --evaluators 0 --path /tmp/peer --max_steps 1000000
    taskset -c 0 hybrid match connect_four 'RUN?time=50ms' --games 400 \
        'gtp?timeout=300s&command=PYTHON benchmarks/openspiel_engine.py /tmp/peer --time-per-move 0.05'

PYTHON is one with OpenSpiel, jax, flax, optax, chex and orbax-checkpoint. The engine searches as OpenSpiel's training
evaluates its agents: by its own `MCTSBot`, with PUCT and no noise. The network is compiled, which the training does not
do, so that more simulations fit a move. `MCTSBot` makes a fixed number of simulations, so for a time
per move that number is found at the start by trying, and then kept; positions are remembered for the length of a move.
"""

import json
import re
from pathlib import Path
from typing import Any

import jax  # type: ignore[import-not-found]
import jax.numpy as jnp  # type: ignore[import-not-found]
import numpy as np
import pyspiel
from open_spiel.python.algorithms import mcts  # type: ignore[import-not-found]
from open_spiel.python.algorithms.alpha_zero import evaluator, utils  # type: ignore[import-not-found]
from peer_gtp import options, serve

GAME = pyspiel.load_game("connect_four")
CHECKPOINT = re.compile(r"checkpoint-(-1|\d+)")


class Compiled:
    """A trained network as OpenSpiel's evaluator asks it: for one position."""

    def __init__(self, model: Any) -> None:
        state = model._state  # its checkpoints are read into this, and nothing public tells it

        def predict(observation: Any, legal: Any) -> tuple[Any, Any]:
            variables = {"params": state.params, "batch_stats": state.batch_stats}
            logits, value = state.apply_fn(variables, observation, training=False, mutable=False)
            return value, jax.nn.softmax(jnp.where(legal, logits, jnp.finfo(jnp.float32).min))

        self._predict = jax.jit(predict)

    def inference(self, observation: Any, legal: Any) -> tuple[Any, Any]:
        """Value for the first player, and policy `[A]`, of a position given by its observation and legal moves."""
        asked = self._predict(np.asarray(observation, np.float32), np.asarray(legal, bool))
        value, policy = jax.device_get(asked)
        # Numbers of Python's own: the search that reckons with them is written in Python.
        return float(value), policy.tolist()


class Player:
    """Chooses moves with one network and a fixed number of simulations, 0 for the network's own best move."""

    def __init__(self, network: Compiled, uct_c: float, simulations: int) -> None:
        self.simulations = simulations
        self._network = network
        self._bot = mcts.MCTSBot(
            GAME,
            uct_c,
            max(1, simulations),
            evaluator.AlphaZeroEvaluator(GAME, network),
            solve=False,
            random_state=np.random.RandomState(0),
            child_selection_fn=mcts.SearchNode.puct_value,
            dont_return_chance_node=True,
        )

    def choose(self, columns: list[int]) -> int:
        """The column played after `columns`."""
        self._bot.evaluator = evaluator.AlphaZeroEvaluator(GAME, self._network)
        state = GAME.new_initial_state()
        for column in columns:
            state.apply_action(column)
        if self.simulations < 2:  # the first simulation is the root's own
            return int(max(self._bot.evaluator.prior(state), key=lambda pair: pair[1])[0])
        return int(self._bot.mcts_search(state).best_child().action)


def load(path: Path) -> tuple[str, dict[str, Any], Compiled]:
    """The name of a checkpoint, or of a folder's newest, and its steps; how it was trained, and its network.

    Raises:
        ValueError: there is none, or it is of another game or API.
    """
    path = path.resolve()
    if not CHECKPOINT.fullmatch(path.name):
        found = [folder for folder in path.glob("*") if CHECKPOINT.fullmatch(folder.name)]
        if not found:
            raise ValueError(f"checkpoint must be one of OpenSpiel's, or a folder of them, got {str(path)!r}")
        path = max(found, key=lambda folder: folder.stat().st_mtime)
    config = json.loads((path.parent / "config.json").read_text())
    if (config["game"], config["nn_api_version"]) != ("connect_four", "linen"):
        raise ValueError(f"checkpoint must be of connect_four and of the API linen, got {config}")
    model = utils.api_selector("linen").Model.build_model(
        config["nn_model"],
        GAME.observation_tensor_shape(),
        GAME.num_distinct_actions(),
        config["nn_width"],
        config["nn_depth"],
        config["weight_decay"],
        config["learning_rate"],
        str(path.parent),
        decouple_weight_decay=config["decouple_weight_decay"],
    )
    model.load_checkpoint(path.name.removeprefix("checkpoint-"))
    return f"{path.name} after {int(model._state.step)} optimisation steps", config, Compiled(model)


def main() -> None:
    """Answer until `quit` or the end of the input."""
    arguments = options(__doc__.splitlines()[0]).parse_args()
    name, config, network = load(arguments.checkpoint)
    note = f"{name}: {config}"
    serve(arguments, "OpenSpiel", note, lambda simulations: Player(network, config["uct_c"], simulations))


if __name__ == "__main__":
    main()
