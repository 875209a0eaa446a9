# SPDX-License-Identifier: Apache-2.0
"""A mapping whose values are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar

from spikesim.core.listing import listed

T = TypeVar("T")


class OnDemand(Mapping[str, T], Generic[T]):
    """Known names, and a function that reads the value of one; nothing is kept.

    Parameters
    ----------
    read : callable
        Gets a name and gives its value.
    names : iterable of str
    read_all : callable, optional
        Gets all names and gives their values in that order, one after the other: what
        ``items()`` and ``values()`` go through, where one pass is cheaper than many reads.

    Examples
    --------
    >>> squares = OnDemand(lambda name: int(name) ** 2, ["2", "3"])
    >>> squares["3"], list(squares)
    (9, ['2', '3'])
    """

    def __init__(
        self,
        read: Callable[[str], T],
        names: Iterable[str],
        read_all: Callable[[tuple[str, ...]], Iterable[T]] | None = None,
    ) -> None:
        self._read, self._names, self._read_all = read, tuple(names), read_all

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def items(self) -> ItemsView[str, T]:
        """Names and values, in one pass."""
        return _Items(self)

    def values(self) -> ValuesView[T]:
        """Values, in one pass."""
        return _Values(self)

    def one_pass(self) -> Iterable[T]:
        """Values in the order of the names, each read when its turn comes."""
        if self._read_all is not None:
            return self._read_all(self._names)
        return map(self._read, self._names)

    def __repr__(self) -> str:
        return f"OnDemand({listed(self._names)})"


class _Items(ItemsView[str, T]):
    _mapping: OnDemand[T]

    def __iter__(self) -> Iterator[tuple[str, T]]:
        yield from zip(self._mapping, self._mapping.one_pass(), strict=True)


class _Values(ValuesView[T]):
    _mapping: OnDemand[T]

    def __iter__(self) -> Iterator[T]:
        yield from self._mapping.one_pass()
