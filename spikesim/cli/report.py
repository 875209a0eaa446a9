# SPDX-License-Identifier: Apache-2.0
"""``spikesim report``: pictures and one HTML page of the last demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from spikesim.cli.output import OVERWRITE, Output, check_target, examples

COMMAND = "report"
EPILOG = examples(
    ("spikesim report", "build/demo/report.html and the same pictures as PNG"),
    ("spikesim report other/demo -o page.html --no-png", "another result, page only"),
)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder that `spikesim demo` wrote.")] = Path(
        "build/demo"
    ),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file; report.html in the folder.")
    ] = None,
    png: Annotated[bool, typer.Option(help="Write the pictures as PNG too.")] = True,
    overwrite: Annotated[bool, OVERWRITE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="File names as JSON on stdout.")] = False,
) -> None:
    """Draw the result of a demo as one HTML file that needs no network.

    Shows accuracy per engine, agreement, confusion, spikes and membranes of one image, the
    memory map, and clock cycles predicted and measured.
    """
    from spikesim.viz import Evidence, write_report

    target = folder / "report.html" if out is None else out
    # The page in the demo's own folder is drawn anew each time.
    check_target("--out", target, overwrite or out is None)
    evidence = Evidence.load(folder)
    output = Output(as_json)
    with output.notes.status("drawing") as status:
        written = write_report(
            evidence, target, folder if png else None, lambda title: status.update(title)
        )
    files = [str(path) for path in written]
    output.result({"files": files}, Text("\n".join(files)))
