# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are written while a run goes on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

_log = logging.getLogger(__name__)

Path = str | os.PathLike[str]


class Saving:
    """Knows when a checkpoint is due, and writes it.

    Parameters
    ----------
    write : callable
        Gets the path.

    Attributes
    ----------
    due : int
        Tick at which the next one is due.
    failed : dict of str to str
        What goes into the recording when the last one could not be written.
    """

    def __init__(self, write: Callable[[Path], None]) -> None:
        self._write, self._every = write, 1
        self._path: Path | None = None
        self.due = 0
        self.failed: dict[str, str] = {}

    def begin(self, path: Path | None, tick: int, every: int) -> None:
        """Save to ``path`` (or nowhere) every so many ticks from now on."""
        self._path = path
        self._every, self.due = every, tick + every

    def save_if_due(self, tick: int, last: int) -> None:
        """Save where one is due, or the run has come to its last tick."""
        if tick in (self.due, last):
            self.save(tick)
        if tick >= self.due:
            self.due = tick + self._every

    def save(self, tick: int) -> None:
        """Save now; a full disk ends no run whose recording may be all there is of it."""
        if self._path is None:
            return
        try:
            self._write(self._path)
        except OSError as error:
            text = (
                f"checkpoint file {os.fspath(self._path)!r}: not written at tick {tick} ({error})"
            )
            self.failed = {"checkpoint_error": text}
            _log.error("%s; the run goes on, the checkpoint before stays", text)
        else:
            self.failed = {}
