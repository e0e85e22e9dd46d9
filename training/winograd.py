"""Convolutions of 3x3 by Winograd's minimal filtering (Lavin and Gray 2016, "Fast algorithms for convolutional neural
networks"), forwards and backwards, for learners on a CPU: on most boards a third of the multiplications or less.

A convolution is a transform of boards, a matrix product at every point of them, and a transform back, in which bias,
residual and ReLU are computed on the way. Gradients are the exact adjoints of it.
Shapes: B positions, F channels, boards `[B, H, W, F]`, in torch's order `[B, F, H, W]`, P points of a board.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.winograd_kernels import TOGETHER, compiled_steps
from training.winograd_tiles import kernel_matrix, points_of

_NONE = np.empty(0, np.float32)


class Winograd:
    """`relu(conv(x) + bias + others)` of boards of one size, by kernels from so many channels to as many.

    For one thread at a time: all that it computes passes through the same arrays.
    """

    def __init__(self, height: int, width: int, channels: int) -> None:
        self._steps = compiled_steps(height, width, channels)
        self._shape, self._size = (channels, height, width), channels * height * width
        kernels = np.kron(kernel_matrix(height), kernel_matrix(width)).astype(np.float32)
        self._kernels, points = torch.from_numpy(kernels), len(kernels)
        # Room for one board, and for one with cells of nothing around it.
        self._bare = np.zeros(self._size, np.float32)
        self._edged, self._sums = (np.zeros((height + 2) * (width + 2) * channels, np.float32) for _ in range(2))
        self._rows = np.zeros(points_of(height) * (width + 2) * channels, np.float32)
        self._inputs, self._outputs = (np.zeros(points * TOGETHER * channels, np.float32) for _ in range(2))
        self._x, self._y = (
            torch.from_numpy(values).view(points, TOGETHER, channels) for values in (self._inputs, self._outputs)
        )

    def __reduce__(self) -> tuple[type[Self], tuple[int, int, int]]:
        """Copies have arrays of their own."""
        channels, height, width = self._shape
        return type(self), (height, width, channels)

    def __call__(self, x: Tensor, kernel: Tensor, bias: Tensor, others: Tensor | None = None) -> Tensor:
        """See `hybrid.network.Convolve`. Raises ValueError where shapes or types do not fit."""
        channels, boards = self._shape[0], (len(x), *self._shape)
        shapes = {"x": boards, "kernel": (channels, channels, 3, 3), "bias": (channels,), "others": boards}
        for name, tensor in (("x", x), ("kernel", kernel), ("bias", bias), ("others", others)):
            # Compiled code looks neither at shapes nor at types.
            if tensor is not None and (tensor.shape != shapes[name] or tensor.dtype != torch.float32):
                raise ValueError(f"{name} must be float32 {shapes[name]}, got {tensor.dtype} {tuple(tensor.shape)}")
        return _Convolution.apply(x, kernel, bias, others, self)  # type: ignore[no-untyped-call,no-any-return]

    def at_points(self, kernel: Tensor) -> Tensor:
        """A kernel `[F, F, 3, 3]` at every point: `[P, F, F]`, from inputs to outputs."""
        flat = kernel.permute(2, 3, 1, 0).reshape(9, -1)
        return (self._kernels @ flat).view(-1, *kernel.shape[:2])

    def forward(self, x: Tensor, kernel: Tensor, bias: Tensor, others: Tensor | None) -> Tensor:
        """When called, with boards and `others` `[B, H, W, F]`."""
        y, values = torch.empty_like(x), self.at_points(kernel)
        boards, outputs, shift = _flat(x), _flat(y), _flat(bias)
        added = _NONE if others is None else _flat(others)
        for first, count in self._chunks(len(x)):
            self._steps.input_forth(boards[first:], count, self._inputs, self._edged, self._rows)
            torch.bmm(self._x, values, out=self._y)
            self._steps.output_back(self._outputs, count, shift, added[first:], outputs[first:], self._bare, self._rows)
        return y

    def backward(self, x: Tensor, kernel: Tensor, y: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the gradient to the output those to the input, the kernel, the bias and the others."""
        values = self.at_points(kernel)
        to_input, to_others = torch.empty_like(x), torch.empty_like(x)
        to_values, to_bias = torch.zeros_like(values), torch.zeros(len(kernel))
        boards, outputs, given = _flat(x), _flat(y), _flat(gradient)
        kept, found, shift = _flat(to_others), _flat(to_input), _flat(to_bias)
        for first, count in self._chunks(len(x)):
            self._steps.input_forth(boards[first:], count, self._inputs, self._edged, self._rows)
            self._steps.output_forth(
                given[first:], outputs[first:], count, kept[first:], shift, self._outputs, self._rows
            )
            torch.baddbmm(to_values, self._x.mT, self._y, out=to_values)
            torch.bmm(self._y, values.mT, out=self._x)
            self._steps.input_back(self._inputs, count, found[first:], self._sums, self._rows)
        to_kernel = (self._kernels.T @ to_values.flatten(1)).view(3, 3, *kernel.shape[:2])
        return to_input, to_kernel.permute(3, 2, 0, 1), to_bias, to_others

    def _chunks(self, boards: int) -> Iterator[tuple[int, int]]:
        """Of so many boards where some in a row begin, in numbers, and how many they are."""
        for first in range(0, boards, TOGETHER):
            yield first * self._size, min(TOGETHER, boards - first)


class _Convolution(torch.autograd.Function):
    """`Winograd` as torch calls and differentiates it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor, others: Tensor | None, winograd: Winograd) -> Tensor:
        """See `Winograd`."""
        boards = _channels_last(x)
        y = winograd.forward(boards, kernel, bias, None if others is None else _channels_last(others))
        ctx.save_for_backward(boards, kernel, y)
        ctx.winograd, ctx.adds = winograd, others is not None
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """The gradients to what `forward` was given."""
        x, kernel, bias, others = ctx.winograd.backward(*ctx.saved_tensors, _channels_last(gradient))
        return x.permute(0, 3, 1, 2), kernel, bias, others.permute(0, 3, 1, 2) if ctx.adds else None, None


def _channels_last(boards: Tensor) -> Tensor:
    """`[B, F, H, W]` to `[B, H, W, F]`, contiguous."""
    return boards.permute(0, 2, 3, 1).contiguous()


def _flat(tensor: Tensor) -> npt.NDArray[np.float32]:
    """The numbers of a contiguous tensor, not copied."""
    return tensor.detach().view(-1).numpy()
