# SPDX-License-Identifier: Apache-2.0
"""What a training did, epoch by epoch, and what a measurement found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """How a net does on samples.

    Attributes
    ----------
    loss : float
        Mean over the samples; NaN where no loss was asked for.
    accuracy : float
        Share of samples, 0..1, whose class is right; NaN where targets are no classes. The lowest
        index wins a tie, so that a silent sample is of class 0 and right where its label is.
    silent : float
        Share of samples, 0..1, whose outputs stayed 0 in every tick: what they add to the accuracy
        is luck.
    n : int
        Samples.
    """

    loss: float
    accuracy: float
    silent: float
    n: int

    def __str__(self) -> str:
        """One line, silence included.

        Examples
        --------
        >>> print(Evaluation(loss=2.3, accuracy=0.1, silent=1.0, n=50))
        loss 2.3, accuracy 10.00 %, silent 100.00 % of 50 samples
        """
        # A loss of training is finite, or ends it: not a number is one that nobody asked for.
        loss = "" if math.isnan(self.loss) else f"loss {self.loss:.4g}, "
        return (
            f"{loss}accuracy {100 * self.accuracy:.2f} %, "
            f"silent {100 * self.silent:.2f} % of {self.n:,} samples"
        )


@dataclass
class History:
    """What happened, per epoch.

    Attributes
    ----------
    loss, accuracy, silent : list of float
        Of the training samples, as they were passed (so with the weights of the moment), see
        `Evaluation`.
    validation_loss, validation_accuracy, validation_silent : list of float
        After the epoch; empty without a validation part.
    best : int, optional
        Epoch, from 0, with the best validation: the most accurate one, or where targets are no
        classes the one of least loss; of equals that of less loss, then the first.
    seconds : float
        Wall time.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    validation_silent: list[float] = field(default_factory=list)
    best: int | None = None
    seconds: float = 0.0

    def add(self, training: Evaluation, validation: Evaluation | None) -> bool:
        """Take an epoch; give whether it is the best so far."""
        for part, found in (("", training), ("validation_", validation)):
            if found is not None:
                getattr(self, f"{part}loss").append(found.loss)
                getattr(self, f"{part}accuracy").append(found.accuracy)
                getattr(self, f"{part}silent").append(found.silent)
        if validation is None:
            return False
        if self.best is not None and self._rank(-1) <= self._rank(self.best):
            return False
        self.best = len(self.validation_loss) - 1
        return True

    def rows(self) -> list[dict[str, float]]:
        """Give one mapping per epoch, with its number from 1, as tables have it.

        Examples
        --------
        >>> History(loss=[2.0, 1.0], accuracy=[0.1, 0.5], silent=[0.0, 0.0]).rows()[1]
        {'epoch': 2, 'loss': 1.0, 'accuracy': 0.5, 'silent': 0.0}
        """
        names = [f.name for f in fields(self) if isinstance(getattr(self, f.name), list)]
        kept = {name: getattr(self, name) for name in names if getattr(self, name)}
        return [
            {"epoch": k + 1} | {name: values[k] for name, values in kept.items()}
            for k in range(len(self.loss))
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Read what ``to_dict`` gave."""
        return cls(**values)

    def __str__(self) -> str:
        """Last epoch in one line.

        Examples
        --------
        >>> print(History(loss=[2.0], accuracy=[0.1], silent=[1.0]))
        epoch 1: loss 2, accuracy 10.00 %, silent 100.00 %
        """
        if not self.loss:
            return "no epoch"
        text = f"epoch {len(self.loss)}: {_line(self.loss, self.accuracy, self.silent)}"
        if self.validation_loss:
            text += "; validation: " + _line(
                self.validation_loss, self.validation_accuracy, self.validation_silent
            )
            text += f"; best epoch {(self.best or 0) + 1}"
        return text

    def _rank(self, epoch: int) -> tuple[float, float]:
        accuracy, loss = self.validation_accuracy[epoch], self.validation_loss[epoch]
        return (accuracy if accuracy == accuracy else 0.0, -loss)


def _line(loss: list[float], accuracy: list[float], silent: list[float]) -> str:
    return (
        f"loss {loss[-1]:.4g}, accuracy {100 * accuracy[-1]:.2f} %, silent {100 * silent[-1]:.2f} %"
    )
