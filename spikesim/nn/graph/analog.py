# SPDX-License-Identifier: Apache-2.0
"""Input that is numbers, not spikes: direct coding, where an image is shown in every tick."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.nn.graph.export import Analog, of_input, plan_input
from spikesim.nn.graph.handlers import HANDLERS, Handlers
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.reading import Layer, read
from spikesim.nn.graph.retiming import start_ticks, tap
from spikesim.nn.graph.spikemap import Part
from spikesim.nn.graph.tracing import evaluated
from spikesim.nn.time.running import run


def analog_input(
    model: torch.nn.Module,
    x: Tensor,
    *,
    analog: Analog = "current",
    handlers: Handlers | None = None,
) -> dict[str, Any]:
    """Give the inputs of the network that ``export(model, analog=analog)`` makes, for one sample.

    Parameters
    ----------
    model : torch.nn.Module
        The net that was exported, with the same parameters.
    x : float tensor, shape (T, ...)
        One sample, tick by tick; ``image.expand(T, *image.shape)`` shows an image in all of them.
    analog : {"current", "host"}
        As of `export`. Currents are composed in float64, term after term; the host's part is run
        as `nn.run` does, in the type of the net's parameters.
    handlers : mapping, optional
        As of `export`.

    Returns
    -------
    dict
        ``"layer0.i_ext"`` to a float64 array (ticks, n), or ``"layer0"`` to the spikes of that
        population.

    Raises
    ------
    ValidationError
        As of `export`; for input that is not finite or has no ticks.

    Examples
    --------
    >>> import spikesim
    >>> from spikesim import nn
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), nn.LIFLayer(1, beta=0.5))
    >>> _ = torch.nn.init.constant_(net[0].weight, 0.75)
    >>> inputs = analog_input(net, torch.ones(4, 1))
    >>> spikesim.run(nn.export(net, analog="current"), inputs, 4).raster("layer0")[:, 0].tolist()
    [False, True, False, True]
    """
    if x.ndim < 2 or not len(x) or not bool(torch.isfinite(x).all()):
        got = f"shape {tuple(x.shape)}" if x.ndim < 2 or not len(x) else "a value that is not"
        raise ValidationError(
            f"analog_input: expected finite numbers (T, ...) with at least one tick, got {got}"
        )
    if analog not in get_args(Analog):
        raise ValidationError(
            f"analog_input: expected analog as one of {get_args(Analog)}, got {analog!r}"
        )
    with torch.no_grad():
        graph = read(model, tuple(x.shape[1:]), {**HANDLERS, **(handlers or {})})
        _, layers = plan_input(graph, analog)
        driven = [layer for layer in graph.layers if any(map(of_input, layer.drive.parts))]
        if analog == "host":
            return _spikes(model, driven, x)
        starts = start_ticks({layer.name: layer.drive.parts for layer in layers}, None, ())
        return {f"{layer.name}.i_ext": _current(layer, x, starts[layer.name]) for layer in driven}


def _current(layer: Layer, x: Tensor, start: int) -> np.ndarray:
    """Synaptic current (start + T, n) that the numbers make in a population."""
    total = np.zeros((len(x), layer.drive.n))
    for key, part in layer.drive.parts.items():
        if of_input(key):
            ago = tap(key)[1]
            total[ago:] += _driven(part, x)[: max(0, len(x) - ago)]
    alpha = np.asarray(getattr(layer.neuron, "alpha", 0.0))
    if np.any(alpha != 0.0):
        for before, now in itertools.pairwise(total):
            now += alpha * before
    return np.concatenate([np.zeros((start, layer.drive.n)), total])


def _driven(part: Part, x: Tensor) -> np.ndarray:
    """Give a part of a sum, (T, n), for input (T, ...); what stays the same is summed once."""
    rows: list[Tensor] = []
    flat = x.double().reshape(len(x), -1)
    for t, tick in enumerate(flat):
        if t and torch.equal(tick, flat[t - 1]):
            rows.append(rows[-1])
        elif part is None:
            rows.append(tick)
        elif isinstance(part, Kernel):
            rows.append(part.of(tick))
        else:
            rows.append((tick[:, None] * part).cumsum(0)[-1])
    return torch.stack(rows).numpy()


def _spikes(model: torch.nn.Module, driven: Sequence[Layer], x: Tensor) -> dict[str, Any]:
    """Spikes of the populations that are left to the host."""
    seen: dict[str, list[Tensor]] = {layer.name: [] for layer in driven}
    hooks = []
    problems = [
        f"analog_input: {layer.who}: expected neurons in a module, got a function; "
        "analog='current' takes them"
        for layer in driven
        if layer.path is None
    ]
    if problems:
        raise ValidationError(problems)
    parameters = [p for p in model.parameters() if p.is_floating_point()]
    like = x if not parameters else x.to(parameters[0])
    try:
        for layer in driven:
            module = model.get_submodule(str(layer.path))
            keep = seen[layer.name].append
            hooks.append(module.register_forward_hook(lambda _m, _x, out, keep=keep: keep(out)))
        with evaluated(model):
            run(model, like[:, None])
    finally:
        for hook in hooks:
            hook.remove()
    return {
        layer.name: SpikeTrains.from_raster(
            torch.cat([out.reshape(-1, math.prod(layer.drive.shape)) for out in seen[layer.name]])
            .bool()
            .numpy(force=True)
        )
        for layer in driven
    }
