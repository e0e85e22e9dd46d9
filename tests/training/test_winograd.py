"""Winograd's convolutions are torch's, forwards and backwards, but for rounding."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hybrid.network import convolve
from training.winograd import Winograd
from training.winograd_tiles import points_of, tile_of, tiles_of


@pytest.mark.parametrize("cells", [1, 2, 3, 4])
def test_a_tile_correlates_exactly(cells: int) -> None:
    rng, tile = np.random.default_rng(cells), tile_of(cells)
    numbers, kernel = rng.normal(size=cells + 2), rng.normal(size=3)
    found = tile.output.T @ ((tile.kernel @ kernel) * (tile.input @ numbers))
    assert found == pytest.approx(np.correlate(numbers, kernel), abs=1e-12)


def test_rows_are_cut_into_few_tiles_that_are_nearly_equal() -> None:
    assert [tiles_of(size) for size in (1, 4, 5, 6, 7, 9, 19)] == [
        [1],
        [4],
        [3, 2],
        [3, 3],
        [4, 3],
        [3, 3, 3],
        [4, 4, 4, 4, 3],
    ]
    assert points_of(6) * points_of(7) * 3 < 6 * 7 * 9


@pytest.fixture(scope="module")
def winograd() -> Winograd:
    """Of boards whose columns and rows are cut into tiles of different sizes."""
    return Winograd(5, 7, 8)


def case(boards: int, seed: int, *, others: bool) -> list[Tensor]:
    """Boards, a kernel, a bias, and others or none."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(boards, 8, 5, 7), (8, 8, 3, 3), (8,), (boards, 8, 5, 7)][: 4 if others else 3]
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("boards", [0, 1, 32, 75])
@pytest.mark.parametrize("others", [False, True])
def test_results_and_gradients_are_those_of_torch(winograd: Winograd, boards: int, others: bool) -> None:
    """In double precision; where an output is next to 0, rounding decides whether it has a gradient."""
    given = case(boards, boards, others=others)
    exact = [tensor.double().requires_grad_() for tensor in given]
    plain = functional.conv2d(exact[0], exact[1], exact[2], padding=1) + (exact[3] if others else 0.0)
    towards = torch.randn(plain.shape, generator=torch.Generator().manual_seed(0)) * (plain.abs() > 1e-3)
    rounded = [tensor.requires_grad_() for tensor in given]
    found = winograd(*rounded)
    assert torch.allclose(found.double(), plain.relu(), atol=1e-4)
    for ours, theirs in zip(
        torch.autograd.grad(found, rounded, towards),
        torch.autograd.grad(plain.relu(), exact, towards.double()),
        strict=True,
    ):
        assert ours.shape == theirs.shape
        largest = float(theirs.abs().max()) if theirs.numel() else 0.0
        assert torch.allclose(ours.double(), theirs, atol=1e-5 * largest, rtol=1e-5)


def test_what_lies_in_memory_otherwise_gives_the_same_bits(winograd: Winograd) -> None:
    """Boards with their channels first, and gradients of expanded tensors."""
    boards, kernel, bias = (tensor.requires_grad_() for tensor in case(3, 1, others=False))
    last = boards.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    first, second = winograd(boards, kernel, bias), winograd(last, kernel, bias)
    assert first.equal(second)
    expanded = torch.ones(3, 8, 1, 1).expand(3, 8, 5, 7)
    for ours, again in zip(
        torch.autograd.grad(first, (boards, kernel, bias), expanded),
        torch.autograd.grad(second, (last, kernel, bias), expanded.clone()),
        strict=True,
    ):
        assert ours.equal(again)


def test_batches_leave_nothing_to_those_after_them(winograd: Winograd) -> None:
    """Arrays are used again, and products are of whole ones: not even what is no number may stay in them."""
    few, many = case(2, 2, others=False), [tensor.requires_grad_() for tensor in case(40, 3, others=False)]

    def gradient() -> Tensor:
        """Of the kernel."""
        kernel = few[1].clone().requires_grad_()
        (found,) = torch.autograd.grad(winograd(few[0], kernel, few[2]).sum(), kernel)
        return found

    before = gradient()
    for bad in (1.0, float("nan"), float("inf")):
        torch.autograd.grad(winograd(bad * many[0], many[1], many[2]).sum(), many)
        assert gradient().equal(before)


def test_it_stands_in_for_torch(winograd: Winograd) -> None:
    given = case(4, 4, others=True)
    assert torch.allclose(winograd(*given), convolve(*given), atol=1e-4)


def test_copies_and_others_compute_the_same_by_themselves(winograd: Winograd) -> None:
    """So a resumed run learns as one that goes on."""
    given = case(4, 5, others=True)
    expected = winograd(*given)
    for one in (copy.deepcopy(winograd), pickle.loads(pickle.dumps(winograd)), Winograd(5, 7, 8)):
        winograd(*case(4, 6, others=True))
        assert one(*given).equal(expected)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (4, 8, 4, 7), r"x must be float32 \(4, 8, 5, 7\), got torch.float32 \(4, 8, 4, 7\)"),
        (0, (4, 5, 7, 8), "x must be"),
        (0, (35,), "x must be"),
        (1, (8, 8, 1, 1), r"kernel must be float32 \(8, 8, 3, 3\)"),
        (2, (), r"bias must be float32 \(8,\)"),
        (3, (1, 8, 5, 7), r"others must be float32 \(4, 8, 5, 7\)"),
    ],
)
def test_what_does_not_fit_is_refused(winograd: Winograd, place: int, shape: tuple[int, ...], message: str) -> None:
    given = case(4, 7, others=True)
    given[place] = torch.zeros(shape)
    with pytest.raises(ValueError, match=message):
        winograd(*given)


def test_other_types_are_refused(winograd: Winograd) -> None:
    given = [tensor.double() for tensor in case(4, 7, others=True)]
    with pytest.raises(ValueError, match=r"x must be float32 .*, got torch\.float64"):
        winograd(*given)


def test_second_derivatives_are_refused(winograd: Winograd) -> None:
    given = [tensor.requires_grad_() for tensor in case(1, 8, others=False)]
    (first,) = torch.autograd.grad(winograd(*given).square().sum(), given[1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()  # type: ignore[no-untyped-call]
