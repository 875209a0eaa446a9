# SPDX-License-Identifier: Apache-2.0
"""Where a verb's words go: results to stdout, progress and notes to stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def examples(*pairs: tuple[str, str]) -> str:
    """Give the end of a verb's help: commands, and below each what it does."""
    lines = [f"  [bold]{command}[/]\n      {text}" for command, text in pairs]
    return "\n".join(["Examples:", *lines])


class Output:
    """Output of one command.

    Parameters
    ----------
    as_json : bool
        Stdout then carries one JSON document and nothing else.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.notes = Console(stderr=True)
        self._results = Console()

    def note(self, text: RenderableType) -> None:
        """Say something on the way."""
        self.notes.print(text)

    def result(self, document: Mapping[str, Any], shown: RenderableType) -> None:
        """Give the result: the document with ``--json``, else what people read."""
        if self.as_json:
            print(json.dumps(document, indent=2))
        else:
            self._results.print(shown)

    def progress(self) -> Progress:
        """Make a bar with share, elapsed and remaining time."""
        return Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("elapsed"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            console=self.notes,
        )  # fmt: skip
