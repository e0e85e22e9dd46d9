"""One game in the terminal between a human and an agent: moves, and commands that change the agent meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape

from games import Game
from games.chance import awaits, draw
from games.picture import picture
from hybrid import gtp
from hybrid.agent import Agent
from hybrid.analyse import Analysis, analyse
from hybrid.choice import decision_seed
from hybrid.cli.thoughts import expectation, headline, moves_table

if TYPE_CHECKING:
    from rich.console import Console

HELP = """\
Type a move as the board names it, or
  dial 0.3           where the agent stands: 0 = network alone, 0.5 = AlphaZero, 1 = search alone
  simulations 200    its search budget per move
  time 50ms          the same in seconds (s) or milliseconds (ms) of wall time per move
  prior_weight 0.5   how far the search trusts the network's policy, 0 to 1; also value_weight
  elo 1200           how strong it is to be, once hybrid spectrum has calibrated it
  agent SPEC         another opponent from here on
  hint               what the agent would do in your place
  moves              the legal moves
  undo               take back your last move
  quit               leave the game"""

_AGENT_OPTIONS = ("dial", "simulations", "time", "prior_weight", "value_weight", "elo")
_EXCLUDES = {
    "dial": ("prior_weight", "value_weight", "elo"),
    "simulations": ("time", "evaluations", "elo"),
    "time": ("simulations", "evaluations", "elo"),
    "prior_weight": ("dial", "elo"),
    "value_weight": ("dial", "elo"),
    "elo": ("dial", "simulations", "time", "prior_weight", "value_weight"),
}


class Session:
    """A game in progress.

    The position after each move is remembered, for `undo`; decisions and chance are seeded by (seed, ply), so that
    taking moves back and repeating them repeats the dice, and the replies of agents that remember nothing of a game
    (`reuse=false`). Others have forgotten what they knew of it.
    """

    def __init__(
        self,
        game: Game,
        load: Callable[[str], Agent],
        spec: str,
        human: int,
        seed: int,
        console: Console,
        show: int = 10,
    ) -> None:
        """Begin a game in which player `human` types and `load(spec)` has the other seats; `show` moves are listed."""
        self.game, self.spec, self.human = game, spec, human
        self._load, self._seed, self._console, self._show = load, seed, console, show
        self._agent = load(spec)
        self._adviser: Agent | None = None
        self._failed = False
        self._positions = [game.initial()]
        self._actions: list[int] = []

    @property
    def position(self) -> Any:
        """The current position, one record."""
        return self._positions[-1][0]

    @property
    def moves(self) -> list[str]:
        """The moves so far, by name."""
        return [self.game.action_name(action) for action in self._actions]

    def play(self, read: Callable[[], str | None]) -> bool:
        """Play until the game ends (true) or `read` returns None or the human quits (false)."""
        self._console.print(
            f"You are player {self.human + 1}; [bold]{escape(self.spec)}[/bold] is your opponent. help = help"
        )
        self._board()
        while not self.position["terminal"]:
            if awaits(self.game, self._positions[-1])[0]:
                self._draw()
                continue
            if self.position["to_play"] != self.human and not self._failed:
                self._reply()
                continue
            line = read()
            if line is None or line.strip() in ("quit", "exit"):
                self._console.print("Game left unfinished.")
                return False
            self.obey(line.strip())
        self._console.print(f"[bold]{_verdict(self.position['returns'], self.human)}[/bold]")
        return True

    def obey(self, line: str) -> None:
        """Do what the human typed: a move or a command; say so if it is neither."""
        legal = self.game.legal_actions(self._positions[-1])[0]
        action = gtp.action(self.game, legal, line)
        word, _, rest = line.partition(" ")
        try:
            if action is not None:
                self._play(action)
                self._board()
            elif word == "agent" and rest:
                self._change(rest.strip())
            elif word in _AGENT_OPTIONS and rest:
                self._change(with_option(self.spec, word, rest.strip()))
            elif word in ("help", "?"):
                self._console.print(HELP, markup=False, soft_wrap=True)
            elif word == "moves":
                self._console.print(" ".join(map(self.game.action_name, np.flatnonzero(legal).tolist())), markup=False)
            elif word == "hint":
                self._hint()
            elif word == "undo":
                self._undo()
            elif line:
                self._console.print(f"{line!r} is neither a legal move nor a command: try moves or help", markup=False)
        except ValueError as error:
            self._console.print(str(error), markup=False)

    def _draw(self) -> None:
        """Let chance move, and show what came."""
        point = np.random.default_rng([self._seed, len(self._actions)]).random(1)
        outcome = int(draw(self.game, self._positions[-1], point)[0])
        self._console.print(f"Chance: [bold]{escape(self.game.action_name(outcome))}[/bold]")
        self._play(outcome)
        self._board()

    def _reply(self) -> None:
        """Let the agent move, and show why; where it fails, that is shown, and the human is asked what to do."""
        try:
            analysis = self._think(self._agent, remembered=0)
            self._explain(analysis)
            self._play(int(analysis.decision.actions[0]))
        except ValueError as error:
            self._failed = True
            self._console.print(f"Your opponent cannot move: {error}", markup=False, soft_wrap=True)
            self._console.print("Name another (agent SPEC), take back your move (undo), or move in its place.")
        self._board()

    def _play(self, action: int) -> None:
        self._failed = False
        self._positions.append(self.game.step(self._positions[-1], np.array([action])))
        self._actions.append(action)

    def _undo(self) -> None:
        """Go back to the human's turn before this one."""
        turns = [ply for ply, position in enumerate(self._positions[:-1]) if position["to_play"][0] == self.human]
        if not turns:
            raise ValueError("there is no move of yours to take back")
        del self._positions[turns[-1] + 1 :], self._actions[turns[-1] :]
        self._agent.forget()
        self._board()

    def _change(self, spec: str) -> None:
        """Continue against the agent `spec`; a spec that cannot be loaded changes nothing."""
        self._agent, self._adviser = self._load(spec), None
        self.spec, self._failed = spec, False
        self._console.print(f"Your opponent is now [bold]{escape(spec)}[/bold].")

    def _hint(self) -> None:
        """Show what another agent of the spec thinks, so that what the opponent remembers is left alone."""
        if self._adviser is None:
            self._adviser = self._load(self.spec)
        self._explain(self._think(self._adviser))

    def _think(self, agent: Agent, remembered: int | None = None) -> Analysis:
        """Let `agent` decide now; with `remembered`, the number of a game, it keeps its tree for its next move."""
        seed = decision_seed(self._seed, len(self._actions))
        return analyse(self.game, self._positions[-1], agent, seed, remembered=remembered)

    def _explain(self, analysis: Analysis) -> None:
        names = [self.game.action_name(action) for action in range(self.game.num_actions)]
        self._console.print(headline(analysis, names, int(self.position["to_play"])))
        variation = expectation(analysis, names)
        if variation is not None:
            self._console.print(variation)
        listing = moves_table(analysis, names, self._show)
        if listing is not None:
            self._console.print(listing)

    def _board(self) -> None:
        self._console.print(f"\n{picture(self.game, self.position)}\n", markup=False, soft_wrap=True)


def with_option(spec: str, key: str, value: str) -> str:
    """An agent's spec with one option set and those that contradict it dropped."""
    base, _, query = spec.partition("?")
    options = dict(item.partition("=")[::2] for item in query.split("&") if item)
    for other in _EXCLUDES.get(key, ()):
        options.pop(other, None)
    options[key] = value
    return f"{base}?{'&'.join(f'{name}={setting}' for name, setting in options.items())}"


def _verdict(returns: Any, human: int) -> str:
    """How the game ended, for the human."""
    if returns[human] == 0:
        return "A draw."
    return "You win." if returns[human] > 0 else "You lose."
