# SPDX-License-Identifier: Apache-2.0
"""Where a verb's words go: results to stdout, progress and notes to stderr."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from spikesim.core.random import LARGEST_SEED
from spikesim.engine.progress import Lines
from spikesim.errors import ValidationError


def examples(*pairs: tuple[str, str]) -> str:
    """Give the end of a verb's help: commands, and below each what it does."""
    lines = [f"  {command}\n    {text}" for command, text in pairs]
    return "\n".join(["\b", "Examples:", *lines])  # \b: the lines as they are


def summary(verb: Callable[..., Any]) -> str:
    """Give the first paragraph of a verb's help in one line, for the list of verbs."""
    return " ".join((inspect.getdoc(verb) or "").partition("\n\n")[0].split())


def seed_option(text: str) -> Any:
    """Give an option for a seed; its bounds are in the message, not in the help."""
    return typer.Option(help=text, callback=_check_seed)


def _check_seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise ValidationError(f"--seed {seed}: expected 0 to {LARGEST_SEED}")
    return seed


_PIPE = 200
OVERWRITE = typer.Option("--overwrite", help="Replace a file that exists.")


def check_target(option: str, path: Path, overwrite: bool, source: Path | None = None) -> None:
    """Refuse a file that cannot or must not be written, before any work is done.

    Parameters
    ----------
    option : str
        Which says where to write.
    path : path
        What to write.
    overwrite : bool
        Whether it may replace a file.
    source : path, optional
        What the command reads, which it never replaces.

    Raises
    ------
    ValidationError
        If its folder does not exist, it is a folder or the source, or it exists and ``overwrite``
        is not set.
    """
    if not path.absolute().parent.is_dir():
        raise ValidationError(f"{option} {path}: folder {path.parent} does not exist; create it")
    if path.is_dir():
        raise ValidationError(f"{option} {path}: expected the name of a file, got a folder")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise ValidationError(
            f"{option} {path}: expected another file than the one that is read; choose another name"
        )
    if path.exists() and not overwrite:
        raise ValidationError(
            f"{option} {path}: there is such a file already; choose another name, or replace it "
            "with --overwrite"
        )


class _ProgressLines(Progress):
    """Lines in the log where a bar cannot be drawn."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self._lines = dict[TaskID, Lines]()

    def add_task(self, description: str, *rest: Any, **fields: Any) -> TaskID:
        """Begin a task; its time counts from here."""
        task_id = super().add_task(description, *rest, **fields)
        self._lines[task_id] = Lines.of(description)
        return task_id

    def update(self, task_id: TaskID, **fields: Any) -> None:  # type: ignore[override]  # as given
        """Take the state of a task and tell it, see ``Lines``."""
        super().update(task_id, **fields)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count on and tell, as ``update`` does."""
        super().advance(task_id, advance)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        task = next(task for task in self.tasks if task.id == task_id)
        if task.total is not None:
            self._lines[task_id](int(task.completed), int(task.total))


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
        if not self._results.is_terminal and "COLUMNS" not in os.environ:
            self._results = Console(width=_PIPE)  # a pipe has no edge to wrap at

    def note(self, text: RenderableType) -> None:
        """Say something on the way."""
        self.notes.print(text, soft_wrap=isinstance(text, str))

    def result(self, document: Mapping[str, Any], shown: RenderableType) -> None:
        """Give the result: the document with ``--json``, else what people read."""
        if self.as_json:
            print(json.dumps(document, indent=2))
        else:
            self._results.print(shown, soft_wrap=isinstance(shown, str))

    def progress(self) -> Progress:
        """Make a bar with share, elapsed and remaining time."""
        if not self.notes.is_terminal:
            return _ProgressLines()
        return Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("elapsed"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            console=self.notes,
        )  # fmt: skip
