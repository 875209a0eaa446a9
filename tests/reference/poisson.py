# SPDX-License-Identifier: Apache-2.0
"""Slow, plain form of the hashed random events, in Python integers and decimals."""

from decimal import Decimal, localcontext

WORD = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(z, salt=0):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27) ^ salt) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def hashed(key, tick, counter):
    start = mix((key + 2 * tick * GAMMA) & WORD)
    salt = mix((key + (2 * tick + 1) * GAMMA) & WORD)
    return mix((start + counter * GAMMA) & WORD, salt)


def uniform62(keys, tick, line):
    """The 62-bit number that decides how many events a line has."""
    leading = hashed(keys[0], tick, line // 4) >> (16 * (line % 4)) & 0xFFFF
    return leading << 46 | hashed(keys[1], tick, line) >> 18


def count(keys, tick, line, thresholds):
    """Events of a line, ``thresholds`` all of them, the certain ones too."""
    number = uniform62(keys, tick, line)
    return sum(number < threshold for threshold in thresholds)


def poisson_survival(mean, k_max):
    """P(count > k) of a Poisson number, for k = 0 … k_max, 60 digits."""
    with localcontext() as context:
        context.prec = 60
        mean = Decimal(mean)
        term = (-mean).exp()
        below, survival = Decimal(0), []
        for k in range(k_max + 1):
            below += term
            survival.append(1 - below)
            term = term * mean / (k + 1)
        return survival
