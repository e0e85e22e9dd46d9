"""How fast the standard recipe's learner is in each precision: `taskset -c 0 python benchmarks/learner_speed.py`.

An optimisation step of a whole batch, forwards, backwards and the optimizers', in turns; each repeat takes every
precision's best step. Samples a second are their medians over the repeats, with their ranges.
"""

import argparse
from dataclasses import replace
from statistics import median

import games
from training.precision import step_seconds
from training.recipes import standard


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", default=["connect_four"])
    parser.add_argument("--blocks", type=int, help="instead of the recipe's")
    parser.add_argument("--channels", type=int, help="instead of the recipe's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print("| game | network | precision | samples/s | range | to float |\n|---|---|---|---|---|---|")
    for name in options.games:
        game = games.load(name)
        config = standard(game)
        sizes = {"blocks": options.blocks, "channels": options.channels}
        network = replace(config.network, **{key: size for key, size in sizes.items() if size is not None})
        config = replace(config, network=network, learner=replace(config.learner, threads=options.threads))
        repeats = [step_seconds(game, config) for _ in range(options.repeats)]
        size = f"{network.blocks} x {network.channels}"
        for precision in repeats[0]:
            rates = sorted(config.learner.batch / seconds[precision] for seconds in repeats)
            ratio = median(seconds["float"] / seconds[precision] for seconds in repeats)
            span = f"{rates[0]:,.0f} to {rates[-1]:,.0f}"
            print(f"| {name} | {size} | {precision} | {median(rates):,.0f} | {span} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
