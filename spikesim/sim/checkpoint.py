# SPDX-License-Identifier: Apache-2.0
"""Save a run between two ticks, and go on with it: same spikes for any blocks and ranks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import read_archive, write_archive
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.sim.mpi import Ranks
from spikesim.sim.plan import Plan, Range
from spikesim.sim.state import Record, State

_VERSION = 3


def fingerprint(net: Network) -> str:
    """Short name of what a network is: sizes, models, constants and projections.

    Synapses that a rule draws are named by their number, delays and largest weight.
    """
    digest = hashlib.blake2b(digest_size=16)

    def add(*values: object) -> None:
        digest.update(repr(values).encode())

    add(net.dt, net.seed, [(p.name, p.n) for p in net.inputs.values()])
    for name, population in net.populations.items():
        model = population.neuron
        assert model is not None  # a population of a sound network
        add(name, population.n, type(model).__name__, model.template())
        for key, value in sorted(model.constants(net.dt, population.n).items()):
            add(key)
            digest.update(np.ascontiguousarray(value).tobytes())
    for name, projection in net.projections.items():
        synapses = projection.synapses
        add(name, projection.pre.name, projection.post.name, projection.receptor)
        add(synapses.nnz, synapses.weight, synapses.min_delay, synapses.max_delay)
        add(float(synapses.weight_bound()), repr(projection.plasticity))
    return digest.hexdigest()


def checkpoint_problems(path: str | os.PathLike[str]) -> list[str]:
    """Why no checkpoint can be written to a place; empty when one can, as far as is known."""
    who = f"checkpoint file {os.fspath(path)!r}"
    place = Path(path)
    if place.is_dir():
        return [f"{who}: expected the name of a file, got a folder"]
    if not place.parent.is_dir():
        return [f"{who}: folder {place.parent} does not exist; create it"]
    if not os.access(place.parent, os.W_OK):
        return [f"{who}: expected a folder that may be written, got {place.parent}"]
    return []


def save_checkpoint(
    path: str | os.PathLike[str],
    plan: Plan,
    state: State,
    seed: int,
    learned: dict[str, Any],
    ranks: Ranks,
) -> None:
    """Write the state between two ticks to one file, whole or not at all; rank 0 does."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, held in state.neurons.items():
        lo, hi = plan.owned(name)
        arrays |= {f"neurons/{name}/{key}": ranks.join(v[lo:hi]) for key, v in held.items()}
    for which, record in (("record", state.record), ("inputs", state.inputs)):
        arrays[f"{which}/age"], arrays[f"{which}/source"] = _history(record)
    arrays |= {f"learned/{key}": value for key, value in learned.items()}
    if ranks.rank > 0:
        return
    header = {
        "network": fingerprint(plan.net),
        "name": plan.net.name,
        "dtype": plan.dtype,
        "seed": seed,
        "tick": state.tick,
    }
    write_archive(path, "checkpoint", _VERSION, header, arrays)


def load_checkpoint(
    path: str | os.PathLike[str], plan: Plan, state: State, seed: int
) -> dict[str, npt.NDArray[Any]]:
    """Put a saved state in place of ``state``; gives what the rules had saved.

    Sums are not saved: what is pending in them follows from the spikes of the history.

    Raises
    ------
    ValidationError
        If the file is absent or damaged, or belongs to another network, dtype or seed.
    """
    header, arrays = read_archive(path, "checkpoint", _VERSION)
    who = f"checkpoint file {os.fspath(path)!r}"
    problems = []
    if header["network"] != fingerprint(plan.net):
        problems.append(
            f"{who}: expected the network it was saved from ({header['name']!r}), got "
            f"{plan.net.name!r} with other sizes, parameters or projections; build the same network"
        )
    for key, here in (("dtype", plan.dtype), ("seed", seed)):
        if header[key] != here:
            problems.append(
                f"{who}: expected {key} {header[key]!r}, with which the run began, got {here!r}"
            )
    if problems:
        raise ValidationError(problems)
    state.tick = int(header["tick"])
    for name, held in state.neurons.items():
        for key, value in held.items():
            value[:] = arrays[f"neurons/{name}/{key}"]
    for which, record, parts in (
        ("record", state.record, plan.populations),
        ("inputs", state.inputs, plan.inputs),
    ):
        _restore(
            record, arrays[f"{which}/age"], arrays[f"{which}/source"], list(parts.values()), plan
        )
        record.clock[0] = state.tick - record.history
    return {
        key.removeprefix("learned/"): array
        for key, array in arrays.items()
        if key.startswith("learned/")
    }


def _history(record: Record) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Age in ticks and source of all spikes before the window, oldest first."""
    rows, sources = [], []
    for fired, marks in zip(record.fired, record.marks, strict=True):
        edges = np.append(marks[: record.history, 0], marks[record.history - 1, -1])
        rows.append(np.repeat(np.arange(record.history, dtype=np.int32), np.diff(edges)))
        sources.append(fired[edges[0] : edges[-1]])
    row, source = np.concatenate(rows), np.concatenate(sources)
    order = np.lexsort((source, row))
    return (record.history - row[order]).astype(np.int32), source[order]


def _restore(
    record: Record,
    age: npt.NDArray[np.int32],
    source: npt.NDArray[np.int32],
    parts: list[Range],
    plan: Plan,
) -> None:
    """Put a history into a record of any number of blocks."""
    kept = age <= record.history
    row, source = record.history - age[kept], source[kept]
    blocks = record.fired.shape[0]
    edges = np.array([0, *(hi for _, hi in parts)], dtype=np.int64)
    width = int(edges[-1]) + 1
    grid = np.arange(record.history)[:, None] * width + edges
    owner = np.zeros(width, dtype=np.int32)
    if blocks > 1:
        for block in range(blocks):
            for name, (first, _) in plan.populations.items():
                lo, hi = plan.slice(block, name)
                owner[first + lo : first + hi] = block
    for block in range(blocks):
        mine = owner[source] == block
        record.fired[block, : int(mine.sum())] = source[mine]
        key = row[mine].astype(np.int64) * width + source[mine]
        record.marks[block, : record.history] = np.searchsorted(key, grid)
