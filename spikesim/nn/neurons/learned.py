# SPDX-License-Identifier: Apache-2.0
"""Which constants of a neuron can be learned, and as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.neurons import legal

Granularity = Literal["neuron", "channel", "layer"]
#: Gives constants for parameters, ``tied(other constants, parameter=...)``; see `LIFLayer.tie`.
Tied = Callable[..., dict[str, Tensor]]


def _as_it_is(value: Tensor) -> Tensor:
    return value


def _to_decay(tau: Tensor) -> Tensor:
    return legal.inside(torch.exp(-1.0 / tau))


def _to_tau(decay: Tensor) -> Tensor:
    return -1.0 / torch.log(decay)


@dataclass(frozen=True)
class LearnedConstant:
    """One constant that can be trained.

    Attributes
    ----------
    name, field : str
        As it is asked for; the field of ``neurons.LIF`` that it decides.
    to_raw, from_raw : callable
        To what the optimizer moves, and back; see ``nn.legal``.
    into, out_of : callable
        From the value of that name to the field, and back.
    low, high : float
        Between which a value has to start, the borders not included.
    """

    name: str
    field: str
    to_raw: Callable[[Tensor], Tensor] = _as_it_is
    from_raw: Callable[[Tensor], Tensor] = _as_it_is
    into: Callable[[Tensor], Tensor] = _as_it_is
    out_of: Callable[[Tensor], Tensor] = _as_it_is
    low: float = -torch.inf
    high: float = torch.inf

    @property
    def parameter(self) -> str:
        """Name of the parameter: that of the constant, unless it is trained as something else."""
        return self.name if self.to_raw is _as_it_is else f"raw_{self.name}"

    def value(self, raw: Tensor) -> Tensor:
        """Value of the field."""
        return self.into(self.from_raw(raw))

    def shown(self, raw: Tensor) -> Tensor:
        """Value of the constant of this name."""
        return self.from_raw(raw)

    def start(self, value: Tensor, granularity: Granularity, shape: tuple[int, ...]) -> Tensor:
        """Give what the optimizer begins with, for a field that begins with ``value``.

        Raises
        ------
        ValidationError
            If the value stands on its border or beyond, or differs within a channel or layer
            that is to have one.
        """
        if not bool(((value > self.low) & (value < self.high)).all()):
            raise ValidationError(
                f"LIFLayer: expected a learned {self.name} to start with {self.field} above "
                f"{self.low:g} and below {self.high:g}, got {float(value.min()):g} to "
                f"{float(value.max()):g}; give {self.field}=..."
            )
        kept = {"neuron": len(shape), "channel": 1, "layer": 0}[granularity]
        spread = value.expand(shape)
        start = spread[tuple(slice(None if k < kept else 1) for k in range(len(shape)))]
        if not torch.equal(start.expand(shape), spread):
            raise ValidationError(
                f"LIFLayer: expected one {self.field} for each {granularity} that learns it, got "
                f"several; learn it per neuron"
            )
        return self.to_raw(self.out_of(start)).clone()


def _all() -> tuple[LearnedConstant, ...]:
    between: dict[str, Any] = {
        "to_raw": legal.from_share,
        "from_raw": legal.share,
        "low": 0.0,
        "high": 1.0,
    }
    above: dict[str, Any] = {"to_raw": legal.from_positive, "from_raw": legal.positive, "low": 0.0}
    tau = above | {"into": _to_decay, "out_of": _to_tau, "high": 1.0}
    return (
        LearnedConstant("beta", "beta", **between),
        LearnedConstant("alpha", "alpha", **between),
        LearnedConstant("tau_mem", "beta", **tau),
        LearnedConstant("tau_syn", "alpha", **tau),
        LearnedConstant("gain", "gain"),
        LearnedConstant("bias", "bias"),
        LearnedConstant("v_th", "v_th", **above),
        LearnedConstant("reset_amount", "reset_amount", **above),
    )


LEARNABLE = {how.name: how for how in _all()}


def names_to_learn(
    learn: Sequence[str] | Mapping[str, Granularity], shape: tuple[int, ...] | None
) -> dict[str, Granularity]:
    """Tell what is learned, and for whom each has a value of its own.

    Raises
    ------
    ValidationError
        For an unknown name or granularity, two names of one constant, or no shape.
    """
    names = [learn] if isinstance(learn, str) else learn
    asked: dict[str, Granularity] = (
        dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "neuron")
    )
    unknown = sorted(set(asked) - set(LEARNABLE))
    if unknown:
        raise ValidationError(f"LIFLayer: learn accepts {', '.join(LEARNABLE)}, got {unknown}")
    for name, granularity in asked.items():
        if granularity not in ("neuron", "channel", "layer"):
            raise ValidationError(
                f"LIFLayer: expected learn[{name!r}] as 'neuron', 'channel' or 'layer', got "
                f"{granularity!r}"
            )
    decided = [LEARNABLE[name].field for name in asked]
    twice = sorted({field for field in decided if decided.count(field) > 1})
    if twice:
        raise ValidationError(
            f"LIFLayer: {twice[0]} is learned under two names, {sorted(asked)}; leave one"
        )
    if asked and shape is None:
        raise ValidationError(f"LIFLayer: learn={list(asked)} needs the shape of the layer")
    return asked
