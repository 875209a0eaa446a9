# SPDX-License-Identifier: Apache-2.0
"""A mapping whose values are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T], Generic[T]):
    """Known names, and a function that reads the value of one; nothing is kept.

    Parameters
    ----------
    read : callable
        Gets a name and gives its value.
    names : iterable of str

    Examples
    --------
    >>> squares = OnDemand(lambda name: int(name) ** 2, ["2", "3"])
    >>> squares["3"], list(squares)
    (9, ['2', '3'])
    """

    def __init__(self, read: Callable[[str], T], names: tuple[str, ...] | list[str]) -> None:
        self._read, self._names = read, tuple(names)

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

    def __repr__(self) -> str:
        return f"OnDemand({list(self._names)})"
