# SPDX-License-Identifier: Apache-2.0
"""Integer arithmetic of the core, name for name as in the Verilog modules.

Every function takes Python ints and gives a Python int, or takes an int64 array (and
ints or arrays that broadcast with it) and gives an int64 array. Both forms compute the
same values. Python ints have no upper limit; array elements must stay within
+-2**50, which is far above any width the core can be built with.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

DECAY_BITS = 12
DECAY_ONE = 1 << DECAY_BITS
MAX_BITS = 50
MAX_SHIFT = 12

IntArray = npt.NDArray[np.integer[Any]]
Int64Array = npt.NDArray[np.int64]
Operand = int | np.integer[Any]


@overload
def saturate(x: Operand, bits: int) -> int: ...
@overload
def saturate(x: IntArray, bits: int) -> Int64Array: ...
def saturate(x: Operand | IntArray, bits: int) -> int | Int64Array:
    """Clamp to the range of a signed word of ``bits`` bits; never wraps.

    Parameters
    ----------
    x : int or integer array
        Value.
    bits : int
        Width of the word, 1 to 50.

    Returns
    -------
    int or int64 array
        The nearest value in -2**(bits-1) .. 2**(bits-1) - 1.

    Raises
    ------
    ValidationError
        If ``bits`` is outside 1 to 50.

    Examples
    --------
    >>> saturate(200, 8), saturate(-200, 8)
    (127, -128)
    """
    if not 1 <= bits <= MAX_BITS:
        raise ValidationError(f"saturate: expected 1 <= bits <= {MAX_BITS}, got {bits}")
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if isinstance(x, np.ndarray):
        return np.clip(x.astype(np.int64), low, high)
    return min(max(int(x), low), high)


@overload
def sat_add(a: Operand, b: Operand, bits: int) -> int: ...
@overload
def sat_add(a: IntArray, b: Operand | IntArray, bits: int) -> Int64Array: ...
@overload
def sat_add(a: Operand, b: IntArray, bits: int) -> Int64Array: ...
def sat_add(a: Operand | IntArray, b: Operand | IntArray, bits: int) -> int | Int64Array:
    """Add without wrapping: ``saturate(a + b, bits)``.

    Examples
    --------
    >>> sat_add(100, 100, 8), sat_add(-100, -100, 8)
    (127, -128)
    """
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return saturate(_int64(a) + _int64(b), bits)
    return saturate(int(a) + int(b), bits)


@overload
def decay(z: Operand, a: Operand) -> int: ...
@overload
def decay(z: IntArray, a: Operand | IntArray) -> Int64Array: ...
@overload
def decay(z: Operand, a: IntArray) -> Int64Array: ...
def decay(z: Operand | IntArray, a: Operand | IntArray) -> int | Int64Array:
    """Multiply by ``a / 4096``, truncating toward zero.

    ``decay(z, a) = sign(z) * ((|z| * a) >> 12)``. It is symmetric in the sign of z, and
    repeated with a < 4096 it reaches 0 (an arithmetic shift would stick at -1).

    Parameters
    ----------
    z : int or integer array
        State word.
    a : int or integer array
        Decay factor, 0 to 4096; 4096 keeps the value.

    Returns
    -------
    int or int64 array

    Raises
    ------
    ValidationError
        If a factor is outside 0 to 4096.

    Examples
    --------
    >>> decay(7, 2048), decay(-7, 2048), decay(-1, 4095)
    (3, -3, 0)
    """
    if isinstance(z, np.ndarray) or isinstance(a, np.ndarray):
        word, factor = _int64(z), _int64(a)
        if ((factor < 0) | (factor > DECAY_ONE)).any():
            raise ValidationError(
                f"decay: expected factors in 0..{DECAY_ONE}, got {factor.min()}..{factor.max()}"
            )
        scaled: Int64Array = np.sign(word) * ((np.abs(word) * factor) >> DECAY_BITS)
        return scaled
    if not 0 <= a <= DECAY_ONE:
        raise ValidationError(f"decay: expected a factor in 0..{DECAY_ONE}, got {a}")
    magnitude = (abs(int(z)) * int(a)) >> DECAY_BITS
    return -magnitude if z < 0 else magnitude


@overload
def round_shift(x: Operand, shift: int) -> int: ...
@overload
def round_shift(x: IntArray, shift: int) -> Int64Array: ...
def round_shift(x: Operand | IntArray, shift: int) -> int | Int64Array:
    """Divide by ``2**shift`` and round to nearest, halves away from zero.

    Examples
    --------
    >>> round_shift(6, 2), round_shift(-6, 2), round_shift(5, 2)
    (2, -2, 1)
    """
    if not 0 <= shift <= MAX_BITS:
        raise ValidationError(f"round_shift: expected 0 <= shift <= {MAX_BITS}, got {shift}")
    half = (1 << shift) >> 1
    if isinstance(x, np.ndarray):
        word = x.astype(np.int64)
        scaled: Int64Array = np.sign(word) * ((np.abs(word) + half) >> shift)
        return scaled
    magnitude = (abs(int(x)) + half) >> shift
    return -magnitude if x < 0 else magnitude


@overload
def shift_left(x: Operand, shift: int, bits: int) -> int: ...
@overload
def shift_left(x: IntArray, shift: int, bits: int) -> Int64Array: ...
def shift_left(x: Operand | IntArray, shift: int, bits: int) -> int | Int64Array:
    """Multiply by ``2**shift`` exactly, then saturate to ``bits`` bits.

    Raises
    ------
    ValidationError
        If ``shift`` is outside 0 to 12.

    Examples
    --------
    >>> shift_left(-3, 2, 18), shift_left(100, 1, 8)
    (-12, 127)
    """
    if not 0 <= shift <= MAX_SHIFT:
        raise ValidationError(f"shift_left: expected 0 <= shift <= {MAX_SHIFT}, got {shift}")
    if isinstance(x, np.ndarray):
        return saturate(x.astype(np.int64) << shift, bits)
    return saturate(int(x) << shift, bits)


@overload
def round_half_away(x: float) -> int: ...
@overload
def round_half_away(x: npt.NDArray[np.floating[Any]]) -> Int64Array: ...
def round_half_away(x: float | npt.NDArray[np.floating[Any]]) -> int | Int64Array:
    """Round real numbers to the nearest integer, halves away from zero.

    The quantizer's rounding. Unlike ``floor(|x| + 0.5)`` it is exact for every float,
    0.49999999999999994 included.

    Raises
    ------
    ValidationError
        If a value is not finite, or an array element is 2**62 or more in magnitude.

    Examples
    --------
    >>> round_half_away(0.5), round_half_away(-2.5), round_half_away(2.4)
    (1, -3, 2)
    """
    values = np.asarray(x, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValidationError("round_half_away: expected finite numbers, got NaN or infinity")
    magnitude = np.abs(values)
    whole = np.floor(magnitude)
    # magnitude - whole is exact in binary floating point, so the comparison with 0.5 is too.
    rounded = np.copysign(whole + (magnitude - whole >= 0.5), values)
    if not isinstance(x, np.ndarray):
        return int(rounded)
    if (np.abs(rounded) >= 2.0**62).any():
        raise ValidationError("round_half_away: expected magnitudes below 2**62")
    codes: Int64Array = rounded.astype(np.int64)
    return codes


def _int64(value: Operand | IntArray) -> Int64Array:
    return np.asarray(value, dtype=np.int64)
