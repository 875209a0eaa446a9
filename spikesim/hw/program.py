# SPDX-License-Identifier: Apache-2.0
"""A compiled network: integers only, one file, one hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import Content, read_archive, write_archive
from spikesim.core.shape import COUNT
from spikesim.errors import ValidationError, errors_of
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import PROGRAM_VERSION, Window
from spikesim.hw.image import (
    PARAM_DTYPE,
    POPULATION_DTYPE,
    SEGMENT_DTYPE,
    Halfwords,
    Table,
    pack_table,
    pack_weights,
)
from spikesim.hw.program_check import program_problems

_FS_PER_SECOND = 10**15
_FORM = {
    "config": dict, "inputs": [(str, COUNT, COUNT)], "groups": [(str, COUNT, COUNT, COUNT)],
    "outputs": [str], "meta": dict, "hash": str,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Program:
    """Everything a core needs to run one network; nothing in it is a float.

    Entries of the core's tables beyond those given here are zero, so a loader clears the
    tables and the weights before it writes the image.

    Parameters
    ----------
    config : CoreConfig
        The core it was made for.
    weights : int8 or int16 array, shape (n_words, lanes)
        Weight words.
    segments : structured int array, shape (n_segments_used,)
        Columns are the fields of window SEG.
    params : structured int array, shape (n_neurons,)
        Columns are the fields of window PARAM.
    populations : structured int array, shape (n_populations_used,)
        Columns are the fields of window POP.
    inputs : mapping of str to (first_axon, n)
        Where each input of the network is.
    groups : mapping of str to (first_neuron, n, start_tick)
        Where each population of the network is, padding not counted.
    outputs : tuple of str
        Populations whose spikes are the result.
    meta : mapping of str to str or int
        ``name``, ``tick_fs`` (tick in femtoseconds) and anything else worth keeping.

    Raises
    ------
    ValidationError
        With every entry that the core cannot hold or run.
    """

    config: CoreConfig
    weights: npt.NDArray[np.signedinteger[Any]]
    segments: Table
    params: Table
    populations: Table
    inputs: Mapping[str, tuple[int, int]]
    groups: Mapping[str, tuple[int, int, int]]
    outputs: tuple[str, ...]
    meta: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = _type_problems(self)
        if problems:
            raise ValidationError(problems)
        stored = np.int16 if self.config.weight_bits == 16 else np.int8
        arrays: dict[str, npt.NDArray[Any]] = {
            "weights": np.array(self.weights, dtype=np.int16),
            "segments": self.segments.astype(SEGMENT_DTYPE),
            "params": self.params.astype(PARAM_DTYPE),
            "populations": self.populations.astype(POPULATION_DTYPE),
        }
        problems = program_problems(
            self.config,
            weights=arrays["weights"],
            segments=arrays["segments"],
            params=arrays["params"],
            populations=arrays["populations"],
            inputs=self.inputs,
            groups=self.groups,
        )
        problems += [
            f"program: expected outputs among {list(self.groups)}, got {name!r}"
            for name in self.outputs
            if name not in self.groups
        ]
        if problems:
            raise ValidationError(problems)
        arrays["weights"] = arrays["weights"].astype(stored)
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        inputs = {str(k): (int(a), int(n)) for k, (a, n) in self.inputs.items()}
        groups = {str(k): (int(a), int(n), int(t)) for k, (a, n, t) in self.groups.items()}
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "outputs", tuple(self.outputs))
        object.__setattr__(self, "meta", dict(self.meta))

    @property
    def name(self) -> str:
        """Name of the network it was compiled from."""
        return str(self.meta.get("name", ""))

    @property
    def dt(self) -> float:
        """Tick in seconds; for records only, no engine computes with it."""
        return int(self.meta.get("tick_fs", _FS_PER_SECOND // 1000)) / _FS_PER_SECOND

    @property
    def latency(self) -> int:
        """Ticks by which the latest population starts after tick 0."""
        return max((start for _, _, start in self.groups.values()), default=0)

    @property
    def recorded(self) -> tuple[str, ...]:
        """Populations whose spikes leave the core."""
        groups = [
            int(first) for first in self.populations["first"][self.populations["record"] == 1]
        ]
        lanes = self.config.lanes
        return tuple(name for name, (j, _, _) in self.groups.items() if j // lanes in groups)

    @property
    def n_axons_used(self) -> int:
        """Axons that inputs of the network occupy, from axon 0."""
        return max((first + n for first, n in self.inputs.values()), default=0)

    def neurons(self, population: str) -> slice:
        """Where a population stands among the neurons of the core, padding not counted.

        Examples
        --------
        Spikes of the output in the counters of all neurons, shape (samples, n_neurons)::

            counts[:, program.neurons(program.outputs[0])]
        """
        if population not in self.groups:
            raise ValidationError(
                f"program: expected a population among {list(self.groups)}, got {population!r}"
            )
        first, n, _ = self.groups[population]
        return slice(first, first + n)

    def image(self) -> dict[str, Halfwords]:
        """Halfwords of windows WEIGHT, SEG, PARAM and POP, each from address 0."""
        return {
            "WEIGHT": pack_weights(self.weights, self.config.weight_bits),
            "SEG": pack_table(Window.SEG, self.segments),
            "PARAM": pack_table(Window.PARAM, self.params),
            "POP": pack_table(Window.POP, self.populations),
        }

    def hash(self) -> str:
        """SHA-256 in hex over everything that changes what runs or what it is called."""
        digest = hashlib.sha256(json.dumps(self._header(), sort_keys=True).encode())
        for name, halfwords in sorted(self.image().items()):
            digest.update(f"{name} {halfwords.size}".encode())
            digest.update(halfwords.astype("<u2").tobytes())
        return digest.hexdigest()

    @property
    def program_id(self) -> int:
        """Low 32 bits of the hash; never 0, which means that no program is loaded."""
        return int(self.hash()[-8:], 16) or 1

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to one file, whole or not at all."""
        arrays: dict[str, npt.NDArray[Any]] = {"weights": self.weights}
        for name in ("segments", "params", "populations"):
            table: Table = getattr(self, name)
            columns = [table[column] for column in table.dtype.names or ()]
            arrays[name] = np.stack(columns, axis=1)
        header = self._header() | {"hash": self.hash()}
        write_archive(path, "program", PROGRAM_VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Program:
        """Read what ``save`` wrote.

        Raises
        ------
        ValidationError
            If the file is absent, unknown, of another version, damaged, or holds what no
            core can run.
        """
        header, arrays = read_archive(path, "program", PROGRAM_VERSION, _FORM)
        with errors_of(arrays.who):
            program = cls(
                config=CoreConfig.from_dict(header["config"]),
                weights=arrays.take("weights", "i", None, None),
                segments=_table(arrays, "segments", SEGMENT_DTYPE),
                params=_table(arrays, "params", PARAM_DTYPE),
                populations=_table(arrays, "populations", POPULATION_DTYPE),
                inputs={name: (a, n) for name, a, n in header["inputs"]},
                groups={name: (a, n, start) for name, a, n, start in header["groups"]},
                outputs=tuple(header["outputs"]),
                meta=header["meta"],
            )
        if program.hash() != header["hash"]:
            raise ValidationError(
                f"{arrays.who}: the hash does not match its content; compile again"
            )
        return program

    def report(self) -> str:
        """Memory used, rows, groups and predicted cycles, as text."""
        from spikesim.hw.report import program_report

        return program_report(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        return self.hash() == other.hash()

    def __hash__(self) -> int:
        return self.program_id

    def __repr__(self) -> str:
        return (
            f"Program({self.name!r}, {sum(n for _, n, _ in self.groups.values())} neurons, "
            f"{self.weights.shape[0]} weight words, id {self.program_id:08x})"
        )

    def _header(self) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "inputs": [[name, *place] for name, place in self.inputs.items()],
            "groups": [[name, *place] for name, place in self.groups.items()],
            "outputs": list(self.outputs),
            "meta": dict(self.meta),
        }


def _type_problems(program: Program) -> list[str]:
    problems = []
    lanes = program.config.lanes
    weights = program.weights
    if weights.ndim != 2 or weights.shape[1] != lanes or weights.dtype.kind != "i":
        problems.append(
            f"program: expected integer weights of shape (n_words, {lanes}), got dtype "
            f"{weights.dtype}, shape {weights.shape}"
        )
    tables = (
        ("segments", program.segments, SEGMENT_DTYPE),
        ("params", program.params, PARAM_DTYPE),
        ("populations", program.populations, POPULATION_DTYPE),
    )
    for name, table, dtype in tables:
        if table.ndim != 1 or table.dtype.names != dtype.names:
            problems.append(
                f"program: expected {name} with one axis and columns {dtype.names}, got shape "
                f"{table.shape}, columns {table.dtype.names}"
            )
    for key, value in program.meta.items():
        if not isinstance(key, str) or isinstance(value, bool) or not isinstance(value, (str, int)):
            problems.append(
                f"program: expected text or integers in meta, got {key!r}: {value!r}; a program "
                "holds no float"
            )
    return problems


def _table(arrays: Content, name: str, dtype: np.dtype[Any]) -> Table:
    names = dtype.names or ()
    columns = arrays.take(name, "iu", None, len(names))
    limits = np.iinfo(np.int32)
    if columns.size and not limits.min <= columns.min() <= columns.max() <= limits.max:
        raise ValidationError(f"{arrays.who}: expected {name} of 32 bits; compile again")
    table = np.zeros(columns.shape[0], dtype)
    for k, column in enumerate(names):
        table[column] = columns[:, k]
    return table
