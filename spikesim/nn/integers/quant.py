# SPDX-License-Identifier: Apache-2.0
"""Train with the integers of the core in the loop.

`IntegerNet` wraps a float net and shares its parameters. Its forward pass chooses integers with
``fixed.quantize_lif``, the function the compiler calls, for what `nn.export` would write, and runs
the core's arithmetic on them, so its spikes are those of the golden model and of the hardware. Its
backward pass is that of the float neuron.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.fixed.settings import STATE_BITS, WEIGHT_BITS, Quantization
from spikesim.nn.functional import LIFState
from spikesim.nn.graph.handlers import HANDLERS, Handlers
from spikesim.nn.graph.reading import Reading, read
from spikesim.nn.graph.retiming import INPUT
from spikesim.nn.graph.spikemap import SpikeMap
from spikesim.nn.integers.populations import IntegerLayer, trainable
from spikesim.nn.integers.snap import Origins, noting, snap_
from spikesim.nn.integers.walk import before_first, each_layer, shapes, walk
from spikesim.nn.layers.delay import check_past
from spikesim.nn.time.stateful import Stateful, each_tensor

#: A `LIFState` of codes for each population, in order; behind them, for each source of spikes that
#: act in later ticks (a `Delay`, a loop), the last of them, float32 (ticks, B, ...).
IntegerState: TypeAlias = tuple[Any, ...]


class IntegerNet(Stateful):
    """A float net run with the integers the core would run.

    Parameters
    ----------
    model : torch.nn.Module
        A net that `nn.export` takes, with a `LIFLayer` for all of its neurons: convolutions, skips
        and concatenations among it. Its parameters are shared: training this module trains the
        float net. As by export, it is taken as in evaluation: batch normalization by its running
        statistics, and no dropout.
    settings : Quantization, optional
        As the compiler will be given; widths left open are 8 and 18 bits. Attribute
        ``settings`` has them filled in, so that a core of other widths is refused.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch; needed where the first layer leaves them
        open, as a convolution does.

    Raises
    ------
    ValidationError
        With everything that has no counterpart on the core or cannot be trained with integers.

    Notes
    -----
    The accumulator of the core saturates at every addition. This module saturates the sum once,
    which is the same as long as no rail is reached; `exact` says whether that is certain.

    The state is a `LIFState` of codes for each population, and the last spikes of each source that
    acts in later ticks, behind a `Delay` or in a loop.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer, Linear, SpikingNet
    >>> net = IntegerNet(SpikingNet(Linear(4, 3), LIFLayer(3)))
    >>> net(torch.ones(5, 2, 4)).shape, net.exact()
    (torch.Size([5, 2, 3]), True)
    """

    def __init__(
        self,
        model: torch.nn.Module,
        settings: Quantization | None = None,
        *,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.settings = (settings or Quantization()).with_widths(WEIGHT_BITS, STATE_BITS)
        self.input_shape = None if input_shape is None else tuple(input_shape)
        with torch.no_grad():
            reading = self._reading(HANDLERS)
        each_layer(reading, lambda layer: trainable(layer, model))

    def quantized(self) -> list[QuantizedPopulation]:
        """Integers of every population, in order, for the present parameters."""
        return [layer.q for layer in self._layers()]

    def exact(self) -> bool:
        """Whether no input whatsoever can bring an accumulator to its rail."""
        return all(q.acc_exact for q in self.quantized())

    def snap_(self) -> None:
        """Replace the shared float weights and biases by the values their integers stand for.

        The integers stay what they are (rounding twice changes nothing), and the float net comes
        to differ from them only by the truncation of the decay and the rounding of thresholds:
        less than one code per tick. So the float simulator and the core run the same network.

        Raises
        ------
        ValidationError
            With every population that is not driven by the weights of one dense layer or
            convolution alone; nothing is changed then.
        """
        origins: Origins = {}
        snap_(self._layers(noting(origins)), origins)

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes (T, B, ...) of every population, without the shift by depth of the core."""
        _, spikes, _ = self._run(x, None)
        return [tensor for name, tensor in spikes.items() if name != INPUT]

    def init(self, x: Tensor) -> IntegerState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        with torch.no_grad():
            reading = self._reading(HANDLERS)
            layers = self._integers(reading)
            past = before_first(reading, layers, len(x))
            return (*(layer.start(len(x)) for layer in layers), *past.values())

    def step(self, x: Tensor, state: IntegerState) -> tuple[Any, IntegerState]:
        """One tick; see `seq`."""
        spikes, after = self.seq(x[None], state)
        return each_tensor(spikes, lambda whole: whole[0]), after

    def seq(self, x: Tensor, state: IntegerState | None = None) -> tuple[Any, IntegerState]:
        """Output for input spikes float32 (T, B, ...) of 0 and 1, and the state after them."""
        reading, spikes, after = self._run(x, state)

        def given(tensor: SpikeMap) -> Tensor:
            assert tensor.source is not None
            return spikes[tensor.source].reshape(*x.shape[:2], *tensor.shape)

        return _each_map(reading.result, given), after

    def _run(
        self, x: Tensor, state: IntegerState | None
    ) -> tuple[Reading, dict[str, Tensor], IntegerState]:
        """Spikes (T, B, ...) by source, the input among them, and the state after the last."""
        reading, layers, given = self.prepared(x)
        past = before_first(reading, layers, x.shape[1])
        now = [layer.start(x.shape[1]) for layer in layers]
        if state is not None:
            now, past = _checked(state, len(layers), past)
        every = walk(layers, given, now, past)
        return reading, every, (*now, *past.values())

    def prepared(self, x: Tensor) -> tuple[Reading, list[IntegerLayer], Tensor]:
        """Give the net as it was read, its populations with integers, and input in its shape.

        Raises
        ------
        ValidationError
            If the input is no spikes (T, B, ...) of this net.
        """
        reading = self._reading(HANDLERS)
        layers = self._integers(reading)
        self._check(x, reading)
        return reading, layers, x.reshape(*x.shape[:2], *reading.input_shape)

    def _check(self, x: Tensor, reading: Reading) -> None:
        if x.dtype != torch.float32:
            raise ValidationError(f"IntegerNet: expected float32 spikes of 0 and 1, got {x.dtype}")
        axes = reading.input_shape
        if x.shape[2:] not in (axes, (math.prod(axes),)):
            raise ValidationError(
                f"IntegerNet: expected input of shape (T, B, {', '.join(map(str, axes))}), got "
                f"{tuple(x.shape)}"
            )
        if not bool(((x == 0.0) | (x == 1.0)).all()):
            raise ValidationError(
                "IntegerNet: expected spikes of 0 and 1, got other values; encode them (nn.encode)"
            )

    def _layers(self, handlers: Handlers = HANDLERS) -> list[IntegerLayer]:
        with torch.no_grad():
            return self._integers(self._reading(handlers))

    def _reading(self, handlers: Handlers) -> Reading:
        return read(self.model, self.input_shape, handlers)

    def _integers(self, reading: Reading) -> list[IntegerLayer]:
        of, model = shapes(reading), self.model
        return each_layer(reading, lambda layer: IntegerLayer.of(layer, model, of, self.settings))


def _checked(
    state: IntegerState, n_layers: int, rest: Mapping[str, Tensor]
) -> tuple[list[LIFState], dict[str, Tensor]]:
    """Give the parts of a state; layers look at their own."""
    if len(state) != n_layers + len(rest):
        also = f" and each of {list(rest)} that acts later" if rest else ""
        raise ValidationError(
            f"IntegerNet: expected a state with {n_layers + len(rest)} entries, one for each "
            f"population{also}, got {len(state)}"
        )
    for past, like in zip(state[n_layers:], rest.values(), strict=True):
        check_past("IntegerNet", past, like)
    return list(state[:n_layers]), dict(zip(rest, state[n_layers:], strict=True))


def _each_map(nest: Any, change: Callable[[SpikeMap], Tensor]) -> Any:
    """Give what a net gives, with a tensor for each map."""
    if isinstance(nest, SpikeMap):
        return change(nest)
    if isinstance(nest, dict):
        return {key: _each_map(value, change) for key, value in nest.items()}
    if isinstance(nest, tuple | list):
        parts = [_each_map(value, change) for value in nest]
        return parts if isinstance(nest, list) else tuple(parts)
    return nest
