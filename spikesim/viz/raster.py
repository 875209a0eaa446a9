# SPDX-License-Identifier: Apache-2.0
"""All spikes of one image, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from spikesim.core import SpikeTrains
from spikesim.viz.style import BLUE, GREEN, INK, ORANGE, PURPLE, drawn, new_figure


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
        From input to output; all of the same length.
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


def _index_ticks(n: int) -> list[int]:
    step = next(s for s in (1, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if n / s <= 6)
    return list(range(0, n, step))
