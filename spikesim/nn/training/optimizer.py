# SPDX-License-Identifier: Apache-2.0
"""AdamW in single rounded operations, equal to the bit on every machine.

torch's own fuses multiplications with additions, which round once or twice as the vector unit of
the machine has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class AdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay.

    ``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g^2``;
    ``w = w (1 - lr decay) - lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    params : iterable of tensors
        As for every optimizer of torch.
    lr, weight_decay, eps : float
        Learning rate, decay, and what keeps the quotient finite.
    betas : (float, float)
        b1 and b2.

    References
    ----------
    Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, w.grad, **{k: group[k] for k in ("lr", "betas", "eps", "decay")})

    def _move(
        self, w: Tensor, g: Tensor, lr: float, betas: tuple[float, float], eps: float, decay: float
    ) -> None:
        state = self.state[w]
        if not state:
            state.update(m=torch.zeros_like(w), v=torch.zeros_like(w), powers=(1.0, 1.0))
        b1, b2 = betas
        # Multiplied up, since a library's power function may round otherwise elsewhere.
        p1, p2 = state["powers"] = (state["powers"][0] * b1, state["powers"][1] * b2)
        m, v = state["m"], state["v"]
        m.mul_(b1).add_(g * (1.0 - b1))
        v.mul_(b2).add_((g * g).mul_(1.0 - b2))
        if decay:
            w.mul_(1.0 - lr * decay)
        root = v.sqrt().div_(math.sqrt(1.0 - p2)).add_(eps)
        w.sub_((m / root).mul_(lr / (1.0 - p1)))
