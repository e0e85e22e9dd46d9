from __future__ import annotations

import itertools
import json
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from eval import openings, records
from eval.arena import Fixture, play_fixtures
from eval.match import Match, play, round_of, seatings
from eval.records import Record
from eval.workers import Crew
from games.rules import LiftedGame, lift
from hybrid import agents as agents_of
from tests.eval import players

TIC_TAC_TOE = games.load("tic_tac_toe")


def _match(first: str, second: str, count: int, seed: int = 1, **options: Any) -> Match:
    agents = [players.load(name, TIC_TAC_TOE) for name in (first, second)]
    return play(TIC_TAC_TOE, agents, count, np.random.default_rng(seed), **options)


def _without_time(match: Match) -> list[Record]:
    return [replace(game, costs=()) for game in match.games]


def test_every_opening_is_played_once_in_every_seating() -> None:
    match = _match("dice", "first", 60)
    rounds: dict[int, list[Record]] = {}
    for game in match.games:
        rounds.setdefault(game.round, []).append(game)
    assert len(rounds) == 30
    for first, second in rounds.values():
        assert {first.seats, second.seats} == {(0, 1), (1, 0)}
        assert first.agents == ("dice", "first")
        assert second.agents == ("first", "dice")
        assert first.opening == second.opening == 4
        assert first.moves[:4] == second.moves[:4]
        assert first.seed != second.seed
    assert len({game.moves[:4] for game in match.games}) == 30
    assert match.wins + match.draws + match.losses == 60
    assert match.score == pytest.approx((match.wins + match.draws / 2) / 60)
    assert sum(match.pentanomial) == 30


def test_a_game_does_not_depend_on_how_games_are_batched() -> None:
    alone, together = (_match("dice", "dice?2", 40, concurrent=size) for size in (1, 64))
    assert _without_time(alone) == _without_time(together)
    shorter = _match("dice", "dice?2", 20)
    assert _without_time(shorter)[0].moves[4:] == _without_time(alone)[0].moves[4:]


def test_chance_moves_by_each_games_own_seed_and_its_outcomes_are_in_the_record() -> None:
    game = games.load("pig:target=12,max_plies=60")
    agents = [agents_of.load(spec, game) for spec in ("mcts?simulations=20", "random")]
    alone, together = (
        play(game, agents, 20, np.random.default_rng(1), opening_plies=2, concurrent=size) for size in (1, 64)
    )
    assert _without_time(alone) == _without_time(together)
    first, second = alone.games[:2]
    assert first.moves[:2] == second.moves[:2]
    assert first.moves != second.moves
    thrown = []
    for record in alone.games:
        path = records.replay(record)
        assert path[-1]["returns"].tolist() == list(record.returns)
        nature = path[:-1]["to_play"] == game.players
        thrown += np.array(record.moves)[nature].tolist()
        decided = len(record.moves) - record.opening - nature[record.opening :].sum()
        assert sum(cost.moves for cost in record.costs) == decided
        assert records.loads(records.dumps(record)) == record
    shares = np.bincount(thrown, minlength=8)[2:] / len(thrown)
    assert (abs(shares - 1 / 6) < 4 * np.sqrt(5 / 36 / len(thrown))).all()


def test_openings_of_games_of_chance_follow_the_probabilities() -> None:
    game = games.load("pig")
    lines = openings.draw(game, 500, 2, np.random.default_rng(0))
    assert {line[0] for line in lines} == {0, 1}
    assert {line[1] for line in lines if line[0] == 0} == {2, 3, 4, 5, 6, 7}
    assert len(set(lines)) == 6 + 2


def test_all_positions_of_an_agent_are_decided_in_one_call() -> None:
    agents = [players.load(name, TIC_TAC_TOE) for name in ("first", "last")]
    match = play(TIC_TAC_TOE, agents, 64, np.random.default_rng(0), concurrent=64)
    longest = max(len(game.moves) - game.opening for game in match.games)
    for number, agent in enumerate(agents):
        assert agent.calls[0] == 32
        assert len(agent.calls) <= longest
        assert match.costs(number).moves == sum(agent.calls)
        assert match.costs(number).evaluations == sum(agent.calls)
        assert match.costs(number).plies == 2 * sum(agent.calls)
        assert match.costs(number).seconds == pytest.approx(0.001 * sum(agent.calls))


def test_agents_with_memory_know_the_sides_of_their_games_apart() -> None:
    agents = [players.load(name, TIC_TAC_TOE) for name in ("dice", "first")]
    play(TIC_TAC_TOE, agents, 20, np.random.default_rng(0))
    assert not agents[0].remembered
    play(TIC_TAC_TOE, agents, 20, np.random.default_rng(0), memory=True, concurrent=3)
    assert len(agents[0].remembered) == len(agents[1].remembered) == 20
    assert not agents[0].remembered.keys() & agents[1].remembered.keys()
    for plies in agents[0].remembered.values():
        assert plies == list(range(plies[0], plies[-1] + 1, 2))


def test_search_agents_play_the_same_games_however_they_are_batched() -> None:
    game = games.load("connect_four")
    found = []
    for size in (64, 7):
        agents = [agents_of.load(spec, game) for spec in ("mcts?simulations=30", "mcts?simulations=10")]
        found.append(_without_time(play(game, agents, 20, np.random.default_rng(0), concurrent=size)))
    assert found[0] == found[1]


def test_workers_of_tournaments_play_as_matches_do() -> None:
    """Nothing is remembered from move to move: a search has the budget that its spec says, and no more."""
    game = games.load("connect_four")
    specs = ("mcts?simulations=40", "mcts?simulations=60")
    fixtures = [one for number in range(4) for one in round_of(game, number, (number,), 3)]
    crew = Crew(game=game.spec, agents=dict(enumerate(specs)), loader=agents_of.load_all, concurrent=4)
    agents = [agents_of.load(spec, game) for spec in specs]
    afresh = [one.moves for one in play_fixtures(game, agents, fixtures, memory=False)]
    remembering = [one.moves for one in play_fixtures(game, agents, fixtures, memory=True)]
    assert sorted(one.moves for one in crew.load()(iter(fixtures))) == sorted(afresh)
    assert sorted(afresh) != sorted(remembering)


def test_deterministic_agents_without_openings_play_two_games_and_the_match_says_so() -> None:
    with pytest.warns(UserWarning, match="only 2 of 40 games are distinct"):
        match = _match("first", "last", 40, opening_plies=0)
    # By hand: first takes 0, 1, ... and last 8, 7, ...; whoever begins fills a row of three first.
    assert {game.moves for game in match.games} == {(0, 8, 1, 7, 2), (8, 0, 7, 1, 6)}
    assert (len(match.games), match.distinct_games) == (40, 2)
    assert (match.wins, match.draws, match.losses, match.score) == (20, 0, 20, 0.5)
    low, high = match.ci95
    assert low < 0.15
    assert high > 0.85
    assert match.caution is not None


def test_repeated_openings_weigh_no_more_than_others() -> None:
    # All 9 one-ply openings, 3 of them up to symmetry; 27 rounds play each of the 9 three times.
    with pytest.warns(UserWarning, match="distinct"):
        thrice = _match("first", "last", 54, opening_plies=1)
    once = _match("first", "last", 18, opening_plies=1)
    assert thrice.distinct_games == once.distinct_games == 18
    assert thrice.score == pytest.approx(once.score)
    assert thrice.ci95 == pytest.approx(once.ci95)


def test_random_agents_may_repeat_their_only_opening() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        match = _match("dice", "dice?2", 400, opening_plies=0)
    low, high = match.ci95
    assert low < 0.5 < high
    assert high - low < 0.12


def test_random_play_has_the_known_advantage_of_the_first_move() -> None:
    # Random tic-tac-toe: 737/1260 = 58.5 % first-player wins, 121/420 = 28.8 % losses, 8/63 = 12.7 % draws.
    match = _match("dice", "dice?2", 3000, opening_plies=0)
    outcomes = Counter(game.returns for game in match.games)
    assert outcomes[(1.0, -1.0)] / 3000 == pytest.approx(737 / 1260, abs=0.03)
    assert outcomes[(0.0, 0.0)] / 3000 == pytest.approx(8 / 63, abs=0.02)


def test_records_survive_the_file_and_replay(tmp_path: Path) -> None:
    match = _match("dice", "first", 8)
    match.save(tmp_path / "match.jsonl")
    assert Match.load(tmp_path / "match.jsonl") == match
    for game in match.games:
        path = records.replay(game)
        assert len(path) == len(game.moves) + 1
        assert path["terminal"].tolist() == [0] * len(game.moves) + [1]
    game = match.games[0]
    for wrong, message in (
        (replace(game, moves=game.moves[:-1]), "do not end the game"),
        (replace(game, moves=(*game.moves, 0)), "go on after the game ended"),
        (replace(game, returns=(0.5, -0.5)), "returns of a record"),
        (replace(game, moves=(0, 0)), "illegal"),
    ):
        with pytest.raises(ValueError, match=message):
            records.replay(wrong)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    line = records.dumps(_match("dice", "first", 2).games[0])
    for text in ("{}", "[]", "nonsense", line[:-1], line.replace("seats", "chairs"), json.dumps({"costs": 3})):
        (tmp_path / "file").write_text(text)
        with pytest.raises(ValueError, match="not the record of a game"):
            Match.load(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not text"):
        Match.load(tmp_path / "file")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="at least one game"):
        Match.load(tmp_path / "file")


def test_arguments_are_checked() -> None:
    for count in (0, 3, -2):
        with pytest.raises(ValueError, match="games must be a positive multiple of 2"):
            _match("first", "last", count)
    with pytest.raises(ValueError, match="agents must be 2"):
        play(TIC_TAC_TOE, [players.load("first", TIC_TAC_TOE)], 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="concurrent"):
        _match("first", "last", 2, concurrent=0)
    with pytest.raises(ValueError, match=r"agent 'zero' chose action 0 at ply \d: legal are"):
        _match("zero", "last", 20)
    with pytest.raises(ValueError, match="opening_plies=9 leaves no undecided opening of tic_tac_toe"):
        _match("first", "last", 2, opening_plies=9)
    with pytest.raises(ValueError, match="plies of at least 0"):
        _match("first", "last", 2, opening_plies=-1)
    agents = [players.load("first", TIC_TAC_TOE)] * 2
    with pytest.raises(ValueError, match="ends the game"):
        list(play_fixtures(TIC_TAC_TOE, agents, [Fixture(seats=(0, 1), round=0, opening=(0, 8, 1, 7, 2), seed=0)]))


def test_openings_are_drawn_without_replacement() -> None:
    rng = np.random.default_rng(0)
    lines = openings.draw(TIC_TAC_TOE, 72, 2, rng)
    assert len(set(lines)) == 72 == 9 * 8
    # Twelve two-ply positions differ by more than a symmetry (Schaefer 2002); they come first.
    images = [_canonical(line) for line in lines]
    assert len(set(images[:12])) == 12 == len(set(images))
    again = openings.draw(TIC_TAC_TOE, 150, 2, rng)
    assert set(Counter(again).values()) == {2, 3}


def _canonical(line: tuple[int, ...]) -> bytes:
    position = TIC_TAC_TOE.initial()
    for move in line:
        position = TIC_TAC_TOE.step(position, [move])
    return min(TIC_TAC_TOE.transform(position, k).tobytes() for k in range(len(TIC_TAC_TOE.action_symmetries)))


def test_openings_are_undecided_and_equal_seeds_draw_equal_ones() -> None:
    # Of 9 * 8 * 7 * 6 * 5 = 15120 five-ply lines 1440 are won; none of those may appear.
    lines = openings.draw(TIC_TAC_TOE, 500, 5, np.random.default_rng(3))
    assert lines == openings.draw(TIC_TAC_TOE, 500, 5, np.random.default_rng(3))
    for line in lines:
        position = TIC_TAC_TOE.initial()
        for move in line:
            position = TIC_TAC_TOE.step(position, [move])
        assert not position["terminal"][0]
    assert openings.draw(TIC_TAC_TOE, 0, 5, np.random.default_rng(3)) == []


def _auction() -> LiftedGame:
    """Three players bid 0 to 2 in turn; the highest bid wins, the earlier one among equals."""

    def play_bid(s: Any, a: int) -> None:
        s.bids[s.to_play] = a + 1
        s.ply += 1
        s.to_play = s.ply % 3
        if s.ply == 3:
            s.terminal = 1
            best = 0
            for player in range(1, 3):
                if s.bids[player] > s.bids[best]:
                    best = player
            for player in range(3):
                s.returns[player] = -0.5
            s.returns[best] = 1

    def legal(s: Any, mask: Any) -> None:
        mask[:] = True

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, 0] = s.ply

    return lift(
        "auction",
        players=3,
        num_actions=3,
        observation_shape=(1, 1, 1),
        fields=[("bids", "u1", (3,))],
        play=play_bid,
        legal=legal,
        observe=observe,
    )


def test_three_players_sit_in_all_orders() -> None:
    game = _auction()
    agents = [players.load(name, game) for name in ("last", "first", "first?2")]
    with pytest.warns(UserWarning, match="only 6 of 12"):
        match = play(game, agents, 12, np.random.default_rng(0), opening_plies=0)
    assert {record.seats for record in match.games} == set(itertools.permutations(range(3)))
    # Who bids highest wins from every seat: two opponents beaten.
    assert (match.wins, match.draws, match.losses, match.score) == (12, 0, 0, 1.0)
    assert seatings(4) == [(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)]
    with pytest.raises(ValueError, match="at least 2 players to have matches, it is for 1"):
        seatings(1)


def test_a_source_may_pause_and_go_on() -> None:
    line = (0, 4)
    fixtures = [Fixture(seats=(0, 1), round=number, opening=line, seed=number) for number in range(3)]
    agents = [players.load("dice", TIC_TAC_TOE)] * 2
    stream = iter([fixtures[0], None, fixtures[1], None, None, fixtures[2]])
    rounds = [record.round for record in play_fixtures(TIC_TAC_TOE, agents, stream, concurrent=2)]
    assert sorted(rounds) == [0, 1, 2]
