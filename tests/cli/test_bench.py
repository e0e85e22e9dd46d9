"""`hybrid bench`: its figures belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Hybrid, read


def test_the_figures_of_a_small_network_agree_with_each_other(hybrid: Hybrid, tmp_path: Path) -> None:
    size = ["--blocks", 1, "--channels", 8, "--simulations", 8, "--games", 4, "--workers", 1, "--seconds", 0.02]
    ran = hybrid("bench", "tic_tac_toe", *size, "--cache-megabytes", 0, "--json", tmp_path / "bench.json")
    assert ran.code == 0
    result = read(tmp_path / "bench.json")
    share = result["network_evaluations_per_second"] / result["network_limit_per_second"]
    assert result["network_share"] == pytest.approx(share)
    assert 0 < share < 1
    # Four games of tic-tac-toe last 5 to 9 moves of at most 8 simulations each, fewer where the result is proven.
    assert 4 * 5 <= result["simulations_per_second"] * result["seconds"] <= 4 * 9 * 8
    assert result["games_per_hour"] * result["seconds"] == pytest.approx(4 * 3600)
    assert max(result["network_limits"]) == result["network_limit_per_second"]
    assert f"{result['network_limit_per_second']:,.0f}" in ran.out
