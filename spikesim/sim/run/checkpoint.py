# SPDX-License-Identifier: Apache-2.0
"""Save a run between two ticks, and go on with it: same spikes for any blocks and ranks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import Content, read_archive, write_archive
from spikesim.core.atomic import place_problems
from spikesim.core.shape import COUNT, EachOf
from spikesim.errors import ValidationError
from spikesim.network import Convolution, Network
from spikesim.network.description import DESCRIBED, describe, rebuild
from spikesim.network.part import PartSynapses
from spikesim.network.synapses import GivenRows
from spikesim.neurons.model import NeuronModel
from spikesim.sim.layout.blocks import Range
from spikesim.sim.layout.plan import Plan
from spikesim.sim.parallel.mpi import Ranks
from spikesim.sim.run.spike_record import Record
from spikesim.sim.run.state import State

_VERSION = 5
_FORM = {
    "network": dict, "name": str, "dtype": str, "seed": int, "tick": COUNT,
    "models": EachOf(DESCRIBED),
}  # fmt: skip
_NAMED = 4
"""Parts of a network that a message names at most."""


def fingerprints(net: Network) -> dict[str, str]:
    """Short names of what the parts of a network are: sizes, models, constants, synapses.

    Synapses that a rule draws are named by their number, delays and largest weight, given ones
    by all that they are.
    """
    parts = {"dt and seed": _short(net.dt, net.seed)}
    for name, lines in net.inputs.items():
        parts[f"input {name!r}"] = _short(lines.n)
    for name, population in net.populations.items():
        model = population.neuron
        assert model is not None  # a population of a sound network
        constants = sorted(model.constants(net.dt, population.n).items())
        parts[f"population {name!r}"] = _short(
            population.n, type(model).__name__, model.template(), [key for key, _ in constants],
            arrays=[np.asarray(value) for _, value in constants],
        )  # fmt: skip
    for name, projection in net.projections.items():
        synapses = projection.synapses
        columns: list[npt.NDArray[Any]] = []
        if isinstance(synapses, GivenRows):
            rows = synapses.rows
            columns = [rows.indptr, rows.targets, rows.weights, rows.delays]
        places = (synapses.pre, synapses.post) if isinstance(synapses, PartSynapses) else ()
        drawn: Any = synapses.drawn if isinstance(synapses, PartSynapses) else synapses
        rule = getattr(drawn, "rule", None)
        kernel = (rule,) if isinstance(rule, Convolution) else ()  # what is drawn has the seed
        columns += [one.kernel for one in kernel]
        parts[f"projection {name!r}"] = _short(
            projection.pre.name, projection.post.name, projection.receptor, synapses.nnz,
            synapses.weight, synapses.min_delay, synapses.max_delay,
            float(synapses.weight_bound()), repr(projection.plasticity),
            *places, *kernel,
            arrays=columns,
        )  # fmt: skip
    return parts


def fingerprint(net: Network) -> str:
    """One short name of all parts of a network."""
    return _short(fingerprints(net))


def _short(*values: object, arrays: Iterable[npt.NDArray[Any]] = ()) -> str:
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).reshape(-1).data)
    return digest.hexdigest()


def _differences(saved: dict[str, str], here: dict[str, str]) -> list[str]:
    """Parts that are not the same, with how."""
    parts = [
        part + (" (missing)" if part not in here else " (new)" if part not in saved else "")
        for part in saved | here
        if saved.get(part) != here.get(part)
    ]
    more = len(parts) - _NAMED
    return [*parts[:_NAMED], f"{more} more"] if more > 1 else parts


def checkpoint_problems(path: str | os.PathLike[str]) -> list[str]:
    """Why no checkpoint can be written to a place; empty when one can, as far as is known."""
    return place_problems(path, f"checkpoint file {os.fspath(path)!r}")


def save_checkpoint(
    path: str | os.PathLike[str],
    plan: Plan,
    state: State,
    seed: int,
    learned: dict[str, Any],
    ranks: Ranks,
    changed: Mapping[str, NeuronModel],
) -> None:
    """Write the state between two ticks to one file, whole or not at all; rank 0 does.

    ``changed`` are models whose parameters are not those of the network any more.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    models = {name: describe(m, f"models/{name}/", arrays) for name, m in changed.items()}
    for name, held in state.neurons.items():
        lo, hi = plan.owned(name)
        arrays |= {f"neurons/{name}/{key}": ranks.join(v[lo:hi]) for key, v in held.items()}
    for which, record in (("record", state.record), ("inputs", state.inputs)):
        arrays[f"{which}/age"], arrays[f"{which}/source"] = _history(record)
    arrays |= {f"learned/{key}": value for key, value in learned.items()}
    if ranks.rank > 0:
        return
    header = {
        "network": fingerprints(plan.net),
        "name": plan.net.name,
        "dtype": plan.dtype,
        "seed": seed,
        "tick": state.tick,
        "models": models,
    }
    write_archive(path, "checkpoint", _VERSION, header, arrays)


def load_checkpoint(
    path: str | os.PathLike[str],
    plan: Plan,
    state: State,
    seed: int,
    steps: int | None,
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, NeuronModel]]:
    """Put a saved state in place of ``state``.

    Gives what the rules had saved, and the models whose parameters had been changed.

    Sums are not saved: what is pending in them follows from the spikes of the history.

    Raises
    ------
    ValidationError
        If the file is absent or damaged, belongs to another network, dtype or seed, or was
        saved after tick ``steps``.
    """
    header, arrays = read_archive(path, "checkpoint", _VERSION, _FORM)
    who = f"checkpoint file {os.fspath(path)!r}"
    problems = []
    if differences := _differences(header["network"], fingerprints(plan.net)):
        problems.append(
            f"{who}: expected the network {header['name']!r} as it was saved, got "
            f"{plan.net.name!r}, in which these differ: {', '.join(differences)}; build the same "
            "network"
        )
    for key, here in (("dtype", plan.dtype), ("seed", seed)):
        if header[key] != here:
            problems.append(
                f"{who}: expected {key} {header[key]!r}, with which the run began, got {here!r}"
            )
    if steps is not None and header["tick"] > steps:
        problems.append(
            f"{who}: expected steps of at least {header['tick']}, the tick it was saved at, got "
            f"{steps}; steps count from the start of the run"
        )
    if problems:
        raise ValidationError(problems)
    state.tick = int(header["tick"])
    for name, held in state.neurons.items():
        for key, value in held.items():
            value[:] = arrays.take(f"neurons/{name}/{key}", value.dtype.kind, *value.shape)
    for which, record, parts in (
        ("record", state.record, plan.populations),
        ("inputs", state.inputs, plan.inputs),
    ):
        ranges = list(parts.values())
        _restore(record, *_spikes(arrays, which, ranges, record.fired.shape[1]), ranges, plan)
        record.clock[0] = state.tick - record.history
        record.go_to(record.history)
    learned = {
        key.removeprefix("learned/"): array
        for key, array in arrays.items()
        if key.startswith("learned/")
    }
    changed = {
        name: rebuild(entry, f"models/{name}/", arrays) for name, entry in header["models"].items()
    }
    for name, model in changed.items():
        mine = plan.net.populations.get(name)
        if mine is None or type(model) is not type(mine.neuron):
            raise ValidationError(f"{who}: expected a model of population {name!r}, got {model!r}")
    return learned, changed


def _history(record: Record) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Age in ticks and source of all spikes before the window, oldest first."""
    rows, sources = [], []
    for fired, marks in zip(record.fired, record.marks, strict=True):
        past = marks[record.past()]
        edges = np.append(past[:, 0], past[-1, -1])
        rows.append(np.repeat(np.arange(record.history, dtype=np.int32), np.diff(edges)))
        sources.append(fired[edges[0] : edges[-1]])
    row, source = np.concatenate(rows), np.concatenate(sources)
    order = np.lexsort((source, row))
    return (record.history - row[order]).astype(np.int32), source[order]


def _spikes(
    arrays: Content, which: str, parts: list[Range], room: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Give ages and sources as ``_history`` does, checked: kernels trust them."""
    age = arrays.take(f"{which}/age", "i", None)
    source = arrays.take(f"{which}/source", "i", age.size)
    end = max((hi for _, hi in parts), default=0)
    order = source.astype(np.int64) - age.astype(np.int64) * max(end, 1)
    outside = (age < 1).any() or (source < 0).any() or (source >= end).any()
    if outside or (np.diff(order) < 0).any() or age.size > room:
        raise ValidationError(
            f"{arrays.who}: expected at most {room} spikes of sources 0 .. {end - 1}, oldest "
            f"first, in {which!r}, got others; save it again"
        )
    return age, source


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
