"""Self-play of mctx over pgx's rules, for `selfplay_speed.py` to run beside ours.

A child process: `python benchmarks/selfplay_peers.py POLICY JSON`, POLICY one of `gumbel_muzero_policy` and
`muzero_policy`, compiles self-play for several batches, keeps the fastest, makes one run for every line of its input
and prints the simulations per second. It needs nothing but jax, mctx and pgx.

The network is of the shape and size of ours (a 3x3 convolution, residual blocks with a gain, one 1x1 convolution for
both heads, no normalisation), in single precision and channels last, as XLA likes it. One move of all games is one
compiled step: search, choice of a move, and new games where old ones end.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax  # type: ignore[import-not-found]
import mctx  # type: ignore[import-not-found]
import pgx  # type: ignore[import-not-found]
from jax import numpy as jnp
from peers import answer
from pgx.experimental import auto_reset  # type: ignore[import-not-found]


def parameters(sizes: dict[str, int], shape: tuple[int, int, int], actions: int) -> dict[str, Any]:
    """Random weights for observations of `shape` `[H, W, C]`."""
    channels, policy, value = sizes["channels"], sizes["policy_channels"], sizes["value_channels"]
    cells = shape[0] * shape[1]
    shapes: dict[str, tuple[int, ...]] = {"stem": (3, 3, shape[2], channels), "heads": (1, 1, channels, policy + value)}
    for block in range(sizes["blocks"]):
        shapes |= {f"first{block}": (3, 3, channels, channels), f"second{block}": (3, 3, channels, channels)}
    shapes |= {"policy": (policy * cells, actions), "value": (sizes["value_hidden"], 1)}
    shapes["hidden"] = (value * cells + 2 * channels, sizes["value_hidden"])
    keys = jax.random.split(jax.random.PRNGKey(0), len(shapes))
    weights = {
        name: jax.random.normal(key, size) * (2.0 / jnp.prod(jnp.array(size[:-1]))) ** 0.5
        for key, (name, size) in zip(keys, shapes.items(), strict=True)
    }
    biases = {f"{name}.bias": jnp.zeros(size[-1]) for name, size in shapes.items()}
    return weights | biases | {f"gain{block}": jnp.float32(0.5) for block in range(sizes["blocks"])}


def network(weights: dict[str, Any], sizes: dict[str, int], planes: Any) -> tuple[Any, Any]:
    """Logits `[B, A]` and the mover's values `[B]` of observations `[B, H, W, C]`."""

    def convolve(name: str, x: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, weights[name], (1, 1), "SAME", dimension_numbers=layout)
        return x + weights[f"{name}.bias"]

    def linear(name: str, x: Any) -> Any:
        return x @ weights[name] + weights[f"{name}.bias"]

    x = jax.nn.relu(convolve("stem", planes.astype(jnp.float32)))
    for block in range(sizes["blocks"]):
        inner = convolve(f"second{block}", jax.nn.relu(convolve(f"first{block}", x)))
        x = jax.nn.relu(x + weights[f"gain{block}"] * inner)
    heads = jax.nn.relu(convolve("heads", x))
    policy, value = heads[..., : sizes["policy_channels"]], heads[..., sizes["policy_channels"] :]
    features = (value.reshape(len(x), -1), x.mean((1, 2)), x.max((1, 2)))
    hidden = jax.nn.relu(linear("hidden", jnp.concatenate(features, axis=1)))
    return linear("policy", policy.reshape(len(x), -1)), jnp.tanh(linear("value", hidden))[:, 0]


def self_play(policy: str, game: str, sizes: dict[str, int], simulations: int, batch: int) -> Callable[[], object]:
    """A function that plays one move in each of `batch` games, compiled here."""
    environment = pgx.make(game)
    begin, play = jax.vmap(environment.init), jax.vmap(environment.step)
    play_on = jax.vmap(auto_reset(environment.step, environment.init))
    states = begin(jax.random.split(jax.random.PRNGKey(1), batch))
    weights = parameters(sizes, environment.observation_shape, environment.num_actions)
    evaluate = partial(network, sizes=sizes)

    def recurrent(weights: Any, _: Any, actions: Any, states: Any) -> tuple[Any, Any]:
        movers = states.current_player
        states = play(states, actions)
        logits, values = evaluate(weights, planes=states.observation)
        output = mctx.RecurrentFnOutput(
            reward=states.rewards[jnp.arange(batch), movers],
            discount=jnp.where(states.terminated, 0.0, -1.0),
            prior_logits=jnp.where(states.legal_action_mask, logits, -1e9),
            value=jnp.where(states.terminated, 0.0, values),
        )
        return output, states

    @jax.jit
    def move(weights, states, key):  # type: ignore[no-untyped-def]
        search, again, key = jax.random.split(key, 3)
        logits, values = evaluate(weights, planes=states.observation)
        root = mctx.RootFnOutput(prior_logits=logits, value=values, embedding=states)
        illegal = ~states.legal_action_mask
        found = getattr(mctx, policy)(weights, search, root, recurrent, simulations, invalid_actions=illegal)
        return play_on(states, found.action, jax.random.split(again, batch)), key

    kept = [states, jax.random.PRNGKey(2)]

    def step() -> None:
        kept[:] = move(weights, *kept)
        jax.block_until_ready(kept)

    step()
    return step


def main() -> None:
    """Find the best batch, then answer every line of the input with the rates of one run."""
    policy, options = sys.argv[1], json.loads(sys.argv[2])
    simulations, seconds = options["simulations"], options["seconds"]
    rates: dict[int, float] = {}
    steps: dict[int, Callable[[], object]] = {}
    for batch in options["batches"]:
        steps[batch] = self_play(policy, options["game"], options["sizes"], simulations, batch)
        start = time.perf_counter()
        steps[batch]()
        rates[batch] = batch * simulations / (time.perf_counter() - start)
    best = max(rates, key=rates.__getitem__)
    moves = max(1, round(seconds * rates[best] / (best * simulations)))

    def run() -> None:
        for _ in range(moves):
            steps[best]()

    tried = ", ".join(f"{batch}: {rate:,.0f}" for batch, rate in rates.items())
    answer(run, moves * best * simulations, f"batch {best} of ({tried} simulations/s)")


if __name__ == "__main__":
    main()
