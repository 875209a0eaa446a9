# SPDX-License-Identifier: Apache-2.0
"""Constants of neurons as other frameworks compute them from their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.errors import ConversionError

Number: TypeAlias = float | Sequence[float] | np.ndarray | Tensor

#: Decay that stands for none, where what a spike takes off is divided by it. Times it, whatever a
#: membrane holds is below the last bit of that.
NO_DECAY = 2.0**-60


@dataclass(frozen=True)
class SnntorchConstants:
    """Of snnTorch, for ``beta``, ``alpha`` and ``threshold``, clamped where they are used.

    Parameters
    ----------
    soft : bool
        Whether the threshold is taken off in the tick after a spike.
    """

    soft: bool

    def __call__(self, others: Mapping[str, Any], **given: Tensor) -> dict[str, Tensor]:
        """Constants that follow the given parameters."""
        values = {}
        if "beta" in given:
            values["beta"] = given["beta"].clamp(NO_DECAY if self.soft else 0.0, 1.0)
        if "alpha" in given:
            values["alpha"] = given["alpha"].clamp(0.0, 1.0)
        if "threshold" in given:
            smallest = torch.finfo(given["threshold"].dtype).tiny
            values["v_th"] = given["threshold"].clamp(min=smallest)
        if self.soft:
            now = {**others, **values}
            values["reset_amount"] = as_tensor(now["v_th"], double=True) / now["beta"]
        return values


@dataclass(frozen=True)
class PlifConstants:
    """Of ParametricLIFNode of SpikingJelly, for its ``w``: ``1 / tau = sigmoid(w)``."""

    decay_input: bool
    rest: float

    def __call__(self, _: Mapping[str, Any], w: Tensor) -> dict[str, Tensor]:
        """Constants that follow w."""
        share = torch.sigmoid(w).double()
        values = {"beta": 1.0 - share}
        if self.decay_input:
            values["gain"] = share
        if self.rest:
            values["bias"] = share * self.rest
        return values


@dataclass(frozen=True)
class SinabsConstants:
    """Of LIF of sinabs, for its time constants, or the decays themselves."""

    norm_input: bool
    decays: bool

    def __call__(self, others: Mapping[str, Any], **given: Tensor) -> dict[str, Tensor]:
        """Constants that follow the given parameters."""
        now = {"beta": others.get("beta", 1.0), "alpha": others.get("alpha", 0.0)}
        for key, field in (("tau_mem", "beta"), ("tau_syn", "alpha")):
            if key in given:
                decay = given[key] if self.decays else torch.exp(-1.0 / given[key])
                now[field] = decay.clamp(0.0, 1.0)
        gain: Any = 1.0 - now["beta"] if self.norm_input else 1.0
        if isinstance(now["alpha"], Tensor) or now["alpha"] != 0.0:
            gain = gain * as_tensor(now["alpha"], double=True)
        now["gain"] = gain
        return {key: value for key, value in now.items() if isinstance(value, Tensor)}


def lapicque(
    beta: Number | None, R: Number | None, C: Number | None, time_step: Number, problems: list[str]
) -> tuple[Tensor, Tensor]:
    """Decay and gain of Lapicque of snnTorch: an Euler step, whatever its beta says.

    Examples
    --------
    >>> decay, gain = lapicque(None, 2.0, 5.0, 1, [])
    >>> round(decay.item(), 6), round(gain.item(), 6)
    (0.9, 0.2)
    """
    step = as_tensor(time_step)
    if sum(value is None for value in (beta, R, C)) > 1 and (beta is None):
        problems.append("like_snntorch: expected beta, or R and C, for Lapicque, got neither")
        return torch.tensor(0.0), torch.tensor(0.0)
    if beta is None:
        r, c = as_tensor(R), as_tensor(C)
    else:
        slope = torch.log(1 / as_tensor(beta))
        r = as_tensor(R) if R is not None else step / (as_tensor(C) * slope) if C is not None else 1
        c = as_tensor(C) if C is not None else step / (r * slope)
    decay = 1 - step / (r * c)
    if not bool(((decay >= 0) & (decay <= 1)).all()):
        problems.append(
            f"like_snntorch: expected R C of at least a time_step for Lapicque, got a decay of "
            f"{float(decay.min()):g}; give a smaller time_step"
        )
    return decay, as_tensor(r, double=True) * (1 / (r * c)) * step


def as_tensor(value: Any, *, double: bool = False) -> Tensor:
    """Give a number as the float tensor that frameworks make of it, in torch's default type.

    With ``double`` as float64: numbers as they are, tensors as their type has rounded them.
    """
    if double:
        return torch.as_tensor(value, dtype=torch.float64)
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def as_parameter(value: Tensor) -> Parameter:
    """Give a parameter as it is, and anything else as a new one."""
    return value if isinstance(value, Parameter) else Parameter(value.clone())


def number(value: Any) -> Any:
    """Give a tensor as a float or a float64 array."""
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value, np.float64)
    return array if array.ndim else float(array)


def over(shape: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Give arrays as a shape of several axes wants them: from the last axis, as torch does.

    Raises
    ------
    ConversionError
        If an array does not fit the shape, or has several axes and there is none.

    Examples
    --------
    >>> over((2, 3), {"beta": np.array([[0.5], [0.9]]), "v_th": 1.0})["beta"].tolist()
    [[0.5, 0.5, 0.5], [0.9, 0.9, 0.9]]
    """
    axes = None if shape is None or isinstance(shape, int) else tuple(shape)
    out = dict(values)
    for key, value in values.items():
        if not isinstance(value, np.ndarray):
            continue
        if value.ndim > 1 and axes is None:
            raise ConversionError(
                f"expected the shape of the layer for {key} of shape {value.shape}, got none; "
                "give it, or where a net is converted the input_shape of a tick"
            )
        if axes is not None and len(axes) > 1:
            try:
                out[key] = np.broadcast_to(value, axes)
            except ValueError:
                raise ConversionError(
                    f"expected {key} to spread over {axes}, got shape {value.shape}"
                ) from None
    return out


def plain(value: Any) -> Any:
    """Give a tensor of one number as a float; others, and what is none, as they are."""
    if isinstance(value, Tensor):
        return value.detach().double() if value.ndim else float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def least(value: Any) -> float:
    """Smallest of what is one number or several."""
    return float(np.min(number(value)))


def on_grid(value: Any, step: float) -> Any:
    """Multiples of a step, the nearest."""
    rounded = np.round(number(value) / step) * step
    return rounded if np.ndim(rounded) else float(rounded)
