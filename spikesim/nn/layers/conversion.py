# SPDX-License-Identifier: Apache-2.0
"""What converted nets are made of beside `LIFLayer`: signed spikes, largest counts, QCFS.

Over T ticks a neuron that integrates, starts at half its threshold and takes the threshold off
with each spike counts ``floor(drive / threshold + 1/2)``, between 0 and T, of the drive of all
ticks. That is the activation of an artificial neuron in T levels, as long as its input comes
evenly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.neurons.constants import WithConstants
from spikesim.nn.neurons.shapes import broadcast, shape_of
from spikesim.nn.time.stateful import Stateful


class QCFS(WithConstants):
    """Quantize, clip, floor, shift: an activation in L levels, to be trained with its net.

    ``y = threshold / L * clip(floor(L x / threshold + 1/2), 0, L)``, which an integrate-and-fire
    neuron gives exactly within L ticks of even input. `convert.convert` makes these neurons of it.
    The floor lets gradients through as they are; the threshold is learned.

    Parameters
    ----------
    levels : int
        L, best the number of ticks T that the converted net will run for.
    threshold : float
        Largest value, to begin with.

    References
    ----------
    T. Bu et al., "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking
    neural networks", ICLR 2022, equation 15.

    Examples
    --------
    >>> QCFS(4, threshold=2.0)(torch.tensor([-1.0, 0.2, 0.3, 1.3, 9.0])).tolist()
    [0.0, 0.0, 0.5, 1.5, 2.0]
    """

    def __init__(self, levels: int, threshold: float = 8.0) -> None:
        super().__init__()
        if levels < 1 or not threshold > 0.0:
            raise ValidationError(
                f"QCFS: expected levels >= 1 and a threshold above 0, got {levels} and {threshold}"
            )
        self.levels = levels
        self.threshold = torch.nn.Parameter(torch.tensor(float(threshold)))

    def forward(self, x: Tensor) -> Tensor:
        """Activations in levels, of the shape of ``x``."""
        threshold = self.threshold.abs()  # a negative one would be no threshold
        share = (x / threshold).clamp(0.0, 1.0)
        codes = (share.detach() * self.levels + 0.5).floor() / self.levels
        return threshold * (share + (codes - share.detach()))

    def constants(self) -> dict[str, Any]:
        """Levels, which a state_dict is to be loaded with."""
        return {"levels": int(self.levels)}

    def extra_repr(self) -> str:
        """Levels and threshold."""
        return f"levels={self.levels}, threshold={float(self.threshold.detach().abs()):g} (learned)"


class SignedIFState(NamedTuple):
    """What neurons with signed spikes carry from tick to tick.

    Attributes
    ----------
    v : float tensor, shape (B, ...)
        Membrane.
    n : float tensor, shape (B, ...)
        Spikes so far, those of -1 taken off; never below 0.
    """

    v: Tensor
    n: Tensor


class SignedIF(Stateful):
    """Integrate-and-fire with a spike of -1 that takes back one sent too early.

    ``v += x``; a spike of +1 where ``v >= v_th``, of -1 where ``v < 0`` and one has been sent
    before; ``v -= v_th * spike``. What comes unevenly is so put right, which a spike of +1 alone
    cannot; the sum of spikes never falls below 0.

    Parameters
    ----------
    shape : int or sequence of int
        Neurons, as of `LIFLayer`.
    v_th, v_init : float or array
        Threshold above 0 and membrane at rest: for all, per channel, or per neuron.

    References
    ----------
    Y. Wang et al., "Signed neuron with memory: towards simple, accurate and high-efficient ANN-SNN
    conversion", IJCAI 2022.

    Examples
    --------
    >>> layer = SignedIF(1, v_th=1.0, v_init=0.5)
    >>> layer(torch.tensor([0.75, -1.0, 0.0, 0.75]).reshape(4, 1, 1)).flatten().tolist()
    [1.0, -1.0, 0.0, 1.0]
    """

    def __init__(
        self, shape: int | tuple[int, ...], *, v_th: float | np.ndarray = 1.0,
        v_init: float | np.ndarray = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        values = {"v_th": v_th, "v_init": v_init}
        self.shape = shape_of(shape, values)
        if not np.all(np.isfinite(v_th)) or not np.all(np.asarray(v_th) > 0.0):
            raise ValidationError(f"SignedIF: expected v_th above 0, got {np.min(v_th):g}")
        for name, value in values.items():
            full = np.asarray(broadcast(name, value, self.shape), dtype=np.float64)
            self.register_buffer(name, torch.from_numpy(full.copy()))

    def init(self, x: Tensor) -> SignedIFState:
        """State before the first tick, for one tick's input (B, ...)."""
        zeros = torch.zeros_like(x)
        return SignedIFState(zeros + self.v_init.to(x.dtype), zeros)

    def step(self, x: Tensor, state: SignedIFState) -> tuple[Tensor, SignedIFState]:
        """One tick: spikes -1, 0 and 1 of shape (B, ...), and the new state."""
        if self.shape is not None and x.shape[1:] != self.shape:
            raise ValidationError(
                f"SignedIF: expected input of shape (B, {', '.join(map(str, self.shape))}), got "
                f"{tuple(x.shape)}"
            )
        threshold = self.v_th.to(x.dtype)
        v = state.v + x
        early = (v < 0.0) & (state.n > 0.0)
        s = (v >= threshold).to(x.dtype) - early.to(x.dtype)
        return s, SignedIFState(v - threshold * s, state.n + s)


class MaxPoolState(NamedTuple):
    """What a `CountMaxPool` carries from tick to tick.

    Attributes
    ----------
    total : float tensor, shape (B, ...)
        Sum of the input so far.
    largest : float tensor, shape (B, ...)
        What pooling makes of it.
    """

    total: Tensor
    largest: Tensor


class CountMaxPool(Stateful):
    """Max-pooling of spike counts: ``y(t) = max C(t) - max C(t-1)``, C the counts so far.

    The sum of the output is the largest count at every tick. Of spikes it makes spikes: none or
    one. The largest of several spikes of a tick, which ``MaxPool2d`` gives, adds up to more.

    Parameters
    ----------
    pool : torch.nn.Module
        ``MaxPool1d``, ``MaxPool2d``, ``AdaptiveMaxPool2d``, ...

    References
    ----------
    B. Rueckauer et al., "Conversion of continuous-valued deep networks to efficient event-driven
    networks for image classification", Front. Neurosci. 11:682, 2017, section 2.2.5, for the gate
    that this makes exact.

    Examples
    --------
    >>> pool = CountMaxPool(torch.nn.MaxPool1d(2))
    >>> pool(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]).reshape(3, 1, 1, 2)).flatten()
    tensor([1., 0., 1.])
    """

    def __init__(self, pool: torch.nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def init(self, x: Tensor) -> MaxPoolState:
        """State before the first tick, for one tick's input (B, ...)."""
        zeros = torch.zeros_like(x)
        return MaxPoolState(zeros, self.pool(zeros))

    def step(self, x: Tensor, state: MaxPoolState) -> tuple[Tensor, MaxPoolState]:
        """One tick: what the largest count has grown by, and the new state."""
        total = state.total + x
        largest = self.pool(total)
        return largest - state.largest, MaxPoolState(total, largest)
