# SPDX-License-Identifier: Apache-2.0
"""The rows of a program read back: which synapses its segments and weight words are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.errors import ValidationError
from spikesim.hw.program import Program


def projection_rows(
    program: Program, weights: npt.NDArray[np.integer[Any]], projection: str
) -> CsrRows:
    """Synapses of one pair of groups.

    Parameters
    ----------
    program : Program
    weights : int array, shape (n_words, lanes)
        Weight words; those of the program, or what a core has made of them.
    projection : str
        ``"source->target"``: an input or population, and a population.

    Returns
    -------
    CsrRows
        Weights are integer codes; entries of weight 0 are left out, since padding is 0, too.
        Delays in ticks.

    Raises
    ------
    ValidationError
        If the program has no such pair.
    """
    source, arrow, target = projection.partition("->")
    known = [*program.inputs, *program.groups]
    if not arrow or source not in known or target not in program.groups:
        raise ValidationError(
            f"weights: expected 'source->target' with a source among {known} and a target among "
            f"{list(program.groups)}, got {projection!r}"
        )
    from_input = source in program.inputs
    first, n_pre = program.inputs[source] if from_input else program.groups[source][:2]
    offset = 0 if from_input else program.config.n_axons
    lo, n_post = program.groups[target][:2]
    pre, post, code, delay = [], [], [], []
    for k in range(n_pre):
        for targets, codes, slots in _segments(program, weights, offset + first + k):
            own = (codes != 0) & (targets >= lo) & (targets < lo + n_post)
            post.append(targets[own] - lo)
            code.append(codes[own])
            # A spike is a source one step after it happened; an input event is one at once.
            delay.append(np.full(int(own.sum()), slots + (not from_input)))
            pre.append(np.full(int(own.sum()), k))
    none = np.zeros(0, np.int64)
    ends = np.concatenate([none, *pre]), np.concatenate([none, *post])
    columns = np.concatenate([none, *code]), np.concatenate([none, *delay])
    return CsrRows.from_coo(*ends, *columns, n_pre, n_post)


def _segments(
    program: Program, weights: npt.NDArray[np.integer[Any]], entry: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]]:
    """Targets, codes and delay slot of each segment of the row that an entry heads."""
    table, lanes = program.segments, program.config.lanes
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]] = []
    if entry >= table.size or not table["valid"][entry]:
        return found
    while True:
        segment = table[entry]
        n = int(segment["count"]) + 1
        base, group = int(segment["base"]), int(segment["first"])
        codes = np.asarray(weights[base : base + n], np.int64).reshape(-1)
        targets = np.arange(group * lanes, (group + n) * lanes)
        found.append((targets, codes, int(segment["delay"])))
        if not segment["more"]:
            return found
        entry = int(segment["next"])
