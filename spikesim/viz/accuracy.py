# SPDX-License-Identifier: Apache-2.0
"""Test accuracy per engine, every seed visible."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from spikesim.viz.style import BLUE, GREEN, INK, ORANGE, drawn, new_figure


@drawn
def accuracy(per_engine: Mapping[str, np.ndarray], images: int) -> Figure:
    """Draw one column per engine: a dot for each seed, and mean with standard deviation.

    Parameters
    ----------
    per_engine : mapping of str to float array, shape (n_seeds,), 0..1
        Share of test images classified correctly.
    images : int
        Test images of one seed.
    """
    figure = new_figure(6.0, 3.4)
    axes = figure.subplots()
    names = list(per_engine)
    values = {name: 100.0 * np.asarray(per_engine[name], dtype=float) for name in names}
    n_seeds = len(next(iter(values.values()), ()))
    offsets = np.linspace(-0.18, 0.0, n_seeds) if n_seeds > 1 else np.zeros(n_seeds)
    for k, (name, color) in enumerate(zip(names, cycle((BLUE, ORANGE, GREEN)), strict=False)):
        points = values[name]
        axes.plot(k + offsets - 0.1, points, "o", color=color, markersize=5, alpha=0.75)
        if n_seeds <= 1:  # nothing to average, and no spread
            text, at, mean = f"{points.sum():.2f} %", k - 0.1, points.sum()
        else:
            mean, spread, at = points.mean(), points.std(ddof=1), k + 0.12
            text = f"{mean:.2f} %\n± {spread:.2f}"
            axes.errorbar(
                at, mean, yerr=spread, fmt="D", color=color, markersize=7, capsize=6, elinewidth=2
            )
        axes.annotate(text, (at, mean), (12, 0), textcoords="offset points", va="center",
                      color=INK)  # fmt: skip
    lowest = min((points.min() for points in values.values()), default=0.0)
    axes.set_ylim(max(0.0, np.floor(lowest) - 0.5), 100.2)
    axes.set_xlim(-0.5, len(names) - 0.3)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("test accuracy (%)")
    axes.grid(axis="y", color=INK, alpha=0.12)
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    axes.set_title(f"Accuracy, {seeds} × {images} held-out images")
    # Below the axes: whatever lies within would be written over.
    mean_text = "" if n_seeds == 1 else "; diamond: mean ± standard deviation"
    axes.set_xlabel(
        f"circle: one seed, 1 image = {100 / max(images, 1):.2f} points{mean_text}", fontsize=8
    )
    return figure
