"""Find the dial at which a trained agent plays best when every move costs the same.

Dials play each other, a model says where the best may be, and games go there until it is known to --precision. Matches
on fresh openings then measure the gain over dial 0, 0.5 and 1. The outcome is kept in the run folder: with a budget of
20ms RUN?dial=tuned&time=20ms plays at it, RUN/tuning/ has the games, the curve and TensorBoard's events. Stopped,
killed or run again, the same command goes on. docs/tuning.md says how it works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, console, progress, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from eval.tune import Place, Tuning


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid tune`."""
    from jsonargparse.typing import PositiveFloat, PositiveInt

    from hybrid.cli.parser import add_concurrent, add_openings

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument("agent", type=str, help="a run folder or a checkpoint in one, perhaps with search options")
    parser.add_argument(
        "--budget", type=str, default="64", help="cost of a move: 200 (simulations), 200evaluations or 20ms"
    )
    parser.add_argument(
        "--axes", type=str, default="dial", help="what is tuned: dial, or some of prior_weight,value_weight,c_puct"
    )
    parser.add_argument("--games", type=PositiveInt, default=1000, help="games of the search, at most")
    parser.add_argument("--precision", type=PositiveFloat, default=15.0, help="stop at this expected regret, in Elo")
    parser.add_argument(
        "--confirm", type=PositiveInt, default=200, help="games of each match that measures the gain; even"
    )
    add_openings(parser)
    add_concurrent(parser)


def run(
    *,
    game: str,
    agent: str,
    budget: str,
    axes: str,
    games: int,
    precision: float,
    confirm: int,
    opening_plies: int,
    concurrent: int,
    seed: int,
) -> Outcome:
    """Tune, save and show what came out."""
    from eval import tune
    from hybrid.tuned import Budget

    plan = tune.Plan(
        game=game,
        agent=agent,
        budget=Budget.parse(budget),
        axes=tuple(name.strip() for name in axes.split(",")),
        games=games,
        precision=precision,
        confirm=confirm,
        seed=seed,
        opening_plies=opening_plies,
        concurrent=concurrent,
    )
    place = tune.place_of(plan)
    try:
        with progress() as bar:
            task = bar.add_task(escape(f"{game}: tuning {agent}"), total=games + 3 * confirm)
            tuning = tune.run(
                plan,
                progress=lambda step: bar.update(
                    task,
                    completed=step.games,
                    description=f"{step.games} games, expected regret {step.regret:.0f} Elo",
                ),
                game_over=lambda record: bar.advance(task),
            )
    except KeyboardInterrupt:
        console().print(
            f"\nStopped. All games are in {escape(str(place.store))}. To go on, run the same command again.",
            soft_wrap=True,
        )
        return Outcome({"finished": False}, code=130)
    _draw(tuning, place)
    _show(tuning, place)
    return Outcome({**as_json(tuning), "curve": str(place.curve), "store": str(place.store), "finished": True})


def as_json(tuning: Tuning) -> dict[str, Any]:
    """A tuning as the object that `--json` writes; Elo is null where it has no bound."""
    found = tuning.found
    return {
        "game": tuning.plan.game,
        "agent": tuning.plan.agent,
        "checkpoint": tuning.file.name,
        "budget": str(tuning.plan.budget),
        "axes": list(tuning.plan.axes),
        "recommended": tuning.spec,
        "setting": {name: float(value) for name, value in tuning.options},
        "proposed": {name: float(value) for name, value in tuning.proposed},
        "verdict": tuning.verdict,
        "games": found.steps[-1].games,
        "settled": found.settled,
        "expected_regret": found.steps[-1].regret,
        "gains": [_gain_as_json(gain.dial, gain.elo, gain.match) for gain in tuning.gains],
        "steps": [vars(step) for step in found.steps],
    }


def _gain_as_json(dial: float, elo: tuple[float, float, float], match: Any) -> dict[str, Any]:
    """One line of the gains."""
    return {
        "over_dial": dial,
        "elo": elo[0],
        "elo_ci95": list(elo[1:]),
        "games": 0 if match is None else len(match.games),
        "distinct_games": 0 if match is None else match.distinct_games,
        "score": None if match is None else match.score,
    }


def _draw(tuning: Tuning, place: Place) -> None:
    """Write the curve, and what TensorBoard shows."""
    from eval.tuning.curve import curve, png
    from hybrid.files import write_atomically
    from training.tensorboard_results import write_tuning

    plan = tuning.plan
    picture = png(curve(tuning.found, f"{plan.agent} at {' = '.join(plan.budget.option)} a move"))
    write_atomically(place.curve, picture)
    write_tuning(place.folder / place.stem, tuning, picture)


def _show(tuning: Tuning, place: Place) -> None:
    """Print the recommendation and what it gains."""
    screen, last = console(), tuning.found.steps[-1]
    ending = "known to the precision asked for" if tuning.found.settled else "not to the precision asked for"
    screen.print(f"Recommended: [bold]{escape(tuning.spec)}[/bold]", soft_wrap=True)
    screen.print(tuning.verdict, soft_wrap=True)
    listing = table("", "gain over", "Elo", "95 %", "games", "evaluations/move", "ms/move")
    for gain in tuning.gains:
        elo, low, high = gain.elo
        if gain.match is None:
            listing.add_row(f"dial {gain.dial:g}", "the same agent", *[""] * 4)
            continue
        cost = gain.match.costs(0)
        moves = max(cost.moves, 1)
        listing.add_row(
            f"dial {gain.dial:g}",
            f"{elo:+.0f}",
            f"{low:+.0f} to {high:+.0f}",
            str(len(gain.match.games)),
            f"{cost.evaluations / moves:.1f}",
            f"{1000.0 * cost.seconds / moves:.1f}",
        )
    screen.print(listing)
    agent, budget = tuning.plan.agent, "=".join(tuning.plan.budget.option)
    asked = f"{agent}{'&' if '?' in agent else '?'}dial=tuned&{budget}"
    screen.print(
        f"{last.games} games of search; expected regret {last.regret:.0f} Elo, {ending}. Dial 0 is the "
        f"network alone. The curve is {escape(str(place.curve))}; {escape(asked)} plays at the recommendation.",
        soft_wrap=True,
    )
