# SPDX-License-Identifier: Apache-2.0
"""The passes of the compiler, in order.

What is still to come has its place here, too:

- Plasticity: constants of a rule become integers in a pass behind ``quantize``, its tables in one
  behind ``lower``; until then ``check_description`` refuses rules.
- Encoders on the core: a pass before ``lower`` that claims axons for them.
- Several cores: a pass before ``lower`` that deals populations out to cores; the passes behind it
  run once for each core.
"""

from __future__ import annotations

from spikesim.errors import ValidationError
from spikesim.hw.compile.allocate import allocate
from spikesim.hw.compile.calibrate import calibrate
from spikesim.hw.compile.canonical import canonical
from spikesim.hw.compile.check import check_description, check_integers, check_limits
from spikesim.hw.compile.compilation import Pass
from spikesim.hw.compile.lower import lower
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.compile.report import summarize
from spikesim.hw.compile.segment import segment

PASSES: tuple[Pass, ...] = (
    check_description,  # what the core has no words for
    canonical,  # neurons with seconds -> LIF, constants per tick
    calibrate,  # sample input -> gain shifts, busiest step (tries the passes behind it)
    check_limits,  # sizes, delays and parameters beyond the core
    quantize,  # floats -> integers of every population
    check_integers,  # integers that padding or a shared record cannot bear
    lower,  # populations -> tables, synapses -> rows
    segment,  # rows -> segments that fit the memories
    allocate,  # segments -> addresses -> Program
    summarize,  # what it cost -> CompileReport
)


def passes_with(extra: Pass, *, after: Pass) -> tuple[Pass, ...]:
    """Give ``PASSES`` with one more behind a pass of theirs.

    Parameters
    ----------
    extra : Pass
        Yours.
    after : Pass
        One of ``PASSES``.

    Raises
    ------
    ValidationError
        If ``after`` is none of them.

    Examples
    --------
    >>> passes = passes_with(lambda c: c.adding(warnings=["made on a Monday"]), after=quantize)
    >>> len(passes) - len(PASSES), passes.index(check_integers)
    (1, 6)
    """
    if after not in PASSES:
        names = [getattr(step, "__name__", repr(step)) for step in PASSES]
        raise ValidationError(f"passes_with: expected after as one of {names}, got {after!r}")
    at = PASSES.index(after) + 1
    return (*PASSES[:at], extra, *PASSES[at:])
