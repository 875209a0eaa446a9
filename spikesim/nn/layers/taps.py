# SPDX-License-Identifier: Apache-2.0
"""Synaptic weights over the ticks that they wait, on their way to one tick each."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor

from spikesim.nn.neurons import legal
from spikesim.nn.neurons.constants import WithConstants

Interpolation = Literal["gauss", "triangle"]
DelayGranularity = Literal["synapse", "axon", "dendrite"]

_SIGMA = {"gauss": 0.5, "triangle": 0.0}
"""Where sigma ends: nearly all of a weight in one tick or two."""
_START = 1.0 / 64.0
"""Share of the range, at both ends, in which no delay begins: slopes are small there."""


class Taps(WithConstants):
    """Weights with a delay in the making: a kernel over 0 to ``max_delay`` ticks each.

    Parameters
    ----------
    max_delay : int, ticks
        Largest delay.

    Attributes
    ----------
    hard : bool tensor, shape ()
        Whether every weight has a tick of its own by now.
    """

    hard: Tensor

    def __init__(self, max_delay: int, method: str) -> None:
        super().__init__()
        self.max_delay, self.method = max_delay, method
        self.register_buffer("hard", torch.tensor(False))

    def constants(self) -> dict[str, Any]:
        """Give what the parameters mean something only with."""
        return {"method": self.method, "max_delay": int(self.max_delay)}

    @abstractmethod
    def forward(self) -> Tensor:
        """Weights by delay, shape (max_delay + 1, n_post, n_pre, ...)."""

    def shared(self) -> tuple[Tensor, Tensor, bool] | None:
        """Weights, kernel, and whether it is of a source, where it is not of each synapse."""
        return None

    @abstractmethod
    def delays(self) -> Tensor:
        """Delay of every weight as it stands, in ticks; whole numbers when hard."""

    @abstractmethod
    def narrow(self, progress: float) -> None:
        """Set how wide a weight is spread over ticks: from 0, at first, to 1, at the end."""

    @abstractmethod
    def harden(self) -> None:
        """Give every weight one tick, for good; weights can be trained on."""


class InterpolatedTaps(Taps):
    """One weight each, spread about a learned delay: DCLS.

    ``kernel[k] = weight g[k] / sum(g)`` with, for a delay d, ``g[k] = exp(-((k - d)/sigma)²/2)``
    (Gauss) or ``max(0, 1 + sigma - |k - d|)`` (triangle). Delays are between 0 and ``max_delay``
    whatever the optimizer does (``nn.legal``), and begin evenly spread.

    Parameters
    ----------
    weight : float tensor, shape (n_post, n_pre, ...)
        To begin with.
    max_delay : int, ticks
        Largest delay.
    interpolation : {"gauss", "triangle"}
        Shape of the kernel.
    granularity : {"synapse", "axon", "dendrite"}
        Whether each weight has a delay of its own, all weights from one source, or all onto one
        target.

    References
    ----------
    Hammouamri, Khalfaoui-Hassani, Masquelier: Learning delays in spiking neural networks using
    dilated convolutions with learnable spacings. ICLR 2024, section 3.
    """

    sigma: Tensor
    ticks: Tensor

    def __init__(
        self,
        weight: Tensor,
        max_delay: int,
        interpolation: Interpolation,
        granularity: DelayGranularity,
    ) -> None:
        super().__init__(max_delay, interpolation)
        self.granularity = granularity
        self.weight = torch.nn.Parameter(weight)
        kept = {
            "synapse": weight.shape,
            "axon": (1, weight.shape[1], *[1] * (weight.ndim - 2)),
            "dendrite": (weight.shape[0], *[1] * (weight.ndim - 1)),
        }[granularity]
        start = torch.rand(kept).clamp_(_START, 1.0 - _START)
        self.raw_delay = torch.nn.Parameter(legal.from_share(start))
        self.register_buffer("sigma", torch.tensor(0.0))
        # Rounded once: in another float type, half a tick may lie on the other side.
        self.register_buffer("ticks", torch.zeros(kept, dtype=torch.int64))
        self.narrow(0.0)

    def delays(self) -> Tensor:
        """Delays, shape (n_post, n_pre, ...) with 1 for an axis along which they are shared."""
        return self.ticks if self.hard else self.max_delay * legal.share(self.raw_delay)

    def kernel(self) -> Tensor:
        """Shares of a weight by delay, shape (max_delay + 1, ...)."""
        delays = self.delays()
        ticks = torch.arange(self.max_delay + 1, device=delays.device)
        apart = ticks.reshape(-1, *[1] * delays.ndim) - delays
        if self.hard:
            return (apart == 0).to(self.weight.dtype)
        if self.method == "gauss":
            return torch.softmax(-0.5 * (apart / self.sigma.to(delays.dtype)) ** 2, 0)
        g = (1.0 + self.sigma.to(delays.dtype) - apart.abs()).clamp(min=0.0)
        return g / g.sum(0)

    def forward(self) -> Tensor:
        """Weights by delay."""
        return self.weight * self.kernel()

    def shared(self) -> tuple[Tensor, Tensor, bool] | None:
        """Weights, kernel, and whether it is of a source, where it is not of each synapse."""
        if self.granularity == "synapse":
            return None
        return self.weight, self.kernel(), self.granularity == "axon"

    def narrow(self, progress: float) -> None:
        """Shrink sigma geometrically, from half of the range to 0.5 (Gauss) or 0 (triangle)."""
        end, more = _SIGMA[self.method], float(self.method == "triangle")
        start = max(self.max_delay / 2.0, end)
        self.sigma.fill_((start + more) * ((end + more) / (start + more)) ** progress - more)

    @torch.no_grad()
    def harden(self) -> None:
        """Round the delays, which are no longer trained."""
        self.ticks.copy_(self.delays().round())
        self.hard.fill_(True)
        self.raw_delay.requires_grad_(False)


class PrunedTaps(Taps):
    """A weight for every delay, of which all but one are pruned while the net is trained.

    Parameters
    ----------
    shape : tuple of int
        (n_post, n_pre, ...), as of a weight without delays.
    max_delay : int, ticks
        Largest delay.
    bound : float
        Weights begin between plus and minus this.

    Attributes
    ----------
    mask : bool tensor, shape (max_delay + 1, n_post, n_pre, ...)
        What is left; it only shrinks.
    """

    mask: Tensor

    def __init__(self, shape: tuple[int, ...], max_delay: int, bound: float) -> None:
        super().__init__(max_delay, "prune")
        drawn = torch.rand(max_delay + 1, *shape).mul_(2.0).sub_(1.0).mul_(bound)
        self.weight = torch.nn.Parameter(drawn)
        self.register_buffer("mask", torch.ones(max_delay + 1, *shape, dtype=torch.bool))

    def forward(self) -> Tensor:
        """Weights by delay."""
        return self.weight * self.mask

    def delays(self) -> Tensor:
        """Delay of the largest weight that is left, shape (n_post, n_pre, ...)."""
        return self._sizes().argmax(0)

    @torch.no_grad()
    def narrow(self, progress: float) -> None:
        """Keep the ``K^(1 - progress)`` largest weights of each synapse, K being all delays."""
        kept = max(1, round((self.max_delay + 1) ** (1.0 - progress)))
        best = self._sizes().topk(kept, 0).indices
        self.mask &= torch.zeros_like(self.mask).scatter_(0, best, True)

    def harden(self) -> None:
        """Keep the largest weight of each synapse."""
        self.narrow(1.0)
        self.hard.fill_(True)

    def _sizes(self) -> Tensor:
        """Absolute weights; what was pruned is behind all that was not."""
        return self.weight.detach().abs().masked_fill(~self.mask, -math.inf)
