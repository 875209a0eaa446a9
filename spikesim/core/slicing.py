# SPDX-License-Identifier: Apache-2.0
"""Slices of a named group of neurons, written as text: ``"E[:100]"``, ``"E[::2]"``, ``"E[3]"``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spikesim.errors import ValidationError

_PARTS = re.compile(r"\[(?P<parts>-?\d+|(?:-?\d+)?(?::(?:-?\d+)?){1,2})\]")
_SLICED = re.compile(rf"(?P<name>.+){_PARTS.pattern}")


def slice_range(key: object, n: int, who: str) -> range:
    """Numbers that a slice or a number picks of ``n`` neurons.

    Raises
    ------
    ValidationError
        If it picks none, runs backwards, or is no slice.

    Examples
    --------
    >>> slice_range(slice(None, None, 3), 10, "population 'E'")
    range(0, 10, 3)
    >>> slice_range(-1, 10, "population 'E'")
    range(9, 10)
    """
    if not isinstance(key, slice):
        try:
            number = range(n)[key]  # type: ignore[call-overload]  # whatever was given
        except (IndexError, TypeError):
            raise ValidationError(
                f"{who}: expected a slice such as [:100], or a neuron below {n}, got {key!r}"
            ) from None
        return range(number, number + 1)
    try:
        chosen = range(n)[key]
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{who}: expected a slice of integers, got {key} ({error})") from None
    if key.step is not None and key.step < 0:
        raise ValidationError(f"{who}: expected a slice with a step >= 1, got {key.step}")
    if not chosen:
        ends = ":".join("" if part is None else str(part) for part in (key.start, key.stop))
        raise ValidationError(
            f"{who}: expected a slice with neurons in it, got [{ends}] of {n} neurons"
        )
    # One way to write each slice.
    return range(chosen[0], chosen[-1] + 1, chosen.step if len(chosen) > 1 else 1)


def slice_name(name: str, chosen: range) -> str:
    """Text of a slice; the inverse of ``parse_slice``.

    Examples
    --------
    >>> slice_name("E", range(0, 100)), slice_name("E", range(0, 9, 2))
    ('E[0:100]', 'E[0:9:2]')
    """
    step = f":{chosen.step}" if chosen.step > 1 else ""
    return f"{name}[{chosen.start}:{chosen.stop}{step}]"


def plain_slices(text: str) -> str:
    """Write the slices in a text in one way, as far as that needs no number of neurons.

    Examples
    --------
    >>> plain_slices("E[0:5:1]"), plain_slices("E[:5].v"), plain_slices("E[3]")
    ('E[:5]', 'E[:5].v', 'E[3:4]')
    """
    return _PARTS.sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    parts = [str(int(part)) if part else "" for part in found["parts"].split(":")]
    if len(parts) == 1:  # a neuron; -1 is the last
        parts.append("" if parts[0] == "-1" else str(int(parts[0]) + 1))
    start, stop, *step = parts
    every = f":{step[0]}" if step and step[0] not in ("", "1") else ""
    return f"[{'' if start == '0' else start}:{stop}{every}]"


def parse_slice(sizes: Mapping[str, int], text: str) -> tuple[str, range] | None:
    """Find the group and the neurons that a text stands for; None where it is no slice of one.

    A group whose own name looks like a slice comes first.

    Parameters
    ----------
    sizes : mapping of str to int
        Neurons of each group.
    text : str

    Raises
    ------
    ValidationError
        If there is such a group, and the slice is not legal.

    Examples
    --------
    >>> parse_slice({"E": 10}, "E[-3:]"), parse_slice({"E": 10}, "E")
    (('E', range(7, 10)), None)
    """
    found = _SLICED.fullmatch(text)
    if text in sizes or found is None or found["name"] not in sizes:
        return None
    name, who = found["name"], f"population {text!r}"
    parts = [int(part) if part else None for part in found["parts"].split(":")]
    key = slice(*parts) if len(parts) > 1 else parts[0]
    return name, slice_range(key, sizes[name], who)
