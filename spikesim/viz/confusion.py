# SPDX-License-Identifier: Apache-2.0
"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spikesim.errors import ValidationError
from spikesim.viz.style import BLUE, INK, RED, drawn, new_figure


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count (true class, predicted class) pairs.

    Returns
    -------
    int64 array, shape (n_classes, n_classes)

    Raises
    ------
    ValidationError
        If the shapes differ, or a class is none of 0 .. n_classes - 1.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    true, found = np.asarray(labels), np.asarray(predicted)
    problems = []
    if true.shape != found.shape:
        problems.append(
            f"confusion: expected a class for each of {true.shape} images, got {found.shape}"
        )
    for what, classes in (("true", true), ("predicted", found)):
        if classes.size and not (classes.min() >= 0 and classes.max() < n_classes):
            problems.append(
                f"confusion: expected {what} classes in 0 .. {n_classes - 1}, got "
                f"{classes.min()} .. {classes.max()}; pass a larger n_classes"
            )
    if problems:
        raise ValidationError(problems)
    flat = true.ravel() * n_classes + found.ravel()
    return np.bincount(flat, minlength=n_classes**2).reshape(n_classes, n_classes)


@drawn
def confusion(
    labels: np.ndarray, predicted: np.ndarray, n_classes: int = 10, engine: str = "RTL"
) -> Figure:
    """Draw the confusion matrix: hits in blue, errors in orange-red, by their number.

    Parameters
    ----------
    labels, predicted : int arrays of one shape
        True and predicted classes, 0..n_classes-1.
    n_classes : int
    engine : str
        Whose predictions these are.
    """
    counts = confusion_matrix(labels, predicted, n_classes)
    figure = new_figure(5.4, 5.0)
    axes = figure.subplots()
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    cells = np.zeros((n_classes, n_classes, 4))
    for row, column in np.ndindex(n_classes, n_classes):
        hit = row == column
        top = counts.diagonal().max(initial=1) if hit else errors.max(initial=1)
        share = counts[row, column] / max(top, 1)
        cells[row, column] = to_rgba(BLUE if hit else RED, 0.75 * share)
        if counts[row, column]:
            axes.text(
                column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=8,
                color=INK,
            )  # fmt: skip
    axes.imshow(cells)
    axes.set_xticks(range(n_classes))
    axes.set_yticks(range(n_classes))
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right, total = int(counts.trace()), int(counts.sum())
    axes.set_title(f"Confusion, {engine}: {right:,} of {total:,} images right")
    return figure
