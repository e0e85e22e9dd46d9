"""An agent served over GTP: what answers each command. Who reads and writes is somebody else's business."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from games import Game, Positions
from games import load as load_game
from games.load import respecified, settings
from hybrid import gtp
from hybrid import gtp_reports as reports
from hybrid.agent import Agent
from hybrid.choice import decision_seed

Loader = Callable[[str, Game], Agent]
"""Makes an agent from its spec, as `hybrid.agents.load`."""


class GtpServer:
    """One game in progress at one board, with an agent that is asked for moves.

    Decisions are seeded by (seed, ply). Colours take turns: a move out of turn is played after a pass of the other
    colour, where there are passes. Within a game the agent may remember its earlier moves; an `undo` ends that.
    """

    def __init__(self, game: Game, agent: str, load: Loader, seed: int = 0) -> None:
        """Serve `load(agent, game)`. Raises ValueError for a game of chance, of which GTP knows nothing."""
        if game.stochastic:
            raise ValueError(f"GTP knows no chance, which {game.spec} has")
        self.ended = False
        self._game, self._spec, self._load, self._seed = game, agent, load, seed
        self._agent = load(agent, game)
        self._analyst: Agent | None = None
        self._moves: list[tuple[int, ...]] = []
        self._positions = [game.initial()]
        self._number = 0
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "protocol_version": lambda _: gtp.VERSION,
            "name": lambda _: "Hybrid",
            "version": lambda _: f"{version('hybrid-agents')} ({self._spec})",
            "known_command": lambda words: str(gtp.only(words) in self._commands).lower(),
            "list_commands": lambda _: "\n".join(self._commands),
            "quit": self._quit,
            "boardsize": self._boardsize,
            "clear_board": self._clear,
            "komi": self._komi,
            "play": self._play,
            "genmove": self._genmove,
            "reg_genmove": lambda words: self._game.action_name(self._decide(words)),
            "undo": self._undo,
            "showboard": lambda _: "\n" + reports.picture(self._game, self._position[0]),
            "final_score": lambda _: reports.score(self._game, self._position[0]),
            "final_status_list": lambda words: reports.status(self._game, self._position[0], gtp.only(words)),
            "time_settings": lambda words: gtp.times(words, 3),
            "time_left": lambda words: gtp.times(words[1:], 2),
            "set_random_seed": self._reseed,
            "hybrid-game": lambda _: self._game.spec,
            "hybrid-agent": self._change,
            "hybrid-legal": lambda _: reports.moves(self._game, self._position),
            "hybrid-analyse": self._analyse,
        }

    def answer(self, line: str) -> str:
        """The answer to one line of input, its empty line included; nothing to an empty line or a comment."""
        words = re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", "", line).partition("#")[0].split()
        number = words.pop(0) if words and words[0].isascii() and words[0].isdigit() else ""
        if not words:
            return f"?{number} syntax error\n\n" if number else ""
        command = self._commands.get(words[0])
        try:
            text = command(words[1:]) if command else None
        except (ValueError, OSError) as error:
            return f"?{number} {' '.join(str(error).split())}\n\n"
        return f"?{number} unknown command\n\n" if text is None else f"={number} {text}".rstrip(" ") + "\n\n"

    @property
    def _position(self) -> Positions:
        """The current position, `[1]`."""
        return self._positions[-1]

    def _quit(self, words: list[str]) -> str:
        self.ended = True
        return ""

    def _clear(self, words: list[str]) -> str:
        self._moves.clear()
        self._positions = [self._game.initial()]
        self._number += 1
        return ""

    def _boardsize(self, words: list[str]) -> str:
        size = gtp.integer(words)
        if settings(self._game.spec).get("size", gtp.side(self._game)) != size:
            if "size" not in settings(self._game.spec):
                raise ValueError(f"unacceptable size: {self._game.spec} has no other")
            try:
                self._become(respecified(self._game.spec, size=size), self._spec)
            except ValueError as error:
                raise ValueError(f"unacceptable size: {error}") from None
        return self._clear(words)

    def _komi(self, words: list[str]) -> str:
        """Load the game with another komi and play the moves again; nothing where there is no komi."""
        komi = gtp.number(words)
        if settings(self._game.spec).get("komi", komi) != komi:
            self._become(respecified(self._game.spec, komi=komi), self._spec)
            moves = self._moves
            self._moves, self._positions = [], [self._game.initial()]
            for actions in moves:
                self._push(actions)
        return ""

    def _become(self, game: str, agent: str) -> None:
        """Change game and agent, or, where either fails, nothing."""
        rules = load_game(game)
        self._agent, self._analyst = self._load(agent, rules), None
        self._game, self._spec = rules, agent
        self._number += 1

    def _change(self, words: list[str]) -> str:
        """Another agent from here on, or only the name of this one."""
        if words:
            self._become(self._game.spec, " ".join(words))
        return self._spec

    def _reseed(self, words: list[str]) -> str:
        self._seed = gtp.integer(words)
        return ""

    def _push(self, actions: tuple[int, ...]) -> None:
        """Play the actions of one command; they are taken back together."""
        position = self._position
        for action in actions:
            position = self._game.step(position, [action])
        self._moves.append(actions)
        self._positions.append(position)

    def _passes(self, word: str) -> tuple[int, ...]:
        """The passes of others that come before a move of the colour `word`."""
        player, position, passes = gtp.player(word, self._game.players), self._position, list[int]()
        while not position[0]["terminal"] and position[0]["to_play"] != player:
            passing = gtp.action(self._game, self._game.legal_actions(position)[0], gtp.PASS)
            if passing is None or len(passes) == self._game.players:
                break
            passes.append(passing)
            position = self._game.step(position, [passing])
        if not self._position[0]["terminal"] and (position[0]["terminal"] or position[0]["to_play"] != player):
            raise ValueError(f"illegal move: it is the turn of {gtp.COLOURS[self._position[0]['to_play']]}")
        return tuple(passes)

    def _play(self, words: list[str]) -> str:
        if len(words) < 2:
            raise ValueError("syntax error: play needs a colour and a move")
        before, name = self._passes(words[0]), " ".join(words[1:])
        if self._over(name):
            return ""
        position = self._position
        for passing in before:
            position = self._game.step(position, [passing])
        action = gtp.action(self._game, self._game.legal_actions(position)[0], name)
        if action is None:
            raise ValueError("illegal move")
        self._push((*before, action))
        return ""

    def _over(self, name: str) -> bool:
        """Whether the game is over and this pass changes nothing; raises ValueError if another move is tried then."""
        if not self._position[0]["terminal"]:
            return False
        initial = self._game.legal_actions(self._game.initial())[0]
        if name.lower() != gtp.PASS or gtp.action(self._game, initial, gtp.PASS) is None:
            raise ValueError("illegal move: the game is over")
        self._push(())
        return True

    def _genmove(self, words: list[str]) -> str:
        """Choose and play; after the end of a game that begins with passes being legal, pass."""
        before = self._passes(gtp.only(words))
        if self._over(gtp.PASS):
            return gtp.PASS
        action = self._decide(words)
        self._push((*before, action))
        return self._game.action_name(action)

    def _decide(self, words: list[str]) -> int:
        """The agent's move for a colour."""
        position = self._position
        for passing in self._passes(gtp.only(words)):
            position = self._game.step(position, [passing])
        if position[0]["terminal"]:
            raise ValueError("the game is over")
        seeds = np.array([self._seed_of(position)], np.uint64)
        return int(self._agent.decide(position, seeds, np.array([self._number])).actions[0])

    def _analyse(self, words: list[str]) -> str:
        """What another agent of the spec thinks, so that what the one that plays remembers is left alone."""
        if self._analyst is None:
            self._analyst = self._load(self._spec, self._game)
        return reports.analysis(self._game, self._position, self._analyst, self._seed_of(self._position))

    def _seed_of(self, position: Positions) -> int:
        """The seed of the decision in `position` `[1]`."""
        return decision_seed(self._seed, int(position[0]["ply"]))

    def _undo(self, words: list[str]) -> str:
        if not self._moves:
            raise ValueError("cannot undo")
        self._moves.pop()
        self._positions.pop()
        self._number += 1
        return ""
