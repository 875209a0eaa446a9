# SPDX-License-Identifier: Apache-2.0
"""The exponential function as plain arithmetic: vectorized, and the same bits on every machine."""

from __future__ import annotations

import numpy as np

from spikesim.kernels.intrinsics import as_float, bits_to_float32
from spikesim.kernels.jit import kernel

# Adding and subtracting 1.5 * 2**(mantissa bits) rounds to the nearest integer, branch-free.
_ROUND_32, _ROUND_64 = np.float32(12582912.0), 6755399441055744.0
_LOG2E = 1.4426950408889634
# ln 2 in two parts, the first with trailing zeros so that its multiples are exact.
_HIGH_32, _LOW_32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
_HIGH_64, _LOW_64 = 6.93145751953125e-1, 1.42860682030941723212e-6


@kernel
def exp_float32(x):
    """exp(x) for float32, relative error below 2e-7; x is taken to -87 … 88."""
    x = x if x > np.float32(-87.0) else np.float32(-87.0)
    x = x if x < np.float32(88.0) else np.float32(88.0)
    n = (x * np.float32(_LOG2E) + _ROUND_32) - _ROUND_32
    r = (x - n * _HIGH_32) - n * _LOW_32
    # Minimax polynomial on |r| <= ln(2) / 2 (Cephes expf).
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = (p * r) * r + r + np.float32(1.0)
    return p * bits_to_float32(np.int32((np.int32(n) + np.int32(127)) << 23))


@kernel
def exp_float64(x):
    """exp(x) for float64, relative error below 1e-15; x is taken to -708 … 709."""
    x = x if x > -708.0 else -708.0
    x = x if x < 709.0 else 709.0
    n = (x * _LOG2E + _ROUND_64) - _ROUND_64
    r = (x - n * _HIGH_64) - n * _LOW_64
    # Taylor series to r**13: the remainder is below 4e-18 for |r| <= ln(2) / 2.
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = (p * r) * r + r + 1.0
    return p * as_float(np.int64((np.int64(n) + np.int64(1023)) << 52))
