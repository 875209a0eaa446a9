# SPDX-License-Identifier: Apache-2.0
"""Time in export: spikes of earlier ticks, loops, and the tick at which each population starts.

In a torch net a spike crosses all layers within a tick, unless a `Delay` or a `Recurrent` holds it
back; in a network it takes a tick from population to population. Retiming (Leiserson and Saxe,
Algorithmica 6, 1991, 5-35) finds the starts that leave every population the same input.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spikesim.errors import ValidationError
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.spikemap import SpikeMap

INPUT = "in"


class Tap(str):
    """Spikes of a source some ticks ago, as a source of its own.

    Examples
    --------
    >>> tap = Tap.of("layer0", 1)
    >>> tap.source, tap.ticks, Tap.of(tap, 2) == Tap.of("layer0", 3)
    ('layer0', 1, True)
    """

    source: str
    ticks: int

    @classmethod
    def of(cls, source: str, ticks: int) -> Tap:
        """Give the tap ``ticks`` before a source, or before another tap."""
        first, before = tap(source)
        made = cls(f"{first}, {before + ticks} ticks ago")
        made.source, made.ticks = first, before + ticks
        return made


def tap(source: str) -> tuple[str, int]:
    """Whose spikes these are, and of how many ticks ago."""
    return (source.source, source.ticks) if isinstance(source, Tap) else (source, 0)


def late(x: SpikeMap, ticks: int) -> SpikeMap:
    """Give what a tensor was some ticks ago.

    Raises
    ------
    ValidationError
        If part of it is constant: then it was 0 before the first tick, and is not constant.
    """
    if ticks == 0:
        return x
    if x.bias is not None and bool(x.bias.any()):
        raise ValidationError(
            "expected spikes to delay, got a sum with a constant, which would begin late; take "
            "the bias behind the delay"
        )
    return replace(x, parts={Tap.of(key, ticks): part for key, part in x.parts.items()}, bias=None)


def delayed(module: Any, x: SpikeMap) -> SpikeMap:
    """Handle a `Delay`."""
    shape = module.shape
    if shape is not None and x.shape != shape:
        raise ValidationError(f"expected input of shape {shape}, got {x.shape}")
    ticks = np.broadcast_to(module.ticks.cpu().numpy(), x.shape).reshape(-1)
    each = np.unique(ticks).tolist()
    if len(each) == 1:
        return late(x, each[0])
    total = SpikeMap(x.shape, {})
    for d in each:
        total = total + late(x.scaled((ticks == d).astype(np.float64)), d)
    return total


def previous(x: Any, shape: Any) -> Any:
    """Stand, in the graph of a tick, for the output of a `Recurrent` with input x a tick ago."""
    raise AssertionError("only torch.fx sees it")


def closed(last: Any, out: Any) -> Any:
    """Say, in the graph of a tick, of which output ``last`` is what it was a tick ago."""
    raise AssertionError("only torch.fx sees it")


class Loops:
    """Outputs that are used before they are known, while a net is read in order."""

    def __init__(self) -> None:
        self._outputs: dict[str, SpikeMap | None] = {}

    def previous(self, _: Any, x: SpikeMap, shape: tuple[int, ...] | None) -> SpikeMap:
        """Handle `previous`: spikes of a source that stands for the loop."""
        name = f"loop{len(self._outputs)}"
        self._outputs[name] = None
        return SpikeMap.of(name, x.shape if shape is None else shape)

    def closed(self, _: Any, last: SpikeMap, out: Any) -> SpikeMap:
        """Handle `closed`: the loop is the output, a tick ago."""
        if not isinstance(out, SpikeMap) or out.shape != last.shape:
            got = out.shape if isinstance(out, SpikeMap) else type(out).__name__
            raise ValidationError(f"expected an output of shape {last.shape}, got {got}")
        (name,) = last.parts
        ago = self.resolved(late(out, 1))
        if any(tap(key)[0] == name for key in ago.parts):
            raise ValidationError(
                "expected neurons between a recurrent output and its input, got a sum, which "
                "could be any number; put a LIFLayer into it"
            )
        self._outputs[name] = ago
        return out

    def resolved(self, x: SpikeMap) -> SpikeMap:
        """Give a sum with the outputs in place of the loops that are known by now."""
        while True:
            known = [key for key in x.parts if self._outputs.get(tap(key)[0]) is not None]
            if not known:
                return x
            rest = {key: part for key, part in x.parts.items() if key not in known}
            total = SpikeMap(x.shape, rest, x.bias)
            for key in known:
                name, ticks = tap(key)
                output, part = self._outputs[name], x.parts[key]
                assert output is not None
                before = late(output, ticks)
                if isinstance(part, Kernel):
                    before = before.reshaped(part.in_shape).convolved(part)
                elif part is not None:
                    before = before.through(part, x.shape)
                total = total + before.reshaped(x.shape)
            x = total


def start_ticks(
    incoming: Mapping[str, Collection[str]],
    called: Mapping[str, str] | None = None,
    inputs: Collection[str] = (INPUT,),
) -> dict[str, int]:
    """First tick of the inputs and of every population.

    An edge from an input takes no tick, any other takes one, less those that it waits in the
    net already (a `Tap`). The starts are the longest paths from the input, loops included. What
    is left between the starts of its ends, and what it waits, is the delay of an edge.

    Parameters
    ----------
    incoming : mapping of str to collection of str
        Sources of every population, taps among them.
    called : mapping of str to str, optional
        Names of populations in messages.
    inputs : collection of str
        Names of inputs.

    Raises
    ------
    ValidationError
        If a loop has fewer ticks than populations: no network is equal to it.

    Examples
    --------
    >>> start_ticks({"a": ["in"], "b": ["a"], "c": ["in", "a", "b"]})
    {'in': 0, 'a': 0, 'b': 1, 'c': 2}
    >>> start_ticks({"a": ["in", Tap.of("b", 2)], "b": ["a", Tap.of("b", 1)]})
    {'in': 0, 'a': 0, 'b': 1}
    """
    starts = dict.fromkeys((*inputs, *incoming), 0)
    edges = [
        (pre, post, (pre not in inputs) - ticks)
        for post, sources in incoming.items()
        for pre, ticks in map(tap, sources)
        if pre in starts
    ]
    before: dict[str, str] = {}
    for _ in starts:
        late_ones = [
            (pre, post, ticks) for pre, post, ticks in edges if starts[pre] + ticks > starts[post]
        ]
        if not late_ones:
            return starts
        for pre, post, ticks in late_ones:
            if starts[pre] + ticks > starts[post]:
                starts[post], before[post] = starts[pre] + ticks, pre
    loop = _loop(before, late_ones[-1][1])
    least = {(pre, post): 1 - ticks for pre, post, ticks in sorted(edges, key=lambda e: e[2])}
    has = sum(least[pre, post] for pre, post in zip(loop, [*loop[1:], loop[0]], strict=True))
    path = " -> ".join((called or {}).get(name, name) for name in [*loop, loop[0]])
    raise ValidationError(
        f"loop {path}: expected at least as many ticks of delay as populations, {len(loop)}, since "
        f"a spike takes a tick to each, got {has}; put nn.Delay({len(loop) - has}) into it"
    )


def _loop(before: Mapping[str, str], within: str) -> list[str]:
    """Give the loop that a chain of predecessors ends in, in the order of spikes."""
    path = [within]
    while before[path[-1]] not in path:
        path.append(before[path[-1]])
    return path[path.index(before[path[-1]]) :][::-1]
