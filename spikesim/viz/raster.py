# SPDX-License-Identifier: Apache-2.0
"""Spikes over time, population by population or layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikesim.core import SpikeTrains
from spikesim.core.listing import listed
from spikesim.errors import ValidationError
from spikesim.recording import Recording
from spikesim.viz.style import BLUE, COLORS, GREEN, INK, ORANGE, PURPLE, drawn, new_figure

# More dots than this in a raster are a grey block and a slow picture.
_DOTS = 60_000


@drawn
def plot_raster(
    recording: Recording,
    populations: Iterable[str] | None = None,
    *,
    neurons: int = 200,
    title: str = "Spikes",
) -> Figure:
    """Draw the spikes of a recording, one population below the other.

    Parameters
    ----------
    recording : Recording
    populations : iterable of str, optional
        Which, from top to bottom; default all.
    neurons : int
        Neurons of each population, evenly chosen.
    title : str

    Raises
    ------
    ValidationError
        If there is nothing to draw, or a population was not recorded.
    """
    names = list(recording.spikes) if populations is None else list(populations)
    missing = [name for name in names if name not in recording.spikes]
    if missing:
        raise ValidationError(
            f"plot_raster: expected populations of {listed(recording.spikes)}, got {missing}"
        )
    chosen = {name: recording.spikes[name] for name in names}
    common_window("plot_raster", chosen)
    figure = new_figure(9.0, 4.2)
    axes = figure.subplots()
    draw_raster(axes, chosen, recording.dt, neurons)
    axes.set_xlabel("time (s)")
    axes.set_title(title)
    return figure


@drawn
def spike_raster(
    layers: Mapping[str, SpikeTrains],
    dt: float,
    image: np.ndarray | None = None,
    title: str = "Spikes of one image",
) -> Figure:
    """Draw a raster per layer over common time, and the image they came from.

    Parameters
    ----------
    layers : mapping of str to SpikeTrains
        From input to output; all over the same window of time.
    dt : float
        Tick in seconds.
    image : float array, shape (height, width), optional
        Shown beside the rasters, 0 is white.
    title : str
    """
    figure = new_figure(8.0, 5.2)
    sizes = [trains.n for trains in layers.values()]
    # A layer of 10 needs more than a tenth of the room of one of 100.
    heights = [max(0.45, np.sqrt(n / max(sizes))) for n in sizes]
    widths = [1.0] if image is None else [1.0, 4.2]
    grid = figure.add_gridspec(len(layers), len(widths), height_ratios=heights, width_ratios=widths)
    first = None
    for row, ((name, trains), color) in enumerate(
        zip(layers.items(), cycle((BLUE, ORANGE, GREEN, PURPLE)), strict=False)
    ):
        axes = figure.add_subplot(grid[row, -1], sharex=first)
        first = first or axes
        few = trains.n <= 32
        axes.scatter(
            trains.ticks * dt * 1e3, trains.index, marker="|" if few else ".",
            s=60 if few else 14, color=color, linewidths=1.6 if few else 0,
        )  # fmt: skip
        axes.set_ylim(trains.n - 0.5, -0.5)
        axes.set_xlim((trains.start - 0.5) * dt * 1e3, (trains.stop - 0.5) * dt * 1e3)
        axes.set_ylabel(f"{name}\nneuron")
        axes.set_yticks(_index_ticks(trains.n))
        axes.grid(axis="x", color=INK, alpha=0.1)
        axes.text(
            1.01, 0.5, f"{len(trains.ticks)}\nspikes", transform=axes.transAxes, va="center",
            fontsize=8,
        )  # fmt: skip
        if row == 0:
            axes.set_title(title)
        if row == len(layers) - 1:
            axes.set_xlabel("time (ms)")
        else:
            axes.tick_params(labelbottom=False)
    if image is not None:
        picture = figure.add_subplot(grid[0, 0])
        picture.imshow(image, cmap="gray_r", vmin=0.0)
        picture.set_xticks([])
        picture.set_yticks([])
        picture.spines[:].set_visible(True)
        picture.set_xlabel(f"image, {image.shape[0]}×{image.shape[1]} pixels")
    return figure


def common_window(who: str, populations: Mapping[str, SpikeTrains]) -> int:
    """Length in ticks of the window that all populations cover.

    Raises
    ------
    ValidationError
        If there is none, they cover several, or it is empty.
    """
    windows = {(trains.start, trains.steps) for trains in populations.values()}
    if len(windows) != 1 or next(iter(windows))[1] == 0:
        raise ValidationError(
            f"{who}: expected at least one population and one window of at least a tick, got "
            f"{dict(populations)}; cut with window()"
        )
    return windows.pop()[1]


def draw_raster(
    axes: Axes, populations: Mapping[str, SpikeTrains], dt: float, neurons: int
) -> None:
    """Spikes of some neurons of each population, one population below the other."""
    first, names = 0, []
    for (name, trains), color in zip(populations.items(), cycle(COLORS), strict=False):
        shown = np.unique(np.linspace(0, trains.n - 1, min(trains.n, neurons)).astype(np.int64))
        some = trains.select(shown)
        keep = slice(None, None, -(-max(len(some), 1) // (_DOTS // len(populations))))
        axes.plot(
            some.times(dt)[keep], first + some.index[keep], ".", color=color, markersize=1.8,
            markeredgewidth=0, rasterized=True,
        )  # fmt: skip
        names.append((first + some.n / 2, f"{name} ({some.n} of {trains.n})"))
        first += some.n
        axes.axhline(first - 0.5, color=INK, linewidth=0.4, alpha=0.4)
        axes.set_xlim(trains.start * dt, trains.stop * dt)
    axes.set_ylim(max(first, 1) - 0.5, -0.5)
    axes.set_yticks([at for at, _ in names], [label for _, label in names], fontsize=8)
    axes.set_ylabel("neuron")


def _index_ticks(n: int) -> list[int]:
    step = next(s for s in (1, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if n / s <= 6)
    return list(range(0, n, step))
