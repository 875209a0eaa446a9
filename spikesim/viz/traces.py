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
    worst = float(np.max(np.abs(as_fixed - as_float), initial=0.0))
    bottom.text(
        1.01, 0.5, f"quantization\nerror at most\n{worst:.2g}", transform=bottom.transAxes,
        va="center", fontsize=8,
    )  # fmt: skip
    return figure
