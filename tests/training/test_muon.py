"""Muon: moves whose singular values are about one, whatever the gradient's are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_directions_are_kept_and_lengths_made_equal(shape: tuple[int, int]) -> None:
    """Against numpy's singular value decomposition; the paper gives 0.7 to 1.2 for what the iteration reaches."""
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.standard_normal((shape[0], min(shape))))
    right, _ = np.linalg.qr(rng.standard_normal((shape[1], min(shape))))
    values = np.linspace(0.1, 1, min(shape))
    matrix = torch.from_numpy(left * values @ right.T).float()
    result = orthogonalise(torch.stack((matrix, 100 * matrix))).numpy().astype(np.float64)
    for one in result:
        inner = left.T @ one @ right
        assert np.abs(inner - np.diag(np.diag(inner))).max() < 1e-3
        assert (np.diag(inner) > 0.6).all()
        assert (np.diag(inner) < 1.25).all()


def test_a_step_by_hand() -> None:
    """One kernel of rank one: a first step of rate 0.1 goes 0.1 * (about 1) along it, after decay by 1 - 0.1 * 0.5."""
    kernel = torch.nn.Parameter(torch.ones(2, 1, 1, 2))
    bias = torch.nn.Parameter(torch.zeros(3))
    made = Muon([kernel], [{"params": [bias], "weight_decay": 0.0}], kernel_rate=0.1, rate=0.01, weight_decay=0.5)
    kernel.grad = torch.zeros_like(kernel)
    kernel.grad[0, 0, 0, 0] = -7.0
    bias.grad = torch.full_like(bias, 3.0)
    made.step()
    moved = (kernel - 0.95).flatten().tolist()
    assert 0.06 < moved[0] < 0.125
    assert moved[1:] == pytest.approx([0, 0, 0], abs=1e-6)
    assert bias.tolist() == pytest.approx([-0.01] * 3, rel=1e-4)  # Adam's first step is its rate
    assert len(made.param_groups) == 2
