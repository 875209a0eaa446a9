# SPDX-License-Identifier: Apache-2.0
"""Constants of a LIF neuron as the core keeps them: once per neuron or once per population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def shares_constants(neuron: Any) -> bool:
    """Whether the scale changes constants that the core keeps once per population.

    These are the value of a hard reset, the amount of a soft one unless it is the stored
    threshold, the floor and the initial membrane. Such a population needs one scale for all.

    Parameters
    ----------
    neuron : LIF
        In the canonical form.
    """
    soft_amount = neuron.reset == "soft" and (
        neuron.strict
        or (
            neuron.reset_amount is not None and not np.array_equal(neuron.reset_amount, neuron.v_th)
        )
    )
    floor = neuron.v_floor is not None and bool(np.isfinite(neuron.v_floor).all())
    return soft_amount or floor or bool(np.any(neuron.v_reset)) or bool(np.any(neuron.v_init))


def shared_by_run(values: ArrayLike, runs: int) -> bool:
    """Whether all neurons of each of so many equal runs have the same value.

    Parameters
    ----------
    values : float or float array, shape (n,)
    runs : int
        Such as channels.

    Examples
    --------
    >>> shared_by_run([1.0, 1.0, 2.0, 2.0], 2), shared_by_run([1.0, 1.0, 1.0, 2.0], 2)
    (True, False)
    """
    by_run = np.asarray(values)
    if by_run.size <= 1:
        return True
    by_run = by_run.reshape(runs, -1)
    return bool((by_run == by_run[:, :1]).all())


def each_neuron(
    who: str, given: Mapping[str, ArrayLike], n: int, problems: list[str]
) -> dict[str, Floats]:
    """Constants kept once per neuron, as float64 arrays of shape (n,).

    Parameters
    ----------
    who : str
        Subject of the messages.
    given : mapping of str to scalar or array of shape (n,)
    n : int
        Number of neurons.
    problems : list of str
        Grows by what cannot become an integer.
    """
    return {key: _per_neuron(who, key, value, n, problems) for key, value in given.items()}


def one_for_all(
    who: str, given: Mapping[str, ArrayLike | None], problems: list[str]
) -> dict[str, float | None]:
    """Constants kept once per population; None where there is none, as for a floor at -inf.

    Parameters
    ----------
    who : str
        Subject of the messages.
    given : mapping of str to scalar or array of equal values
    problems : list of str
        Grows by what is not uniform, not finite, or no decay.
    """
    shared = {
        key: None if value is None else _uniform(who, key, value, problems)
        for key, value in given.items()
    }
    for key in ("beta", "alpha"):
        factor = shared.get(key) or 0.0
        if not 0.0 <= factor <= 1.0:
            problems.append(f"{who}: {key} must lie in 0..1, got {factor:g}")
    return shared


def _per_neuron(who: str, key: str, value: ArrayLike, n: int, problems: list[str]) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (1,), (n,)):
        problems.append(f"{who}: {key} must be a scalar or have shape ({n},), got {array.shape}")
        return np.zeros(n)
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)].reshape(-1)[:3]
        problems.append(f"{who}: {key} must be finite to become an integer, got {bad.tolist()}")
        return np.zeros(n)
    return np.array(np.broadcast_to(array, (n,)))


def _uniform(who: str, key: str, value: ArrayLike, problems: list[str]) -> float | None:
    array = np.asarray(value, dtype=np.float64).reshape(-1)
    if key == "v_floor" and array.size and (array == -np.inf).all():
        return None
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)][:3]
        problems.append(f"{who}: {key} must be finite to become an integer, got {bad.tolist()}")
        return 0.0
    if np.any(array != array[:1]):
        problems.append(
            f"{who}: {key} must be the same for all neurons (the core keeps it once per class), "
            f"got values from {array.min():g} to {array.max():g}; split the population"
        )
    return float(array[0]) if array.size else 0.0
