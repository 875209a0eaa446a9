# SPDX-License-Identifier: Apache-2.0
"""How a net is run, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor

from spikesim.nn.arithmetic.surrogate import surrogate_code
from spikesim.nn.graph.tracing import evaluated
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.layers.network import Conv2d, Linear, SpikingNet
from spikesim.nn.layers.recurrent import Recurrent
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.conv_lif import keeps
from spikesim.nn.ops.event_linear import way_of
from spikesim.nn.ops.lif import PAYS, why_no_kernel
from spikesim.nn.time.running import is_row, joined, run, takes_sequences
from spikesim.nn.time.stateful import Stateful


def explain(net: torch.nn.Module, x: Tensor | None = None) -> str:
    """Which way each module of a net takes in `nn.run`, and why.

    Parameters
    ----------
    net : torch.nn.Module
        As for `nn.run`.
    x : float tensor, shape (T, B, ...), optional
        Input to run once, in evaluation, without a gradient: then what is said is what ran, and
        how dense the spikes were.

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
    >>> net = SpikingNet(nn.Linear(4, 2), LIFLayer(2, v_th=100.0))
    >>> print(explain(net, torch.eye(4).expand(3, 4, 4)))
    net: SpikingNet, its layers one after the other over all ticks
    0: Linear, all ticks at once, weights of spikes added (25.0 % of the input)
    1: LIFLayer, reference loop over ticks, since the input is small; 0.0 % of the output are spikes
    """
    return "\n".join(_lines("", net, {} if x is None else _ran(net, x), whole=True))


def _ran(net: torch.nn.Module, x: Tensor) -> dict[torch.nn.Module, str]:
    """Say what neurons and projections did with an input; those within others stay untold."""
    said: dict[torch.nn.Module, str] = {}
    fired: dict[torch.nn.Module, list[float]] = {}

    def projected(layer: Any, given: Any, _: Any) -> None:
        said[layer] = way_of(given[0], layer.weight, exact=layer.exact)

    def neurons(layer: Any, given: Any, spikes: Tensor) -> None:
        count = fired.setdefault(layer, [0.0, 0.0])
        count[0] += float(spikes.count_nonzero())
        count[1] += spikes.numel()
        share = f"{count[0] / max(1.0, count[1]):.1%}".replace("%", " %")
        said[layer] = f"{_neuron(layer, given[0])}; {share} of the output are spikes"

    handles = [
        module.register_forward_hook(neurons if isinstance(module, LIFLayer) else projected)
        for module in _outside_of_stateful(net)
        if isinstance(module, LIFLayer | Linear)
    ]
    try:
        with torch.no_grad(), evaluated(net):
            run(net, x)
    finally:
        for handle in handles:
            handle.remove()
    return said


def _outside_of_stateful(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    yield module
    if not isinstance(module, Stateful):
        for child in module.children():
            yield from _outside_of_stateful(child)


def _lines(
    path: str, module: torch.nn.Module, ran: Mapping[torch.nn.Module, str], *, whole: bool,
    following: torch.nn.Module | None = None,
) -> Iterator[str]:  # fmt: skip
    row = is_row(module) or (isinstance(module, SpikingNet) and module.over_time)
    inner = whole and (row or takes_sequences(module)) and not isinstance(module, Stateful)
    together = _together(module, following) if whole else ""
    way = _way(module, whole, row, ran.get(module))
    yield f"{path or 'net'}: {type(module).__name__}, {way}{together}"
    if isinstance(module, LIFLayer | IntegerNet):
        return
    children = list(module.named_children())
    behind = [child for _, child in children[1:]] if row else []
    for (name, child), after in zip_longest(children, behind):
        place = f"{path}.{name}" if path else name
        yield from _lines(place, child, ran, whole=inner, following=after)


def _way(module: torch.nn.Module, whole: bool, row: bool, ran: str | None) -> str:
    if isinstance(module, LIFLayer) and whole:
        return ran or _neuron(module)
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
        how = f", {ran}" if ran else _sums(module) if isinstance(module, Linear) else ""
        return f"all ticks at once{how}"
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


def _neuron(layer: LIFLayer, x: Tensor | None = None) -> str:
    missing, asked = why_no_kernel(layer.params(), x), chosen_backend()
    name, code = type(layer.surrogate).__name__, surrogate_code(layer.surrogate)
    if missing:
        return f"reference loop over ticks, since {missing}"
    if asked == "reference":
        return "reference loop over ticks, which nn.backend asks for"
    if x is not None and asked == "auto" and x.numel() < PAYS:
        return "reference loop over ticks, since the input is small"
    small = "" if asked == "numba" or x is not None else "; small input: reference loop over ticks"
    return f"on a CPU kernels (surrogate {name}, code {int(code or 0)}){small}"
