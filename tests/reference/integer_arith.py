# SPDX-License-Identifier: Apache-2.0
"""The core's arithmetic from docs/design/arithmetic.md, through exact fractions."""

from fractions import Fraction
from math import ceil, floor


def saturate(x, bits):
    top = 2 ** (bits - 1) - 1
    bottom = -(2 ** (bits - 1))
    if x > top:
        return top
    if x < bottom:
        return bottom
    return x


def decay(z, a):
    exact = Fraction(z * a, 4096)
    return floor(exact) if z >= 0 else ceil(exact)


def round_half_away(x):
    exact = Fraction(x)
    return floor(exact + Fraction(1, 2)) if exact >= 0 else ceil(exact - Fraction(1, 2))
