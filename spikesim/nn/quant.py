# SPDX-License-Identifier: Apache-2.0
"""Train with the integers of the core in the loop.

`IntegerNet` wraps a float net and shares its parameters. Its forward pass chooses integers with
``fixed.quantize_lif``, the function the compiler calls, and runs the core's arithmetic on them,
so its spikes are those of the golden model and of the hardware. Its backward pass is that of the
float neuron.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import ACC_BITS, QuantizedPopulation, quantize_lif
from spikesim.fixed.settings import STATE_BITS, WEIGHT_BITS, Quantization
from spikesim.nn import exact
from spikesim.nn.export import canonical, weights
from spikesim.nn.fixed_ops import coded, decay, saturate
from spikesim.nn.functional import LIFParams, lif_reset
from spikesim.nn.network import Linear, SpikingNet
from spikesim.nn.neuron import LIFLayer
from spikesim.nn.surrogate import Surrogate, spike


class IntegerNet(torch.nn.Module):
    """A float net run with the integers the core would run.

    Parameters
    ----------
    model : SpikingNet
        Alternating Linear and LIFLayer layers. Its parameters are shared: training this module
        trains the float net.
    settings : Quantization, optional
        As the compiler will be given; widths left open are 8 and 18 bits. Attribute
        ``settings`` has them filled in, so that a core of other widths is refused.

    Notes
    -----
    The accumulator of the core saturates at every addition. This module saturates the sum once,
    which is the same as long as no rail is reached; `exact` says whether that is certain.

    Examples
    --------
    >>> net = IntegerNet(SpikingNet(Linear(4, 3), LIFLayer(3)))
    >>> net(torch.ones(5, 2, 4)).shape, net.exact()
    (torch.Size([5, 2, 3]), True)
    """

    def __init__(self, model: SpikingNet, settings: Quantization | None = None) -> None:
        super().__init__()
        self.model = model
        self.settings = (settings or Quantization()).with_widths(WEIGHT_BITS, STATE_BITS)
        for depth, (_, lif) in enumerate(model.stages()):
            if set(lif._parameters) - {"bias"}:
                raise ValidationError(
                    f"layer{depth}: only weights and bias can be trained with integers, got "
                    f"learned {sorted(set(lif._parameters) - {'bias'})}"
                )

    def quantized(self) -> list[QuantizedPopulation]:
        """Integers of every population, in order, for the present parameters."""
        return [
            self._integers(depth, linear, lif)
            for depth, (linear, lif) in enumerate(self.model.stages())
        ]

    def exact(self) -> bool:
        """Whether no input whatsoever can bring an accumulator to its rail."""
        return all(q.acc_exact for q in self.quantized())

    @torch.no_grad()
    def snap_(self) -> None:
        """Replace the shared float weights and biases by the values their integers stand for.

        The integers stay what they are (rounding twice changes nothing), and the float net comes
        to differ from them only by the truncation of the decay and the rounding of thresholds:
        less than one code per tick. So the float simulator and the core run the same network.
        """
        for (linear, lif), q in zip(self.model.stages(), self.quantized(), strict=True):
            gain = np.broadcast_to(np.asarray(lif.canonical().gain), (q.n,))
            unit = np.where(gain == 0.0, 0.0, 1.0 / np.where(gain == 0.0, 1.0, gain))
            linear.weight.copy_(torch.from_numpy((q.weights[0] * (unit / q.weight_scale)).T))
            if linear.bias is not None:
                rest = q.bias / q.scale - np.asarray(lif.canonical().bias)
                linear.bias.copy_(torch.from_numpy(rest * unit))
            elif "bias" in lif._parameters:
                cast(Tensor, lif.bias).copy_(torch.from_numpy(q.bias / q.scale))

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes (T, B, n) of every population, without the shift by depth of the core."""
        if x.dtype != torch.float32:
            raise ValidationError(f"IntegerNet: expected float32 spikes of 0 and 1, got {x.dtype}")
        spikes = []
        for depth, (linear, lif) in enumerate(self.model.stages()):
            q = self._integers(depth, linear, lif)
            x = _population(x, q, linear, lif)
            spikes.append(x)
        return spikes

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, B, n_out) for input spikes float32 (T, B, n_in) of 0 and 1."""
        return self.layer_spikes(x)[-1]

    def _integers(self, depth: int, linear: Linear, lif: LIFLayer) -> QuantizedPopulation:
        neuron = canonical(linear, lif)
        return quantize_lif(
            [weights(linear)], linear.out_features, neuron, self.settings, name=f"layer{depth}"
        )


def _population(x: Tensor, q: QuantizedPopulation, linear: Linear, lif: LIFLayer) -> Tensor:
    gain = torch.from_numpy(np.broadcast_to(np.asarray(lif.canonical().gain), (q.n,)).copy())
    factor = (gain * torch.from_numpy(q.weight_scale)).float()[:, None]
    w = coded(linear.weight, _float(q.weights[0].T), factor)
    bias = _float(q.bias)
    scale = torch.from_numpy(q.scale).float()
    if linear.bias is not None:
        bias = coded(linear.bias, bias, scale * gain.float())
    elif isinstance(lif.bias if "bias" in lif._parameters else None, Tensor):
        bias = coded(cast(Tensor, lif.bias), bias, scale)
    acc = saturate(exact.linear(x, w), ACC_BITS)
    drive = saturate(acc * float(2**q.gain_shift), q.state_bits)
    reset = LIFParams(
        beta=0.0, v_th=_float(q.v_th), v_reset=float(q.v_reset), reset=lif.reset,
        reset_amount=_float(q.reset_amount), detach_reset=lif.detach_reset,
    )  # fmt: skip
    return _membrane(drive, q, bias, reset, 1.0 / scale, lif.surrogate)


def _membrane(
    drive: Tensor, q: QuantizedPopulation, bias: Tensor, reset: LIFParams, unit: Tensor,
    surrogate: Surrogate,
) -> Tensor:  # fmt: skip
    """Integer LIFLayer over time; ``unit`` turns codes into float membranes for the surrogate."""
    bias = exact.spread(bias, drive.shape[1:])
    v = _float(q.v_init).expand(drive.shape[1:])
    i = torch.zeros_like(v)
    rail = -(2 ** (q.state_bits - 1))
    spikes = []
    for tick in drive.unbind(0):
        i = saturate(decay(i, q.alpha) + tick, q.state_bits) if q.alpha else tick
        u = saturate(decay(v, q.beta) + i + bias, q.state_bits)
        if q.v_floor > rail:
            u = u.clamp(min=float(q.v_floor))
        s = spike((u - reset.v_th) * unit, surrogate)
        v = lif_reset(u, s, reset)
        if reset.reset == "soft":
            v = saturate(v, q.state_bits)
        spikes.append(s)
    return torch.stack(spikes) if spikes else torch.zeros_like(drive)


def _float(codes: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32))
