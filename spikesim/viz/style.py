# SPDX-License-Identifier: Apache-2.0
"""Look of every picture: one palette, one font size, light and dark from the same figure.

Nothing here touches matplotlib's global state: pictures are drawn on their own canvas, inside the
settings below, so a user's own style is neither used nor changed.
"""

from __future__ import annotations

import functools
import io
import os
import re
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

P = ParamSpec("P")

#: Okabe and Ito's palette: told apart under every common colour vision deficiency, and each
#: readable on white and on black.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
#: Lines and dots of one picture, in this order.
COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#1f242b", "#8a9099")
#: Text and axes. In an SVG it is replaced by the page's own text colour.
INK = "#1f242b"
#: Empty cells and unused memory: a tint that is visible on both backgrounds.
FAINT = "#8a909933"

#: What matplotlib is told while a picture is drawn.
SETTINGS: dict[str, Any] = {
    "axes.prop_cycle": cycler(color=COLORS),
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.5,
    "svg.fonttype": "path",
}


def drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function inside the settings of this file."""

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return inside


def new_figure(width: float, height: float) -> Figure:
    """Empty figure with its own canvas; size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a picture on white, 150 dots per inch."""
    with mpl.rc_context(SETTINGS):
        figure.savefig(path, dpi=150, facecolor="white", format="png")


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """SVG element for an HTML page: transparent, its text in the page's own colour.

    Parameters
    ----------
    figure : Figure
        A picture of this package.
    name : str
        Makes the identifiers inside unique on the page.
    label : str
        What the picture shows, for readers who cannot see it.

    Returns
    -------
    str
        One ``<svg>`` element, without XML header.
    """
    buffer = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}):
        # No date, so that the same result gives the same page.
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # matplotlib numbers its groups from 1 in every file; on one page they would collide.
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "currentColor")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
