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
from spikesim.fixed.arith import DECAY_ONE, round_half_away
from spikesim.fixed.scale import shares_constants

Floats = NDArray[np.float64]

__all__ = [
    "QuantizedPopulation",
    "WeightBlock",
    "quantize_lif",
    "quantize_population",
]

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
        return bool(self.acc_bound <= 2 ** (ACC_BITS - 1) - 1)


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
        The canonical LIF parameters (``neurons.LIF``), scalars or shape (n,). ``beta``, ``alpha``,
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
    given = {"gain": gain, "bias": bias, "v_th": v_th, "v_init": v_init}
    if reset_amount is not None:
        given["reset_amount"] = reset_amount
    shared = {"beta": beta, "alpha": alpha, "v_reset": v_reset, "v_floor": v_floor}
    limit = 2 ** (state_bits - 4) if v_th_limit is None else v_th_limit
    width = _Width(weight_bits, state_bits, limit)
    who = f"population {name!r}"
    blocks, per, uni = _checked(who, n, weights, given, shared, gain_shift)
    per.setdefault("reset_amount", per["v_th"])
    # The core keeps reset value and floor once per class, so they need one common scale.
    common = granularity == "population" or bool(uni["v_reset"]) or uni["v_floor"] is not None
    w_scale = _weight_scale(blocks, per, n, width, common)
    if gain_shift is None:
        gain_shift = _largest_shift(np.abs(per["v_th"]) * w_scale, width.limit)
    codes, bound, error = _round_weights(blocks, per["gain"], w_scale, n, width)
    scale = w_scale * 2.0**gain_shift
    keys = ("v_th", "bias", "v_init", "reset_amount")
    fx = {key: round_half_away(per[key] * scale) for key in keys}
    fx["v_th"] += int(strict)
    rail = 2 ** (state_bits - 1)
    one = scale[0] if n else 1.0
    v_reset_fx = round_half_away(float((uni["v_reset"] or 0.0) * one))
    v_floor_fx = -rail if uni["v_floor"] is None else round_half_away(float(uni["v_floor"] * one))
    _fits(who, {**fx, "v_reset": np.array([v_reset_fx])}, rail, gain_shift)
    return QuantizedPopulation(
        weights=codes,
        weight_scale=w_scale,
        scale=scale,
        **fx,
        v_reset=v_reset_fx,
        v_floor=max(v_floor_fx, -rail),
        beta=_decay_code(uni["beta"]),
        alpha=_decay_code(uni["alpha"]),
        gain_shift=gain_shift,
        weight_bits=weight_bits,
        state_bits=state_bits,
        acc_bound=bound,
        rounding_error=error,
    )


def quantize_lif(
    weights: Sequence[WeightBlock], n: int, neuron: Any, **options: Any
) -> QuantizedPopulation:
    """`quantize_population` with the parameters taken from a ``neurons.LIF``.

    ``options``: ``granularity``, ``weight_bits``, ``state_bits``, ``gain_shift``,
    ``v_th_limit``, ``name``.
    """
    keys = (
        "beta",
        "alpha",
        "gain",
        "bias",
        "v_th",
        "v_reset",
        "reset_amount",
        "v_init",
        "v_floor",
        "strict",
    )
    if shares_constants(neuron):
        options["granularity"] = "population"
    return quantize_population(weights, n=n, **{k: getattr(neuron, k) for k in keys}, **options)


@dataclass(frozen=True)
class _Width:
    weight_bits: int
    state_bits: int
    limit: int

    @property
    def top(self) -> int:
        return int(2 ** (self.weight_bits - 1) - 1)


# Targets None: a dense matrix [n_pre, n], whose column is the target.
_Block = tuple[Floats, NDArray[np.int64] | None]


def _checked(
    who: str,
    n: int,
    weights: Sequence[WeightBlock],
    given: dict[str, ArrayLike],
    shared: dict[str, ArrayLike | None],
    gain_shift: int | None,
) -> tuple[list[_Block], dict[str, Floats], dict[str, float | None]]:
    """Blocks, per-neuron and common parameters as float64; raises with all problems."""
    problems: list[str] = []
    per = {key: _per_neuron(who, key, value, n, problems) for key, value in given.items()}
    uni = {
        key: None if value is None else _uniform(who, key, value, problems)
        for key, value in shared.items()
    }
    for key in ("beta", "alpha"):
        if not 0.0 <= (uni[key] or 0.0) <= 1.0:
            problems.append(f"{who}: {key} must lie in 0..1, got {uni[key]:g}")
    if gain_shift is not None and not 0 <= gain_shift <= MAX_GAIN_SHIFT:
        problems.append(f"{who}: gain_shift must lie in 0..{MAX_GAIN_SHIFT}, got {gain_shift}")
    blocks = [_block(who, k, block, n, problems) for k, block in enumerate(weights)]
    if problems:
        raise ValidationError(problems)
    return blocks, per, uni


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


def _block(who: str, k: int, block: WeightBlock, n: int, problems: list[str]) -> _Block:
    if not isinstance(block, tuple):
        values = np.asarray(block, dtype=np.float64)
        targets = None
        if values.ndim != 2 or values.shape[1] != n:
            problems.append(
                f"{who}: weight block {k} must have shape (n_pre, {n}), got {values.shape}"
            )
    else:
        values = np.asarray(block[0], dtype=np.float64)
        targets = np.asarray(block[1], dtype=np.int64)
        if values.ndim != 1 or values.shape != targets.shape:
            problems.append(
                f"{who}: weight block {k} must be two flat arrays of one length, "
                f"got {values.shape} values and {targets.shape} targets"
            )
        elif targets.size and (targets.min() < 0 or targets.max() >= n):
            problems.append(
                f"{who}: weight block {k} has targets {targets.min()}.."
                f"{targets.max()}, expected 0..{n - 1}"
            )
    if not np.isfinite(values).all():
        problems.append(f"{who}: weight block {k} holds NaN or infinity")
    return values, targets


def _weight_scale(
    blocks: list[_Block], per: dict[str, Floats], n: int, width: _Width, common: bool
) -> Floats:
    largest = np.zeros(n)
    for values, targets in blocks:
        if targets is None:
            largest = np.maximum(largest, np.abs(values).max(axis=0, initial=0.0))
        else:
            np.maximum.at(largest, targets, np.abs(values))
    largest *= np.abs(per["gain"])
    v_th = np.abs(per["v_th"])
    if common and n:
        largest, v_th = np.full(n, largest.max()), np.full(n, v_th.max())
    with np.errstate(divide="ignore"):
        # Weak weights would ask for a threshold code beyond the limit even without a shift.
        scale = np.minimum(width.top / largest, width.limit / v_th)
    # Neither weight nor threshold: any scale serves; 1 keeps bias codes readable.
    return np.where(np.isfinite(scale), scale, 1.0)


def _largest_shift(v_th_codes: Floats, limit: int) -> int:
    top = float(v_th_codes.max(initial=0.0))
    shift = 0
    while shift < MAX_GAIN_SHIFT and top * 2.0 ** (shift + 1) <= limit:
        shift += 1
    return shift


def _round_weights(
    blocks: list[_Block], gain: Floats, w_scale: Floats, n: int, width: _Width
) -> tuple[tuple[NDArray[np.int16], ...], int, float]:
    up, down = np.zeros(n), np.zeros(n)
    factor = gain * w_scale
    codes, error = [], 0.0
    for values, targets in blocks:
        exact = values * (factor if targets is None else factor[targets])
        w_fx = np.clip(round_half_away(exact), -width.top, width.top)
        if targets is None:
            up += np.maximum(w_fx, 0).sum(axis=0)
            down += np.maximum(-w_fx, 0).sum(axis=0)
            miss = np.abs(w_fx - exact) / w_scale
        else:
            up += np.bincount(targets, np.maximum(w_fx, 0), minlength=n)
            down += np.bincount(targets, np.maximum(-w_fx, 0), minlength=n)
            miss = np.abs(w_fx - exact) / w_scale[targets]
        error = max(error, float(miss.max(initial=0.0)))
        codes.append(w_fx.astype(np.int16))
    return tuple(codes), int(max(up.max(initial=0), down.max(initial=0))), error


def _fits(who: str, codes: dict[str, NDArray[np.int64]], rail: int, gain_shift: int) -> None:
    problems = []
    for key, value in codes.items():
        bad = np.flatnonzero((value < -rail) | (value > rail - 1))
        if bad.size:
            problems.append(
                f"{who}: {key} of neuron {bad[0]} becomes {value[bad[0]]}, expected within "
                f"{-rail}..{rail - 1}; use a smaller gain_shift (now {gain_shift}) or make it "
                "smaller relative to the weights"
            )
    if problems:
        raise ValidationError(problems)


def _decay_code(x: float | None) -> int:
    return round_half_away(float(x or 0.0) * DECAY_ONE)
