"""Proofs by alpha-beta: true, independent of what was before, with true lengths, and cheaper where moves are forced."""

from __future__ import annotations

import numpy as np
import pytest

import games
from eval import labels
from hybrid.minimax import AlphaBeta
from hybrid.prover import Prover


@pytest.mark.parametrize("forcing", [False, True])
@pytest.mark.parametrize("nodes", [300, 3000])
def test_proofs_are_the_solver_s_and_forget_what_was_before(nodes: int, forcing: bool) -> None:
    """Labelled positions: what is proven is true, and the same in any order."""
    labelled = labels.load("connect_four").select(np.arange(0, 2775, 15))
    prover = Prover(games.load("connect_four"), distance=False, table_bits=13, forcing=forcing)
    proofs = [prover.prove(labelled.positions[i : i + 1], nodes) for i in range(len(labelled))]
    for i, proof in enumerate(proofs):
        if proof is not None:
            assert proof.value == labelled.best[i]
            assert (labelled.values[i, proof.best] == labelled.best[i]).all()
    assert sum(proof is not None for proof in proofs) > len(labelled) / 4
    again = [prover.prove(labelled.positions[i : i + 1], nodes) for i in reversed(range(len(labelled)))]
    for one, other in zip(proofs, reversed(again), strict=True):
        assert (one is None) == (other is None)
        assert one is None or other is None or (one.value == other.value and (one.best == other.best).all())


@pytest.mark.parametrize("nodes", [30, 3000])
def test_values_of_many_are_the_proofs_of_each(nodes: int) -> None:
    labelled = labels.load("connect_four").select(np.arange(0, 2775, 45))
    prover = Prover(games.load("connect_four"), distance=False, table_bits=13, forcing=True)
    proofs = [prover.prove(labelled.positions[i : i + 1], nodes) for i in range(len(labelled))]
    expected = [np.nan if proof is None else proof.value for proof in proofs]
    assert 0 < np.isnan(expected).sum() < len(expected)
    np.testing.assert_array_equal(prover.values(labelled.positions, nodes), expected)
    over = labelled.positions.copy()
    over["terminal"][::2] = 1
    expected[::2] = [np.nan] * len(expected[::2])
    np.testing.assert_array_equal(prover.values(over, nodes), expected)


def test_positions_are_proven_wherever_they_lie_in_memory() -> None:
    positions = labels.load("connect_four").positions[1000:1100]
    prover = Prover(games.load("connect_four"), distance=False, table_bits=13)
    expected = prover.values(positions, 1000)
    np.testing.assert_array_equal(prover.values(positions[::-1], 1000), expected[::-1])
    np.testing.assert_array_equal(prover.proofs(positions[::2], 1000)[0], expected[::2])
    with pytest.raises(ValueError, match="must be a one-dimensional array of connect_four positions"):
        prover.values(games.load("tic_tac_toe").initial(2), 1000)


@pytest.mark.parametrize("forcing", [False, True])
def test_proofs_with_distances_win_fast_and_lose_slowly(forcing: bool) -> None:
    """The moves are those of the complete analysis, on positions of random games."""
    game = games.load("connect_four:rows=4,columns=5")
    prover, analyst = Prover(game, forcing=forcing), AlphaBeta(game)
    rng = np.random.default_rng(3)
    values = []
    for _ in range(40):
        position = game.initial()
        for _ in range(rng.integers(9, 15)):
            following = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
            position = position if following["terminal"][0] else following
        proof, analysis = prover.prove(position, 10**6), analyst.analyse(position)
        assert proof is not None
        assert analysis.proven
        assert (proof.value, proof.plies) == (analysis.value, analysis.plies)
        np.testing.assert_array_equal(proof.best, analysis.best)
        values.append(proof.value)
    assert {-1.0, 0.0, 1.0} <= set(values)


@pytest.mark.parametrize("forcing", [False, True])
@pytest.mark.parametrize("spec", ["connect_four:rows=4,columns=5", "connect_four:rows=4,columns=4,connect=3"])
def test_lengths_do_not_depend_on_what_the_table_keeps(spec: str, forcing: bool) -> None:
    """Random games from the last position back, by a table that knows all that followed, against one that does not."""
    game = games.load(spec)
    prover = Prover(game, forcing=forcing, table_bits=16)
    warm, cold = (AlphaBeta(game, forcing=wanted, table_bits=16) for wanted in (forcing, False))
    rng = np.random.default_rng(5)
    lengths = []
    for _ in range(12):
        position, played = game.initial(), []
        while not position["terminal"][0]:
            played.append(position)
            position = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
        warm.forget()
        for i, position in enumerate(reversed(played[3:])):
            cold.forget()
            expected = cold.analyse(position)
            proof, analysis = prover.prove(position, 10**6, keep=i > 0), warm.analyse(position)
            assert proof is not None
            for told in (proof, analysis):
                assert (told.value, told.plies) == (expected.value, expected.plies)
                np.testing.assert_array_equal(told.best, expected.best)
            lengths.append(proof.plies)
    assert max(lengths) > 4


@pytest.mark.parametrize("distance", [False, True])
def test_forced_moves_make_proofs_cheaper(distance: bool) -> None:
    """With a fifth of the nodes as many positions of the middle game are proven as without, and the same is said."""
    labelled = labels.load("connect_four")
    chosen = np.flatnonzero((labelled.positions["ply"] >= 18) & (labelled.positions["ply"] < 24))[::12]
    labelled = labelled.select(chosen)
    game = games.load("connect_four")
    plain, told = (Prover(game, distance=distance, table_bits=16, forcing=wanted) for wanted in (False, True))
    proven = [0, 0]
    for i in range(len(labelled)):
        proofs = plain.prove(labelled.positions[i : i + 1], 30_000), told.prove(labelled.positions[i : i + 1], 6_000)
        for k, proof in enumerate(proofs):
            proven[k] += proof is not None
            assert proof is None or proof.value == labelled.best[i]
        if distance and proofs[0] is not None and proofs[1] is not None:
            assert proofs[0].plies == proofs[1].plies
            np.testing.assert_array_equal(proofs[0].best, proofs[1].best)
    assert len(labelled) > 20
    assert proven[1] >= proven[0] > 0


def test_no_rule_for_forced_moves_changes_nothing() -> None:
    game = games.load("tic_tac_toe")
    plain, told = (Prover(game, forcing=wanted).prove(game.initial(), 10**5) for wanted in (False, True))
    assert plain is not None
    assert told is not None
    assert (plain.value, plain.plies) == (told.value, told.plies)
    np.testing.assert_array_equal(plain.best, told.best)
