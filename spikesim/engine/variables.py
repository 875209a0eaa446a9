# SPDX-License-Identifier: Apache-2.0
"""State variables and parameters of one population in a session: read by name, set by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.listing import listed
from spikesim.core.slicing import slice_name
from spikesim.engine.bounds import known_part
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

    def part(self, who: str, chosen: range) -> Variables:
        """Give the variables of some of the neurons; what is set for them leaves the others."""
        some = slice(chosen.start, chosen.stop, chosen.step)

        def read(name: str) -> Array:
            whole = self[name]
            return whole[some] if whole.ndim else whole

        def write(name: str, values: Array) -> None:
            before = self[name]
            # A type that holds both: what the engine cannot take, it refuses.
            whole = np.empty(self._n, np.result_type(before, values))
            whole[...] = before
            whole[some] = values
            self[name] = whole

        return Variables(who, len(chosen), self._names, read, write)

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


class PopulationVariables(Mapping[str, Variables]):
    """Variables of every population of a session, and of slices such as ``"E[:5]"``.

    Parameters
    ----------
    sizes : mapping of str to int
        Neurons of each population.
    read : callable
        Gets the name of a population, gives its variables.

    Examples
    --------
    >>> v = {"v": np.zeros(3)}
    >>> def read(name):
    ...     return Variables(name, 3, ["v"], v.get, lambda key, value: v.update({key: value}))
    >>> neurons = PopulationVariables({"E": 3}, read)
    >>> neurons["E[1:]"]["v"] = 2.0
    >>> neurons["E"]["v"].tolist(), neurons["E[0]"]["v"].tolist()
    ([0.0, 2.0, 2.0], [0.0])
    """

    def __init__(self, sizes: Mapping[str, int], read: Callable[[str], Variables]) -> None:
        self._sizes, self._read = dict(sizes), read

    def __getitem__(self, name: str) -> Variables:
        population, chosen = known_part(name, self._sizes)
        whole = self._read(population)
        if len(chosen) == self._sizes[population]:
            return whole
        return whole.part(f"population {slice_name(population, chosen)!r}", chosen)

    def __contains__(self, name: object) -> bool:
        try:
            return bool(known_part(name, self._sizes))
        except ValidationError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def __repr__(self) -> str:
        return f"PopulationVariables({listed(self._sizes)})"
