# SPDX-License-Identifier: Apache-2.0
"""Gradients without going back in time: memory does not grow with the number of ticks.

Online training through time (OTTT) keeps, for each projection, the trace of its input that the
membranes behind it hold, ``a[t] = beta a[t-1] + s[t]``, and propagates the loss of a tick back
through the layers of this tick alone: the gradient of a weight is the sum over ticks of the error
at its target times the trace of its source. What a spike does through membranes of later layers
at later ticks is left out; with one layer of spiking neurons and a soft reset nothing is.

References
----------
M. Xiao, Q. Meng, Z. Zhang, D. He, Z. Lin, "Online Training Through Time for Spiking Neural
Networks", NeurIPS 2022, equations 7 to 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from spikesim.errors import ValidationError
from spikesim.nn.gradients.method import (
    PROJECTIONS,
    Online,
    Pull,
    changed,
    more_than_a_leak,
    one_value,
    other_neurons,
    sums,
    unfit,
)
from spikesim.nn.graph.tracing import place, trace, who
from spikesim.nn.layers.norm import Dropout
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.running import NetState, step
from spikesim.nn.time.stateful import Stateful, detached, stateful


class OTTT(Online):
    """A net trained online; its parameters are those of the net.

    Parameters
    ----------
    net : torch.nn.Module
        Feed-forward: dense layers, convolutions, and `LIFLayer` of one ``beta`` each, without
        synaptic current, refractory time or floor. Between a projection and its neurons only what
        `nn.export` takes, behind neurons anything without parameters, such as pools. Weights and
        biases of the projections are trained.

    Raises
    ------
    ValidationError
        With every module whose gradient would be another one, by its path.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), nn.LIFLayer(1, beta=0.5))
    >>> _ = torch.nn.init.constant_(net[0].weight, 0.25)
    >>> OTTT(net).backward(torch.ones(3, 1, 1), lambda y, t: y.sum()).shape
    torch.Size([3, 1, 1])
    >>> net[0].weight.grad.shape
    torch.Size([1, 1])
    """

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__(net)
        self._neurons = tuple(_followers(net).items())

    def ticks(self, x: Tensor, state: NetState) -> Iterator[tuple[Tensor, Pull]]:
        """Give outputs, and what an error gives in its tick; see `Online`."""
        traced = {one: _Traced(one, neurons) for one, neurons in self._neurons}
        net = changed(self.net, traced)
        now = dict.fromkeys(stateful(net)) | state
        for tick in x.unbind(0):
            with torch.enable_grad():
                y, now = step(net, tick, now)
            now = detached(now)
            yield y.detach(), self._pull(y)

    def _pull(self, y: Tensor) -> Pull:
        return lambda error: torch.autograd.grad(y, self.trained, error, allow_unused=True)


class _TraceState(NamedTuple):
    """What came in, and how long something has come in, both fading with the membranes."""

    of_input: Tensor
    of_ones: float


class _Traced(Stateful):
    """A projection that gives what it always does, with the gradient of the trace of its input."""

    def __init__(self, projection: torch.nn.Module, neurons: LIFLayer) -> None:
        super().__init__()
        self.projection = projection
        self._neurons = (neurons,)  # not a child: they have a place of their own in the net

    def init(self, x: Tensor) -> _TraceState:
        return _TraceState(torch.zeros_like(x), 0.0)

    def step(self, x: Tensor, state: _TraceState) -> tuple[Tensor, _TraceState]:
        beta = float(self._neurons[0].params().beta)
        ones = beta * state.of_ones + 1.0
        trace_ = beta * state.of_input + x
        given = {
            name: value * ones if name == "bias" else value
            for name, value in self.projection.named_parameters()
        }
        traced = torch.func.functional_call(self.projection, given, (trace_,))
        with torch.no_grad():
            y = self.projection(x)
        return y + (traced - traced.detach()), _TraceState(trace_.detach(), ones)


def _followers(net: torch.nn.Module) -> dict[torch.nn.Module, LIFLayer]:
    """Neurons that each projection drives."""
    graph, _, problems = trace(net, lambda module: isinstance(module, PROJECTIONS))
    wanted = "neurons whose one memory is a membrane with one beta"
    others = other_neurons(net, more_than_a_leak, wanted)
    problems = [f"OTTT: {text}" for text in (*problems, *unfit(net), *others)]
    found: dict[torch.nn.Module, LIFLayer] = {}
    for node in graph.nodes:
        if node.op != "call_module":
            continue
        path = str(node.target)
        module = net.get_submodule(path)
        if not isinstance(module, PROJECTIONS):
            continue
        behind = list(dict.fromkeys(_neurons_behind(net, node)))
        strange = [one for one in behind if isinstance(one, fx.Node)]
        if strange or getattr(module, "pool", 1) != 1:
            what = ", ".join(place(net, one) for one in strange) or "its pool"
            problems.append(
                f"OTTT: {who(path, module)}: expected nothing but sums between it and its neurons, "
                f"which hold no trace of anything else, got {what}; put that behind the neurons"
            )
            continue
        betas = {one_value(layer.params().beta) for layer in behind if isinstance(layer, LIFLayer)}
        if module in found or len(betas) != 1 or not all(behind):
            got = "none" if not behind else f"{len(behind)}, or what they give beside"
            problems.append(
                f"OTTT: {who(path, module)}: expected one place, and neurons of one beta behind "
                f"it, got {'two places' if module in found else got}; give each place a layer of "
                "its own, and end in a LIFLayer"
            )
            continue
        found[module] = behind[0]
    if problems:
        raise ValidationError(problems)
    return found


def _neurons_behind(net: torch.nn.Module, node: fx.Node) -> Iterator[Any]:
    """Neurons that the output of a node reaches.

    None where it leaves the net or meets others, and a node that makes something else than sums.
    """
    for user in node.users:
        module = net.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, LIFLayer):
            yield module
        elif type(module) is Dropout:  # one mask for all ticks only scales
            yield from _neurons_behind(net, user)
        elif user.op == "output" or isinstance(module, (Stateful, *PROJECTIONS)):
            yield None
        elif sums(user, module):
            yield from _neurons_behind(net, user)
        else:
            yield user
