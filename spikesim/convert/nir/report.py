# SPDX-License-Identifier: Apache-2.0
"""What a NIR graph was read as, node by node."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def shown(values: object) -> str:
    """Give numbers for a table: the one, or the least and the largest.

    Examples
    --------
    >>> shown(0.9), shown(np.array([0.5, 0.75])), shown(None)
    ('0.9', '0.5..0.75', '-')
    """
    if values is None:
        return "-"
    array = np.asarray(values, dtype=np.float64)
    low, high = array.min(), array.max()
    return f"{low:.6g}" if low == high else f"{low:.6g}..{high:.6g}"


@dataclass(frozen=True)
class NodeReading:
    """One node that carries something from tick to tick.

    Attributes
    ----------
    name, kind : str
        As in the graph.
    beta, alpha, gain, bias : float or float64 array, per tick
        As of ``neurons.LIF``.
    v_th : float, float64 array or None
        None for what never fires.
    reset : str
        In words, with its amount.
    comparison : str
        ``">"``, ``">="``, or ``"-"`` for what never fires.
    notes : tuple of str
        What was corrected, and what the file does not tell.
    """

    name: str
    kind: str
    beta: object
    alpha: object
    gain: object
    bias: object
    v_th: object
    reset: str
    comparison: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NIRReport:
    """How a graph was read; ``print(net.report)`` shows it.

    Attributes
    ----------
    source : str
        File or graph.
    writer, why : str
        Whose numbers they are taken for, and what tells so.
    dt : float, seconds
        Length of a tick; 1 where the file counts steps.
    method : {"euler", "exact"}
        Decay per tick, ``1 - dt/tau`` or ``exp(-dt/tau)``.
    nodes : tuple of NodeReading
    back_edges : tuple of (str, str)
        Edges of loops that carry the value of the tick before.
    notes : tuple of str
        Everything else that is not as it stands in the file.
    """

    source: str
    writer: str
    why: str
    dt: float
    method: str
    nodes: tuple[NodeReading, ...]
    back_edges: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """Give a table, with the notes below."""
        head = ("node", "kind", "beta", "alpha", "gain", "bias", "v_th", "spike", "reset")
        rows: list[tuple[str, ...]] = [head]
        for node in self.nodes:
            numbers = (node.beta, node.alpha, node.gain, node.bias, node.v_th)
            rows.append((node.name, node.kind, *map(shown, numbers), node.comparison, node.reset))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{self.source}: read as written by {self.writer} ({self.why}), dt = {self.dt:g}, "
            f"{self.method}"
        ]
        for row in rows if self.nodes else []:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join(cells).rstrip())
        lines += [f"{a} -> {b}: the value of the tick before" for a, b in self.back_edges]
        lines += [f"{node.name}: {note}" for node in self.nodes for note in node.notes]
        return "\n".join([*lines, *self.notes])
