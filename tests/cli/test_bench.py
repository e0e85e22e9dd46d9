"""`hybrid bench`: its figures belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Hybrid, read


def test_the_figures_of_a_small_network_agree_with_each_other(hybrid: Hybrid, tmp_path: Path) -> None:
    size = ["--blocks", 1, "--channels", 8, "--simulations", 8, "--games", 4, "--workers", 1, "--seconds", 0.02]
    size += ["--precision", "float", "--backend", "onnxruntime", "--generations", 1, "--loop-games", 4]
    ran = hybrid("bench", "tic_tac_toe", *size, "--cache-megabytes", 0, "--json", tmp_path / "bench.json")
    assert ran.code == 0
    result = read(tmp_path / "bench.json")
    share = result["network_evaluations_per_second"] / result["network_limit_per_second"]
    assert result["network_share"] == pytest.approx(share)
    assert 0 < share < 1
    # Four games of tic-tac-toe last 5 to 9 moves of at most 8 simulations each, fewer where the result is proven.
    assert 4 * 5 <= result["simulations_per_second"] * result["seconds"] <= 4 * 9 * 8
    assert result["games_per_hour"] * result["seconds"] == pytest.approx(4 * 3600)
    parts = result["self_play_parts"]
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["network"] > 0.05
    assert parts["proofs"] == 0
    assert min(result["training_samples_per_second"], result["training_steps_samples_per_second"]) > 0
    share = result["training_samples_per_second"] / result["training_limit_per_second"]
    assert result["training_share"] == pytest.approx(share)
    # What was used and what was not make up the time of all cores, whatever else the machine does.
    loop = result["loop_shares"]
    assert loop["idle"] == result["loop_idle"]
    assert min(loop.values()) >= 0 < loop["learner"]
    assert sum(loop.values()) == pytest.approx(1, abs=0.1)
    assert 50 < result["memory_megabytes"] < 5000
    assert result["network_limit_per_second"] == pytest.approx(sum(result["network_limits"]) / 2)
    assert f"{result['network_limit_per_second']:,.0f}" in ran.out


def test_without_generations_the_loop_is_left_out(hybrid: Hybrid, tmp_path: Path) -> None:
    size = ["--blocks", 1, "--channels", 8, "--simulations", 4, "--games", 2, "--workers", 1, "--seconds", 0.02]
    size += ["--precision", "float", "--backend", "onnxruntime", "--generations", 0]
    ran = hybrid("bench", "tic_tac_toe", *size, "--json", tmp_path / "bench.json")
    assert ran.code == 0
    result = read(tmp_path / "bench.json")
    assert "loop_shares" not in result
    assert sum(result["self_play_parts"].values()) == pytest.approx(1)
