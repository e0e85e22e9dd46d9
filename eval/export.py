"""Tournaments in files that others read: CSV of the games, JSON of the standings, game records like chess's PGN."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from eval.records import Record
from eval.results import Results
from games import load as load_game
from games.rules import Game

_WIDTH = 80


def to_json(results: Results) -> str:
    """The summary as JSON."""
    return json.dumps(summary(results), indent=2, allow_nan=False) + "\n"


def summary(results: Results) -> dict[str, Any]:
    """Standings, best first, and counts: `standings: [{agent, elo, ci95, games, score}], games, distinct_games`."""
    return {
        "game": results.game,
        "standings": [vars(line) for line in results.standings],
        "games": len(results.records),
        "distinct_games": results.distinct_games,
        "anchor": results.anchor,
    }


def to_csv(results: Results) -> str:
    """One line a game: seed, round, length of the opening, moves, and for each seat agent, return and cost."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    seats = range(max((len(record.seats) for record in results.records), default=0))
    columns = ("agent", "return", "evaluations", "plies", "seconds", "moves")
    writer.writerow(
        ["seed", "round", "opening_plies", "moves", *(f"{name}_{seat + 1}" for seat in seats for name in columns)]
    )
    for record in results.records:
        sides: list[object] = []
        for agent, returned, cost in zip(record.agents, record.returns, record.costs, strict=True):
            sides += [agent, returned, cost.evaluations, cost.plies, f"{cost.seconds:.6f}", cost.moves]
        moves = " ".join(map(str, record.moves))
        writer.writerow([f"{record.seed:016x}", record.round, record.opening, moves, *sides])
    return text.getvalue()


def to_pgn(results: Results) -> str:
    """All games as text: tags in brackets, then numbered moves in the game's notation and the result, as in PGN."""
    game = load_game(results.game)
    return "\n".join(_pgn_of(record, game) for record in results.records)


def _pgn_of(record: Record, game: Game) -> str:
    """One game. Two players are called White and Black as in chess, whatever the board's colours."""
    names = (
        ("White", "Black") if len(record.agents) == 2 else tuple(f"Player{k + 1}" for k in range(len(record.agents)))
    )
    tags = {
        "Event": "Tournament",
        "Game": record.game,
        "Round": str(record.round + 1),
        **dict(zip(names, record.agents, strict=True)),
        "Result": _result(record),
        "Seed": f"{record.seed:016x}",
        "OpeningPlies": str(record.opening),
        "PlyCount": str(len(record.moves)),
    }
    head = "".join(f'[{name} "{_quoted(value)}"]\n' for name, value in tags.items())
    tokens: list[str] = []
    for ply, move in enumerate(record.moves):
        if ply % len(record.agents) == 0:
            tokens.append(f"{ply // len(record.agents) + 1}.")
        tokens.append(game.action_name(move))
    return head + "\n" + _wrapped([*tokens, tags["Result"]]) + "\n"


def _result(record: Record) -> str:
    """The outcome as PGN writes it for two players, else every player's return."""
    if len(record.returns) != 2:
        return " ".join(f"{value:g}" for value in record.returns)
    first, second = record.returns
    return "1/2-1/2" if first == second else ("1-0" if first > second else "0-1")


def _quoted(text: str) -> str:
    """A tag's value with quotes and backslashes escaped, as the PGN standard says (section 8.1)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _wrapped(tokens: list[str]) -> str:
    """Tokens in lines of at most 80 characters, as the PGN standard's export format has them."""
    lines, length = [""], 0
    for token in tokens:
        if length + len(token) + 1 > _WIDTH:
            lines.append("")
            length = 0
        lines[-1] += (" " if length else "") + token
        length = len(lines[-1])
    return "\n".join(lines) + "\n"
