"""Let many agents play each other, and rate them all on one scale.

Every pairing plays seeded random openings, each once in every seating. Each game is stored as soon as it is over (by
default in runs/tournament-GAME.db): stopped, killed or run again, the same command goes on with the store, and more
--games or more agents add to it. A store is of one game, seed and opening length. docs/evaluation.md says what the
ratings and their intervals mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, check_apart, check_writable, console, file_stem, write_text

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from eval.results import Results
    from eval.tournament import Plan, Progress
    from eval.transitivity import Transitivity


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid tournament`."""
    from jsonargparse.typing import PositiveInt

    from eval.schedule import Schedule
    from hybrid.cli.parser import add_concurrent, add_openings

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument(
        "agents", type=str, nargs="+", help="run folders, checkpoints, random, 'mcts?simulations=1000' and others"
    )
    parser.add_argument(
        "--games", type=PositiveInt, default=200, help="how many each pairing plays (on average, if adaptive)"
    )
    parser.add_argument(
        "--store",
        type=Path | None,
        default=None,
        metavar="FILE",
        help="where games are kept and found again; runs/tournament-GAME.db without it",
    )
    parser.add_argument(
        "--schedule",
        choices=[schedule.value for schedule in Schedule],
        default=Schedule.ROUND_ROBIN.value,
        help="gauntlet: the first agent against all others; adaptive: most games where ratings are least certain",
    )
    add_openings(parser)
    parser.add_argument("--workers", type=PositiveInt, default=1, help="processes that play")
    add_concurrent(parser)
    parser.add_argument(
        "--anchor", type=str | None, default=None, metavar="AGENT", help="whose Elo is --anchor-elo; else the mean's is"
    )
    parser.add_argument("--anchor-elo", type=float, default=0.0, help="see --anchor")
    parser.add_argument("--csv", type=Path | None, default=None, metavar="FILE", help="write the games as a table")
    parser.add_argument("--pgn", type=Path | None, default=None, metavar="FILE", help="write the games as text")
    parser.add_argument(
        "--tensorboard", type=Path | None, default=None, metavar="DIR", help="add the standings to TensorBoard's events"
    )


def run(
    *,
    game: str,
    agents: list[str],
    games: int,
    store: Path | None,
    schedule: str,
    opening_plies: int,
    workers: int,
    concurrent: int,
    anchor: str | None,
    anchor_elo: float,
    csv: Path | None,
    pgn: Path | None,
    tensorboard: Path | None,
    seed: int,
) -> Outcome:
    """Play what is missing of the tournament and show how it ended."""
    from eval import tournament
    from eval.schedule import Schedule
    from hybrid.cli.tournament_screen import TournamentScreen

    plan = tournament.Plan(
        game=game,
        agents=tuple(agents),
        games=games,
        schedule=Schedule(schedule),
        seed=seed,
        opening_plies=opening_plies,
    )
    exports = {"--csv": csv, "--pgn": pgn}
    path = _prepare(plan, store, exports)
    if tensorboard is not None:
        tensorboard.mkdir(parents=True, exist_ok=True)
    screen = TournamentScreen(f"{game}: {len(agents)} agents")
    try:
        with screen:
            results = tournament.run(
                plan,
                path,
                workers=workers,
                concurrent=concurrent,
                anchor=anchor,
                anchor_elo=anchor_elo,
                progress=screen.update,
            )
    except KeyboardInterrupt:
        return _stopped(screen.latest, path)
    except RuntimeError as error:
        raise ChildProcessError(str(error)) from error
    _export(results, exports)
    if tensorboard is not None:
        from training.tensorboard_results import write_tournament

        write_tournament(tensorboard, results)
    return Outcome({**_show(results, path), "finished": True})


def _stopped(now: Progress | None, path: Path) -> Outcome:
    """Say how to go on after Ctrl-C."""
    from hybrid.cli.tournament_screen import standings_table

    if now is not None and now.results.records:
        console().print(standings_table(now.results))
    played = "" if now is None else f"{now.played} of {now.total} games are stored in {escape(str(path))}. "
    console().print(f"\nStopped. {played}To go on, run the same command again.", soft_wrap=True)
    data: dict[str, Any] = {"games": 0, "store": str(path)} if now is None else _as_json(now.results, path)[0]
    return Outcome({**data, "finished": False}, code=130)


def _prepare(plan: Plan, store: Path | None, exports: dict[str, Path | None]) -> Path:
    """Find mistakes before the first game and before there is a file of it; the path of the store."""
    from games import load as load_game
    from hybrid.agents import load_all

    path = store if store is not None else Path("runs", f"tournament-{file_stem(plan.game)}.db")
    for option, file in exports.items():
        if file is not None:
            check_writable(file, option)
    check_apart({"--store": path, **exports})
    load_all(plan.agents, load_game(plan.game))
    if store is None:
        path.parent.mkdir(exist_ok=True)
    return path


def _export(results: Results, exports: dict[str, Path | None]) -> None:
    """Write the files that were asked for."""
    from eval.export import to_csv, to_pgn

    for option, convert in (("--csv", to_csv), ("--pgn", to_pgn)):
        file = exports[option]
        if file is not None:
            write_text(file, convert(results))


def _show(results: Results, path: Path) -> dict[str, Any]:
    """Print standings, scores of the pairings and cautions; all of it for `--json`."""
    from hybrid.cli.tournament_screen import pairings_table, standings_table

    screen, (data, pool) = console(), _as_json(results, path)
    screen.print(standings_table(results, final=True))
    cautions = [results.caution]
    if pool is not None:
        screen.print(pairings_table(pool.agents, data["scores"]))
        cautions.append(pool.caution)
    screen.print(
        f"{results.distinct_games} of {len(results.records)} games distinct; all are stored in {escape(str(path))}",
        soft_wrap=True,
    )
    for caution in filter(None, cautions):
        screen.print(f"[yellow]caution:[/yellow] {escape(caution)}", soft_wrap=True)
    return data


def _as_json(results: Results, path: Path) -> tuple[dict[str, Any], Transitivity | None]:
    """The results as the object that `--json` writes, and how well ratings describe more than two agents.

    What follows from ratings is null as long as games do not connect all agents.
    """
    from eval.export import summary
    from eval.transitivity import examine

    rated = all(line.elo is not None for line in results.standings)
    data = {**summary(results), "store": str(path), "superiority": _superiority(results) if rated else None}
    if len(results.agents) < 3 or any(len(record.agents) != 2 for record in results.records):
        return data, None
    pool = examine(results) if rated else None
    return data | _pool_as_json(pool), pool


def _superiority(results: Results) -> list[list[float]]:
    """The probability that the agent of each row is better than that of each column, in order of the standings."""
    agents = [line.agent for line in results.standings]
    return [[results.ratings.superiority(one, other) for other in agents] for one in agents]


def _pool_as_json(pool: Transitivity | None) -> dict[str, Any]:
    """How well ratings describe the pool; numbers that there are none of become null."""
    if pool is None:
        return dict.fromkeys(("scores", "misfit", "cycles", "alpha_rank"))
    return {
        "scores": [[None if score != score else score for score in row] for row in pool.scores.tolist()],
        "misfit": pool.misfit,
        "cycles": pool.cycles,
        "alpha_rank": None if pool.alpha_rank is None else pool.alpha_rank.tolist(),
    }
