# SPDX-License-Identifier: Apache-2.0
"""What a program takes of its core, in words; integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.hw.generated import CYCLES_POP, CYCLES_SEGMENT, CYCLES_SOURCE, CYCLES_STEP

if TYPE_CHECKING:
    from spikesim.hw.program import Program


def row_cycles(program: Program) -> npt.NDArray[np.int64]:
    """Clock cycles that one spike of each source costs, int64 array of shape (n_sources,)."""
    config, segments = program.config, program.segments
    cycles = np.full(config.n_sources, CYCLES_SOURCE, np.int64)
    heads = np.flatnonzero(segments["valid"][: config.n_sources] == 1)
    at, alive = heads.copy(), np.ones(heads.size, dtype=bool)
    while alive.any():
        cycles[heads[alive]] += CYCLES_SEGMENT + segments["count"][at[alive]] + 1
        alive &= segments["more"][at] == 1
        at = np.where(alive, segments["next"][at], at)
    return cycles


def idle_cycles(program: Program) -> int:
    """Clock cycles of a step without any spike."""
    populations = program.populations
    n_groups = int((populations["last"] - populations["first"] + 1).sum())
    return CYCLES_STEP + CYCLES_POP * populations.size + n_groups * program.config.lanes


def program_report(program: Program) -> str:
    """Memory used, rows, groups and predicted cycles per step."""
    config = program.config
    segments = program.segments
    n_heads = int((segments["valid"][: config.n_sources] == 1).sum())
    n_segments = n_heads + int((segments["more"] == 1).sum())
    n_groups = int((program.populations["last"] - program.populations["first"] + 1).sum())
    synapses = int(np.count_nonzero(program.weights))
    used = [
        ("weight words", program.weights.shape[0], config.weight_words),
        ("row segments", n_segments, config.n_segments),
        ("groups", n_groups, config.n_groups),
        ("axons", program.n_axons_used, config.n_axons),
        ("populations", program.populations.size, config.n_populations),
    ]
    lines = [f"program {program.name!r}, id {program.program_id:08x}"]
    lines += [
        f"  {what:<13}{n:>7} of {limit:>6}  {100 * n / limit:5.1f} %" for what, n, limit in used
    ]
    cells = program.weights.size
    filled = 100 * synapses / cells if cells else 0
    lines.append(
        f"  {synapses} non-zero weights of {config.weight_bits} bits fill {filled:.1f} % of their "
        f"words; {n_heads} rows"
    )
    lines += [f"  {text}" for text in _places(program)]
    lines += _cycle_lines(program)
    return "\n".join(lines)


def _places(program: Program) -> list[str]:
    places = [
        f"input      {name:<14} axons   {first:>5}..{first + n - 1}"
        for name, (first, n) in program.inputs.items()
    ]
    places += [
        f"population {name:<14} neurons {first:>5}..{first + n - 1}, starts at tick {start}"
        for name, (first, n, start) in program.groups.items()
    ]
    return places


def _cycle_lines(program: Program) -> list[str]:
    cycles = row_cycles(program)
    idle = idle_cycles(program)
    parts: list[tuple[str, Any]] = [
        (name, cycles[first : first + n]) for name, (first, n) in program.inputs.items()
    ]
    first_neuron = program.config.n_axons
    parts += [
        (name, cycles[first_neuron + first : first_neuron + first + n])
        for name, (first, n, _) in program.groups.items()
    ]
    lines = [f"  cycles of a step: {idle} + sum over the spikes delivered in it"]
    for name, own in parts:
        lines.append(
            f"    a spike of {name:<14} costs {own.min()} to {own.max()}, "
            f"{own.mean():.1f} on average"
        )
    busy = idle + sum(int(own.sum()) for _, own in parts)
    lines.append(f"  if 10 % of all sources fire: {idle + (busy - idle) // 10}; if all: {busy}")
    return lines
