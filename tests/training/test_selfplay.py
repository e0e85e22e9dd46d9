"""Self-play: the same games whoever plays them, and targets that are what search and game say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import games
from games import Game, Positions
from hybrid.dial import Dial
from hybrid.evaluate import Judged
from hybrid.prover import Proof, Prover
from hybrid.runtime import Floats
from hybrid.solve import ExhaustiveSolver
from training.playing import PlayedGame, Provers, lengths_nodes, opening
from training.selfplay import play_games
from training.selfplay_config import SelfPlayConfig

CONFIG = SelfPlayConfig(dial=Dial(simulations=24), fast_simulations=8, games=12, slots=4, temperature_plies=6)


class Judge:
    """An evaluator with an opinion on everything: pseudo-random in the position's bytes alone."""

    def __init__(self, game: Game) -> None:
        self.evaluations = 0
        self._game = game

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        self.evaluations += len(positions)
        seeds = [np.frombuffer(position.tobytes(), np.uint8) for position in positions]
        draws = [np.random.default_rng(seed).random(self._game.num_actions + 1) for seed in seeds]
        table = np.array(draws, np.float32)
        return 2 * table[:, 1:], (table[:, :1] - 0.5) * np.array([1, -1], np.float32)


class Device(Judge):
    """Judges only when the answer is waited for, and keeps a record of how many questions were open at most."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.most = 0
        self._open: list[Callable[[], Judged]] = []

    def start(self, positions: Positions) -> Callable[[], Judged]:
        asked = positions.copy()

        def answer() -> Judged:
            assert self._open.pop(0) is answer, "questions are answered in their order"
            return self(asked)

        self._open.append(answer)
        self.most = max(self.most, len(self._open))
        return answer


def played(name: str = "connect_four", seed: int = 0, generation: int = 1, **changes: Any) -> list[PlayedGame]:
    game = games.load(name)
    config = replace(CONFIG, **changes)
    result = play_games(game, Judge(game), config, seed, generation, range(config.games))
    return sorted(result, key=lambda one: one.number)


def fingerprint(result: list[PlayedGame]) -> list[tuple[Any, ...]]:
    return [(one.number, one.length, one.simulations, repr(one.gap), one.samples.tobytes()) for one in result]


def test_chance_is_drawn_by_the_game_and_never_learned_from() -> None:
    result = played("pig:target=12,max_plies=60", temperature_plies=1000)
    turned = np.concatenate([one.samples for one in result])
    positions = turned["position"]
    assert (positions["to_play"] < 2).all()
    assert not turned["policy"][:, 2:].any()
    assert all(one.length > len(one.samples) for one in result)
    np.testing.assert_allclose(turned["policy"].sum(axis=1), 1, atol=1e-6)
    throws = []
    for one in result:
        path = one.samples["position"]
        rolled = (path["to_play"][1:] == path["to_play"][:-1]) & (path["ply"][1:] == path["ply"][:-1] + 2)
        throws += (path["turn"][1:] - path["turn"][:-1])[rolled].tolist()
    assert set(throws) == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four", "pig:target=12,max_plies=60"])
def test_games_do_not_depend_on_their_company(name: str) -> None:
    expected = fingerprint(played(name))
    assert [number for number, *_ in expected] == list(range(12))
    for slots in (1, 5, 64):
        assert fingerprint(played(name, slots=slots)) == expected
    game = games.load(name)
    alone = list(play_games(game, Judge(game), CONFIG, 0, 1, [7]))
    assert fingerprint(alone) == [expected[7]]


def test_games_with_proofs_at_leaves_do_not_depend_on_their_company() -> None:
    expected = fingerprint(played(leaf_nodes=30))
    assert expected != fingerprint(played())
    for slots in (1, 5, 64):
        assert fingerprint(played(leaf_nodes=30, slots=slots)) == expected


@pytest.mark.parametrize("slots", [1, 4, 5])
def test_two_tables_that_take_turns_play_the_same_games(slots: int) -> None:
    game = games.load("connect_four")
    device = Device(game)
    result = play_games(game, device, replace(CONFIG, slots=slots), 0, 1, range(12))
    assert fingerprint(sorted(result, key=lambda one: one.number)) == fingerprint(played())
    assert device.most == min(2, slots)


def test_games_depend_on_seed_generation_and_number() -> None:
    expected = fingerprint(played())
    assert fingerprint(played()) == expected
    assert len({samples for *_, samples in expected}) == 12
    for other in (played(seed=1), played(generation=2)):
        assert not {samples for *_, samples in fingerprint(other)} & {samples for *_, samples in expected}


def test_samples_are_the_positions_of_their_game_in_order() -> None:
    game = games.load("connect_four")
    for one in played():
        samples = one.samples
        positions = np.ascontiguousarray(samples["position"]).astype(game.dtype)
        assert not positions["terminal"].any()
        assert positions["ply"].tolist() == list(range(one.length - len(samples), one.length))
        for before, after in itertools.pairwise(positions):
            children = game.step(np.repeat(before, 7)[game.legal_actions(before.reshape(1))[0]], _legal(game, before))
            assert after.tobytes() in {child.tobytes() for child in children}
        ends = game.step(np.repeat(positions[-1], len(_legal(game, positions[-1]))), _legal(game, positions[-1]))
        assert any(end["terminal"] and np.array_equal(end["returns"], one.returns) for end in ends)
        np.testing.assert_array_equal(samples["outcome"], np.tile(one.returns, (len(samples), 1)))
        np.testing.assert_array_equal(samples["generation"], np.ones(len(samples)))


def test_gumbel_moves_are_random_without_temperature_and_its_target_is_the_improved_policy() -> None:
    game = games.load("tic_tac_toe")
    result = played("tic_tac_toe", games=32, strategy="gumbel", full_fraction=1.0, temperature_plies=0)
    first = [one.samples["position"][1].tobytes() for one in result if one.length == len(one.samples)]
    assert len(set(first)) > 1
    early = np.concatenate([one.samples[one.samples["position"]["ply"] <= 2] for one in result])
    legal = game.legal_actions(np.ascontiguousarray(early["position"]).astype(game.dtype))
    assert (early["policy"][legal] > 0).all()  # visits would leave some of so many moves without any


def test_policies_are_distributions_over_legal_moves() -> None:
    game = games.load("connect_four")
    for one in played():
        legal = game.legal_actions(np.ascontiguousarray(one.samples["position"]).astype(game.dtype))
        assert not one.samples["policy"][~legal].any()
        np.testing.assert_allclose(one.samples["policy"].sum(axis=1), 1, rtol=1e-6)
        assert (np.abs(one.samples["value"]) <= 1).all()
        np.testing.assert_array_equal(one.samples["value"][:, 0], -one.samples["value"][:, 1])


def test_only_moves_with_full_budget_teach_the_policy() -> None:
    result = played(games=64, full_fraction=0.25)
    weights = np.concatenate([one.samples["weight"] for one in result])
    assert set(weights.tolist()) == {0.0, 1.0}
    # A quarter of more than a thousand moves, within five standard deviations.
    assert len(weights) > 1000
    assert abs(weights.mean() - 0.25) < 5 * (0.25 * 0.75 / len(weights)) ** 0.5
    assert all((one.samples["weight"] == 1).all() for one in played(full_fraction=1.0))


def test_cost_is_what_the_budget_says() -> None:
    """Searches spend their budget, or less where they prove something: in Connect Four only near the end."""
    for one in played(games=8, opening_fraction=0.0):
        budgets = np.where(one.samples["weight"] == 1, 24, 8)
        assert one.simulations <= budgets.sum()
        assert one.simulations >= budgets.sum() * (1 - one.proven) - 24
        assert one.proven < 0.5


@pytest.mark.parametrize(("simulations", "spent"), [(5, 5), (100, 24)])
def test_budgets_of_the_endgame_are_small(simulations: int, spent: int) -> None:
    """So many plies after the start searches are small, but no larger than they would be, and learned all the same."""
    result = played(games=8, opening_fraction=0.0, full_fraction=1.0, endgame_plies=9, endgame_simulations=simulations)
    for one in result:
        budgets = np.where(one.samples["position"]["ply"] < 9, 24, spent)
        assert budgets.sum() * (1 - one.proven) - 24 <= one.simulations <= budgets.sum()
        assert (one.samples["weight"] == 1.0).all()


def test_targets_where_a_win_is_proven() -> None:
    """Tic-tac-toe: a mover with two in a row and the third square free can only be taught to win."""
    game = games.load("tic_tac_toe")
    seen = 0
    for one in played("tic_tac_toe", games=40, opening_fraction=0.0):
        for sample in one.samples[one.samples["weight"] == 1]:
            wins = _winning(game, sample["position"])
            if wins:
                seen += 1
                chosen = set(np.flatnonzero(sample["policy"]).tolist())
                assert chosen <= wins
                mover = int(sample["position"]["to_play"])
                assert sample["value"][mover] == 1
                np.testing.assert_allclose(sample["policy"][list(chosen)], 1 / len(chosen))
    assert seen > 10


def test_a_forced_block_is_the_only_target() -> None:
    """Tic-tac-toe: where all moves but one allow an immediate win, a full search teaches that one, or all are lost."""
    game = games.load("tic_tac_toe")
    seen = 0
    for one in played("tic_tac_toe", dial=Dial(simulations=200), full_fraction=1.0, games=40, opening_fraction=0.0):
        for sample in one.samples:
            if _winning(game, sample["position"]):
                continue
            legal = _legal(game, sample["position"])
            children = game.step(np.repeat(sample["position"], len(legal)).astype(game.dtype), legal)
            safe = {int(a) for a, child in zip(legal, children, strict=True) if not _winning(game, child)}
            if len(safe) == 1 and len(legal) > 1:
                seen += 1
                mover = int(sample["position"]["to_play"])
                if sample["value"][mover] > -1:
                    assert set(np.flatnonzero(sample["policy"]).tolist()) == safe
    assert seen > 10


def test_a_quarter_of_random_openings_has_each_length() -> None:
    game = games.load("connect_four")
    config = replace(CONFIG, opening_fraction=0.5, opening_plies=4)
    plies = [int(opening(game, config, np.random.default_rng(seed))["ply"][0]) for seed in range(2000)]
    counts = np.bincount(plies, minlength=5)
    assert counts[0] == pytest.approx(1000, abs=5 * 500**0.5)
    assert counts[1:] == pytest.approx([250] * 4, abs=5 * 220**0.5)
    never = replace(CONFIG, opening_fraction=0.0)
    assert all(opening(game, never, np.random.default_rng(seed))["ply"][0] == 0 for seed in range(20))


def test_openings_never_end_the_game() -> None:
    """Three in a row on a 3 x 1 board of two players: some three-ply openings fill it and are shortened."""
    game = games.load("tic_tac_toe")
    config = replace(CONFIG, opening_fraction=1.0, opening_plies=9)
    plies = [opening(game, config, np.random.default_rng(seed)) for seed in range(200)]
    assert not any(position["terminal"][0] for position in plies)
    assert max(int(position["ply"][0]) for position in plies) >= 6


def test_openings_whose_outcome_is_proven_are_drawn_again() -> None:
    game = games.load("connect_four")
    lengths, outcomes = (Prover(game, table_bits=12, distance=told) for told in (True, False))
    provers = Provers(lengths=lengths, outcomes=outcomes)
    config = replace(CONFIG, opening_fraction=1.0, opening_plies=12, prove_nodes=1, opening_nodes=500)

    def openings(config: SelfPlayConfig) -> tuple[Positions, list[bool]]:
        found = np.concatenate([opening(game, config, np.random.default_rng(seed), provers) for seed in range(300)])
        proofs = [outcomes.prove(found[i : i + 1], 500) for i in range(len(found))]
        return found, [proof is not None for proof in proofs]

    as_they_come, proven = openings(replace(config, opening_nodes=0))
    assert sum(proven) > 40
    chosen, still = openings(config)
    assert not any(still)
    # Both may be shortened where plies end the game.
    assert (chosen["ply"] == as_they_come["ply"]).mean() > 0.95
    same = np.array([one.tobytes() == other.tobytes() for one, other in zip(chosen, as_they_come, strict=True)])
    assert np.array_equal(same, ~np.array(proven))


def test_where_every_opening_is_proven_one_is_taken_all_the_same() -> None:
    result = played("tic_tac_toe", prove_nodes=1, opening_nodes=10**6, opening_fraction=1.0, opening_plies=4, games=3)
    assert all(1 <= game.samples["position"]["ply"][0] <= 4 for game in result)


def test_no_temperature_means_the_best_move() -> None:
    """Without random plies, noise and drawn moves every game of a generation is decided by the search's choice."""
    result = played(temperature_plies=0, opening_fraction=0.0, full_fraction=1.0, noise_fraction=0.0, games=3)
    game = games.load("connect_four")
    for one in result:
        for before, after in zip(one.samples[:-1], one.samples[1:], strict=True):
            legal = _legal(game, before["position"])
            children = game.step(np.repeat(before["position"], len(legal)).astype(game.dtype), legal)
            move = next(int(a) for a, child in zip(legal, children, strict=True) if child == after["position"])
            assert before["policy"][move] == pytest.approx(before["policy"].max(), abs=0.2)


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four:rows=4,columns=5"])
def test_proven_positions_are_learned_exactly(name: str) -> None:
    """Every value and move that a proof gave is the exhaustive solver's."""
    result = played(name, prove_nodes=300, games=8)
    samples = np.concatenate([one.samples for one in result])
    exact = (np.abs(samples["value"][:, 0]) == 1) & (samples["value"] == samples["outcome"]).all(axis=1)
    assert sum(one.proven * len(one.samples) for one in result) >= exact.sum() > len(samples) / 6
    positions = np.ascontiguousarray(samples["position"][exact]).astype(games.load(name).dtype)
    truth = ExhaustiveSolver(games.load(name)).action_values(positions)
    best = np.nanmax(truth, axis=1)
    np.testing.assert_array_equal(samples["value"][exact, positions["to_play"]], best)
    assert not samples["policy"][exact][truth < best[:, None]].any()
    assert fingerprint(played(name, prove_nodes=300, games=8, slots=3)) == fingerprint(result)


def test_hindsight_lets_no_small_search_teach_its_policy() -> None:
    """Where a proof tells outcomes alone the policy is the search's, of which a small one's is not learned."""
    name = "connect_four:rows=4,columns=5"
    options: dict[str, Any] = {"prove_nodes": 1, "full_fraction": 0.3, "games": 12}
    plain, result = played(name, **options), played(name, hindsight_nodes=3000, **options)
    unlearned = 0
    for one, before in zip(result, plain, strict=True):
        proven = (np.abs(one.samples["value"] - before.samples["value"]) > 0).any(axis=1)
        unlearned += int((proven & (one.samples["weight"] == 0.0)).sum())
    assert unlearned > 0


def test_hindsight_learns_what_proofs_say_of_the_moves_before() -> None:
    """From the earliest proof on all is the exhaustive solver's, and its value is the outcome of what was before."""
    name = "connect_four:rows=4,columns=5"
    game = games.load(name)
    solver = ExhaustiveSolver(game)
    plain = played(name, prove_nodes=30)
    result = played(name, prove_nodes=30, hindsight_nodes=3000)
    assert np.mean([one.proven for one in result]) > np.mean([one.proven for one in plain]) + 0.1
    for one, before in zip(result, plain, strict=True):
        np.testing.assert_array_equal(one.samples["position"], before.samples["position"])
        positions = np.ascontiguousarray(one.samples["position"]).astype(game.dtype)
        truth = solver.action_values(positions)
        value = np.nanmax(truth, axis=1)
        exact = one.samples["value"][np.arange(len(positions)), positions["to_play"]] == value
        exact &= ~(one.samples["policy"] * (truth < value[:, None])).any(axis=1)
        first = len(exact) - int(np.logical_and.accumulate(exact[::-1]).sum())
        assert len(exact) - first >= one.proven * len(exact) - 1e-6 > 0
        earliest = len(exact) - round(one.proven * len(exact))
        assert (one.samples["outcome"][: earliest + 1] == one.samples["value"][earliest]).all()
        assert (one.samples["outcome"][earliest:] == one.samples["value"][earliest:]).all()
    assert fingerprint(played(name, prove_nodes=30, hindsight_nodes=3000, slots=3)) == fingerprint(result)


@pytest.mark.parametrize(
    ("before", "after", "lengths"),
    [(9, 10**6, 10**5), (9, 10**5, 30_000), (40_000, 10**5, 40_000), (9, 8, 8)],
)
def test_lengths_are_sought_with_a_share_of_the_nodes(before: int, after: int, lengths: int) -> None:
    assert lengths_nodes(SelfPlayConfig(prove_nodes=before, hindsight_nodes=after)) == lengths


def test_where_few_nodes_do_not_tell_lengths_outcomes_are_proven_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "connect_four:rows=4,columns=5"
    short = played(name, prove_nodes=30, hindsight_nodes=300)
    asked: dict[bool, set[int]] = {True: set(), False: set()}

    class Counting(Prover):
        def __init__(self, game: Game, *, distance: bool = True, **options: Any) -> None:
            super().__init__(game, distance=distance, **options)
            self._distance = distance

        def prove(self, position: Positions, nodes: int, *, keep: bool = False) -> Proof | None:
            asked[self._distance].add(nodes)
            return super().prove(position, nodes, keep=keep)

    monkeypatch.setattr("training.selfplay.Prover", Counting)
    monkeypatch.setattr("training.playing._LENGTHS_LEAST", 10)
    far = played(name, prove_nodes=30, hindsight_nodes=3000)
    assert asked == {True: {30, 300}, False: {3000}}
    assert all(one.proven >= before.proven for one, before in zip(far, short, strict=True))
    assert np.mean([one.proven for one in far]) > np.mean([one.proven for one in short]) + 0.05


def test_proofs_are_refused_where_there_are_none() -> None:
    with pytest.raises(ValueError, match="without chance"):
        played("pig", prove_nodes=10)


def test_direct_end_plays_without_a_network() -> None:
    game = games.load("tic_tac_toe")
    config = replace(CONFIG, dial=Dial.at(1.0, simulations=24))
    result = list(play_games(game, None, config, 0, 1, range(6)))
    assert len(result) == 6
    assert all(one.evaluations == 0 and np.isnan(one.gap) for one in result)


def test_every_evaluation_is_counted_once() -> None:
    game = games.load("tic_tac_toe")
    evaluator = Judge(game)
    result = list(play_games(game, evaluator, CONFIG, 0, 1, range(6)))
    assert sum(one.evaluations for one in result) == evaluator.evaluations


def _legal(game: Game, position: np.void) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.flatnonzero(game.legal_actions(np.array([position], game.dtype))[0])


def _winning(game: Game, position: np.void) -> set[int]:
    """The actions that win at once."""
    if position["terminal"]:
        return set()
    legal, mover = _legal(game, position), int(position["to_play"])
    children = game.step(np.repeat(np.array([position], game.dtype), len(legal)), legal)
    return {int(a) for a, child in zip(legal, children, strict=True) if child["returns"][mover] == 1}
