# SPDX-License-Identifier: Apache-2.0
"""State variables and parameters of one population in a session: read by name, set by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

Array = npt.NDArray[Any]


class Variables(Mapping[str, Array]):
    """Named values of the neurons of one population.

    Assigning writes through to the engine, checked for shape and range; a value it cannot take is
    refused and nothing changes. Whether an array that was read is a copy or the state itself
    depends on the engine; ``values[name] *= 2`` works on all.

    Parameters
    ----------
    who : str
        Whose, for messages.
    n : int
        Neurons.
    names : sequence of str
    read : callable
        Gets a name, gives the value: shape (n,), or () for a parameter all neurons share.
    write : callable
        Gets a name and an array of shape (n,) or (), and writes it.

    Examples
    --------
    >>> held = {"v": np.zeros(3)}
    >>> variables = Variables("population 'out'", 3, ["v"], held.get, held.__setitem__)
    >>> variables["v"] = [1.0, 2.0, 3.0]
    >>> variables["v"].tolist(), list(variables)
    ([1.0, 2.0, 3.0], ['v'])
    >>> variables["v"] = [1.0, 2.0]
    Traceback (most recent call last):
    spikesim.errors.ValidationError: population 'out': expected 'v' as one number or of shape \
(3,), got shape (2,)
    """

    def __init__(
        self,
        who: str,
        n: int,
        names: tuple[str, ...] | list[str],
        read: Callable[[str], Any],
        write: Callable[[str, Array], None],
    ) -> None:
        self._who, self._n, self._names = who, n, tuple(names)
        self._read, self._write = read, write

    def __getitem__(self, name: str) -> Array:
        self._known(name)
        return np.asarray(self._read(name))

    def __setitem__(self, name: str, value: npt.ArrayLike) -> None:
        self._known(name)
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValidationError(f"{self._who}: expected {name!r} as numbers, got {value!r}")
        if array.shape not in ((), (self._n,)):
            raise ValidationError(
                f"{self._who}: expected {name!r} as one number or of shape ({self._n},), got shape "
                f"{array.shape}"
            )
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ValidationError(f"{self._who}: expected {name!r} as numbers, got NaN")
        self._write(name, array)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return f"Variables({self._who}: {', '.join(self._names)})"

    def _known(self, name: str) -> None:
        if name not in self._names:
            raise ValidationError(
                f"{self._who}: expected a state or parameter among {list(self._names)}, got "
                f"{name!r}"
            )
