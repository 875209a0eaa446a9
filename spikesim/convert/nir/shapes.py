# SPDX-License-Identifier: Apache-2.0
"""Axes of every node of a NIR graph, without batch: files leave them out, or carry too many."""

from __future__ import annotations

import math

import numpy as np
import torch

from spikesim.convert.nir.modules import ordinary_module, whole
from spikesim.convert.nir.tree import NEURONS, Graph, Node
from spikesim.errors import ConversionError

Shape = tuple[int, ...]
_SAME = ("Input", "Output", "Scale", "Threshold", "Delay", *NEURONS)
"""Kinds that give as many axes as they get."""
_MOST_AXES = 3
"""Channels, height, width: what is more is the batch, or time."""


class Shapes:
    """Axes of what goes into and comes out of each node.

    Found by passing what is known along the edges, forward and back, until nothing changes.

    Attributes
    ----------
    into, out : dict of str to tuple of int
        By the name of the node.
    notes : dict of str to str
        What was not as it stood in the file.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.into: dict[str, Shape] = {}
        self.out: dict[str, Shape] = {}
        self.notes: dict[str, str] = {}
        self.torch_numbers: set[str] = set()
        self.problems: dict[str, str] = {}
        for node in graph.nodes.values():
            self._own(node)
        while self._pass_on():
            pass
        self._weaker()
        self._check()

    def _own(self, node: Node) -> None:
        """Note what a node says of itself, where it can be trusted."""
        values = node.values
        if node.kind in ("Affine", "Linear"):
            n_out, n_in = values["weight"].shape
            self.into[node.name], self.out[node.name] = (n_in,), (n_out,)
        elif node.kind in ("Conv1d", "Conv2d") and values["input_shape"]:
            channels = values["weight"].shape[1] * whole(values["groups"])
            axes = 1 if node.kind == "Conv1d" else 2
            if len(values["input_shape"]) == axes:
                self.into[node.name] = (channels, *values["input_shape"])
        elif node.kind in _SAME:
            shape = _widest(node)
            ends = node.kind in ("Input", "Output")  # there a batch may be the first axis
            if not ends and 0 < len(shape) <= _MOST_AXES and shape[0] > 1:
                self._set_both(node.name, shape)

    def _pass_on(self) -> bool:
        """Carry what is known one step further; tell whether anything was."""
        before = len(self.into) + len(self.out)
        for name, node in self.graph.nodes.items():
            if node.kind in _SAME:
                known = self.into.get(name) or self.out.get(name)
                if known:
                    self._set_both(name, known)
            elif name in self.into and name not in self.out:
                shape = self._through(node)
                if shape:
                    self.out[name] = shape
        for a, b in self.graph.edges:
            if a in self.out:
                self.into.setdefault(b, self.out[a])
            elif b in self.into and self.graph.nodes[a].kind in _SAME:
                self.out[a] = self.into[b]
        return len(self.into) + len(self.out) > before

    def _weaker(self) -> None:
        """Believe the ends of the graph, and sizes of 1, where nothing else tells."""
        for strict in (True, False):
            for name, node in self.graph.nodes.items():
                if name in self.into or node.kind not in _SAME:
                    continue
                shape = _widest(node)
                if node.kind in ("Input", "Output") and strict:
                    shape = self._without_batch(node, shape)
                if shape and (strict or math.prod(shape) == 1) and math.prod(shape) > strict:
                    self._set_both(name, shape)
                    while self._pass_on():
                        pass

    def _without_batch(self, node: Node, shape: Shape) -> Shape:
        """Axes of an end of the graph, as those behind it can take them."""
        ranks = {"Conv1d": 2, "Conv2d": 3, "SumPool2d": 3, "AvgPool2d": 3}
        kinds = [self.graph.nodes[name].kind for name in self.graph.after(node.name)]
        wanted = next((ranks[kind] for kind in kinds if kind in ranks), _MOST_AXES)
        return shape[max(0, len(shape) - wanted) :]

    def _check(self) -> None:
        problems = list(self.problems.values())
        for name, node in self.graph.nodes.items():
            if name not in self.into or name not in self.out:
                if problems:
                    continue  # it may be for those
                problems.append(
                    f"{self.graph.who}: {node.who}: expected axes that follow from the node or "
                    "its neighbors, got none; give the Input its shape"
                )
                continue
            if node.kind in ("Input", "Output"):
                problems += self._batch_problems(node, node.values["shape"] or ())
        for a, b in self.graph.edges:
            if a in self.out and b in self.into and self.out[a] != self.into[b]:
                problems.append(
                    f"{self.graph.who}: edge {a!r} -> {b!r}: expected equal axes, got "
                    f"{self.out[a]} and {self.into[b]}; mend the weights, or put a Flatten between"
                )
        if problems:
            raise ConversionError(problems)

    def _batch_problems(self, node: Node, given: Shape) -> list[str]:
        """Note which axes of an end of the graph are the batch; say where it does not fit."""
        kept = self.into[node.name]
        front = given[: max(0, len(given) - len(kept))]
        if given in ((), kept):
            return []
        if given[len(front) :] == kept:
            self.notes[node.name] = f"axes {front} in front are the batch"
        elif math.prod(given) == 1:
            self.notes[node.name] = f"one, but {kept} to its neighbors"
        else:
            return [
                f"{self.graph.who}: {node.who}: expected the axes of its neighbors, {kept}, got "
                f"{given}; mend its shape or theirs"
            ]
        return []

    def _set_both(self, name: str, shape: Shape) -> None:
        self.into.setdefault(name, shape)
        self.out.setdefault(name, shape)

    def _through(self, node: Node) -> Shape | None:
        """Axes that come out, for those that go in."""
        into = self.into[node.name]
        if node.kind == "Flatten":
            return self._flat(node, into)
        try:
            module = ordinary_module(node, torch.float32, into)
            return tuple(module(torch.zeros(1, *into)).shape[1:])
        except (RuntimeError, ValueError) as error:
            self.problems[node.name] = (
                f"{self.graph.who}: {node.who}: expected input that fits, got axes {into} "
                f"({' '.join(str(error).split())})"
            )
            return None

    def _flat(self, node: Node, into: Shape) -> Shape | None:
        """Flatten by NIR, which numbers axes without batch; by torch where only that fits."""
        start, end = whole(node.values["start_dim"]), whole(node.values["end_dim"])
        wanted = {self.into[name] for name in self.graph.after(node.name) if name in self.into}
        by_nir = flattened(into, start, end)
        by_torch = flattened(into, start - (start > 0), end - (end > 0))
        if wanted and by_nir not in wanted and by_torch in wanted:
            self.torch_numbers.add(node.name)
            self.notes[node.name] = "its axes are numbered with the batch, as torch does"
            return by_torch
        return by_nir


def flattened(shape: Shape, start: int, end: int) -> Shape | None:
    """Axes after those from start to end have become one; None where there are none such.

    Examples
    --------
    >>> flattened((2, 3, 4), 1, -1), flattened((2, 3, 4), 0, -1), flattened((5,), 1, -1)
    ((2, 12), (24,), None)
    """
    n = len(shape)
    if not (-n <= start < n and -n <= end < n) or start % n > end % n:
        return None
    start, end = start % n, end % n
    return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


def _widest(node: Node) -> Shape:
    """Axes of the parameters of a node together."""
    if node.kind in ("Input", "Output"):
        return node.values["shape"] or ()
    shapes = [np.shape(value) for value in node.values.values()]
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        return max(shapes, key=math.prod)
