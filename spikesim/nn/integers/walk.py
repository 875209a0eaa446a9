# SPDX-License-Identifier: Apache-2.0
"""The populations of a net over time, whatever their arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.functional import LIFState
from spikesim.nn.graph.reading import Layer, Reading
from spikesim.nn.graph.retiming import INPUT, tap

Made = TypeVar("Made")
Membranes = Mapping[str, list[Tensor]]


class ArithmeticLayer(Protocol):
    """A population with the sums that drive it; in floats or in integers."""

    @property
    def layer(self) -> Layer:
        """As it was read."""
        ...

    @property
    def parts(self) -> Mapping[str, Any]:
        """Its drive, by source, or what that was some ticks ago (`Tap`)."""
        ...

    def start(self, n_batch: int) -> LIFState:
        """State before the first tick."""
        ...

    def run(
        self, spikes: Mapping[str, Tensor], state: LIFState, membranes: list[Tensor] | None = None
    ) -> tuple[Tensor, LIFState]:
        """Spikes (T, B, ...) for those of its sources, and the state after the last tick.

        The membrane (B, ...) after each tick is appended to ``membranes``.
        """
        ...


def walk(
    layers: Sequence[ArithmeticLayer], x: Tensor, now: list[LIFState], past: dict[str, Tensor],
    membranes: Membranes | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """Run all populations, in order; ``now``, ``past`` and ``membranes`` change in place.

    Parameters
    ----------
    layers : sequence of ArithmeticLayer
    x : float tensor, shape (T, B, ...)
        Input spikes.
    now : list of LIFState
        Of each population.
    past : dict of str to tensor
        As of `before_first`.
    membranes : mapping of str to list, optional
        By population; grows by the membrane (B, ...) of every tick.

    Returns
    -------
    dict of str to float tensor, shape (T, B, ...)
        Spikes by source, the input first.
    """
    found = []
    # Spikes that come back in a later tick are known tick by tick only.
    for ticks in x.split(1) if past else [x]:
        spikes = {INPUT: ticks}
        for k, one in enumerate(layers):
            name = one.layer.name
            due = {key: _due(key, spikes, past) for key in one.parts}
            into = None if membranes is None else membranes[name]
            spikes[name], now[k] = one.run({INPUT: ticks} | due, now[k], into)
        for name, before in past.items():
            past[name] = torch.cat([before, spikes[name]])[-len(before) :]
        found.append(spikes)
    return {name: torch.cat([spikes[name] for spikes in found]) for name in found[0]}


def shapes(reading: Reading) -> dict[str, tuple[int, ...]]:
    """Axes of the input and of all populations."""
    return {INPUT: reading.input_shape} | {one.name: one.drive.shape for one in reading.layers}


def before_first(
    reading: Reading, layers: Sequence[ArithmeticLayer], n_batch: int
) -> dict[str, Tensor]:
    """Spikes before the first tick, float32 (ticks, B, ...), for as long as they act later."""
    of, longest = shapes(reading), dict[str, int]()
    for source, ticks in (tap(key) for one in layers for key in one.parts):
        if ticks:
            longest[source] = max(ticks, longest.get(source, 0))
    return {name: torch.zeros(n, n_batch, *of[name]) for name, n in longest.items()}


def _due(key: str, spikes: Mapping[str, Tensor], past: Mapping[str, Tensor]) -> Tensor:
    """Spikes of a source, or those of some ticks ago."""
    source, ticks = tap(key)
    return past[source][-ticks:][: len(spikes[INPUT])] if ticks else spikes[source]


def heard(one: ArithmeticLayer, spikes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give what a population hears, by part, of spikes (T, B, ...) from the first tick on."""
    out = {INPUT: spikes[INPUT]}
    for key in one.parts:
        source, ticks = tap(key)
        x = spikes[source]
        out[key] = torch.cat([torch.zeros_like(x[:ticks]), x])[: len(x)]
    return out


def each_layer(reading: Reading, make: Callable[[Layer], Made]) -> list[Made]:
    """Make something of each population, or raise ValidationError with the problems of all."""
    problems, made = list[str](), []
    for layer in reading.layers:
        try:
            made.append(make(layer))
        except ValidationError as error:
            problems += [f"IntegerNet: {layer.who}: {text}" for text in error.problems]
    if problems:
        raise ValidationError(problems)
    return made
