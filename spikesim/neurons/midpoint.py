# SPDX-License-Identifier: Apache-2.0
"""The explicit midpoint method, of second order, as template text."""

from __future__ import annotations

from collections.abc import Mapping


def midpoint_lines(steps: Mapping[str, str], substeps: int, caps: Mapping[str, str]) -> list[str]:
    r"""Lines that advance several variables by ``substeps`` midpoint steps.

    Parameters
    ----------
    steps : mapping of str to str
        By variable, rate times length of a substep, with the variables in braces.
    substeps : int
        How many times the lines are repeated.
    caps : mapping of str to str
        By variable, what it is limited to from above; what has reached its cap stays.

    Examples
    --------
    >>> print("\n".join(midpoint_lines({"v": "k * {v}"}, 1, {"v": "v_peak"})))
    mid_v = v + 0.5 * (k * v)
    mid_v = min(mid_v, v_peak)
    v = v + (k * mid_v)
    v = min(v, v_peak)
    """
    here = {name: name for name in steps}
    middle = {name: f"mid_{name}" for name in steps}
    first = [f"mid_{x} = {x} + 0.5 * ({text.format(**here)})" for x, text in steps.items()]
    first += [f"mid_{x} = min(mid_{x}, {cap})" for x, cap in caps.items()]
    # Every right-hand side reads only mid-values, so the order of the variables is free.
    second = [f"{x} = {x} + ({text.format(**middle)})" for x, text in steps.items()]
    second += [f"{x} = min({x}, {cap})" for x, cap in caps.items()]
    return (first + second) * substeps
