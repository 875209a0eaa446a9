# SPDX-License-Identifier: Apache-2.0
"""What a network does: spikes, rates and irregularity of its populations."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikesim.analysis import cv, intervals, mean_cv, mean_rates, population_rate
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.viz.raster import common_window, draw_raster
from spikesim.viz.style import COLORS, drawn, new_figure

_LEGEND_COLUMNS = 3


@drawn
def activity(
    populations: Mapping[str, SpikeTrains],
    dt: float,
    *,
    bin_s: float | None = None,
    neurons: int = 200,
    title: str = "Activity",
) -> Figure:
    """Draw a raster, the rate over time, and the distributions of interval and CV.

    Parameters
    ----------
    populations : mapping of str to SpikeTrains
        All over the same window of time, such as ``recording.spikes``.
    dt : float
        Tick in seconds.
    bin_s : float, optional
        Bin of the rate in seconds, a multiple of dt; default about a 200th of the record.
    neurons : int
        Neurons of each population in the raster, evenly chosen.
    title : str

    Raises
    ------
    ValidationError
        If there is no population, or their windows differ.
    """
    steps = common_window("activity", populations)
    bin_s = dt * max(1, steps // 200) if bin_s is None else bin_s
    lines = -(-len(populations) // _LEGEND_COLUMNS)  # of the legend above the rates
    figure = new_figure(9.0, 6.2 + 0.2 * lines)
    grid = figure.add_gridspec(3, 2, height_ratios=[2.2, 1.0, 1.3])
    raster = figure.add_subplot(grid[0, :])
    rate = figure.add_subplot(grid[1, :], sharex=raster)
    isi, irregular = figure.add_subplot(grid[2, 0]), figure.add_subplot(grid[2, 1])
    draw_raster(raster, populations, dt, neurons)
    raster.set_title(title)
    raster.tick_params(labelbottom=False)
    for (name, trains), color in zip(populations.items(), cycle(COLORS), strict=False):
        times, hz = population_rate(trains, dt, bin_s)
        label = f"{name}: {mean_rates(trains, dt).mean():.2f} Hz, CV {mean_cv(trains):.2f}"
        # The last bin has a width too.
        times, hz = np.append(times, times[-1] + bin_s), np.append(hz, hz[-1])
        rate.step(times, hz, where="post", color=color, linewidth=1.0, label=label)
        _outline(isi, 1e3 * intervals(trains, dt)[0], color, 1e3 * dt)
        _outline(irregular, cv(trains), color)
    rate.set_ylim(bottom=0.0)
    rate.set_xlabel("time (s)")
    rate.set_ylabel(f"rate (Hz),\n{1e3 * bin_s:g} ms bins")
    rate.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                ncols=min(_LEGEND_COLUMNS, len(populations)))  # fmt: skip
    isi.set_xlabel("interspike interval (ms)")
    irregular.set_xlabel("CV of a neuron's intervals (1: Poisson)")
    for axes in (isi, irregular):
        axes.set_ylabel("density")
    return figure


@drawn
def receptive_fields(
    weights: np.ndarray,
    shape: tuple[int, int],
    *,
    limit: float | None = None,
    columns: int | None = None,
    title: str = "Receptive fields",
) -> Figure:
    """Draw the incoming weights of each neuron as an image, in one grid.

    Parameters
    ----------
    weights : float array, shape (n_pre, n_post)
        One column per neuron.
    shape : (int, int)
        Height and width of the input; their product is n_pre.
    limit : float, optional
        Weight at full colour; default the largest magnitude.
    columns : int, optional
        Fields per row; default a square grid.
    title : str

    Raises
    ------
    ValidationError
        If the weights are no matrix of that many rows.
    """
    weights = np.asarray(weights, dtype=np.float64)
    height, width = shape
    if weights.ndim != 2 or weights.shape[0] != height * width:
        raise ValidationError(
            f"receptive_fields: expected weights of shape ({height} x {width} = "
            f"{height * width}, n_post), got {weights.shape}"
        )
    n = weights.shape[1]
    across = columns or max(1, int(np.ceil(np.sqrt(n))))
    down = max(1, -(-n // across))
    # One image for all fields: hundreds of axes take a minute to draw.
    sheet = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for k in range(n):
        top, left = k // across * (height + 1), k % across * (width + 1)
        sheet[top : top + height, left : left + width] = weights[:, k].reshape(height, width)
    top_weight = float(np.nanmax(np.abs(weights), initial=0.0)) if limit is None else float(limit)
    signed = bool((weights < 0).any())
    figure = new_figure(7.0, 0.6 + 6.2 * sheet.shape[0] / sheet.shape[1])
    axes = figure.subplots()
    image = axes.imshow(
        sheet, cmap="RdBu_r" if signed else "viridis", vmin=-top_weight if signed else 0.0,
        vmax=top_weight, interpolation="nearest",
    )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"{n} neurons, each {height}×{width} inputs")
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    return figure


@drawn
def weight_histogram(
    weights: Mapping[str, np.ndarray], *, bins: int = 60, title: str = "Weights"
) -> Figure:
    """Draw how weights are distributed, such as before and after learning.

    Parameters
    ----------
    weights : mapping of str to float array
        Any shape; not-a-numbers are left out.
    bins : int
        Common to all.
    title : str

    Raises
    ------
    ValidationError
        If there is nothing to draw.
    """
    values = {name: np.asarray(w, dtype=np.float64).ravel() for name, w in weights.items()}
    values = {name: w[np.isfinite(w)] for name, w in values.items()}
    if not any(w.size for w in values.values()):
        raise ValidationError(
            "weight_histogram: expected at least one finite weight, got "
            f"{ {name: w.size for name, w in values.items()} }"
        )
    figure = new_figure(6.0, 3.4)
    axes = figure.subplots()
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins=bins)
    for (name, w), color in zip(values.items(), cycle(COLORS), strict=False):
        label = f"{name}: {w.size:,}, mean {w.mean():.3g}" if w.size else f"{name}: none"
        axes.hist(w, bins=edges.tolist(), histtype="stepfilled", color=color, alpha=0.3)
        axes.hist(w, bins=edges.tolist(), histtype="step", color=color, label=label)
    axes.set_xlabel("weight")
    axes.set_ylabel("synapses")
    axes.legend(fontsize=8)
    axes.set_title(title)
    return figure


def _outline(axes: Axes, values: np.ndarray, color: str, grid: float = 0.0) -> None:
    """Histogram without area, up to the 99th percentile: a few long intervals would squeeze it.

    Values that are multiples of ``grid`` get bins of as many multiples each: others would show as
    a comb.
    """
    values = values[np.isfinite(values)]
    if values.size:
        top = float(np.percentile(values, 99))
        edges = np.linspace(0.0, top if top > 0 else 1.0, 50)
        if grid:
            width = grid * max(1, round(edges[1] / grid))
            edges = np.arange(0.5 * grid, top + 1.5 * width, width)
        axes.hist(values, bins=edges.tolist(), density=True, histtype="step", color=color)
