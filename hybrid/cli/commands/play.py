"""Play a game in the terminal against an agent, with its dial within reach.

After each of the agent's moves its thoughts are shown: what the move cost, the principal variation, the amortisation
gap (KL of the search's policy from the network's), and for every move the policies, the visits, the value and what is
proven. Type a move, or `help` for what can be changed during the game.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid.cli.output import Outcome, console

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser
    from rich.console import Console


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid play`."""
    from jsonargparse.typing import PositiveInt

    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument("agent", type=str, help="the opponent, such as 'runs/connect_four?dial=0.5&simulations=100'")
    parser.add_argument("--seat", type=PositiveInt, default=1, help="which player you are; 1 moves first")
    parser.add_argument(
        "--show", type=PositiveInt, default=10, help="how many of the agent's moves to list, best first"
    )


def run(*, game: str, agent: str, seat: int, show: int, seed: int) -> Outcome:
    """Play one game; the agent has all seats but `seat`."""
    import games
    from hybrid.agents import load
    from hybrid.cli.session import Session

    rules = games.load(game)
    if seat > rules.players:
        raise ValueError(f"seat must be between 1 and {rules.players} in {game}, got {seat}")
    screen = console()
    session = Session(rules, lambda spec: load(spec, rules), agent, seat - 1, seed, screen, show)
    finished, code = False, 0
    try:
        finished = session.play(lambda: _read(screen))
    except KeyboardInterrupt:
        code = 130
        screen.print("\nGame left unfinished.")
    return Outcome(
        {
            "game": game,
            "agent": session.spec,
            "seat": seat,
            "finished": finished,
            "moves": session.moves,
            "returns": session.position["returns"].tolist() if finished else None,
        },
        code,
    )


def _read(screen: Console) -> str | None:
    """One line from the human; None at the end of input."""
    try:
        return screen.input("[bold]your move>[/bold] ")
    except EOFError:
        screen.print()
        return None
