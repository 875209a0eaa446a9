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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikesim.errors import ValidationError
from spikesim.fixed.arith import DECAY_ONE, round_half_away
from spikesim.fixed.constants import (
    Floats,
    each_neuron,
    one_for_all,
    shared_by_run,
    shares_constants,
)
from spikesim.fixed.settings import MAX_GAIN_SHIFT, STATE_BITS, WEIGHT_BITS, Quantization
from spikesim.fixed.weights import ChannelWeights, IncomingWeights, WeightBlock

__all__ = [
    "ChannelWeights",
    "QuantizedPopulation",
    "WeightBlock",
    "quantize_lif",
    "quantize_population",
]

ACC_BITS = 16


@dataclass(frozen=True)
class QuantizedPopulation:
    """The integers of one population, and what they stand for.

    Attributes
    ----------
    weights : tuple of int16 arrays
        One per weight block given, in the same order and shape as the block's values.
    weight_scale : float64 array, shape (n,)
        ``w_fx = round_half_away(gain * w * weight_scale)``; one for all neurons of a channel.
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
    settings: Quantization | None = None,
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
    settings : Quantization, optional
        Non-zero ``v_reset`` or any ``v_floor`` forces one scale for the population, because the
        core keeps those two once per class. Weight codes are symmetric,
        ``|w_fx| <= 2**(weight_bits-1) - 1``.
    name : str
        The population's, for its own gain shift and in messages.

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
    >>> shift = Quantization(gain_shift=4)
    >>> q = quantize_population([np.array([[0.5], [-0.25]])], n=1, beta=0.5, settings=shift)
    >>> q.weights[0].ravel().tolist(), q.v_th.tolist(), q.beta
    ([127, -64], [4064], 2048)
    """
    chosen = (settings or Quantization()).with_widths(WEIGHT_BITS, STATE_BITS)
    who = f"population {name!r}"
    given = {"gain": gain, "bias": bias, "v_th": v_th, "v_init": v_init}
    if reset_amount is not None:
        given["reset_amount"] = reset_amount
    shared = {"beta": beta, "alpha": alpha, "v_reset": v_reset, "v_floor": v_floor}
    per, uni, incoming = _checked(who, n, given, shared, weights)
    # The core keeps reset value and floor once per class, so they need one common scale.
    one_scale = chosen.granularity == "population"
    common = one_scale or bool(uni["v_reset"]) or uni["v_floor"] is not None
    largest = _ranges(who, name, chosen, incoming)
    if largest is None:
        largest = incoming.largest() * np.abs(per["gain"])
    w_scale = _weight_scale(largest, per, chosen, 1 if common else incoming.runs)
    gain_shift = chosen.shift_of(name)
    if gain_shift is None:
        gain_shift = _largest_shift(np.abs(per["v_th"]) * w_scale, chosen.limit)
    codes = incoming.codes(per["gain"], w_scale, chosen.top)
    scale = w_scale * 2.0**gain_shift
    keys = ("v_th", "bias", "v_init", "reset_amount")
    fx = {key: round_half_away(per[key] * scale) for key in keys}
    fx["v_th"] += int(strict)
    rail = chosen.rail
    one = scale[0] if n else 1.0
    v_reset_fx = round_half_away(float((uni["v_reset"] or 0.0) * one))
    v_floor_fx = -rail if uni["v_floor"] is None else round_half_away(float(uni["v_floor"] * one))
    _fits(who, {**fx, "v_reset": np.array([v_reset_fx])}, rail, gain_shift)
    return QuantizedPopulation(
        weights=codes.blocks,
        weight_scale=w_scale,
        scale=scale,
        **fx,
        v_reset=v_reset_fx,
        v_floor=max(v_floor_fx, -rail),
        beta=_decay_code(uni["beta"]),
        alpha=_decay_code(uni["alpha"]),
        gain_shift=gain_shift,
        weight_bits=chosen.weight_bits or WEIGHT_BITS,
        state_bits=chosen.state_bits or STATE_BITS,
        acc_bound=codes.bound,
        rounding_error=codes.error,
    )


def _checked(
    who: str,
    n: int,
    given: dict[str, ArrayLike],
    shared: dict[str, ArrayLike | None],
    weights: Sequence[WeightBlock],
) -> tuple[dict[str, Floats], dict[str, float | None], IncomingWeights]:
    problems: list[str] = []
    per = each_neuron(who, given, n, problems)
    uni = one_for_all(who, shared, problems)
    incoming = IncomingWeights(who, weights, n, problems)
    if not problems and not all(shared_by_run(per["gain"], n) for n in incoming.channels):
        problems.append(
            f"{who}: gain must be the same for all neurons of a channel, whose codes are those of "
            "the kernel; give the weights by synapse"
        )
    if problems:
        raise ValidationError(problems)
    per.setdefault("reset_amount", per["v_th"])
    return per, uni, incoming


def quantize_lif(
    weights: Sequence[WeightBlock],
    n: int,
    neuron: Any,
    settings: Quantization | None = None,
    *,
    name: str = "population",
) -> QuantizedPopulation:
    """`quantize_population` with the parameters taken from a ``neurons.LIF``."""
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
    settings = settings or Quantization()
    if shares_constants(neuron):
        settings = replace(settings, granularity="population")
    parameters = {key: getattr(neuron, key) for key in keys}
    return quantize_population(weights, n=n, **parameters, settings=settings, name=name)


def _ranges(
    who: str, name: str, settings: Quantization, incoming: IncomingWeights
) -> Floats | None:
    """Give what the largest code of each neuron shall stand for, where that is set."""
    if name not in settings.ranges:
        return None
    values = np.asarray(settings.ranges[name], dtype=np.float64).reshape(-1)
    if values.size not in (1, incoming.runs, incoming.n):
        kinds = f"{incoming.runs} channels" if incoming.runs < incoming.n else "neurons"
        raise ValidationError(
            f"{who}: expected one range, or one for each of its {kinds} ({incoming.n} neurons in "
            f"all), got {values.size}; calibrate with this net"
        )
    return values.repeat(incoming.n // values.size)


def _weight_scale(
    largest: Floats, per: dict[str, Floats], settings: Quantization, runs: int
) -> Floats:
    v_th = np.abs(per["v_th"])
    if largest.size:
        length = largest.size // runs
        largest, v_th = (
            np.repeat(values.reshape(runs, length).max(axis=1), length)
            for values in (largest, v_th)
        )
    with np.errstate(divide="ignore"):
        # Weak weights would ask for a threshold code beyond the limit even without a shift.
        scale = np.minimum(settings.top / largest, settings.limit / v_th)
    # Neither weight nor threshold: any scale serves; 1 keeps bias codes readable.
    scale = np.where(np.isfinite(scale), scale, 1.0)
    return np.ldexp(1.0, np.frexp(scale)[1] - 1) if settings.power_of_two else scale


def _largest_shift(v_th_codes: Floats, limit: int) -> int:
    top = float(v_th_codes.max(initial=0.0))
    shift = 0
    while shift < MAX_GAIN_SHIFT and top * 2.0 ** (shift + 1) <= limit:
        shift += 1
    return shift


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
