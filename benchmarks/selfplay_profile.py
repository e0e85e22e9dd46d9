"""Where the time of self-play goes: `taskset -c 0 python benchmarks/selfplay_profile.py`.

One process plays a generation, as a worker does, with a network of random weights (5 x 64 by default), every move
searched in full; `training.timing` says what its parts are. `--cache 0` leaves out the cache of positions met again,
and `--proofs 1000` lets alpha-beta try to prove every position first, as the recipes do.
"""

import argparse

import games
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from training.backends import untrained
from training.selfplay_config import SelfPlayConfig
from training.timing import profile


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", default="connect_four")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--mixed", type=int, default=0)
    parser.add_argument("--simulations", type=int, default=100)
    parser.add_argument("--games", type=int, default=32)
    parser.add_argument("--slots", type=int, default=32, help="games side by side")
    parser.add_argument("--precision", choices=["float", "int8"], default="float")
    parser.add_argument("--backend", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--cache", type=float, default=64.0, help="megabytes")
    parser.add_argument("--proofs", type=int, default=0, help="positions that alpha-beta may visit for a proof")
    arguments = parser.parse_args()
    game = games.load(arguments.game)
    config = SelfPlayConfig(
        dial=Dial(simulations=arguments.simulations),
        full_fraction=1.0,
        games=arguments.games,
        slots=arguments.slots,
        precision=arguments.precision,
        backend=arguments.backend,
        cache_megabytes=arguments.cache,
        prove_nodes=arguments.proofs,
    )
    network = NetworkConfig(blocks=arguments.blocks, channels=arguments.channels, mixed=arguments.mixed)
    agent = untrained(game, network, 0)
    played, evaluations, parts = profile(game, agent, config, 0, arguments.games)
    total = sum(parts.values())
    simulations = sum(one.simulations for one in played)
    print(f"{simulations / total:,.0f} simulations/s, {evaluations / total:,.0f} network evaluations/s")
    for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"{part}: {seconds / total:.1%}")


if __name__ == "__main__":
    main()
