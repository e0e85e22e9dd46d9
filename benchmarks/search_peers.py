"""The bare search of other libraries, for `search_speed.py` to run beside ours.

A child process: `python benchmarks/search_peers.py LIBRARY TREES SIMULATIONS` compiles, then makes one run for every
line of its input and prints the simulations per second of processor time. It needs nothing but the library.

Both search Connect Four from positions after six random plies, many trees in one batch, with an evaluator that knows
nothing: a uniform policy and the value 0. `mctx` is one compiled search (`muzero_policy`, PUCT without noise) over
pgx's rules. `gumbel-mcts` is its `PUCT` and `gumbel-mcts-dense` its `GumbelDense`, over bitboard rules written here,
the model two constant tensors.
"""

import random
import sys
from collections.abc import Callable

from peers import answer

COLUMNS, HEIGHT, PLIES = 7, 7, 6
"""Columns, bits a column (six cells and an empty one), random plies before a search."""


def mctx_run(trees: int, simulations: int) -> Callable[[], object]:
    """One search of mctx over pgx's rules, compiled here."""
    import jax  # type: ignore[import-not-found]
    import mctx  # type: ignore[import-not-found]
    import pgx  # type: ignore[import-not-found]

    environment = pgx.make("connect_four")
    play = jax.vmap(environment.step)
    logits, zeros = jax.numpy.zeros((trees, COLUMNS)), jax.numpy.zeros(trees)

    def recurrent(_, key, action, states):  # type: ignore[no-untyped-def]
        mover = states.current_player
        states = play(states, action)
        output = mctx.RecurrentFnOutput(
            reward=states.rewards[jax.numpy.arange(trees), mover],
            discount=jax.numpy.where(states.terminated, 0.0, -1.0),
            prior_logits=jax.numpy.where(states.legal_action_mask, logits, -1e9),
            value=zeros,
        )
        return output, states

    @jax.jit
    def run(states, key):  # type: ignore[no-untyped-def]
        root = mctx.RootFnOutput(prior_logits=logits, value=zeros, embedding=states)
        illegal = ~states.legal_action_mask
        return mctx.muzero_policy(
            None, key, root, recurrent, simulations, invalid_actions=illegal, dirichlet_fraction=0.0
        ).action_weights

    rng = random.Random(0)
    states = jax.vmap(environment.init)(jax.random.split(jax.random.PRNGKey(0), trees))
    for _ in range(PLIES):
        states = play(states, jax.numpy.array([rng.randrange(COLUMNS) for _ in range(trees)]))
    key = jax.random.PRNGKey(PLIES)
    jax.block_until_ready(run(states, key))
    return lambda: jax.block_until_ready(run(states, key))


def gumbel_run(trees: int, simulations: int, strategy: str) -> Callable[[], object]:
    """One search of the package gumbel-mcts, compiled here."""
    import gumbel_mcts  # type: ignore[import-not-found]
    import numpy as np
    import torch
    from numba import njit, uint64

    @njit
    def fast_step(board, action, player):  # type: ignore[no-untyped-def]
        column = uint64((1 << (HEIGHT - 1)) - 1) << uint64(action * HEIGHT)
        stones = board[player - 1]
        stones |= ((board[0] | board[1]) + (uint64(1) << uint64(action * HEIGHT))) & column
        board[player - 1] = stones
        for direction in (1, HEIGHT - 1, HEIGHT, HEIGHT + 1):
            pairs = stones & (stones >> uint64(direction))
            if pairs & (pairs >> uint64(2 * direction)):
                return 1.0, player, True, board
        mask = get_valid_mask(board, player)
        return 0.0, 0, mask.sum() == 0, board

    @njit
    def get_valid_mask(board, player):  # type: ignore[no-untyped-def]
        mask = np.empty(COLUMNS, np.float32)
        for action in range(COLUMNS):
            mask[action] = 1 - (((board[0] | board[1]) >> uint64(action * HEIGHT + HEIGHT - 2)) & uint64(1))
        return mask

    class Logic:
        NUM_ACTIONS, BOARD_SHAPE, BOARD_DTYPE = COLUMNS, (2,), np.uint64
        MAX_MOVES, MAX_LEGAL_MOVES, PLAYER_1, PLAYER_2 = COLUMNS * (HEIGHT - 1), COLUMNS, 1, 2

    Logic.fast_step, Logic.get_valid_mask = staticmethod(fast_step), staticmethod(get_valid_mask)  # type: ignore[attr-defined]

    class Model:
        logic = Logic
        policy, value = torch.full((trees, COLUMNS), 1.0 / COLUMNS), torch.zeros(trees)

        def forward_for_mcts(self, batch):  # type: ignore[no-untyped-def]
            count = len(batch["boards"])
            return {"policy": self.policy[:count], "value": self.value[:count]}

    torch.set_num_threads(1)
    rng = random.Random(0)
    boards = np.zeros((trees, 2), np.uint64)
    for board in boards:
        for ply in range(PLIES):  # six plies fill no column and, almost always, win nothing
            fast_step(board, rng.choice(np.flatnonzero(get_valid_mask(board, 1)).tolist()), 1 + ply % 2)
    search = getattr(gumbel_mcts, strategy)(trees, trees * (simulations + 2) + 1, Logic, device="cpu")

    def run() -> None:
        search.reset()
        search.initialize_roots(list(range(trees)), boards, np.ones(trees, np.int8))
        search.run_simulation_batch(Model(), list(range(trees)), simulations)

    run()
    return run


def main() -> None:
    """Answer every line of the input with the rate of one run."""
    library, trees, simulations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if library == "mctx":
        run = mctx_run(trees, simulations)
    else:
        run = gumbel_run(trees, simulations, "PUCT" if library == "gumbel-mcts" else "GumbelDense")
    answer(run, trees * simulations)


if __name__ == "__main__":
    main()
