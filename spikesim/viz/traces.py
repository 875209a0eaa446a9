# SPDX-License-Identifier: Apache-2.0
"""States over time, and the same membrane in float and in the core's integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from spikesim.errors import ValidationError
from spikesim.recording import Recording
from spikesim.viz.style import BLUE, COLORS, GREEN, INK, ORANGE, PURPLE, drawn, new_figure

_LINES = 4
"""Columns of one trace that are drawn unless some are chosen; more cannot be told apart."""


@drawn
def plot_traces(
    recording: Recording,
    names: Iterable[str] | str | None = None,
    *,
    columns: Sequence[int] | None = None,
    title: str = "Traces",
) -> Figure:
    """Draw recorded traces over time, one below the other, a line for each neuron.

    Parameters
    ----------
    recording : Recording
    names : str or iterable of str, optional
        Such as ``"E.v"``; default all that were recorded.
    columns : sequence of int, optional
        Columns of each trace; default the first four.
    title : str

    Raises
    ------
    ValidationError
        If nothing was recorded, or not this trace or column.

    Notes
    -----
    Units are those of the model; rates are in Hz.
    """
    chosen = (
        list(recording.traces)
        if names is None
        else [names]
        if isinstance(names, str)
        else (list(names))
    )
    if not chosen:
        raise ValidationError(
            "plot_traces: expected a recorded trace, got none; run with record=('spikes', 'E.v')"
        )
    figure = new_figure(9.0, 1.2 + 1.8 * len(chosen))
    panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, chosen, strict=True):
        values, label = recording.trace(name), recording.columns(name)
        shown = list(range(min(values.shape[1], _LINES))) if columns is None else list(columns)
        if any(not 0 <= k < values.shape[1] for k in shown):
            raise ValidationError(
                f"plot_traces: expected columns below {values.shape[1]} of {name!r}, got {shown}"
            )
        rate = name.endswith(".rate")
        times = recording.trace_times(name)
        if rate and times.size > 1:  # the last bin has a width too
            times = np.append(times, 2 * times[-1] - times[-2])
            values = np.append(values, values[-1:], axis=0)
        for k, color in zip(shown, cycle(COLORS), strict=False):
            axes.plot(
                times, values[:, k], color=color, linewidth=1.0, label=str(label[k]),
                drawstyle="steps-post" if rate else "default",
            )  # fmt: skip
        axes.set_ylabel(f"{name}\n(Hz)" if rate else name)
        if not rate:
            left = f", {values.shape[1] - len(shown)} more" if len(shown) < values.shape[1] else ""
            what = "synapse" if name.endswith(".w") else "neuron"
            axes.legend(title=f"{what}{left}", fontsize=8, title_fontsize=8, loc="center left",
                        bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    panels[-1].set_xlim(recording.start * recording.dt, recording.stop * recording.dt)
    panels[-1].set_xlabel("time (s)")
    panels[0].set_title(title)
    return figure


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
