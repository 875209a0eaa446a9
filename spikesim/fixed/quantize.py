# SPDX-License-Identifier: Apache-2.0
"""Choose integers for a population of float LIF neurons: the one place where it is decided.

Quantization-aware training and the compiler both call this module, so a network that was
trained with integers in the loop is compiled to exactly those integers.

The core computes, per tick and neuron (``decay`` and saturation as in ``fixed.arith``)::

    acc <- sat16(sum of w_fx of the spikes due now)
    i   <- sat18(decay(i, alpha_fx) + sat18(acc << gain_shift))
    u   <- max(sat18(decay(v, beta_fx) + i + bias_fx), v_floor_fx)
    s   <- refr == 0 and u >= v_th_fx

A float membrane ``v`` is therefore stored as ``v_fx = v * scale`` with one ``scale`` per neuron,
``scale = weight_scale * 2**gain_shift`` and ``w_fx = round(gain * w * weight_scale)``. The float
gain is folded into the weights; the stored current is ``gain * i * scale``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikesim.errors import ValidationError

from .arith import DECAY_ONE, round_half_away

__all__ = ["QuantizedPopulation", "WeightBlock", "quantize_lif", "quantize_population"]

#: Float weights that end on one population: a dense matrix ``[n_pre, n]`` or, for sparse
#: projections, a pair ``(values [k], targets [k])``.
WeightBlock = NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]

MAX_GAIN_SHIFT = 7
ACC_BITS = 16


@dataclass(frozen=True)
class QuantizedPopulation:
    """The integers of one population, and what they stand for.

    Attributes
    ----------
    weights : tuple of int16 arrays
        One per weight block given, in the same order and shape as the block's values.
    weight_scale : float64 array, shape (n,)
        ``w_fx = round_half_away(gain * w * weight_scale)``.
    scale : float64 array, shape (n,)
        ``v_fx = v * scale``; equals ``weight_scale * 2**gain_shift``.
    v_th, bias, v_init : int64 arrays, shape (n,)
        Threshold (already raised by one for ``strict``), bias, initial membrane.
    reset_amount : int64 array, shape (n,)
        What a soft reset subtracts.
    v_reset, v_floor : int
        Hard-reset value and lower rail of the membrane, one per population.
    beta, alpha : int
        Decay factors in 0..4096 (4096 stands for 1.0).
    gain_shift : int
        Left shift from accumulator to state, 0..7.
    weight_bits, state_bits : int
        Widths the integers were chosen for.
    acc_bound : int
        Largest ``|acc|`` that any set of simultaneous spikes can produce, in accumulator codes.
    rounding_error : float
        Largest ``|w_fx / weight_scale - gain * w|``, in units of the float weights times gain.
    """

    weights: tuple[NDArray[np.int16], ...]
    weight_scale: NDArray[np.float64]
    scale: NDArray[np.float64]
    v_th: NDArray[np.int64]
    bias: NDArray[np.int64]
    v_init: NDArray[np.int64]
    reset_amount: NDArray[np.int64]
    v_reset: int
    v_floor: int
    beta: int
    alpha: int
    gain_shift: int
    weight_bits: int
    state_bits: int
    acc_bound: int
    rounding_error: float

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.v_th.shape[0])

    @property
    def acc_exact(self) -> bool:
        """True when no spike pattern can reach a rail of the 16-bit accumulator.

        Then the sum does not depend on the order of the additions.
        """
        return self.acc_bound <= 2 ** (ACC_BITS - 1) - 1


def quantize_population(
    weights: Sequence[WeightBlock],
    *,
    n: int,
    beta: ArrayLike,
    alpha: ArrayLike = 0.0,
    gain: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    v_th: ArrayLike = 1.0,
    v_reset: ArrayLike = 0.0,
    reset_amount: ArrayLike | None = None,
    v_init: ArrayLike = 0.0,
    v_floor: ArrayLike | None = None,
    strict: bool = False,
    granularity: Literal["neuron", "population"] = "neuron",
    weight_bits: int = 8,
    state_bits: int = 18,
    gain_shift: int | None = None,
    v_th_limit: int | None = None,
    name: str = "population",
) -> QuantizedPopulation:
    """Integers for one population of canonical LIF neurons.

    Parameters
    ----------
    weights : sequence of WeightBlock
        All projections that end here; empty is allowed.
    n : int
        Number of neurons.
    beta, alpha, gain, bias, v_th, v_reset, reset_amount, v_init, v_floor, strict
        The canonical LIF parameters (``core.LIF``), scalars or shape (n,). ``beta``, ``alpha``,
        ``v_reset`` and ``v_floor`` must be uniform: the core keeps them once per class.
    granularity : {"neuron", "population"}
        One scale per neuron (finer) or one for all. Non-zero ``v_reset`` or any ``v_floor``
        forces ``"population"``, because the core keeps those two once per class.
    weight_bits, state_bits : int
        Widths of weights and state. Codes are symmetric, ``|w_fx| <= 2**(weight_bits-1) - 1``.
    gain_shift : int, optional
        Fixes the shift. By default the largest in 0..7 for which every ``v_th_fx`` stays within
        ``v_th_limit``.
    v_th_limit : int, optional
        Largest threshold code; default ``2**(state_bits-4)``, which leaves eight thresholds of
        head-room on either side before the state saturates.
    name : str
        Used in error messages.

    Returns
    -------
    QuantizedPopulation

    Raises
    ------
    ValidationError
        With every problem found: non-finite or wrongly shaped parameters, decays outside
        [0, 1], non-uniform class parameters, a threshold that does not fit.

    Examples
    --------
    >>> q = quantize_population([np.array([[0.5], [-0.25]])], n=1, beta=0.5, gain_shift=4)
    >>> q.weights[0].ravel().tolist(), q.v_th.tolist(), q.beta
    ([127, -64], [4064], 2048)
    """
    who = f"population {name!r}"
    params = {"gain": gain, "bias": bias, "v_th": v_th, "v_init": v_init,
              "reset_amount": v_th if reset_amount is None else reset_amount}
    problems: list[str] = []
    per = {k: _per_neuron(who, k, x, n, problems) for k, x in params.items()}
    uni = {k: _uniform(who, k, x, problems)
           for k, x in (("beta", beta), ("alpha", alpha), ("v_reset", v_reset))}
    floor = None if v_floor is None else _uniform(who, "v_floor", v_floor, problems)
    for key in ("beta", "alpha"):
        if not 0.0 <= uni[key] <= 1.0:
            problems.append(f"{who}: {key} must lie in 0..1, got {uni[key]:g}")
    if gain_shift is not None and not 0 <= gain_shift <= MAX_GAIN_SHIFT:
        problems.append(f"{who}: gain_shift must lie in 0..{MAX_GAIN_SHIFT}, got {gain_shift}")
    blocks = [_block(who, k, b, n, problems) for k, b in enumerate(weights)]
    if problems:
        raise ValidationError(problems)

    if granularity == "population" or uni["v_reset"] != 0.0 or floor is not None:
        granularity = "population"
    limit = 2 ** (state_bits - 4) if v_th_limit is None else v_th_limit
    w_scale = _weight_scale(blocks, per, n, weight_bits, granularity, limit)
    if gain_shift is None:
        gain_shift = _largest_shift(np.abs(per["v_th"]) * w_scale, limit)
    scale = w_scale * 2.0**gain_shift
    codes, bound, error = _round_weights(blocks, per["gain"], w_scale, n, weight_bits)
    rail = 2 ** (state_bits - 1)

    def code(x: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(round_half_away(x * scale), dtype=np.int64)

    v_th_fx = code(per["v_th"]) + int(strict)
    fx = {"v_th": v_th_fx, "bias": code(per["bias"]), "v_init": code(per["v_init"]),
          "reset_amount": code(per["reset_amount"])}
    v_reset_fx = int(code(np.full(n, uni["v_reset"]))[0]) if n else 0
    v_floor_fx = -rail if floor is None or not n else int(code(np.full(n, floor))[0])
    for key, value in {**fx, "v_reset": np.array([v_reset_fx])}.items():
        bad = (value < -rail) | (value > rail - 1)
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            problems.append(
                f"{who}: {key} of neuron {k} becomes {int(value[k])}, expected within "
                f"{-rail}..{rail - 1} ({state_bits} bits); use a smaller gain_shift "
                f"(now {gain_shift}) or smaller values relative to the weights"
            )
    if problems:
        raise ValidationError(problems)
    return QuantizedPopulation(
        weights=codes, weight_scale=w_scale, scale=scale, **fx,
        v_reset=v_reset_fx, v_floor=max(v_floor_fx, -rail),
        beta=_decay_code(uni["beta"]), alpha=_decay_code(uni["alpha"]), gain_shift=gain_shift,
        weight_bits=weight_bits, state_bits=state_bits, acc_bound=bound, rounding_error=error,
    )


def quantize_lif(
    weights: Sequence[WeightBlock], n: int, neuron: Any, **options: Any
) -> QuantizedPopulation:
    """`quantize_population` with the parameters taken from a ``core.LIF``.

    Parameters
    ----------
    weights : sequence of WeightBlock
        All projections that end on the population.
    n : int
        Number of neurons.
    neuron : core.LIF
        Canonical parameters.
    **options
        ``granularity``, ``weight_bits``, ``state_bits``, ``gain_shift``, ``v_th_limit``, ``name``.

    Returns
    -------
    QuantizedPopulation
    """
    keys = ("beta", "alpha", "gain", "bias", "v_th", "v_reset", "reset_amount", "v_init",
            "v_floor", "strict")
    return quantize_population(weights, n=n, **{k: getattr(neuron, k) for k in keys}, **options)


def _per_neuron(
    who: str, key: str, value: ArrayLike, n: int, problems: list[str]
) -> NDArray[np.float64]:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (1,), (n,)):
        problems.append(f"{who}: {key} must be a scalar or have shape ({n},), got {array.shape}")
        return np.zeros(n)
    if not np.isfinite(array).all():
        problems.append(f"{who}: {key} must be finite, got {array[~np.isfinite(array)][:3]}")
        return np.zeros(n)
    return np.array(np.broadcast_to(array, (n,)))


def _uniform(who: str, key: str, value: ArrayLike, problems: list[str]) -> float:
    array = np.asarray(value, dtype=np.float64).reshape(-1)
    if array.size == 0:
        return 0.0
    if not np.isfinite(array).all():
        problems.append(f"{who}: {key} must be finite, got {array[~np.isfinite(array)][:3]}")
        return 0.0
    if np.any(array != array[0]):
        problems.append(
            f"{who}: {key} must be the same for all neurons (the core keeps it once per class), "
            f"got values from {array.min():g} to {array.max():g}; split the population"
        )
    return float(array[0])


def _block(
    who: str, k: int, block: WeightBlock, n: int, problems: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Weight values of any shape and, of the same shape, the neuron each one ends on."""
    if isinstance(block, tuple):
        values = np.asarray(block[0], dtype=np.float64)
        targets = np.asarray(block[1], dtype=np.int64)
    else:
        values = np.asarray(block, dtype=np.float64)
        targets = np.broadcast_to(np.arange(values.shape[-1] if values.ndim else 0), values.shape)
        if values.ndim != 2 or values.shape[1] != n:
            problems.append(f"{who}: weight block {k} must have shape (n_pre, {n}), "
                            f"got {values.shape}")
    if values.shape != targets.shape:
        problems.append(f"{who}: weight block {k} has {values.shape} values but "
                        f"{targets.shape} targets")
    elif targets.size and (targets.min() < 0 or targets.max() >= n):
        problems.append(f"{who}: weight block {k} has targets {targets.min()}..{targets.max()}, "
                        f"expected 0..{n - 1}")
    if not np.isfinite(values).all():
        problems.append(f"{who}: weight block {k} holds NaN or infinity")
    return values, targets


def _weight_scale(
    blocks: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
    per: dict[str, NDArray[np.float64]], n: int, weight_bits: int, granularity: str, limit: int,
) -> NDArray[np.float64]:
    largest = np.zeros(n)
    for values, targets in blocks:
        np.maximum.at(largest, targets.ravel(), np.abs(values).ravel())
    largest *= np.abs(per["gain"])
    if granularity == "population" and n:
        largest = np.full(n, largest.max())
    top = 2 ** (weight_bits - 1) - 1
    # Weak weights would ask for a threshold code beyond the limit even without a shift.
    need = np.maximum(np.abs(per["v_th"]), np.finfo(np.float64).tiny)
    cap = limit / (need.max() if granularity == "population" and n else need)
    with np.errstate(divide="ignore"):
        wanted = np.where(largest > 0.0, top / np.where(largest > 0.0, largest, 1.0), np.inf)
    scale = np.minimum(wanted, cap)
    # No weight and no threshold: any scale serves; 1 keeps bias codes readable.
    return np.where(np.isfinite(scale) & (scale < 1e300), scale, 1.0)


def _largest_shift(v_th_codes: NDArray[np.float64], limit: int) -> int:
    top = float(v_th_codes.max()) if v_th_codes.size else 0.0
    shift = 0
    while shift < MAX_GAIN_SHIFT and top * 2.0 ** (shift + 1) <= limit:
        shift += 1
    return shift


def _round_weights(
    blocks: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
    gain: NDArray[np.float64], w_scale: NDArray[np.float64], n: int, weight_bits: int,
) -> tuple[tuple[NDArray[np.int16], ...], int, float]:
    top = 2 ** (weight_bits - 1) - 1
    positive, negative = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    codes, error = [], 0.0
    for values, targets in blocks:
        exact = values * (gain * w_scale)[targets]
        w_fx = np.clip(np.asarray(round_half_away(exact), dtype=np.int64), -top, top)
        np.add.at(positive, targets.ravel(), np.maximum(w_fx, 0).ravel())
        np.add.at(negative, targets.ravel(), np.maximum(-w_fx, 0).ravel())
        if values.size:
            error = max(error, float(np.max(np.abs(w_fx - exact) / w_scale[targets])))
        codes.append(w_fx.astype(np.int16))
    bound = int(max(positive.max(initial=0), negative.max(initial=0)))
    return tuple(codes), bound, error


def _decay_code(x: float) -> int:
    return int(np.clip(np.floor(x * DECAY_ONE + 0.5), 0, DECAY_ONE))
