# SPDX-License-Identifier: Apache-2.0
"""Where two engines differ, or the statement that they do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spikesim.viz.style import GREEN, INK, RED, drawn, new_figure


@drawn
def agreement(
    rows: Sequence[str], columns: Sequence[str], mismatches: np.ndarray, compared: np.ndarray
) -> Figure:
    """Draw a table of mismatches: green where all is equal, red and darker where it is not.

    Parameters
    ----------
    rows, columns : sequence of str
        What was compared (spikes, membranes, ...), and in which run.
    mismatches, compared : int arrays, shape (n_rows, n_columns)
        How many differ, out of how many.
    """
    mismatches, compared = np.asarray(mismatches), np.asarray(compared)
    figure = new_figure(1.9 + 1.25 * max(len(columns), 4), 1.3 + 0.42 * len(rows))
    axes = figure.subplots()
    strength = np.log10(1.0 + mismatches) / np.log10(2.0 + compared.max(initial=0))
    cells = np.zeros((*mismatches.shape, 4))
    cells[:] = (*to_rgba(GREEN)[:3], 0.28)
    bad = mismatches > 0
    cells[bad] = to_rgba(RED)
    cells[bad, 3] = 0.35 + 0.6 * strength[bad]
    axes.imshow(cells, aspect="auto")
    for row, column in np.ndindex(*mismatches.shape):
        axes.text(
            column, row, f"{mismatches[row, column]:,} of {compared[row, column]:,}",
            ha="center", va="center", fontsize=8, color=INK,
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color=INK, alpha=0.25, linewidth=0.8)
    total, of = int(mismatches.sum()), int(compared.sum())
    verdict = "equal to the last bit" if total == 0 else "NOT equal"
    # Two lines: one would be cut off beside a few columns.
    axes.set_title(f"RTL against golden model: {verdict}\n{total:,} mismatches in {of:,} values")
    return figure
