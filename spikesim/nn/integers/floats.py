# SPDX-License-Identifier: Apache-2.0
"""A population of a net in float64, as `export` writes it: what integers are compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from spikesim.neurons import LIF
from spikesim.nn.functional import LIFParams, LIFState, lif_init, lif_step
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.reading import Layer
from spikesim.nn.graph.spikemap import Part
from spikesim.nn.integers.populations import trainable


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A population, and the parts of its drive.

    Attributes
    ----------
    layer : Layer
        As it was read.
    neuron : LIF
        Its neurons, with the constant part of the drive in their bias.
    """

    layer: Layer
    neuron: LIF

    @classmethod
    def of(cls, layer: Layer, model: torch.nn.Module) -> FloatLayer:
        """Give a population of a net; raises ValidationError as `trainable`."""
        return cls(layer, trainable(layer, model)[1])

    @property
    def parts(self) -> Mapping[str, Part]:
        """Its drive, by source."""
        return self.layer.drive.parts

    def start(self, n_batch: int) -> LIFState:
        """State before the first tick."""
        zeros = torch.zeros(n_batch, *self.layer.drive.shape, dtype=torch.float64)
        return lif_init(zeros, self._params())

    def drive(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """Weights of all spikes, float64 (T, B, ...)."""
        x, shape = next(iter(spikes.values())), self.layer.drive.shape
        total = torch.zeros(*x.shape[:2], math.prod(shape), dtype=torch.float64)
        for source, part in self.parts.items():
            total += _sum(spikes[source].double(), part)
        return total.reshape(*x.shape[:2], *shape)

    def run(
        self, spikes: Mapping[str, Tensor], state: LIFState, membranes: list[Tensor] | None = None
    ) -> tuple[Tensor, LIFState]:
        """See `ArithmeticLayer`."""
        params, out = self._params(), []
        for tick in self.drive(spikes):
            s, state = lif_step(tick, state, params)
            out.append(s.float())
            if membranes is not None:
                membranes.append(state.v)
        return torch.stack(out), state

    def _params(self) -> LIFParams:
        neuron, shape = self.neuron, self.layer.drive.shape
        each: dict[str, Any] = {
            key: torch.from_numpy(values).reshape(shape)
            for key, values in neuron.arrays(math.prod(shape)).items()
        }
        for key in ("alpha", "refractory_ticks"):  # plain zeros keep no state
            if not each[key].any():
                each[key] = 0
        return LIFParams(
            **each, reset=neuron.reset, refractory=neuron.refractory, strict=neuron.strict
        )


def _sum(x: Tensor, part: Part) -> Tensor:
    """Sum of the weights of spikes (T, B, ...), float64 (T, B, n)."""
    if part is None:
        return x.flatten(2)
    if not isinstance(part, Kernel):
        return x.flatten(2) @ part.detach()
    convolve = functional.conv1d if len(part.size) == 1 else functional.conv2d
    out: Tensor = convolve(
        x.reshape(-1, *part.in_shape), part.weights.detach(), None, part.stride, part.padding,
        part.dilation, part.groups,
    )  # fmt: skip
    return out.reshape(*x.shape[:2], -1)
