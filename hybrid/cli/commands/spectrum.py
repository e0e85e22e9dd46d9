"""Map what network and search are worth: dial positions, budgets and checkpoints of one run, all rated on one scale.

Writes a page to look at (report.html, which needs nothing else), its plots, a table of all numbers and TensorBoard's
events into a folder, by default RUN/spectrum (for pretrained below ~/.local/share/hybrid), and calibrates the newest
checkpoint's strength: from then on RUN?elo=1200 plays at that rating of this pool.
Every game is stored as soon as it is over: stopped, killed or run again, the same command goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from eval.spectrum.design import Design
    from eval.spectrum.survey import Spectrum
    from eval.tournament import Progress
    from hybrid.strength import Strength


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid spectrum`."""
    from jsonargparse.typing import PositiveInt

    from eval.spectrum import design
    from hybrid.cli.parser import add_openings

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument("agent", type=str, help="a run folder or checkpoint; options of the search may follow")
    parser.add_argument(
        "--positions", type=str, default=_joined(design.POSITIONS), help="places on the dial, 0 = network, 1 = search"
    )
    parser.add_argument("--simulations", type=str, default=_joined(design.SIMULATIONS), help="budgets, the dial's N")
    parser.add_argument(
        "--checkpoints", type=PositiveInt, default=3, help="how many generations, evenly spaced up to the newest"
    )
    parser.add_argument(
        "--opponents",
        type=str,
        nargs="+",
        default=list(design.OPPONENTS),
        metavar="AGENT",
        help=f"fixed agents that all others meet; the first is rated {design.ANCHOR_ELO:g}",
    )
    parser.add_argument("--games", type=PositiveInt, default=24, help="how many each pairing plays on average")
    parser.add_argument(
        "--out", type=Path | None, default=None, metavar="FOLDER", help="else RUN/spectrum, or RUN/spectrum-CHECKPOINT"
    )
    add_openings(parser)
    parser.add_argument("--workers", type=PositiveInt, default=1, help="processes that play")


def run(
    *,
    game: str,
    agent: str,
    positions: str,
    simulations: str,
    checkpoints: int,
    opponents: list[str],
    games: int,
    out: Path | None,
    opening_plies: int,
    workers: int,
    seed: int,
) -> Outcome:
    """Play and measure what is missing, and write what came out."""
    from eval.spectrum.design import Design

    design = Design(
        game=game,
        agent=agent,
        positions=_numbers("--positions", positions, float),
        simulations=_numbers("--simulations", simulations, int),
        checkpoints=checkpoints,
        opponents=tuple(opponents),
        games=games,
        seed=seed,
        opening_plies=opening_plies,
    )
    folder = out if out is not None else _folder(agent, game)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out must be a folder, got {str(folder)!r}")
    return _survey(design, folder, workers)


def _survey(design: Design, folder: Path, workers: int) -> Outcome:
    """Make the map, with progress on the way."""
    from eval.spectrum import export, survey
    from eval.spectrum.design import plan
    from hybrid import checkpoint, strength
    from hybrid.cli.output import progress
    from hybrid.cli.tournament_screen import TournamentScreen
    from training.tensorboard_results import write_spectrum

    screen = TournamentScreen(f"{design.game}: {design.agent}")
    try:
        pool = plan(design)
        target = checkpoint.beside(pool.newest, strength.FILE)
        if target is not None and target.is_file():
            strength.read(target)
        with screen:
            results = survey.play(design, pool, folder, workers=workers, progress=screen.update)
        with progress() as bar:
            task = bar.add_task("measuring", total=len(pool.agents))
            spectrum = survey.complete(design, pool, results, folder, lambda done, _: bar.update(task, completed=done))
    except KeyboardInterrupt:
        return _stopped(screen.latest, folder)
    except RuntimeError as error:
        raise ChildProcessError(str(error)) from error
    calibration = survey.calibrate(spectrum) if target is not None else None
    files = export.write(spectrum, calibration, folder)
    if calibration is not None and target is not None:
        strength.save(target, calibration)
    pictures = {file.stem: file.read_bytes() for file in files if file.suffix == ".png"}
    write_spectrum(folder / "tensorboard", spectrum, pictures)
    data = {**export.summary(spectrum, calibration), "files": [str(file) for file in files], "finished": True}
    _show(spectrum, calibration, files[0])
    return Outcome(data)


def _show(spectrum: Spectrum, calibration: Strength | None, report: Path) -> None:
    """Print the newest checkpoint's map and the answers."""
    from eval.spectrum.findings import findings

    screen, design, newest = console(), spectrum.design, spectrum.generations[-1]
    listing = table(
        f"Elo of generation {newest}", "simulations", *(f"dial {position:g}" for position in design.positions)
    )
    for budget in design.simulations:
        places = [spectrum.elo(spectrum.cell(newest, position, budget).agent) for position in design.positions]
        listing.add_row(f"{budget:,}", *(f"{one.value:.0f} ±{(one.high - one.low) / 2:.0f}" for one in places))
    screen.print(listing)
    for finding in findings(spectrum):
        screen.print(f"[bold]{finding.question}[/bold] {escape(finding.answer)}", soft_wrap=True)
    if calibration is not None:
        low, high = calibration.range
        screen.print(
            f"\nStrength is calibrated: {escape(design.agent)}?elo={round((low + high) / 2, -1):.0f}, "
            f"from {low:.0f} to {high:.0f}.",
            soft_wrap=True,
        )
    for caution in spectrum.cautions:
        screen.print(f"[yellow]caution:[/yellow] {escape(caution)}", soft_wrap=True)
    screen.print(f"\nLook at [bold]{escape(str(report))}[/bold]", soft_wrap=True)


def _stopped(now: Progress | None, folder: Path) -> Outcome:
    """Say how to go on after Ctrl-C."""
    played = "" if now is None else f"{now.played} of {now.total} games are stored in {escape(str(folder))}. "
    console().print(f"Stopped. {played}To go on, run the same command again.", soft_wrap=True)
    data: dict[str, Any] = {"games": 0 if now is None else now.played, "finished": False}
    return Outcome(data, code=130)


def _folder(agent: str, game: str) -> Path:
    """Where results go by default: into the run folder, one for each checkpoint named; or beside a lone checkpoint.

    Those of `pretrained` go to what else is found out about it.
    """
    from games import load
    from hybrid import agents, checkpoint

    path = Path(agents.parse_spec(agent, load(game)).path)
    if not path.is_file():
        return path / "spectrum"
    name = f"spectrum-{path.stem}"
    return checkpoint.beside(path, name) or path.parent / name


def _joined(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)


def _numbers(option: str, text: str, kind: type) -> tuple[Any, ...]:
    """Numbers out of `0,0.5,1`."""
    try:
        return tuple(kind(item) for item in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be numbers with commas between them, got {text!r}") from None
