# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning of a converted net, block by block, until its spikes count what the other net gives.

A block is what lies between neurons and the neurons behind it. It sees the spikes that the blocks
before it really send; its mean spikes go on through the rest of the artificial net, as it is. Its
weights are moved until those scores, and its own means, come nearer to what the artificial net
gives. The forward pass counts spikes, the gradient is that of ``clip(mean drive, 0, threshold)``:
so no tick has to be kept for it. No labels are needed.

References
----------
Y. Hu et al., "Fast-SNN: fast spiking neural network by converting quantized ANN", IEEE TPAMI 2023,
for the counts that are put into the graph of the other net, layer by layer.
J. Wu et al., "Progressive tandem learning for pattern recognition with deep spiking neural
networks", IEEE TPAMI 2022, for the rest of the artificial net behind the layers that spike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from spikesim.convert.ann import operations as ops
from spikesim.convert.ann.correcting import LayerByLayer, Ticks
from spikesim.convert.ann.reading import AnnGraph
from spikesim.convert.ann.report import TunedBlock
from spikesim.convert.ann.watching import watched
from spikesim.nn import Stateful

_SAMPLES = 32
"""Samples of a step."""
_RATE = 0.03
"""Step of Adam at the beginning, as a share of the root mean square of a layer's weights."""
_OWN = 0.1
"""Weight of the error of a block beside that of the scores, which it keeps from being forgotten."""
_HELD_OUT = 4
"""Every fourth sample judges what the others teach."""
_OUTPUT = "the output"


def tune(
    ann: AnnGraph, net: fx.GraphModule, thresholds: Mapping[str, Tensor], steps: int, x: Tensor,
    n_steps: int,
) -> tuple[TunedBlock, ...]:  # fmt: skip
    """Train the weights of each block that sees spikes, in place, the first blocks first.

    A layer that is called in several places stays as it is.

    Parameters
    ----------
    ann, net : AnnGraph and GraphModule
    thresholds : mapping of str to float64 tensor, shape (channels,)
    steps : int
        Ticks T.
    x : tensor, shape (N, ...)
        Samples; three of four are learned from.
    n_steps : int
        Steps of a block.
    """
    return tuple(_Tuning(ann, net, thresholds, steps, x, n_steps).blocks())


class _Tuning:
    def __init__(
        self, ann: AnnGraph, net: fx.GraphModule, thresholds: Mapping[str, Tensor], steps: int,
        x: Tensor, n_steps: int,
    ) -> None:  # fmt: skip
        self.ann, self.net, self.thresholds = ann, net, thresholds
        self.steps, self.n_steps = steps, n_steps
        judging = torch.arange(len(x), device=x.device) % _HELD_OUT == _HELD_OUT - 1
        self.x, self.held_out = x[~judging], x[judging]
        self.dice = torch.Generator().manual_seed(0)
        modules = [self._module(node) for node in net.graph.nodes]
        self.uses = Counter(id(p) for m in modules if m is not None for p in m.parameters())

    def blocks(self) -> Iterator[TunedBlock]:
        """Tune one after the other."""
        for node in self.net.graph.nodes:
            path = _OUTPUT if node.op == "output" else str(node.target)
            if path not in (_OUTPUT, *self.ann.activations):
                continue
            members, sources = self._block(node)
            trained = [p for one in members for p in self._trainable(one)]
            if trained and any(source.op != "placeholder" for source in sources):
                yield self._tune(path, _Block(node, members, sources), trained)

    def _tune(self, path: str, block: _Block, trained: list[Tensor]) -> TunedBlock:
        before = self._error(path, block)
        kept = [(p, p.detach().clone(), p.requires_grad) for p in trained]
        for p in trained:
            p.requires_grad_(True)
        rate = _RATE * max(float(p.detach().square().mean().sqrt()) for p in trained)
        optimizer = torch.optim.Adam(trained, lr=rate)
        for k in range(self.n_steps):
            optimizer.param_groups[0]["lr"] = rate * math.cos(0.5 * math.pi * k / self.n_steps) ** 2
            chosen = torch.randint(len(self.x), (_SAMPLES,), generator=self.dice)
            scores, own = self._pass(path, block, self.x[chosen.to(self.x.device)])
            loss = scores.loss() + _OWN * own.loss()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        after = self._error(path, block)
        for p, old, learned in kept:
            p.requires_grad_(learned)
            p.grad = None
            if not after < before:
                p.data = old
        return TunedBlock(path, before, after if after < before else before)

    def _error(self, path: str, block: _Block) -> float:
        """Error of the scores on what was held out."""
        apart, of = 0.0, 0.0
        with torch.no_grad():
            for x in self.held_out.split(_SAMPLES):
                scores, _ = self._pass(path, block, x)
                apart += float((scores.found - scores.wanted).square().sum())
                of += float(scores.wanted.square().sum())
        return math.sqrt(apart / of) if of > 0.0 else math.sqrt(apart)

    def _pass(self, path: str, block: _Block, x: Tensor) -> tuple[_Pair, _Pair]:
        """Scores, and means of a block, beside those of the artificial net."""
        wanted: dict[str, Tensor] = {}
        with torch.no_grad():
            with watched(
                self.ann.module, self.ann.activations, lambda p, _, o: wanted.update({p: o})
            ):
                scores = self.ann.module(x)
            spiking = LayerByLayer(self.net, {}, self.thresholds, (), self.steps)
            values = spiking.until(block.last, Ticks([x] * self.steps))
        means = {node: torch.stack(values[node].values).mean(0) for node in block.sources}
        drive = _run(self.net, block.members, means)[block.last.args[0]]
        if path == _OUTPUT:
            return _Pair(drive, scores), _Pair(drive, scores)
        rates = {
            str(node.target): torch.stack(found.values).mean(0) * self._threshold(node, found)
            for node, found in values.items()
            if str(node.target) in self.ann.activations
        }
        clipped = drive.clamp(min=0.0).minimum(self._threshold(block.last, values[block.last]))
        rates[path] = clipped + (rates[path] - clipped).detach()
        graph = self.ann.module.graph
        known = {n: rates[str(n.target)] for n in graph.nodes if str(n.target) in rates}
        known.update({n: x for n in graph.nodes if n.op == "placeholder"})
        (end,) = (n.args[0] for n in graph.nodes if n.op == "output")
        rest = [n for n in graph.nodes if n not in known and n.op != "output"]
        found = _run(self.ann.module, rest, known)[end]
        return _Pair(found, scores), _Pair(rates[path], wanted[path])

    def _threshold(self, node: fx.Node, ticks: Ticks) -> Tensor:
        threshold = self.thresholds[str(node.target)].to(ticks.values[0])
        return threshold.reshape(-1, *[1] * (ticks.values[0].ndim - 2))

    def _block(self, last: fx.Node) -> tuple[list[fx.Node], list[fx.Node]]:
        """Nodes between neurons and the last ones, in order, and those that they begin with."""
        members, sources, open_ = set(), set(), list(last.all_input_nodes)
        while open_:
            node = open_.pop()
            if node.op == "placeholder" or isinstance(self._module(node), Stateful):
                sources.add(node)
            elif node not in members:
                members.add(node)
                open_ += node.all_input_nodes
        return [node for node in self.net.graph.nodes if node in members], list(sources)

    def _trainable(self, node: fx.Node) -> list[Tensor]:
        module = self._module(node)
        if not isinstance(module, ops.WEIGHTED):
            return []
        found = list(module.parameters())
        return found if all(self.uses[id(p)] == 1 for p in found) else []

    def _module(self, node: fx.Node) -> Any:
        return self.net.get_submodule(str(node.target)) if node.op == "call_module" else None


def _run(
    net: fx.GraphModule, nodes: Iterable[fx.Node], known: Mapping[fx.Node, Tensor]
) -> dict[fx.Node, Any]:
    """Give what some nodes give, in order, from the values of others."""
    runner = fx.Interpreter(net, garbage_collect_values=False)
    runner.env = dict(known)
    for node in nodes:
        runner.env[node] = runner.run_node(node)
    return runner.env


class _Pair(NamedTuple):
    """What there is, and what there should be."""

    found: Tensor
    wanted: Tensor

    def loss(self) -> Tensor:
        """Give the mean squared difference as a share of what there should be."""
        size = self.wanted.square().mean().clamp(min=torch.finfo(self.wanted.dtype).tiny)
        return (self.found - self.wanted).square().mean() / size


class _Block(NamedTuple):
    """What comes last, neurons or the output; what lies before it; and what that begins with."""

    last: fx.Node
    members: list[fx.Node]
    sources: list[fx.Node]
