# SPDX-License-Identifier: Apache-2.0
"""How a training went, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spikesim.errors import ValidationError
from spikesim.viz.style import BLUE, ORANGE, drawn, new_figure

if TYPE_CHECKING:
    from spikesim.nn.training.history import History


@drawn
def plot_history(history: History, *, title: str = "Training") -> Figure:
    """Draw the loss and, where there is a validation part, its loss and accuracy.

    Parameters
    ----------
    history : nn.train.History
    title : str

    Raises
    ------
    ValidationError
        If it holds no epoch.
    """
    if not history.loss:
        raise ValidationError("plot_history: expected at least one epoch, got none; train first")
    measured = bool(history.validation_accuracy)
    figure = new_figure(8.0 if measured else 4.5, 3.2)
    panels = figure.subplots(1, 1 + measured, squeeze=False)[0]
    loss = panels[0]
    # An epoch is over when its loss is known: they count from 1.
    loss.plot(range(1, len(history.loss) + 1), history.loss, ".-", color=BLUE, label="training")
    loss.set_ylabel("loss")
    loss.set_title(title)
    if measured:
        percent = [100.0 * share for share in history.validation_accuracy]
        epochs = range(1, len(percent) + 1)
        loss.plot(epochs, history.validation_loss, ".-", color=ORANGE, label="validation")
        loss.legend()
        panels[1].plot(epochs, percent, ".-", color=ORANGE)
        panels[1].set_ylabel("validation accuracy (%)")
        panels[1].set_title(f"last {percent[-1]:.2f} %, best {max(percent):.2f} %")
    for axes in panels:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
