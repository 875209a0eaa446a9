# SPDX-License-Identifier: Apache-2.0
"""The demo's result as one HTML file that needs no network, and as PNG files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesim.viz.evidence import Evidence
from spikesim.viz.pictures import PICTURES
from spikesim.viz.style import inline_svg, save_png

TEMPLATE = "report.html"


@dataclass(frozen=True)
class _Shown:
    title: str
    caption: str
    svg: str


def write_report(
    evidence: Evidence,
    html: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Draw everything and write it.

    Parameters
    ----------
    evidence : Evidence
        What a demo left behind.
    html : path
        File to write; its folder must exist.
    pictures : path, optional
        Folder for the same pictures as PNG; none are written without it.
    progress : callable, optional
        Called with the title of each picture before it is drawn.

    Returns
    -------
    list of Path
        All files written, the page first.
    """
    import jinja2

    shown, written = [], [Path(html)]
    for picture in PICTURES:
        if progress is not None:
            progress(picture.title)
        figure = picture.draw(evidence)
        shown.append(
            _Shown(picture.title, picture.caption, inline_svg(figure, picture.name, picture.title))
        )
        if pictures is not None:
            path = Path(pictures) / f"{picture.name}.png"
            save_png(figure, path)
            written.append(path)
    template = jinja2.Template(
        (Path(__file__).parent / TEMPLATE).read_text(), autoescape=True, trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    page = template.render(
        result=evidence.result, rows=_rows(evidence.result), pictures=shown,
        program=evidence.program.report(), verdict=_verdict(evidence.result),
    )  # fmt: skip
    partial = Path(html).with_name(Path(html).name + ".part")
    partial.write_text(page)
    partial.replace(html)
    return written


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("accuracy_float", "accuracy_golden", "accuracy_rtl")
    rows = []
    for seed in result["seeds"]:
        percent = {name: f"{100 * seed[name]:.2f}" for name in names}
        rows.append({**seed, **percent})
    return rows


def _verdict(result: dict[str, Any]) -> str:
    seeds = result["seeds"]
    bad = sum(s["mismatching_spikes"] + s["mismatching_words"] for s in seeds)
    off = sum(s["cycles_predicted"] != s["cycles_measured"] for s in seeds)
    images = sum(s["images"] for s in seeds)
    if bad or off:
        return (
            f"RTL and golden model differ: {bad:,} mismatches, {off} "
            f"{'seed' if off == 1 else 'seeds'} with other cycles"
        )
    return (
        f"{images:,} images on the RTL: 0 mismatching spikes, 0 mismatching state words, "
        "cycle count predicted exactly"
    )
