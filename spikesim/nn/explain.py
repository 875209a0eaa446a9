# SPDX-License-Identifier: Apache-2.0
"""How a net is run, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import cast

import torch

from spikesim.nn.arithmetic.surrogate import surrogate_code
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.layers.network import Conv2d, Linear, SpikingNet
from spikesim.nn.layers.recurrent import Recurrent
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.conv_lif import keeps
from spikesim.nn.ops.lif import why_no_kernel
from spikesim.nn.time.running import is_row, joined, takes_sequences
from spikesim.nn.time.stateful import Stateful


def explain(net: torch.nn.Module) -> str:
    """Which way each module of a net takes in `nn.run`, and why.

    Parameters
    ----------
    net : torch.nn.Module
        As for `nn.run`.

    Returns
    -------
    str
        A module per line, by its path.

    Examples
    --------
    >>> from spikesim import nn
    >>> print(explain(SpikingNet(torch.nn.Flatten(), nn.Linear(2, 1), LIFLayer(1))))
    net: SpikingNet, its layers one after the other over all ticks
    0: Flatten, tick by tick
    1: Linear, all ticks at once, exact sums of the weights that spikes choose
    2: LIFLayer, on a CPU kernels (surrogate ATan, code 0); small input: reference loop over ticks
    """
    return "\n".join(_lines("", net, whole=True))


def _lines(
    path: str, module: torch.nn.Module, whole: bool, following: torch.nn.Module | None = None
) -> Iterator[str]:
    row = is_row(module) or (isinstance(module, SpikingNet) and module.over_time)
    inner = whole and (row or takes_sequences(module)) and not isinstance(module, Stateful)
    together = _together(module, following) if whole else ""
    yield f"{path or 'net'}: {type(module).__name__}, {_way(module, whole, row)}{together}"
    if isinstance(module, LIFLayer | IntegerNet):
        return
    children = list(module.named_children())
    behind = [child for _, child in children[1:]] if row else []
    for (name, child), after in zip_longest(children, behind):
        yield from _lines(f"{path}.{name}" if path else name, child, inner, after)


def _way(module: torch.nn.Module, whole: bool, row: bool) -> str:
    if isinstance(module, LIFLayer) and whole:
        return _neuron(module)
    if isinstance(module, IntegerNet):
        return "integers of the core, population after population"
    if whole and isinstance(module, Recurrent):
        return _recurrent(module)
    if isinstance(module, Stateful):
        over_time = whole and type(module).seq is not Stateful.seq
        return "its own seq" if over_time else "its own step, tick by tick"
    if not whole:
        return "within the tick"
    if row:
        return "its layers one after the other over all ticks"
    if takes_sequences(module):
        return "all ticks at once" + (_sums(module) if isinstance(module, Linear) else "")
    has_children = next(module.children(), None) is not None
    return "its forward, tick by tick" if has_children else "tick by tick"


def _together(module: torch.nn.Module, following: torch.nn.Module | None) -> str:
    if not isinstance(module, Conv2d) or not joined(module, following):
        return ""
    neurons = cast(LIFLayer, following)
    if why_no_kernel(neurons.params()) or chosen_backend() == "reference":
        return ""
    kept = "kept for" if keeps(module.weight, module.pool) else "computed again in"
    return f"; on a CPU, of spikes: at once with the neurons behind it, currents {kept} backward"


def _recurrent(net: Recurrent) -> str:
    missing = net.why_no_kernel()
    if missing:
        return f"tick by tick, since {missing}"
    if chosen_backend() == "reference":
        return "tick by tick, which nn.backend asks for"
    small = "" if chosen_backend() == "numba" else "; small input: tick by tick"
    return f"on a CPU all ticks in one call of a kernel{small}"


def _sums(layer: Linear) -> str:
    kind = "exact sums" if layer.exact else "plain sums"
    return f", {kind} of the weights that spikes choose"


def _neuron(layer: LIFLayer) -> str:
    missing, asked = why_no_kernel(layer.params()), chosen_backend()
    name, code = type(layer.surrogate).__name__, surrogate_code(layer.surrogate)
    if missing:
        return f"reference loop over ticks, since {missing}"
    if asked == "reference":
        return "reference loop over ticks, which nn.backend asks for"
    small = "" if asked == "numba" else "; small input: reference loop over ticks"
    return f"on a CPU kernels (surrogate {name}, code {int(code or 0)}){small}"
