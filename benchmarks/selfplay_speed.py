"""Self-play beside mctx over pgx: `python benchmarks/selfplay_speed.py connect_four --mctx PYTHON`.

PYTHON is an interpreter with jax, mctx and pgx. Both sides play with a network of random weights of the same shape on
all cores, every move searched in full. In turns, `--repeats` times: the bare inference runtime, a generation of ours
(int8, evaluation cache, tree reuse, proofs in the search and, with `--prove-nodes`, by alpha-beta), and the peer's
games. Simulations are descents that were executed. Printed are medians and ranges, per second of the wall's clock and,
for busy machines, per second of processor time times the number of cores.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from peers import Peer

import games
from hybrid.checkpoint import Checkpoint, save
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from hybrid.throughput import limit
from training.backends import settled, untrained
from training.recipes import usable_cores
from training.selfplay_config import SelfPlayConfig
from training.workers import Workers

GAMES = {"connect_four": "connect_four", "othello": "othello"}
"""The names of pgx's games by ours."""

Figures = dict[str, list[float]]


def ours(pool: Workers, agent: Path, config: SelfPlayConfig, generation: int, figures: Figures) -> None:
    """Play a generation and note its rates."""
    start = time.perf_counter()
    played, effort = pool.play(config, generation, agent, lambda one: None)
    wall, simulations = time.perf_counter() - start, sum(one.simulations for one in played)
    figures["simulations/s"].append(simulations / wall)
    figures["simulations/s of processor time x cores"].append(simulations / effort.seconds * usable_cores())
    figures["network evaluations/s"].append(effort.evaluations / wall)
    figures["network evaluations/s of processor time x cores"].append(
        effort.evaluations / effort.seconds * usable_cores()
    )
    figures["games/h"].append(3600 * config.games / wall)


def alone(agent: Checkpoint, config: SelfPlayConfig, seconds: float, figures: Figures) -> None:
    """Measure the bare runtime, as workers and as one process with many threads, and note the faster."""
    cores = usable_cores()
    rates = [
        limit(
            agent,
            workers=w,
            threads=t,
            backend=settled(config),
            precision=config.precision,
            seconds=seconds,
            repeats=1,
        ).positions_per_second
        for w, t in {(cores, 1), (1, cores)}
    ]
    figures["network alone, positions/s"].append(max(rates))


def peer_run(peer: Peer, figures: Figures) -> None:
    """Let the peer play and note its rates."""
    processor, wall = peer.rates()
    figures[f"{peer.name}, simulations/s"].append(wall)
    figures[f"{peer.name}, simulations/s of processor time x cores"].append(processor * usable_cores())


def measure(arguments: argparse.Namespace) -> tuple[Figures, str]:
    """All figures, and what the peer says of itself."""
    game, sizes = games.load(arguments.game), NetworkConfig(blocks=arguments.blocks, channels=arguments.channels)
    config = SelfPlayConfig(
        dial=Dial(simulations=arguments.simulations),
        full_fraction=1.0,
        games=arguments.games,
        slots=arguments.slots,
        precision=arguments.precision,
        backend=arguments.backend,
        prove_nodes=arguments.prove_nodes,
        leaf_nodes=arguments.leaf_nodes,
    )
    options = {
        "game": GAMES[arguments.game],
        "sizes": asdict(sizes),
        "simulations": arguments.simulations,
        "batches": arguments.batches,
        "seconds": arguments.seconds,
    }
    figures: Figures = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, Workers(game, 0, usable_cores()) as pool:
        agent, path = untrained(game, sizes, 0), Path(folder, "agent.safetensors")
        save(path, agent)
        peer = Peer(arguments.mctx, "selfplay_peers.py", arguments.policy, json.dumps(options))
        pool.play(replace(config, games=2 * usable_cores()), 0, path, lambda one: None)
        for repeat in range(arguments.repeats):
            steps: tuple[Callable[[], None], ...] = (
                lambda: alone(agent, config, 0.3, figures),
                lambda repeat=repeat: ours(pool, path, config, repeat + 1, figures),  # type: ignore[misc]
                lambda: peer_run(peer, figures),
            )
            for step in steps:
                step()
        peer.close()
    return figures, peer.note


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("game", choices=sorted(GAMES))
    parser.add_argument("--mctx", metavar="PYTHON", required=True, help="an interpreter with jax, mctx and pgx")
    parser.add_argument("--policy", choices=["gumbel_muzero_policy", "muzero_policy"], default="gumbel_muzero_policy")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256], help="the peer's, of which the best")
    parser.add_argument("--seconds", type=float, default=20.0, help="of a run of the peer, about")
    parser.add_argument("--simulations", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--precision", choices=["float", "int8"], default="int8")
    parser.add_argument("--backend", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--slots", type=int, default=96, help="games side by side in a worker of ours")
    parser.add_argument("--games", type=int, default=384, help="in a generation of ours")
    parser.add_argument("--prove-nodes", type=int, default=0, help="positions that alpha-beta may visit before a move")
    parser.add_argument("--leaf-nodes", type=int, default=0, help="positions that alpha-beta may visit at a leaf")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    figures, note = measure(arguments)
    print(f"{arguments.policy}: {note}")
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, values in figures.items():
        print(f"{name}: {medians[name]:,.0f} ({min(values):,.0f} to {max(values):,.0f})")
    for clock in ("simulations/s", "simulations/s of processor time x cores"):
        print(f"ours / peer, {clock}: {medians[clock] / medians[f'{arguments.policy}, {clock}']:.1f}")
    share = medians["network evaluations/s"] / medians["network alone, positions/s"]
    print(f"network evaluations / network alone: {share:.1%}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"medians": medians, "figures": figures, "peer": note}, indent=2) + "\n")


if __name__ == "__main__":
    main()
