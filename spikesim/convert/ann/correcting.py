# SPDX-License-Identifier: Apache-2.0
"""Start values of neurons that take out, channel by channel, what they count too little on average.

Spikes come unevenly, so that neurons count otherwise than their mean input says, and more so with
every layer. The mean difference is put into the start value, layer after layer, each with the
layers before it as they have been corrected.

References
----------
Y. Li et al., "A free lunch from ANN: towards efficient, accurate spiking neural networks
calibration", ICML 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from spikesim.nn import CountMaxPool, Stateful

_ROOM = 2**26
"""Values of all ticks that a population may have while it is corrected: 256 MB of float32."""


def room(largest: int, steps: int, most: int) -> int:
    """Tell how many samples can be corrected at once, for the largest population of a net.

    Examples
    --------
    >>> room(1000, 32, 256), room(10**7, 32, 256)
    (256, 8)
    """
    return min(most, max(8, _ROOM // max(1, largest * steps)))


@dataclass
class Ticks:
    """A value of the graph in every tick."""

    values: list[Any]


class LayerByLayer(fx.Interpreter):
    """Runs each node of a net over all ticks, and corrects neurons before going on."""

    def __init__(
        self, net: fx.GraphModule, wanted: Mapping[str, Tensor], thresholds: Mapping[str, Tensor],
        correct: Collection[str], steps: int,
    ) -> None:  # fmt: skip
        super().__init__(net)
        self.wanted, self.thresholds, self.correct = wanted, thresholds, correct
        self.steps = steps

    def until(self, last: fx.Node, x: Ticks) -> dict[fx.Node, Any]:
        """Give the values of a node and of all that come before it; what follows is not run."""
        self.args_iter = iter((x,))
        for node in self.module.graph.nodes:
            if node.op != "output":
                self.env[node] = self.run_node(node)
            if node is last:
                break
        return self.env

    def run_node(self, n: fx.Node) -> Any:
        """Give the value of a node in every tick."""
        if n.op in ("placeholder", "get_attr", "output"):
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        if n.op == "call_module":
            module = self.module.get_submodule(str(n.target))
            if isinstance(module, Stateful):
                return self._neurons(str(n.target), module, torch.stack(args[0].values))
        call = getattr(self, n.op)
        return Ticks([
            call(n.target, _at(args, t), _at(kwargs, t)) for t in range(self.steps)
        ])  # fmt: skip

    def _neurons(self, path: str, module: Any, x: Tensor) -> Ticks:
        out, _ = module.seq(x)
        if path in self.correct and not isinstance(module, CountMaxPool):
            wanted = self.wanted[path]
            thresholds = self.thresholds[path].to(wanted.device)
            by_channel = (-1, *[1] * (wanted.ndim - 2))
            given = out.sum(0).double() * thresholds.reshape(by_channel)
            missing = self.steps * wanted.double() - given
            start = missing.transpose(0, 1).flatten(1).mean(1).reshape(by_channel)
            if hasattr(module, "bias"):  # for the core: there a T-th of it comes in every tick
                module.bias += start / thresholds.reshape(by_channel) / self.steps
            else:
                module.v_init += start
            out, _ = module.seq(x)
        return Ticks(list(out.unbind(0)))


def run_corrected(
    net: fx.GraphModule, x: Tensor, wanted: Mapping[str, Tensor], thresholds: Mapping[str, Tensor],
    correct: Collection[str], steps: int,
) -> Tensor:  # fmt: skip
    """Correct neurons in place, and give the mean output of the net that results.

    Parameters
    ----------
    net : torch.fx.GraphModule
    x : tensor, shape (B, ...)
        Input of every tick.
    wanted, thresholds : mapping of str to tensor
        Activations (B, channels, ...) of the artificial net for it, and thresholds (channels,).
    correct : collection of str
        Paths of the neurons to correct.
    steps : int
        Ticks T.
    """
    with torch.no_grad():
        runner = LayerByLayer(net, wanted, thresholds, correct, steps)
        out = runner.run(Ticks([x] * steps))
    return torch.stack(out.values).mean(0)


def _at(value: Any, t: int) -> Any:
    return fx.node.map_aggregate(value, lambda one: one.values[t] if type(one) is Ticks else one)
