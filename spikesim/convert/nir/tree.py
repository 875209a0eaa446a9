# SPDX-License-Identifier: Apache-2.0
"""A NIR file or graph as plain nodes: nothing of nir's own checks, which refuse what peers write.

Nested graphs are taken out; what is within has the name of the graph before its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from spikesim.convert.nir.files import DEEPEST, UNREADABLE, file_tree
from spikesim.errors import ConversionError, ValidationError

#: Fields of every kind of node; those with a value may be absent.
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "Input": {"shape": None},
    "Output": {"shape": None},
    "Affine": {"weight": ..., "bias": ...},
    "Linear": {"weight": ...},
    "Scale": {"scale": ...},
    "Conv1d": {"weight": ..., "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": None,
               "input_shape": None},
    "Conv2d": {"weight": ..., "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": None,
               "input_shape": None},
    "SumPool2d": {"kernel_size": ..., "stride": None, "padding": 0},
    "AvgPool2d": {"kernel_size": ..., "stride": None, "padding": 0},
    "Flatten": {"start_dim": 1, "end_dim": -1, "input_type": None},
    "I": {"r": ...},
    "IF": {"r": ..., "v_threshold": ..., "v_reset": 0.0},
    "LI": {"tau": ..., "r": ..., "v_leak": ...},
    "LIF": {"tau": ..., "r": ..., "v_leak": ..., "v_threshold": ..., "v_reset": 0.0},
    "CubaLI": {"tau_syn": ..., "tau_mem": ..., "r": ..., "v_leak": ..., "w_in": 1.0},
    "CubaLIF": {"tau_syn": ..., "tau_mem": ..., "r": ..., "v_leak": ..., "v_threshold": ...,
                "v_reset": 0.0, "w_in": 1.0},
    "Threshold": {"threshold": ...},
    "Delay": {"delay": ...},
}  # fmt: skip
#: Kinds that integrate, and so carry something from tick to tick.
NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")
_WORDS = {"padding": ("same", "valid")}
_SHAPES = ("shape", "input_shape", "input_type")


@dataclass(frozen=True)
class Node:
    """One node: what stands in the file, as numpy arrays, and words.

    Attributes
    ----------
    name, kind : str
        ``outer.inner`` for a node of a nested graph; the name of NIR.
    values : dict
        By the names of `FIELDS`; shapes as tuples, or None.
    metadata : dict
        What stands there under our own name, or empty.
    """

    name: str
    kind: str
    values: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """The node in messages."""
        return f"node {self.name!r} ({self.kind})"

    def array(self, key: str) -> np.ndarray:
        """Give one field as float64."""
        return np.asarray(self.values[key], dtype=np.float64)


@dataclass(frozen=True)
class Graph:
    """Nodes by name, edges from node to node, sorted: files keep neither order."""

    who: str
    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]
    metadata: dict[str, Any]

    def of_kind(self, *kinds: str) -> list[Node]:
        """Nodes of some kinds."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    def before(self, name: str) -> list[str]:
        """Names of the nodes with an edge to this one."""
        return [a for a, b in self.edges if b == name]

    def after(self, name: str) -> list[str]:
        """Names of the nodes with an edge from this one."""
        return [b for a, b in self.edges if a == name]


def read_graph(source: Any) -> Graph:
    """Read a file, on disk or in memory, a graph of nir, or its dictionary.

    Raises
    ------
    ConversionError
        With everything that no graph can have: kinds that are unknown, fields that are missing or
        no finite numbers, edges from or to nowhere.
    ValidationError
        If it is none of these, or there is no such file.
    """
    if isinstance(source, str | os.PathLike | io.BytesIO):
        who, tree = file_tree(source)
    elif isinstance(source, Mapping) or (hasattr(source, "nodes") and hasattr(source, "edges")):
        who, tree = "NIR graph", source
    else:
        raise ValidationError(
            f"from_nir: expected a path, or a NIRGraph of nir, got {type(source).__name__}"
        )
    reader = _TreeReader(who)
    try:
        reader.take("", tree, 0)
    except UNREADABLE as error:
        reader.problems.append(f"{who}: expected nodes and edges, got a graph without ({error})")
    reader.join()
    if reader.problems:
        raise ConversionError(reader.problems)
    return Graph(who, dict(sorted(reader.nodes.items())), tuple(sorted(reader.edges)), _ours(tree))


class _TreeReader:
    """Collects nodes, edges and problems of a tree of graphs."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.inner: list[str] = []
        self.problems: list[str] = []

    def take(self, prefix: str, tree: Any, depth: int) -> tuple[str, str]:
        """Take a graph; give the names of its input and output, for the edges of an outer one."""
        inside = {str(key): node for key, node in _part(tree, "nodes").items()}
        ends: dict[str, tuple[str, str]] = {}
        kinds: dict[str, list[str]] = {"Input": [], "Output": []}
        for key, node in inside.items():
            name = f"{prefix}{key}"
            kind = _kind(node)
            if kind == "NIRGraph" and depth < DEEPEST:
                ends[key] = self.take(f"{name}.", node, depth + 1)
                continue
            ends[key] = (name, name)
            kinds.get(kind, []).append(name)
            self._node(name, kind, node)
        if prefix and (len(kinds["Input"]), len(kinds["Output"])) != (1, 1):
            self.problems.append(
                f"{self.who}: graph {prefix[:-1]!r}: expected one Input and one Output within, got "
                f"{len(kinds['Input'])} and {len(kinds['Output'])}; put its nodes into the outer "
                "graph"
            )
        for edge in _edges(_part(tree, "edges")):
            unknown = [end for end in edge if end not in ends]
            if unknown or len(edge) != 2:
                self.problems.append(
                    f"{self.who}: edge {edge}: expected two names of nodes, got {unknown} that "
                    f"{'is' if len(unknown) == 1 else 'are'} none of {prefix[:-1] or 'the graph'!r}"
                )
            else:
                self._add_edge((ends[edge[0]][1], ends[edge[1]][0]))
        if prefix:
            self.inner += kinds["Input"] + kinds["Output"]
        return ("".join(kinds["Input"][:1]), "".join(kinds["Output"][:1]))

    def join(self) -> None:
        """Connect what comes before and behind the ends of nested graphs, and leave these out."""
        for name in self.inner:
            before = [a for a, b in self.edges if b == name]
            after = [b for a, b in self.edges if a == name]
            self.edges = [edge for edge in self.edges if name not in edge]
            self.nodes.pop(name, None)
            for edge in ((a, b) for a in before for b in after):
                self._add_edge(edge)

    def _add_edge(self, edge: tuple[str, str]) -> None:
        if edge in self.edges:
            self.problems.append(
                f"{self.who}: edge {edge}: expected it once, got it twice; leave one"
            )
        else:
            self.edges.append(edge)

    def _node(self, name: str, kind: str, node: Any) -> None:
        who = f"{self.who}: node {name!r}"
        if kind not in FIELDS:
            self.problems.append(
                f"{who}: expected one of {', '.join(FIELDS)}, NIRGraph, got {kind}; replace "
                "what it was written from"
            )
            return
        values: dict[str, Any] = {}
        for key, default in FIELDS[kind].items():
            given = _field(node, kind, key)
            if given is None and default is ...:
                self.problems.append(f"{who} ({kind}): expected {key!r}, got none")
                continue
            value = default if given is None else given
            try:
                values[key] = _value(key, value)
            except (TypeError, ValueError) as error:
                self.problems.append(f"{who} ({kind}): {key}: {error}")
        found = Node(name, kind, values, _ours(node))
        if not any(text.startswith(f"{who} ") for text in self.problems):
            self.problems += [f"{who} ({kind}): {text}" for text in _number_problems(found)]
        self.nodes[name] = found


def _number_problems(node: Node) -> Iterator[str]:
    for key, value in node.values.items():
        if key.startswith("tau") and (np.asarray(value) <= 0).any():
            yield (
                f"expected {key} above 0, got {np.min(value):g}; a neuron without memory is a "
                "Threshold"
            )
    if node.kind == "Delay" and (node.array("delay") < 0).any():
        yield f"expected delays of 0 or more, got {node.array('delay').min():g}"
    rank = {"Affine": 2, "Linear": 2, "Conv1d": 3, "Conv2d": 4}.get(node.kind)
    if rank is not None and np.ndim(node.values["weight"]) != rank:
        yield (
            f"expected a weight of {rank} axes, got shape {np.shape(node.values['weight'])}; "
            "write one matrix or kernel for each node"
        )
    bias = node.values.get("bias")
    if bias is not None and rank is not None:
        n = np.shape(node.values["weight"])[:1]
        if np.ndim(bias) and np.shape(bias) not in (n, (1,)):
            yield f"expected a bias of shape {n}, got {np.shape(bias)}"


def _value(key: str, value: Any) -> Any:
    """Give a field as an array of finite numbers, a shape as a tuple, a word as it is."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        if value in _WORDS.get(key, ()):
            return value
        raise ValueError(f"expected numbers, got {value[:40]!r}")
    array = _array(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"expected numbers, got {array.dtype}")
    # Of any width and order of bytes; torch takes those of this machine.
    wide = np.float32 if array.dtype.itemsize <= 4 else np.float64
    array = array.astype(wide if array.dtype.kind == "f" else np.int64)
    if not np.isfinite(array).all():
        raise ValueError("expected finite numbers, got NaN or infinity; train it anew or mend it")
    if key not in _SHAPES:
        return array
    axes = tuple(int(n) for n in array.reshape(-1))
    if any(n < 1 for n in axes):
        raise ValueError(f"expected axes of 1 or more, got {axes}")
    return axes


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, tuple | list):
        return np.array([_array(one) for one in value])
    return np.asarray(value)


def _field(node: Any, kind: str, key: str) -> Any:
    """Give one field of a node of nir, or of its dictionary."""
    if key == "shape":
        found = _part(node, "shape", None)
        key = {"Input": "input_type", "Output": "output_type"}[kind]
        if found is not None:
            return found
    found = _part(node, key, None)
    if isinstance(found, Mapping):  # the types of nir: one entry each
        found = next(iter(found.values()), None)
    return found


def _part(tree: Any, key: str, *default: Any) -> Any:
    if isinstance(tree, Mapping):
        return tree.get(key, *default) if default else tree[key]
    return getattr(tree, key, *default)


def _kind(node: Any) -> str:
    if isinstance(node, Mapping):
        kind = node.get("type", "no type")
        return kind.decode() if isinstance(kind, bytes) else str(kind)
    return "None" if node is None else type(node).__name__


def _edges(edges: Any) -> Iterator[tuple[str, ...]]:
    for edge in edges:
        yield tuple(end.decode() if isinstance(end, bytes) else str(end) for end in edge)


def _ours(node: Any) -> dict[str, Any]:
    """Give what we wrote into the metadata of a node or graph; nothing where others did."""
    metadata = _part(node, "metadata", None)
    found = metadata.get("spikesim") if isinstance(metadata, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}
