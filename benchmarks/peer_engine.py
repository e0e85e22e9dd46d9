r"""What `peer_training.py` trained, as an engine that speaks the Go Text Protocol and plays Connect Four.

    taskset -c 0 hybrid match connect_four 'RUN?time=50ms' --games 400 \
        'gtp?timeout=300s&command=PYTHON benchmarks/peer_engine.py PEER --time-per-move 0.05'

PYTHON is the one that `peer_training.py` ran with, PEER its folder or one checkpoint. A compiled search of mctx has a
fixed number of simulations, so for a time per move that number is found at the start by trying, and then kept; what was
tried, and at the end what a move took, is told on the standard error and in `--log`. Moves are the best by mctx's
Gumbel search without noise, so the engine repeats itself.
"""

from collections.abc import Callable
from typing import Any

import jax  # type: ignore[import-not-found]
import jax.numpy as jnp  # type: ignore[import-not-found]
import numpy as np
from peer_agent import ENVIRONMENT, Checkpoint, load, network, search
from peer_gtp import COLUMNS, HEIGHT, options, serve


class Player:
    """Chooses moves with one network and a fixed number of simulations, 0 for the network's own best move."""

    def __init__(self, checkpoint: Checkpoint, simulations: int) -> None:
        self.simulations = simulations
        self._model = checkpoint.model
        self._compiled = jax.jit(_chooser(checkpoint, simulations))

    def choose(self, columns: list[int]) -> int:
        """The column played after `columns`."""
        moves = np.zeros(COLUMNS * HEIGHT, np.int32)
        moves[: len(columns)] = columns
        return int(self._compiled(self._model, moves, len(columns)))


def _chooser(checkpoint: Checkpoint, simulations: int) -> Callable[[Any, Any, Any], Any]:
    """The best action after the first `count` of `moves`."""

    def choose(model: Any, moves: Any, count: Any) -> Any:
        key = jax.random.PRNGKey(0)
        state = jax.lax.fori_loop(
            0, count, lambda ply, state: ENVIRONMENT.step(state, moves[ply]), ENVIRONMENT.init(key)
        )
        states = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], state)
        if simulations:
            return search(checkpoint.config, model, key, states, simulations, 0.0).action[0]
        (logits, _), _ = network(checkpoint.config).apply(*model, states.observation, False)
        return jnp.where(states.legal_action_mask, logits, -jnp.inf).argmax(axis=1)[0]

    return choose


def main() -> None:
    """Answer until `quit` or the end of the input."""
    arguments = options(__doc__.splitlines()[0]).parse_args()
    checkpoint = load(arguments.checkpoint)
    note = f"iteration {checkpoint.iteration}, {checkpoint.seconds:.1f} s of training: {checkpoint.config}"
    serve(arguments, "mctx and pgx", note, lambda simulations: Player(checkpoint, simulations))


if __name__ == "__main__":
    main()
