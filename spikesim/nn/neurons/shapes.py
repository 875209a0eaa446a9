# SPDX-License-Identifier: Apache-2.0
"""Shapes of populations, and what stands in arrays for them: per channel or per neuron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikesim.errors import ValidationError


def shape_of(
    shape: Any, values: Mapping[str, Any], who: str = "LIFLayer"
) -> tuple[int, ...] | None:
    """Shape of a population as a tuple; that of the arrays among ``values`` where none is given.

    Raises
    ------
    ValidationError
        If it is no number and no sequence of numbers of 0 or more.

    Examples
    --------
    >>> shape_of(3, {}), shape_of([2, 5], {}), shape_of(None, {"beta": [0.5, 0.9]})
    ((3,), (2, 5), (2,))
    """
    if shape is None:
        found = {np.shape(value) for value in values.values() if np.ndim(value)}
        return found.pop() if len(found) == 1 else None
    axes = shape if isinstance(shape, Sequence) else (shape,)
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in axes]
    if not axes or not all(whole):
        raise ValidationError(
            f"{who}: expected a number of neurons or a shape such as (channels, height, width), "
            f"got {shape!r}"
        )
    return tuple(int(n) for n in axes)


def broadcast(key: str, value: Any, shape: tuple[int, ...] | None, who: str = "LIFLayer") -> Any:
    """Give a number as it is, and an array with as many axes as the shape.

    Raises
    ------
    ValidationError
        If it has neither a value per neuron nor one per channel.

    Examples
    --------
    >>> broadcast("beta", [0.5, 0.9], (2, 5, 5)).shape
    (2, 1, 1)
    """
    if value is None or np.ndim(value) == 0 or shape is None:
        return value
    array = np.asarray(value)
    if array.shape == shape:
        return array
    if len(shape) > 1 and array.shape == shape[:1]:
        return array.reshape(-1, *[1] * (len(shape) - 1))
    raise ValidationError(
        f"{who}: expected {key} as a number, one per channel ({shape[0]},) or one per neuron "
        f"{shape}, got an array of shape {array.shape}"
        if len(shape) > 1
        else f"{who}: expected {key} as a number or of shape {shape}, got {array.shape}"
    )


def flat(value: Any, shape: tuple[int, ...] | None) -> Any:
    """Give an array per neuron and on one axis, as ``neurons.LIF`` wants it; numbers stay."""
    if value is None or np.ndim(value) == 0:
        return value.item() if isinstance(value, np.ndarray) else value
    return np.broadcast_to(value, shape or np.shape(value)).reshape(-1)
