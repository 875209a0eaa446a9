# SPDX-License-Identifier: Apache-2.0
"""Where the course of a training goes: a table, or TensorBoard.

A logger is any callable that gets the `History` after every epoch.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from spikesim.core.atomic import place_problems, replacing
from spikesim.errors import ValidationError
from spikesim.nn.training.history import History


class CSVLog:
    """All epochs in a table, one line each; the file is whole at any time.

    Parameters
    ----------
    path : path
        Replaced after every epoch, so that a training that goes on repeats no line.

    Raises
    ------
    ValidationError
        If no file can be written there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        problems = place_problems(path, f"CSVLog {path}")
        if problems:
            raise ValidationError(problems)

    def __call__(self, history: History) -> None:
        """Write the epochs so far."""
        rows = history.rows()
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"])
        table.writeheader()
        table.writerows(rows)
        with replacing(self.path, durable=False) as file:
            file.write(text.getvalue().encode())


class TensorBoardLog:
    """Every number of an epoch as a scalar of TensorBoard.

    Parameters
    ----------
    folder : path
        Of the run.

    Raises
    ------
    ValidationError
        If tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ValidationError(
                "TensorBoardLog: expected the package tensorboard; pip install tensorboard, or "
                "write a table with CSVLog"
            ) from None
        self._writer = SummaryWriter(os.fspath(folder))

    def __call__(self, history: History) -> None:
        """Add the last epoch."""
        row = history.rows()[-1]
        for name in row.keys() - {"epoch"}:
            self._writer.add_scalar(name, row[name], int(row["epoch"]))
        self._writer.flush()
