# SPDX-License-Identifier: Apache-2.0
"""Make a case in which core and golden model differ small enough to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from spikesim.errors import ValidationError
from spikesim.hw.golden.words import Raster
from spikesim.hw.program import Program
from spikesim.hw.rtl.lockstep import Divergence


def shrink(
    program: Program,
    raster: Raster,
    diverges: Callable[[Program, Raster], Divergence | None],
    *,
    tries: int = 400,
) -> tuple[Program, Raster, Divergence]:
    """Make a diverging case small: fewer steps, input spikes, segments and populations.

    Parameters
    ----------
    program, raster : Program and bool array, shape (steps, n_axons)
        A case that diverges.
    diverges : callable
        Gives the first divergence of a case, or None.
    tries : int
        Runs at most.

    Returns
    -------
    Program, bool array, Divergence
        The smallest case found and its divergence.

    Raises
    ------
    ValidationError
        The case given does not diverge.
    """
    found = diverges(program, raster)
    if found is None:
        raise ValidationError("shrink: expected a case that diverges, got one that does not")
    raster = raster[: found.step + 1]
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for smaller_program, smaller_raster in _smaller(program, raster):
            left -= 1
            divergence = diverges(smaller_program, smaller_raster)
            if divergence is not None:
                program, found = smaller_program, divergence
                raster = smaller_raster[: found.step + 1]
                progress = True
                break
            if left <= 0:
                break
    return program, raster, found


def _smaller(program: Program, raster: Raster) -> Iterator[tuple[Program, Raster]]:
    """Cases with less in them, the largest cuts first."""
    spikes = np.argwhere(raster)
    for part in _cuts(len(spikes)):
        fewer = raster.copy()
        fewer[tuple(spikes[part].T)] = False
        yield program, fewer
    rows = np.flatnonzero(program.segments["valid"])
    for part in _cuts(rows.size):
        segments = program.segments.copy()
        segments["valid"][rows[part]] = 0
        yield replace(program, segments=segments), raster
    if program.populations.size > 1:
        populations = program.populations[:-1]
        end = (int(populations["last"][-1]) + 1) * program.config.lanes
        groups = {k: g for k, g in program.groups.items() if g[0] + g[1] <= end}
        outputs = tuple(name for name in program.outputs if name in groups)
        try:
            yield (
                replace(program, populations=populations, groups=groups, outputs=outputs),
                raster,
            )
        except ValidationError:
            # Neurons that other tables need: this cut is no program.
            return


def _cuts(n: int) -> Iterator[slice]:
    """Halves, quarters, … single items of a list of n, at most 16 pieces of each size."""
    size = n
    while size > 1 or (size == 1 and n >= 1):
        for begin in list(range(0, n, size))[:16]:
            yield slice(begin, begin + size)
        if size == 1:
            return
        size = -(-size // 2)
