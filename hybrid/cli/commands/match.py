"""Let agents play each other, and say who is stronger and how sure that is.

Every pairing plays seeded random openings, each once in every seating; games that repeat each other count once.
Scores, intervals and Elo differences are from the first agent's view: a win is 1, a draw 0.5.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, check_writable, console, figures, progress, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from eval.match import Match
    from eval.records import Record
    from eval.sprt import Sprt, Verdict


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid match`."""
    from jsonargparse.typing import PositiveInt

    from hybrid.cli.parser import add_concurrent, add_openings

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument(
        "agents",
        type=str,
        nargs="+",
        help="one for each player: run folders, checkpoints, random, 'mcts?simulations=1000'",
    )
    parser.add_argument("--games", type=PositiveInt, default=100, help="how many; a multiple of the number of seatings")
    add_openings(parser)
    add_concurrent(parser)
    parser.add_argument(
        "--sprt",
        type=str | None,
        default=None,
        metavar="ELO0,ELO1",
        help="stop as soon as it is known whether the first agent is ELO1 better rather than ELO0; --games is the most",
    )
    parser.add_argument("--save", type=Path | None, default=None, metavar="FILE", help="keep the games as JSON lines")


def run(
    *,
    game: str,
    agents: list[str],
    games: int,
    opening_plies: int,
    concurrent: int,
    sprt: str | None,
    save: Path | None,
    seed: int,
) -> Outcome:
    """Play the match and show its result."""
    import numpy as np

    from eval import sprt as sequential
    from eval.match import Match, play
    from games import load as load_game
    from hybrid.agents import load_all

    if save is not None:
        check_writable(save, "--save")
    test = None if sprt is None else _test(sprt, games)
    rules = load_game(game)
    players, rng = load_all(agents, rules), np.random.default_rng(seed)
    verdict, stopped = None, False
    finished: list[Record] = []
    title = escape(f"{game}: {' against '.join(agents)}")
    try:
        with _kept(finished, save), _watched(title, games, finished) as told:
            options: Any = {"opening_plies": opening_plies, "progress": told}
            if test is None:
                result = play(rules, players, games, rng, concurrent=concurrent, **options)
            else:
                batch = concurrent + concurrent % 2
                verdict, result = sequential.run(rules, players, test, rng, max_games=games, batch=batch, **options)
    except KeyboardInterrupt:
        if not finished:
            raise
        result, stopped = Match.of(finished), True
        console().print(f"Stopped after {len(finished)} of {games} games; short ones are over first.")
    _show(result, agents)
    data = {**as_json(result, game, agents), "finished": not stopped}
    if test is not None and verdict is not None:
        data["sprt"] = _judged(test, verdict, result, games)
    if save is not None and not stopped:
        result.save(save)
    return Outcome(data, code=130 if stopped else 0)


@contextmanager
def _watched(title: str, games: int, finished: list[Record]) -> Iterator[Callable[[Record], None]]:
    """Show a bar; what is yielded adds to the games that are over and moves it on."""
    with progress() as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the match's own caution is shown with the result
        task = bar.add_task(title, total=games)

        def told(record: Record) -> None:
            finished.append(record)
            bar.advance(task)

        yield told


@contextmanager
def _kept(finished: list[Record], path: Path | None) -> Iterator[None]:
    """Write the games that are over to `path`, if there is one, when the match ends before its time."""
    from eval.match import Match

    try:
        yield
    except BaseException:
        if path is not None and finished:
            with suppress(OSError):  # what ended the match is worth telling more
                Match.of(finished).save(path)
                console().print(f"The {len(finished)} games that are over are in {escape(str(path))}.", soft_wrap=True)
        raise


def _judged(test: Sprt, verdict: Verdict, result: Match, most: int) -> dict[str, Any]:
    """Print what a sequential test of at most so many games says; the same for `--json`."""
    from eval import sprt

    if verdict is sprt.Verdict.UNDECIDED and len(result.games) < most:
        console().print(f"[yellow]caution:[/yellow] {sprt.exhausted(result)}")
    asked = f"{test.elo1:g} Elo better rather than {test.elo0:g}"
    console().print(f"Is the first agent {asked}, with errors of {test.alpha:.0%}? [bold]{verdict.value}[/bold]")
    if verdict is not sprt.Verdict.UNDECIDED:
        console().print(
            "Score, Elo and their intervals lean towards this verdict, because the test stopped where the games spoke "
            "for it; a match of a fixed number of games measures them."
        )
    return {**vars(test), "verdict": verdict.value}


def _test(text: str, games: int) -> Sprt:
    """The test of `0,20`: 0 Elo against 20, in at most so many games."""
    from eval.sprt import Sprt

    if games % 2:
        raise ValueError(f"--games must be even with --sprt, which is of pairs of games, got {games}")
    try:
        low, high = (float(item) for item in text.split(","))
    except ValueError:
        raise ValueError(f"--sprt must be two numbers of Elo as in 0,20, got {text!r}") from None
    return Sprt(elo0=low, elo1=high)


def as_json(result: Match, game: str, agents: list[str]) -> dict[str, Any]:
    """A match as the object that `--json` writes; `elo` is null at a perfect score, where it has no bound."""
    return {
        "game": game,
        "agents": agents,
        "score": result.score,
        "ci95": list(result.ci95),
        "elo": result.elo,
        "elo_ci95": list(result.elo_ci95),
        "wins": result.wins,
        "draws": result.draws,
        "losses": result.losses,
        "games": len(result.games),
        "distinct_games": result.distinct_games,
        "costs": [vars(result.costs(index)) for index in range(len(agents))],
    }


def _show(result: Match, agents: list[str]) -> None:
    """Print the result and what each agent spent on it."""
    screen = console()
    low, high = result.ci95
    elo_low, elo_high = result.elo_ci95
    screen.print(
        f"[bold]{escape(agents[0])}[/bold]: score [bold]{result.score:.1%}[/bold] (95 %: {low:.1%} to {high:.1%}), "
        f"Elo {result.elo:+.0f} ({elo_low:+.0f} to {elo_high:+.0f}), "
        f"{result.wins} wins, {result.draws} draws, {result.losses} losses; "
        f"{result.distinct_games} of {len(result.games)} games distinct"
    )
    listing = table("", "agent", "ms/move", "evaluations/move", "rollout plies/move")
    for index, spec in enumerate(agents):
        cost = result.costs(index)
        moves = max(cost.moves, 1)
        per_move = (1000 * cost.seconds / moves, cost.evaluations / moves, cost.plies / moves)
        listing.add_row(escape(spec), *map(figures, per_move))
    screen.print(listing)
    if result.caution is not None:
        screen.print(f"[yellow]caution:[/yellow] {result.caution}")
