# SPDX-License-Identifier: Apache-2.0
"""In which order nodes run in a tick, and which edges carry the value of the tick before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from spikesim.convert.nir.tree import NEURONS, Graph
from spikesim.errors import ConversionError

_FIRING = (*NEURONS, "Threshold")


@dataclass(frozen=True)
class Wiring:
    """The order of a tick.

    Attributes
    ----------
    order : tuple of str
        Each node behind those it takes from, back edges aside.
    back : frozenset of (str, str)
        Edges that carry the value of the tick before.
    loops : tuple of frozenset of str
        Nodes that run in a circle, loop by loop.
    shortened : frozenset of str
        Delays of loops: a tick of theirs is that of the back edge before them.
    """

    order: tuple[str, ...]
    back: frozenset[tuple[str, str]]
    loops: tuple[frozenset[str], ...]
    shortened: frozenset[str]


def wire(graph: Graph) -> Wiring:
    """Find an order for a tick.

    A loop takes the ticks of the delays in it. One without delays takes a tick: the spikes of its
    last neuron, counted from the input of the graph, arrive in the tick after, as in a recurrent
    layer.

    Raises
    ------
    ConversionError
        For a loop without neurons and delays, or a node that is both within and behind a loop.
    """
    loops = tuple(_loops(graph.nodes, graph.edges))
    looped = frozenset().union(*loops)
    delays = frozenset(n for n in looped if graph.nodes[n].kind == "Delay")
    back = {(a, b) for a, b in graph.edges if b in delays}
    problems: list[str] = []
    rest = [edge for edge in graph.edges if edge not in back]
    for loop in _loops(graph.nodes, rest):
        back |= _last_spikes(graph, loop, rest, problems)
    rest = [edge for edge in rest if edge not in back]
    order = _order(graph.nodes, rest)
    if order is None:
        for loop in _loops(graph.nodes, rest):
            problems.append(
                f"{graph.who}: nodes {sorted(loop)}: expected a neuron or a Delay in every loop, "
                "got one that takes no time; take out an edge, or put a Delay into it"
            )
    if problems or order is None:
        raise ConversionError(problems)
    return Wiring(order, frozenset(back), loops, delays)


def _last_spikes(
    graph: Graph, loop: frozenset[str], edges: list[tuple[str, str]], problems: list[str]
) -> set[tuple[str, str]]:
    """Edges of a loop from neurons back to such as run before them, or to themselves."""
    neurons = [name for name in loop if graph.nodes[name].kind in _FIRING]
    rank = _distance(graph)
    place = {name: k for k, name in enumerate(sorted(neurons, key=lambda n: (rank[n], n)))}
    inside = [(a, b) for a, b in edges if a in loop and b in loop]
    back: set[tuple[str, str]] = set()
    for a, b in inside:
        if a not in place:
            continue
        reached = {place[n] for n in _next_neurons(b, inside, place)}
        if reached and min(reached) <= place[a]:
            back.add((a, b))
            if max(reached) > place[a]:
                problems.append(
                    f"{graph.who}: node {b!r}: expected a node that leads from {a!r} either on or "
                    "back, got one that does both; write it twice, one for each"
                )
    return back


def _next_neurons(
    name: str, edges: Iterable[tuple[str, str]], neurons: Collection[str]
) -> set[str]:
    """Neurons that are reached from a node, itself included, through none of them."""
    found, open_, seen = set(), [name], set()
    edges = list(edges)
    while open_:
        here = open_.pop()
        if here in seen:
            continue
        seen.add(here)
        if here in neurons:
            found.add(here)
        else:
            open_ += [b for a, b in edges if a == here]
    return found


def _distance(graph: Graph) -> dict[str, int]:
    """Edges from the input to each node, at least; the rest is far."""
    far = len(graph.nodes)
    rank = dict.fromkeys(graph.nodes, far)
    row = [node.name for node in graph.of_kind("Input")]
    for k in range(far):
        for name in row:
            rank[name] = min(rank[name], k)
        row = sorted({b for a, b in graph.edges if a in row and rank[b] == far})
    return rank


def _order(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> tuple[str, ...] | None:
    """Each node behind its sources, in the same order on every machine; None in a circle."""
    sorter = TopologicalSorter({name: [] for name in nodes})
    for a, b in edges:
        sorter.add(b, a)
    try:
        sorter.prepare()
    except CycleError:
        return None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)


def _loops(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    """Find sets of nodes that reach each other; those of one that reaches itself among them."""
    edges = list(edges)
    after = _reach(nodes, edges)
    found = {frozenset(b for b in after[a] if a in after[b]) for a in nodes if a in after[a]}
    return sorted(found, key=sorted)


def _reach(nodes: Iterable[str], edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Nodes that are reached from each by one edge or more."""
    next_: dict[str, list[str]] = {name: [] for name in nodes}
    for a, b in edges:
        next_[a].append(b)
    reached = {}
    for name in next_:
        seen: set[str] = set()
        open_ = list(next_[name])
        while open_:
            here = open_.pop()
            if here not in seen:
                seen.add(here)
                open_ += next_[here]
        reached[name] = seen
    return reached
