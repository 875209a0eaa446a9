# SPDX-License-Identifier: Apache-2.0
"""Clock cycles: what the golden model predicts and what the hardware counts."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spikesim.viz.style import BLUE, INK, ORANGE, drawn, new_figure


@drawn
def cycle_counts(
    step_predicted: np.ndarray,
    step_measured: np.ndarray,
    image_predicted: np.ndarray,
    image_measured: np.ndarray,
    clock_hz: float,
) -> Figure:
    """Draw clocks per step of one image, and the spread of clocks per image.

    Parameters
    ----------
    step_predicted, step_measured : int arrays, shape (steps,), clocks
        One image, step by step.
    image_predicted, image_measured : int arrays, shape (n_images,), clocks
        Whole images.
    clock_hz : float
        Clock of the core in Hz, for the second scale.
    """
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
    steps = np.arange(len(step_predicted))
    left.bar(steps, step_predicted, color=BLUE, alpha=0.45, label="predicted by the golden model")
    left.plot(steps, step_measured, "o", color=ORANGE, markersize=5, label="measured on the RTL")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_xlabel("step (tick)")
    left.set_ylabel("clocks per step")
    left.set_ylim(0, 1.35 * max(int(np.max(step_predicted, initial=1)), 1))
    left.legend(fontsize=8, loc="upper left")
    left.set_title("One image, step by step")
    bins = np.histogram_bin_edges(np.concatenate([image_predicted, image_measured]), bins=30)
    right.hist(image_predicted, bins=bins, color=BLUE, alpha=0.45)
    right.hist(image_measured, bins=bins, histtype="step", color=ORANGE, linewidth=1.8)
    right.set_xlabel("clocks per image")
    right.set_ylabel("images")
    right.xaxis.set_major_locator(MaxNLocator(5))
    for axis in (left.yaxis, right.xaxis):
        axis.set_major_formatter("{x:,.0f}")
    right.set_ylim(0, 1.3 * right.get_ylim()[1])
    worst = int(np.max(np.abs(np.asarray(image_predicted) - image_measured), initial=0))
    right.set_title(f"{len(image_measured):,} images: largest difference {worst:,} clocks")
    mean = float(np.mean(image_measured)) if len(image_measured) else 0.0
    right.text(
        0.98, 0.96, f"mean {mean:,.0f} clocks\n= {1e3 * mean / clock_hz:.2f} ms\n"
        f"at {clock_hz / 1e6:g} MHz",
        transform=right.transAxes, ha="right", va="top", fontsize=8, color=INK,
    )  # fmt: skip
    return figure
