"""Random play of other libraries' rules, for `rules_speed.py` to run beside ours.

A child process: `python benchmarks/rules_peers.py LIBRARY GAME BATCH STEPS` compiles, then makes one run for every
line of its input and prints the steps per second of processor time. It needs nothing but the library, so pgx can live
in an environment of its own.

`pgx` is one compiled loop over all steps; each step holds legal actions and observation in the state, draws uniformly
among the legal, plays, and begins ended games anew. `openspiel` keeps a Python list of states and asks each for its
legal actions and observation; `openspiel-bare` leaves the observations out.
"""

import random
import sys
from collections.abc import Callable

from peers import answer


def pgx_run(name: str, batch: int, steps: int) -> Callable[[], None]:
    """One run of pgx, compiled here."""
    import jax  # type: ignore[import-not-found]
    import pgx  # type: ignore[import-not-found]
    from pgx.experimental import auto_reset  # type: ignore[import-not-found]

    environment = pgx.make(name)
    begin = jax.vmap(environment.init)
    play = jax.vmap(auto_reset(environment.step, environment.init))

    @jax.jit
    def run(states, key):  # type: ignore[no-untyped-def]
        def step(states, key):  # type: ignore[no-untyped-def]
            choose, again = jax.random.split(key)
            logits = jax.numpy.where(states.legal_action_mask, 0.0, -jax.numpy.inf)
            actions = jax.random.categorical(choose, logits, axis=-1)
            return play(states, actions, jax.random.split(again, batch)), None

        return jax.lax.scan(step, states, jax.random.split(key, steps))[0]

    states, key = begin(jax.random.split(jax.random.PRNGKey(0), batch)), jax.random.PRNGKey(1)
    jax.block_until_ready(run(states, key))
    return lambda: jax.block_until_ready(run(states, key)) and None


def openspiel_run(name: str, batch: int, steps: int, observe: bool) -> Callable[[], None]:
    """One run of OpenSpiel from Python."""
    import pyspiel

    game = pyspiel.load_game(name)

    def run() -> None:
        rng = random.Random(0)
        states = [game.new_initial_state() for _ in range(batch)]
        for _ in range(steps):
            for row, state in enumerate(states):
                legal = state.legal_actions()
                if observe:
                    state.observation_tensor()
                state.apply_action(legal[int(rng.random() * len(legal))])
                if state.is_terminal():
                    states[row] = game.new_initial_state()

    return run


def main() -> None:
    """Answer every line of the input with the rate of one run."""
    library, name, batch, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    openspiel = library.startswith("openspiel")
    run = openspiel_run(name, batch, steps, library == "openspiel") if openspiel else pgx_run(name, batch, steps)
    answer(run, batch * steps)


if __name__ == "__main__":
    main()
