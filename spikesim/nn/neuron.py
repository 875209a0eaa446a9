# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neurons as a torch layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.nn.functional import LIFParams, LIFState, Reset, lif_init, lif_seq, lif_step
from spikesim.nn.surrogate import ATan, Surrogate

_PER_NEURON = ("beta", "alpha", "gain", "bias", "v_th", "v_reset", "reset_amount")


class LIFLayer(torch.nn.Module):
    """Canonical leaky integrate-and-fire layer, time first.

    Parameters
    ----------
    n : int, optional
        Number of neurons; needed when a parameter is learned per neuron.
    beta : float or sequence, shape (n,)
        Membrane decay per tick. Multiples of 1/4096 survive quantization unchanged.
    alpha : float or sequence, shape (n,)
        Current decay per tick; 0 is a delta synapse.
    gain, bias, v_th, v_reset, reset_amount
        As of ``neurons.LIF``.
    reset : {"hard", "soft", "none"}
        What a spike does to the membrane.
    strict : bool
        Fire above the threshold only.
    detach_reset : bool
        Keep the reset out of the gradient.
    surrogate : Surrogate
        Backward derivative of the spike.
    learn : sequence of str
        Names among ``beta, alpha, gain, bias, v_th`` that are trained, one value per neuron.

    Raises
    ------
    ValidationError
        For values ``neurons.LIF`` refuses, an unknown name in ``learn``, or ``learn`` without n.

    Examples
    --------
    >>> layer = LIFLayer(beta=0.5)
    >>> layer(torch.tensor([[[0.75]], [[0.75]]])).flatten().tolist()
    [0.0, 1.0]
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Refuse the former name of a keyword; the rest is up to ``__init__``."""
        if "threshold" in given:
            raise ValidationError(
                "LIFLayer: the threshold is called v_th, as in neurons.LIF; v_th=..."
            )
        return super().__new__(cls)

    def __init__(
        self,
        n: int | None = None,
        *,
        beta: float | Sequence[float] = 0.9375,
        alpha: float | Sequence[float] = 0.0,
        gain: float | Sequence[float] = 1.0,
        bias: float | Sequence[float] = 0.0,
        v_th: float | Sequence[float] = 1.0,
        v_reset: float | Sequence[float] = 0.0,
        reset: Reset = "hard",
        reset_amount: float | Sequence[float] | None = None,
        strict: bool = False,
        detach_reset: bool = True,
        surrogate: Surrogate | None = None,
        learn: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.n = n
        self.reset: Reset = reset
        self.strict, self.detach_reset = strict, detach_reset
        self.surrogate: Surrogate = ATan() if surrogate is None else surrogate
        values: dict[str, Any] = {
            "beta": beta, "alpha": alpha, "gain": gain, "bias": bias, "v_th": v_th,
            "v_reset": v_reset, "reset_amount": reset_amount,
        }  # fmt: skip
        checked = neurons.LIF(reset=reset, strict=strict, **values)
        unknown = set(learn) - set(_PER_NEURON[:5])
        if unknown:
            raise ValidationError(
                f"LIFLayer: learn accepts {', '.join(_PER_NEURON[:5])}, got {sorted(unknown)}"
            )
        if learn and n is None:
            raise ValidationError(f"LIFLayer: learn={list(learn)} needs the number of neurons n")
        if n is not None:
            checked.arrays(n)
        self._scalars: dict[str, float | None] = {}
        for key in _PER_NEURON:
            value = getattr(checked, key)
            if key in learn:
                full = torch.tensor(np.broadcast_to(value, (n or 0,)), dtype=torch.float32)
                self.register_parameter(key, torch.nn.Parameter(full.clone()))
            elif isinstance(value, np.ndarray):
                self.register_buffer(key, torch.tensor(value, dtype=torch.float32))
            else:
                self._scalars[key] = value

    def params(self) -> LIFParams:
        """Give the current parameters, as `functional.lif_step` takes them."""
        values: dict[str, Any] = {
            key: self._scalars[key] if key in self._scalars else getattr(self, key)
            for key in _PER_NEURON
        }
        return LIFParams(
            **values, reset=self.reset, strict=self.strict, detach_reset=self.detach_reset,
            surrogate=self.surrogate,
        )  # fmt: skip

    def canonical(self) -> neurons.LIF:
        """Give the same neuron as plain data (float64), for export and quantization."""
        values: dict[str, Any] = {
            key: value.detach().double().cpu().numpy() if isinstance(value, Tensor) else value
            for key, value in vars(self.params()).items()
            if key in _PER_NEURON
        }
        return neurons.LIF(**values, reset=self.reset, strict=self.strict)

    def initial_state(self, a: Tensor) -> LIFState:
        """Resting state for one tick's input of shape (B, ..., n)."""
        return lif_init(a, self.params())

    def step(self, a: Tensor, state: LIFState) -> tuple[Tensor, LIFState]:
        """One tick; see `functional.lif_step`."""
        return lif_step(a, state, self.params())

    def seq(self, a: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """All ticks; see `functional.lif_seq`."""
        return lif_seq(a, self.params(), state)

    def forward(self, a: Tensor) -> Tensor:
        """Spikes (T, B, ..., n) for input (T, B, ..., n), from rest."""
        return self.seq(a)[0]

    def extra_repr(self) -> str:
        """Parameters that differ from neuron to neuron are left out."""
        shown = {k: v for k, v in self._scalars.items() if v is not None}
        return (
            f"n={self.n}, "
            + ", ".join(f"{k}={v:g}" for k, v in shown.items())
            + (f", reset={self.reset!r}, surrogate={self.surrogate!r}")
        )
