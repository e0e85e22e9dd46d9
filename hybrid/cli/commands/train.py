"""Train an agent on a game, build on another (--start), or go on with one that was stopped (--resume).

The run folder (by default runs/GAME, or the next free runs/GAME-2, ...) holds the configuration, the agent after each
generation, TensorBoard events and match results. A recipe sets every option to fit the game; a YAML file (--config)
overrides it, single options override both, and --print_config shows the outcome without training. The defaults below
are those of the GAME and --recipe given with --help, or of connect_four. Stop with Ctrl-C at any time.
"""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, console, file_stem

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from games import Game
    from training.origin import Origin

_EXAMPLE = "connect_four"
"""The game whose options the help shows where none is named."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid train`: its own and every field of `training.config.Config`."""
    from training.config import Config
    from training.recipes import RECIPES

    parser.usage = (
        f"{parser.prog} [GAME] [--recipe RECIPE | --resume RUN | --start RUN] [--run FOLDER] [--config FILE] [OPTIONS]"
    )
    parser.add_argument(
        "game",
        type=str | None,
        nargs="?",
        default=None,
        help="such as connect_four; a run that is gone on with or built on tells its own",
    )
    parser.add_argument("--recipe", choices=list(RECIPES), default="standard", help="what the other options start from")
    parser.add_argument("--run", type=Path | None, default=None, metavar="FOLDER", help="a new run folder")
    parser.add_argument(
        "--resume", type=Path | None, default=None, metavar="RUN", help="go on with this run, as it was"
    )
    parser.add_argument(
        "--start",
        type=str | None,
        default=None,
        metavar="RUN",
        help="make a new run that begins with this one's network, to which blocks may be added, and replay, or with "
        "the network of this checkpoint of GAME, or of 'pretrained'; all options are what its run would go on with but "
        "for those given, the seed, which is the next, and what is measured on the machine",
    )
    parser.add_argument("--config", action="config", help="a YAML file of options")
    parser.add_class_arguments(Config)


def defaults(parser: ArgumentParser, arguments: Sequence[str]) -> dict[str, Any]:
    """The defaults that the command line implies: those of its recipe for its game, or of the run it builds on."""
    from training.config import to_json
    from training.recipes import recipe

    _check_texts(arguments)
    shown = [argument for argument in arguments if not argument.startswith(("-h", "--help", "--print_config"))]
    options = parser.parse_args(shown)
    if (options.resume or options.start) is not None and options.recipe != parser.get_default("recipe"):
        raise ValueError(f"--recipe is for runs that begin from nothing, got {options.recipe!r}")
    if options.resume is not None:
        from training.state import describe

        return to_json(describe(options.resume, _named(options.game))[1])
    if options.start is not None:
        from training.origin import reopened

        known = _origin(options.game, options.start)
        # With the same seed the games would begin as the other run's did.
        return to_json(reopened(dataclasses.replace(known.config, seed=known.config.seed + 1), known.generation))
    if options.game is not None:
        from games import load

        return to_json(recipe(options.recipe, load(options.game)))
    if not {"-h", "--help"}.intersection(arguments):
        raise ValueError("a game is required, or --resume or --start RUN (see 'hybrid train --help')")
    from games import load

    return to_json(recipe(options.recipe, load(_EXAMPLE)))


def _check_texts(arguments: Sequence[str]) -> None:
    """Name the configuration that cannot be read; what is wrong with others their parser tells."""
    import yaml

    following = itertools.pairwise(arguments)
    given = [value for option, value in following if option == "--config"]
    given += [argument.removeprefix("--config=") for argument in arguments if argument.startswith("--config=")]
    for path in map(Path, given):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else None
            empty = text is not None and not text.strip()
            yaml.compose(text or "", yaml.SafeLoader)
        except UnicodeDecodeError:
            raise ValueError(f"--config must be a text of options, {str(path)!r} is no text") from None
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise ValueError(f"--config must be YAML, {str(path)!r} is not{line}: {error.problem}") from None
        except yaml.YAMLError as error:
            raise ValueError(f"--config must be YAML, {str(path)!r} is not: {error}") from None
        if empty:
            raise ValueError(f"--config must be a text of options, {str(path)!r} is empty")


def run(
    *,
    game: str | None,
    recipe: str,
    run: Path | None,
    resume: Path | None,
    start: str | None,
    config: Any,
    **fields: Any,
) -> Outcome:
    """Train to the end, showing how it goes; `recipe` and `config` have already made their way into `fields`."""
    from games import load
    from hybrid.cli.training_screen import TrainingScreen
    from training import loop, state
    from training.config import from_json, to_json

    settings = from_json(_plain(fields))
    begun = time.perf_counter()
    if resume is not None:
        trained, known = state.describe(resume, _named(game))
        if (run, start) != (None, None) or to_json(settings) != to_json(known):
            raise ValueError(
                "--resume goes on with a run exactly as it was: give no --run or other option with it; for more "
                f"generations or other options make a new run, --start {shlex.quote(str(resume))}"
            )
        folder = resume
    else:
        if start is not None:
            before = _origin(game, start)
            trained, start = before.game, str(before.path)
        else:
            assert game is not None  # `defaults` has seen to it
            trained = load(game)
        folder = run or free_folder(trained.spec, Path("runs"))
    screen = console()
    with TrainingScreen(screen) as observer, _vacated(folder, reserved=run is None and resume is None):
        try:
            agent = (
                loop.resume(folder, observer, game=trained)
                if resume
                else loop.train(trained, settings, folder, observer, start=start)
            )
        except KeyboardInterrupt:
            observer.stop()
            saved = (folder / "config.json").exists()
            hint = f" To go on:\n  hybrid train --resume {escape(shlex.quote(str(folder)))}" if saved else ""
            done = state.newest(folder)
            screen.print(f"\nStopped; {done} of {settings.generations} generations are saved.{hint}", soft_wrap=True)
            return Outcome(_as_json(folder, None, done, begun), code=130)
    screen.print(
        f"The agent is saved in {escape(str(folder))}. Play it: "
        f"[bold]hybrid play {escape(shlex.join((trained.spec, str(folder))))}[/bold]",
        soft_wrap=True,
    )
    return Outcome(_as_json(folder, agent, state.newest(folder), begun))


def _origin(name: str | None, start: str) -> Origin:
    """What a run builds on: a run, or a checkpoint of the game of this name."""
    from hybrid import pretrained
    from training import origin

    game, ready = _named(name), start == pretrained.WORD
    if game is None and (ready or Path(start).is_file()):
        raise ValueError(f"--start {start} needs its game, as in 'hybrid train connect_four --start {start}'")
    return origin.read(pretrained.find(game) if ready and game else start, game)


def _named(game: str | None) -> Game | None:
    """The game of this name, if one is given: a run tells its own, but not where a game's file lies by now."""
    from games import load

    return None if game is None else load(game)


def free_folder(game: str, parent: Path) -> Path:
    """A new folder in `parent` named after the game, numbered from 2 where there is one already."""
    parent.mkdir(parents=True, exist_ok=True)
    return next(path for path in _numbered(parent / file_stem(game)) if _made(path))


def _made(path: Path) -> bool:
    """Make a folder; false where somebody has done so before."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


@contextmanager
def _vacated(folder: Path, *, reserved: bool) -> Iterator[None]:
    """Remove a folder that was reserved for a run, if nothing has come of it."""
    try:
        yield
    finally:
        if reserved:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _numbered(path: Path) -> Iterator[Path]:
    """`path`, then `path-2`, `path-3`, ..."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.name}-{number}")
        number += 1


def _plain(value: Any) -> Any:
    """Parsed options, which may nest namespaces and dataclasses, as nested dictionaries."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    elif hasattr(value, "as_dict"):
        value = value.as_dict()
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _as_json(run: Path, agent: Path | None, generation: int, begun: float) -> dict[str, Any]:
    from training.evaluation import history

    return {
        "run": str(run),
        "agent": None if agent is None else str(agent),
        "generation": generation,
        "finished": agent is not None,
        "seconds": time.perf_counter() - begun,
        "matches": history(run),
    }
