# SPDX-License-Identifier: Apache-2.0
"""Where a program lies in the core's memories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from spikesim.hw.program import Program
from spikesim.viz.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, drawn, new_figure

_COLUMNS = 128


def weight_word_owners(program: Program) -> tuple[list[str], np.ndarray]:
    """Which projection each weight word belongs to.

    Parameters
    ----------
    program : Program

    Returns
    -------
    names : list of str
        ``"source → target"``, in order of first appearance.
    owner : int array, shape (weight_words,)
        Index into names, or -1 for a word that is free.
    """
    names: list[str] = []
    owner = np.full(program.config.weight_words, -1)
    table = program.segments
    for source in range(min(program.config.n_sources, len(table))):
        entry = source if table["valid"][source] else None
        while entry is not None:
            row = table[entry]
            first_neuron = int(row["first"]) * program.config.lanes
            name = f"{_source_name(program, source)} → {_population_at(program, first_neuron)}"
            if name not in names:
                names.append(name)
            base = int(row["base"])
            owner[base : base + int(row["count"]) + 1] = names.index(name)
            entry = int(row["next"]) if row["more"] else None
    return names, owner


def memory_use(program: Program) -> dict[str, tuple[int, int]]:
    """Count used and available entries of each memory of the core."""
    config = program.config
    _, owner = weight_word_owners(program)
    segments = program.segments
    chained = int(np.sum(segments["more"] != 0))
    return {
        "weights": (int((owner >= 0).sum()) * config.lanes, config.weight_words * config.lanes),
        "row segments": (int(np.sum(segments["valid"] != 0)) + chained, config.n_segments),
        "neurons": (sum(n for _, n, _ in program.groups.values()), config.n_neurons),
        "axons": (sum(n for _, n in program.inputs.values()), config.n_axons),
        "populations": (len(program.populations), config.n_populations),
    }


@drawn
def memory_map(program: Program) -> Figure:
    """Draw how full each memory is, and the weight memory word by word."""
    figure = new_figure(9.0, 4.0)
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.6])
    _draw_use(left, memory_use(program))
    names, owner = weight_word_owners(program)
    colors = (BLUE, ORANGE, GREEN, PURPLE, SKY) * (1 + len(names) // 5)
    shades = np.array([to_rgba(FAINT), *(to_rgba(color) for color in colors)])
    rows = -(-owner.size // _COLUMNS)
    padded = np.full(rows * _COLUMNS, -1)
    padded[: owner.size] = owner
    cells = shades[padded.reshape(rows, _COLUMNS) + 1]
    right.imshow(cells, aspect="auto", interpolation="nearest", extent=(0, _COLUMNS, owner.size, 0))
    right.set_xlabel(f"word within a row of {_COLUMNS}")
    right.set_ylabel("weight word")
    right.yaxis.set_major_formatter("{x:,.0f}")
    lanes, bits = program.config.lanes, program.config.weight_bits
    right.set_title(f"Weight memory, {owner.size:,} words of {lanes} × {bits} bits")
    keys = [
        Patch(color=color, label=f"{name}: {int((owner == k).sum()):,} words")
        for k, (name, color) in enumerate(zip(names, colors, strict=False))
    ]
    keys.append(Patch(color=FAINT, label=f"free: {int((owner < 0).sum()):,} words"))
    figure.legend(handles=keys, loc="outside lower right", ncols=3, fontsize=8)
    return figure


def _draw_use(axes: Axes, use: Mapping[str, tuple[int, int]]) -> None:
    share = [100.0 * used / total for used, total in use.values()]
    places = np.arange(len(use))
    axes.barh(places, 100.0, height=0.42, color=FAINT)
    axes.barh(places, share, height=0.42, color=BLUE)
    for place, (used, total) in zip(places, use.values(), strict=True):
        axes.text(0.5, place - 0.23, f"{used:,} of {total:,}", fontsize=8, va="bottom", color=INK)
    axes.set(
        yticks=places, yticklabels=list(use), xlim=(0, 100), xlabel="used (%)",
        ylim=(len(use) - 0.5, -0.75), title="Memories of the core",
    )  # fmt: skip


def _source_name(program: Program, source: int) -> str:
    if source >= program.config.n_axons:
        return _population_at(program, source - program.config.n_axons)
    for name, (first, n) in program.inputs.items():
        if first <= source < first + n:
            return name
    return "unused axon"


def _population_at(program: Program, neuron: int) -> str:
    lanes = program.config.lanes
    for name, (first, n, _) in program.groups.items():
        padded = -(-n // lanes) * lanes
        if first <= neuron < first + padded:
            return name
    return "padding"
