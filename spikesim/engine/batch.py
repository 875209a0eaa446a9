# SPDX-License-Identifier: Apache-2.0
"""What many independent samples gave, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.decode import classify
from spikesim.errors import ValidationError


@dataclass(frozen=True, eq=False)
class Batch:
    """Spike counts of B samples.

    Parameters
    ----------
    counts : mapping of str to int64 array, shape (B, n)
        Spikes of each neuron by population, outputs first.
    outputs : tuple of str
        Populations whose spikes are the result.
    steps : int
        Ticks of each sample.
    cycles : int64 array, shape (B,), or None
        Clock cycles of each sample, on engines that have a clock.
    meta : dict
        Anything else worth keeping.

    Examples
    --------
    >>> batch = Batch({"out": np.array([[0, 3, 1], [2, 0, 2]])}, ("out",), steps=10)
    >>> batch.output.tolist(), batch.labels.tolist()
    ([[0, 3, 1], [2, 0, 2]], [1, 0])
    """

    counts: Mapping[str, npt.NDArray[np.int64]]
    outputs: tuple[str, ...]
    steps: int
    cycles: npt.NDArray[np.int64] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> npt.NDArray[np.int64]:
        """Spikes of all output neurons, populations in the order of ``outputs``, shape (B, n)."""
        return np.concatenate([self.counts[name] for name in self.outputs], axis=1)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class of each sample, shape (B,); see ``core.decode.classify``."""
        return classify(self.output)

    def __len__(self) -> int:
        return len(next(iter(self.counts.values()), ()))


def counted_populations(
    known: Iterable[str], outputs: tuple[str, ...], asked: Iterable[str] | None
) -> list[str]:
    """List the populations whose spikes a batch counts: the outputs, and others that are asked for.

    Raises
    ------
    ValidationError
        If one is not known.

    Examples
    --------
    >>> counted_populations(["hidden", "out"], ("out",), ["hidden"])
    ['out', 'hidden']
    """
    names = [*outputs, *((asked,) if isinstance(asked, str) else asked or ())]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValidationError(
            f"batch: expected populations among {list(known)}, got {unknown[0]!r}"
        )
    return list(dict.fromkeys(names))


def sample_ticks(steps: object) -> int:
    """Ticks of each sample, as given.

    Raises
    ------
    ValidationError
        If they are no number of ticks.

    Examples
    --------
    >>> sample_ticks(50)
    50
    """
    whole = isinstance(steps, (int, np.integer)) and not isinstance(steps, bool)
    if not whole or int(steps) < 0:  # type: ignore[call-overload]  # an integer
        got = "none" if steps is None else repr(steps)
        raise ValidationError(
            f"batch: expected steps as an integer >= 0, the ticks of each sample, got {got}"
        )
    return int(steps)  # type: ignore[call-overload,no-any-return]  # an integer
