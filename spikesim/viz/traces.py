# SPDX-License-Identifier: Apache-2.0
"""The same membrane in float and in the core's integers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from spikesim.viz.style import BLUE, GREEN, INK, ORANGE, PURPLE, drawn, new_figure


@drawn
def membrane_traces(
    as_float: np.ndarray,
    as_fixed: np.ndarray,
    names: Sequence[str],
    dt: float,
    v_th: float = 1.0,
    apart: int | None = None,
    title: str = "Membrane, float and fixed point",
) -> Figure:
    """Draw float membranes as lines, fixed-point ones as dots, and their difference below.

    Parameters
    ----------
    as_float : float array, shape (steps, n)
        Membrane in the network's own unit, threshold ``v_th``.
    as_fixed : float array, shape (steps, n)
        Integer membrane divided by its scale: the same unit.
    names : sequence of str
        One per neuron.
    dt : float
        Tick in seconds.
    v_th : float
        Threshold.
    apart : int, optional
        First tick in which any spike differs: from there on the two are different runs.
    title : str
    """
    figure = new_figure(8.0, 4.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.3])
    time = np.arange(as_float.shape[0]) * dt * 1e3
    colors = cycle((BLUE, ORANGE, GREEN, PURPLE))
    for k, (name, color) in enumerate(zip(names, colors, strict=False)):
        top.plot(time, as_float[:, k], color=color, label=f"{name}, float")
        top.plot(time, as_fixed[:, k], "o", color=color, markersize=4.5, markerfacecolor="none",
                 label=f"{name}, fixed")  # fmt: skip
        bottom.plot(time, as_fixed[:, k] - as_float[:, k], ".-", color=color, linewidth=1.0)
    top.axhline(v_th, color=INK, linewidth=0.8, linestyle="--")
    top.annotate("threshold", (time[-1], v_th), (0, 3), textcoords="offset points", ha="right",
                 fontsize=8)  # fmt: skip
    top.set_ylabel("membrane v\n(thresholds)" if v_th == 1.0 else "membrane v\n(network's unit)")
    top.set_title(title)
    top.legend(ncols=1, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    bottom.axhline(0.0, color=INK, linewidth=0.6)
    bottom.set_ylabel("fixed − float")
    bottom.set_xlabel("time (ms)")
    same = slice(0, apart)
    worst = float(np.max(np.abs(as_fixed[same] - as_float[same]), initial=0.0))
    if apart is not None:
        for axes in (top, bottom):
            axes.axvline(time[apart], color=INK, linewidth=0.8, linestyle=":")
        top.annotate("first spike in\nanother tick", (time[apart], top.get_ylim()[1]), (3, -2),
                     textcoords="offset points", va="top", fontsize=8)  # fmt: skip
    span = "all along" if apart is None else "until then"
    bottom.text(
        1.01, 0.5, f"{span}\nat most {worst:.2g}", transform=bottom.transAxes, va="center",
        fontsize=8,
    )  # fmt: skip
    return figure
