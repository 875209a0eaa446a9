# SPDX-License-Identifier: Apache-2.0
"""What many independent samples gave, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.decode import classify
from spikesim.engine.bounds import known_part, steps_problems
from spikesim.engine.sources import as_array, driven_lines
from spikesim.errors import ValidationError, errors_of


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
    sizes: Mapping[str, int], outputs: tuple[str, ...], asked: Iterable[str] | str | None
) -> dict[str, tuple[str, range]]:
    """List whose spikes a batch counts: those of the outputs, and others that are asked for.

    Parameters
    ----------
    sizes : mapping of str to int
        Neurons of each population.
    outputs : tuple of str
    asked : str or iterable of str, optional
        Populations, or slices of them, as text or objects.

    Returns
    -------
    dict of str to (population, neurons)
        By the name that was asked for.

    Raises
    ------
    ValidationError
        If one is not known.

    Examples
    --------
    >>> counted_populations({"hidden": 9, "out": 2}, ("out",), ["hidden[:5]"])
    {'out': ('out', range(0, 2)), 'hidden[:5]': ('hidden', range(0, 5))}
    """
    one = isinstance(asked, str) or hasattr(asked, "name")
    names = [*outputs, *((asked,) if one else asked or ())]
    return {str(getattr(name, "name", name)): known_part(name, sizes, "batch") for name in names}


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
    if steps is None:
        raise ValidationError("batch: expected steps, the ticks of each sample, got none")
    if problems := steps_problems("batch", steps):
        raise ValidationError(problems)
    return int(steps)  # type: ignore[call-overload,no-any-return]  # an integer


@dataclass(frozen=True, eq=False)
class Rasters:
    """Input spikes of samples, checked.

    Attributes
    ----------
    parts : list of (key, input, lines, array)
        Key as given; lines of the input; bool or 0 and 1, shape (samples, steps, n lines).
    samples, steps : int
    """

    parts: list[tuple[Any, str, range, npt.NDArray[Any]]]
    samples: int
    steps: int

    @classmethod
    def of(
        cls, given: Mapping[Any, Any], sizes: Mapping[str, int], seeds: Sequence[int] | None
    ) -> Rasters:
        """Take what drives inputs, or slices of them, in every sample.

        Parameters
        ----------
        given : mapping
            Arrays of shape (samples, steps, lines) by input or slice of one, as for a run.
        sizes : mapping of str to int
            Lines of each input.
        seeds : sequence of int, optional
            As given; nothing here is random.

        Raises
        ------
        ValidationError
            With every problem.

        Examples
        --------
        >>> rasters = Rasters.of({"in[1:]": np.ones((5, 8, 2), bool)}, {"in": 3}, None)
        >>> rasters.samples, rasters.steps, rasters.parts[0][2]
        (5, 8, range(1, 3))
        """
        found, others, problems = driven_lines(given, sizes)
        if seeds is not None:
            problems.append("batch: expected no seeds for rasters, in which nothing is random")
        problems += [f"input {name!r}: expected one of {list(sizes)}" for name in others]
        parts = []
        for key, name, lines in found:
            with errors_of(f"input {key!r}"):
                parts.append((key, name, lines, as_array(given[key])))
        for key, _, lines, array in parts:
            if array.ndim != 3 or array.shape[2] != len(lines):
                problems.append(
                    f"input {key!r}: expected rasters of shape (samples, steps, {len(lines)}), got "
                    f"{array.shape}"
                )
            elif array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
                problems.append(
                    f"input {key!r}: expected bool or values 0 and 1, got dtype {array.dtype} with "
                    "other values; encode intensities into spikes first"
                )
        shapes = sorted({array.shape[:2] for *_, array in parts})
        if len(shapes) > 1:
            problems.append(f"batch: expected rasters of one shape (samples, steps), got {shapes}")
        if not parts and not problems:
            problems.append(f"batch: expected rasters of an input among {list(sizes)}")
        if problems:
            raise ValidationError(problems)
        return cls(parts, *shapes[0])

    def ticks(self, steps: object, late: int) -> int:
        """Ticks of each sample: as given, else those of the rasters and ``late`` more.

        Raises
        ------
        ValidationError
            If they are fewer than the rasters have.
        """
        ticks = self.steps + late if steps is None else sample_ticks(steps)
        if ticks < self.steps:
            raise ValidationError(
                f"batch: expected at least {self.steps} steps, the length of the rasters, got "
                f"{ticks}"
            )
        return ticks
