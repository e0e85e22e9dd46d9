"""Muon for the network's trunk and AdamW for the rest, as one optimizer.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") takes momentum for a matrix and
moves along the nearest orthogonal one, so that all directions of a layer learn equally fast. A convolution's kernel
`[F, C, H, W]` counts as a matrix `[F, C * H * W]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic whose iteration drives singular values towards 1 (Jordan et al.)."""
_ITERATIONS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices to `[K, M, N]`, roughly: singular values end up between 0.7 and 1.2."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.AdamW):
    """AdamW over `others`, and Muon over `kernels`, whose first dimension is what a layer puts out.

    Every group has its own `lr`; `weight_decay` and `momentum` are Muon's, with Nesterov's look ahead.
    """

    def __init__(
        self,
        kernels: Iterable[Tensor],
        others: Iterable[dict[str, Any]],
        *,
        kernel_rate: float,
        rate: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        group = {"params": list(kernels), "lr": kernel_rate, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__([*others, group], lr=rate, weight_decay=0.0, fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every parameter that has a gradient."""
        adam, muon = self.param_groups[:-1], self.param_groups[-1]
        self.param_groups = adam
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = [*adam, muon]
        by_shape: dict[torch.Size, list[Tensor]] = {}
        for kernel in muon["params"]:
            if kernel.grad is not None:
                by_shape.setdefault(kernel.shape, []).append(kernel)
        for kernels in by_shape.values():
            self._step_equal(kernels, muon["lr"], muon["momentum"], muon["weight_decay"])
        return loss

    def _step_equal(self, kernels: list[Tensor], rate: float, momentum: float, decay: float) -> None:
        """Move kernels of one shape."""
        for kernel in kernels:
            if not self.state[kernel]:
                self.state[kernel] |= {"step": torch.zeros(()), "momentum": torch.zeros_like(kernel)}
            self.state[kernel]["step"] += 1  # AdamW counts, and wants to find a count everywhere
        averages = [self.state[kernel]["momentum"] for kernel in kernels]
        gradients = [kernel.grad for kernel in kernels if kernel.grad is not None]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        ahead = torch.stack(torch._foreach_lerp(gradients, averages, momentum)).flatten(2)
        scale = max(1.0, ahead.shape[1] / ahead.shape[2]) ** 0.5
        moves = orthogonalise(ahead) * scale
        for kernel, move in zip(kernels, moves, strict=True):
            kernel.mul_(1 - rate * decay).add_(move.view_as(kernel), alpha=-rate)
