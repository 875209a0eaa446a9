# SPDX-License-Identifier: Apache-2.0
"""Integers for a trained float net without training: scales that samples choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import ACC_BITS
from spikesim.fixed.settings import Quantization
from spikesim.nn.integers.floats import FloatLayer
from spikesim.nn.integers.populations import IntegerLayer
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.integers.walk import before_first, each_layer, heard, shapes, walk

#: Shares of the range that holds every weight. Below, what is clipped outweighs what is finer.
_SHARES = tuple(np.linspace(1.0, 0.3, 15).tolist())
#: Of that range, where words saturate with it; up to 8 bits less.
_WIDER = tuple(1.25**k for k in range(1, 26))


@torch.no_grad()
def calibrate(
    model: torch.nn.Module,
    x: Tensor,
    settings: Quantization | None = None,
    *,
    input_shape: Sequence[int] | None = None,
) -> IntegerNet:
    """Choose the scales of a trained net by the error that they make on samples.

    For each channel, or neuron, or population (``settings.granularity``), weight ranges are tried
    from the largest weight down to less than a third of it. Kept is the one with the smallest
    squared error of the membrane over all samples and ticks, with the spikes of the float net as
    input and spikes of its own left out, for those would differ later for any reason. Ranges are
    made wider where a sum of weights of one sign would reach a rail of the accumulator, and the
    shift from accumulator to state is lowered where a membrane of the float net would reach one.

    Parameters
    ----------
    model : torch.nn.Module
        As for `IntegerNet`; not changed.
    x : float32 tensor, shape (T, B, ...)
        Input spikes of samples; training images, not those of a test. Some hundred do.
    settings : Quantization, optional
        Widths, granularity and kind of scale.
    input_shape : sequence of int, optional
        As for `IntegerNet`.

    Returns
    -------
    IntegerNet
        With ranges and shifts in its ``settings``, which go to ``compile_network`` as they are.

    Raises
    ------
    ValidationError
        As of `IntegerNet`; for samples of another shape, of no ticks, or none.

    Notes
    -----
    The smallest squared error on data in place of the largest weight is that of Nagel et al., A
    White Paper on Neural Network Quantization, arXiv:2106.08295 (2021), section 3.1, with the
    filter of the membrane in place of a plain product.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer, Linear, SpikingNet
    >>> net = SpikingNet(Linear(4, 1), LIFLayer(1))
    >>> _ = net[0].weight.data.copy_(torch.tensor([[1.0, 0.5, 0.3, -0.2]]))
    >>> x = torch.tensor([0.0, 1.0, 1.0, 1.0]).expand(8, 1, 4)  # never the large weight
    >>> calibrate(net, x, Quantization(weight_bits=4)).settings.ranges["layer0"] < 1.0
    True
    """
    net = IntegerNet(model, settings, input_shape=input_shape)
    if x.ndim < 3 or not (len(x) and x.shape[1]):
        raise ValidationError(
            f"calibrate: expected spikes (T, B, ...) of at least one sample and tick, got "
            f"{tuple(x.shape)}"
        )
    reading, _, given = net.prepared(x)
    floats = each_layer(reading, lambda layer: FloatLayer.of(layer, model))
    now = [one.start(x.shape[1]) for one in floats]
    membranes: dict[str, list[Tensor]] = {one.layer.name: [] for one in floats}
    spikes = walk(floats, given, now, before_first(reading, floats, x.shape[1]), membranes)
    found = net.settings
    for one in floats:
        reach = _reach(one, membranes.pop(one.layer.name))
        found = _Trials(one, heard(one, spikes), reach, shapes(reading), model, found).best()
    return IntegerNet(model, found, input_shape=input_shape)


def _reach(one: FloatLayer, membranes: list[Tensor]) -> Tensor:
    """Largest magnitude (n,) of the membrane, before what a spike takes off."""
    low = torch.stack([v.amin(0) for v in membranes]).amin(0).flatten()
    high = torch.stack([v.amax(0) for v in membranes]).amax(0).flatten()
    if one.neuron.reset == "soft":
        high = high + torch.from_numpy(one.neuron.arrays(len(high))["reset_amount"])
    return torch.maximum(-low, high)


class _Trials:
    """Ranges for one population, and the error that each makes."""

    def __init__(
        self, one: FloatLayer, heard: dict[str, Tensor], reach: Tensor,
        of: dict[str, tuple[int, ...]], model: torch.nn.Module, settings: Quantization,
    ) -> None:  # fmt: skip
        self.one, self.heard, self.of, self.model = one, heard, of, model
        self.settings = settings
        first = self._integers(settings)
        self.runs = first.runs
        self.widest = settings.top / first.q.weight_scale[:: max(1, first.q.n // self.runs)]
        neuron = one.neuron.arrays(first.q.n)
        self.gain, self.bias = torch.from_numpy(neuron["gain"]), torch.from_numpy(neuron["bias"])
        self.alpha, self.beta = (torch.from_numpy(neuron[key]) for key in ("alpha", "beta"))
        self.wanted = one.drive(heard).flatten(2) * self.gain
        self.reach = torch.maximum(reach, self._current()).numpy()

    def best(self) -> Quantization:
        """Give the settings with the range of each run that makes the smallest error."""
        shares = list(_SHARES)
        errors = [self._errors(share) for share in shares]
        for share in _WIDER:
            if np.isfinite(np.min(errors, axis=0)).all():
                break
            shares.append(share)
            errors.append(self._errors(share))
        settings = self._with(np.array(shares)[np.argmin(errors, axis=0)])
        name, q = self.one.layer.name, self._integers(settings).q
        shift = q.gain_shift
        while shift > 0 and (self.reach * q.weight_scale * 2.0**shift).max() >= settings.rail:
            shift -= 1
        if shift == q.gain_shift or self.settings.shift_of(name) is not None:
            return settings
        return replace(settings, gain_shifts={**settings.gain_shifts, name: shift})

    def _with(self, shares: np.ndarray) -> Quantization:
        """Give the settings with so much of the widest range of each run."""
        ranges = (shares * self.widest).tolist()
        found = tuple(ranges) if len(ranges) > 1 else ranges[0]
        return replace(self.settings, ranges={**self.settings.ranges, self.one.layer.name: found})

    def _errors(self, share: float) -> np.ndarray:
        """Squared errors (runs,) of the membrane; infinite where a word may saturate."""
        try:
            layer = self._integers(self._with(np.full(self.runs, share)))
        except ValidationError:  # a bias or threshold beyond the state: this range will not do
            return np.full(self.runs, math.inf)
        scale = torch.from_numpy(layer.q.scale)
        miss = layer.drive(self.heard).double() / scale - self.wanted
        miss += torch.from_numpy(layer.q.bias) / scale - self.bias
        error = self._filtered(miss)
        error[torch.from_numpy(self.reach * layer.q.weight_scale >= self.settings.rail)] = math.inf
        if not layer.q.acc_exact:
            error[layer.peak(self.heard) >= 2 ** (ACC_BITS - 1)] = math.inf
        by_run: np.ndarray = error.reshape(self.runs, -1).sum(1).numpy()
        return by_run

    def _current(self) -> Tensor:
        """Largest magnitude (n,) of the current."""
        i = found = torch.zeros_like(self.wanted[0])
        for tick in self.wanted:
            i = self.alpha * i + tick
            found = torch.maximum(found, i.abs())
        return found.amax(0)

    def _filtered(self, miss: Tensor) -> Tensor:
        """Sum of squares (n,) of what errors of the drive add up to on the membrane."""
        i = v = torch.zeros_like(miss[0])
        total = torch.zeros(miss.shape[-1], dtype=torch.float64)
        for tick in miss:
            i = self.alpha * i + tick
            v = self.beta * v + i
            total += v.square().sum(0)
        return total

    def _integers(self, settings: Quantization) -> IntegerLayer:
        return IntegerLayer.of(self.one.layer, self.model, self.of, settings)
