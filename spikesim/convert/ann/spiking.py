# SPDX-License-Identifier: Apache-2.0
"""The net of an artificial one: neurons for activations, counts for max-pooling.

Weights stay as they are. A spike of a neuron stands for its threshold, by which it is multiplied
behind the neuron: so the terms of a sum, the parts of a concatenation and the layers that share
weights have one scale, whatever their thresholds are. What is linear behind a constant factor
stays linear, and `nn.export` makes one matrix of both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from spikesim.convert.ann import operations as ops
from spikesim.convert.ann.reading import AnnGraph
from spikesim.nn import CountMaxPool, LIFLayer, SignedIF, Stateful

#: Makes the neurons of an activation: (shape, thresholds per channel) to a module.
MakeNeurons = Callable[[tuple[int, ...], Tensor], Stateful]


def binary(shape: tuple[int, ...], thresholds: Tensor) -> Stateful:
    """Integrate-and-fire neurons that start at half their threshold, with spikes of 0 and 1."""
    values = thresholds.numpy()
    return LIFLayer(shape, beta=1.0, reset="soft", v_th=values, v_init=values / 2)


def for_core(shape: tuple[int, ...], thresholds: Tensor) -> Stateful:
    """Give the first ones as the core keeps them: one start value for all, and so one threshold."""
    gain = 1.0 / thresholds.numpy()
    return LIFLayer(shape, beta=1.0, gain=gain, bias=0.0 * gain, reset="soft", v_init=0.5)


def signed(shape: tuple[int, ...], thresholds: Tensor) -> Stateful:
    """Give the same with spikes of -1 too."""
    values = thresholds.numpy()
    return SignedIF(shape, v_th=values, v_init=values / 2)


class _Value(NamedTuple):
    """A node of the new graph, and the factor that it still has to be multiplied by."""

    node: Any
    factor: Tensor | None = None


def spiking(
    ann: AnnGraph, shapes: Mapping[str, tuple[int, ...]], thresholds: Mapping[str, Tensor],
    make: MakeNeurons, to_spikes: bool = False,
) -> fx.GraphModule:  # fmt: skip
    """Give the spiking net; it shares no parameter with the other.

    Parameters
    ----------
    ann : AnnGraph
    shapes, thresholds : mapping of str to tuple and to float64 tensor, shape (channels,)
        Axes of each activation without the batch, and its thresholds, by its path.
    make : callable
        `binary`, `for_core`, `signed`, or what gives neurons of another kind.
    to_spikes : bool
        Let the last neurons give their spikes as they are, not times their threshold.
    """
    return _Rewriting(ann, shapes, thresholds, make, to_spikes).graph_module()


class _Rewriting:
    def __init__(
        self, ann: AnnGraph, shapes: Mapping[str, tuple[int, ...]],
        thresholds: Mapping[str, Tensor], make: MakeNeurons, to_spikes: bool,
    ) -> None:  # fmt: skip
        self.to_spikes = to_spikes
        self.ann, self.shapes, self.thresholds, self.make = ann, shapes, thresholds, make
        self.root = copy.deepcopy(ann.module)
        self.graph = fx.Graph()
        self.values: dict[fx.Node, _Value] = {}
        self.plain: dict[int, fx.Node] = {}
        self.n_factors = 0
        like = next(self.root.parameters(), None)
        self.like = torch.zeros(()) if like is None else like

    def graph_module(self) -> fx.GraphModule:
        for node in self.ann.module.graph.nodes:
            self.values[node] = self._rewrite(node)
        return fx.GraphModule(self.root, self.graph).eval()

    def _rewrite(self, node: fx.Node) -> _Value:
        path = str(node.target)
        if node.op == "output" and self.to_spikes:
            (last,) = node.all_input_nodes
            return _Value(self.graph.output(self.values[last].node))
        if path in self.ann.activations:
            drive = self._multiplied(node.args[0])
            shape, thresholds = self.shapes[path], self.thresholds[path]
            self.root.set_submodule(path, self.make(shape, thresholds).to(self.like.device))
            factor = thresholds.reshape(-1, *[1] * (len(shape) - 1)).to(self.like)
            return _Value(self.graph.call_module(path, (drive,)), factor)
        if path in self.ann.pools:
            pool = self.root.get_submodule(path)
            self.root.set_submodule(path, CountMaxPool(pool))
            given = self.values[node.args[0]]  # type: ignore[index]
            if given.factor is None or given.factor.ndim != ops.pooled_axes(pool) + 1:
                return _Value(self.graph.call_module(path, (self._multiplied(node.args[0]),)))
            # A positive factor per channel may as well come behind the largest of a channel.
            return _Value(self.graph.call_module(path, (given.node,)), given.factor)
        if node.target in ops.CONCATENATIONS and (joined := self._joined(node)) is not None:
            return joined
        return _Value(self.graph.node_copy(node, self._multiplied))

    def _joined(self, node: fx.Node) -> _Value | None:
        """Put spikes of several sources side by side, and their factors."""
        tensors: Any = node.args[0]
        dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        given = [self.values[one] for one in tensors]
        factors = [one.factor for one in given]
        if dim != 1 or any(factor is None for factor in factors):
            return None
        call = self.graph.call_function(torch.cat, ([one.node for one in given], 1))
        return _Value(call, torch.cat(factors))  # type: ignore[arg-type]

    def _multiplied(self, old: Any) -> fx.Node:
        """Node of a value with its factor, which is made once."""
        node, factor = self.values[old]
        if factor is None:
            return node
        if old not in self.plain:
            name = f"{_parent(next(iter(self.ann.activations)))}.factor{self.n_factors}"
            self.n_factors += 1
            holder, _, own = name.rpartition(".")
            self.root.get_submodule(holder).register_buffer(own, factor)
            self.plain[old] = self.graph.call_function(torch.mul, (node, self.graph.get_attr(name)))
        return self.plain[old]


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
