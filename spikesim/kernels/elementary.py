# SPDX-License-Identifier: Apache-2.0
"""The exponential function as plain arithmetic: vectorized, and the same bits on every machine."""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from spikesim.kernels.intrinsics import as_float, bits_to_float32
from spikesim.kernels.jit import kernel

# Adding and subtracting 1.5 * 2**(mantissa bits) rounds to the nearest integer, branch-free.
ROUND_32, ROUND_64 = np.float32(12582912.0), 6755399441055744.0
LOG2E = 1.4426950408889634
# ln 2 in two parts, the first with trailing zeros so that its multiples are exact.
HIGH_32, LOW_32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
HIGH_64, LOW_64 = 6.93145751953125e-1, 1.42860682030941723212e-6
# Minimax polynomial on |r| <= ln(2) / 2 (Cephes expf), highest power first, down to r**2.
POLYNOMIAL_32 = (
    np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3),
    np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1),
)  # fmt: skip
# Taylor series from r**13 on: the remainder is below 4e-18 there.
POLYNOMIAL_64 = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))


@kernel
def exp_float32(x):
    """exp(x) for float32, relative error below 2e-7; x is taken to -87 … 88."""
    x = x if x > np.float32(-87.0) else np.float32(-87.0)
    x = x if x < np.float32(88.0) else np.float32(88.0)
    n = (x * np.float32(LOG2E) + ROUND_32) - ROUND_32
    r = (x - n * HIGH_32) - n * LOW_32
    p = POLYNOMIAL_32[0]
    p = p * r + POLYNOMIAL_32[1]
    p = p * r + POLYNOMIAL_32[2]
    p = p * r + POLYNOMIAL_32[3]
    p = p * r + POLYNOMIAL_32[4]
    p = p * r + POLYNOMIAL_32[5]
    p = (p * r) * r + r + np.float32(1.0)
    return p * bits_to_float32(np.int32((np.int32(n) + np.int32(127)) << 23))


@kernel
def exp_float64(x):
    """exp(x) for float64, relative error below 1e-15; x is taken to -708 … 709."""
    x = x if x > -708.0 else -708.0
    x = x if x < 709.0 else 709.0
    n = (x * LOG2E + ROUND_64) - ROUND_64
    r = (x - n * HIGH_64) - n * LOW_64
    p = POLYNOMIAL_64[0]
    p = p * r + POLYNOMIAL_64[1]
    p = p * r + POLYNOMIAL_64[2]
    p = p * r + POLYNOMIAL_64[3]
    p = p * r + POLYNOMIAL_64[4]
    p = p * r + POLYNOMIAL_64[5]
    p = p * r + POLYNOMIAL_64[6]
    p = p * r + POLYNOMIAL_64[7]
    p = p * r + POLYNOMIAL_64[8]
    p = p * r + POLYNOMIAL_64[9]
    p = p * r + POLYNOMIAL_64[10]
    p = p * r + POLYNOMIAL_64[11]
    p = (p * r) * r + r + 1.0
    return p * as_float(np.int64((np.int64(n) + np.int64(1023)) << 52))


def exp(x):
    """`exp_float32` or `exp_float64`, by the type of x."""
    return exp_float64(x) if np.asarray(x).dtype == np.float64 else exp_float32(x)


@overload(exp)
def _exp_of_type(x):
    return (lambda x: exp_float64(x)) if x == types.float64 else (lambda x: exp_float32(x))
