# SPDX-License-Identifier: Apache-2.0
"""Run images on a device and bring back everything that can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spikesim.core import Recording, SpikeTrains
from spikesim.hw.device import Device
from spikesim.hw.generated import Window
from spikesim.hw.image import unpack_table

_STATE = np.dtype([("v", np.int32), ("i", np.int32), ("refr", np.int32)])


@dataclass(frozen=True)
class ImageRun:
    """One image on a device.

    Attributes
    ----------
    record : Recording
        All spikes.
    words : dict of int arrays
        v, i, refr, count of shape (n_neurons,), acc of shape (slots, n_neurons).
    cycles : int
        Clock cycles of all steps.
    """

    record: Recording
    words: dict[str, np.ndarray]
    cycles: int


def run_images(device: Device, rasters: np.ndarray) -> Iterator[ImageRun]:
    """Run each raster (steps, n) from a fresh state on the loaded program's only input."""
    name = input_name(device)
    for raster in rasters:
        record = device.run({name: raster}, len(raster))
        yield ImageRun(record, read_words(device), int(record.meta["total_cycles"]))


def read_words(device: Device) -> dict[str, np.ndarray]:
    """Read every state word of the core over the link."""
    config = device.capabilities.config
    n, slots = config.n_neurons, config.delay_slots
    state = unpack_table(Window.STATE, device.read(Window.STATE, 0, 4 * n), _STATE)
    acc = device.read(Window.ACC, 0, slots * n).view(np.int16).astype(np.int32)
    count = device.read(Window.COUNT, 0, n).astype(np.int32)
    words = {field: state[field] for field in ("v", "i", "refr")}
    return {**words, "acc": acc.reshape(slots, n), "count": count}


def step_through(
    device: Device, raster: np.ndarray, trace: str
) -> tuple[Recording, np.ndarray, np.ndarray]:
    """Run one image step by step.

    Parameters
    ----------
    device : Device
        With a program.
    raster : bool array, shape (steps, n)
    trace : str
        ``"population.v"``.

    Returns
    -------
    record : Recording
        Spikes of input and populations.
    cycles : int64 array, shape (steps,), clocks
        As the core counted them, step by step.
    codes : int32 array, shape (steps, n_population)
        The trace as integers.
    """
    name = input_name(device)
    cycles, codes = [], []
    rasters: dict[str, list[np.ndarray]] = {}
    for tick in range(len(raster)):
        part = device.run(
            {name: raster[tick : tick + 1]}, 1, record=("spikes", trace), resume=tick > 0
        )
        cycles.append(device.register("LAST_CYCLES"))
        codes.append(part.trace(trace)[0])
        for population in part.spikes:
            rasters.setdefault(population, []).append(part.raster(population)[0])
    spikes = {name: SpikeTrains.from_raster(np.asarray(raster, dtype=bool))}
    spikes |= {key: SpikeTrains.from_raster(np.stack(rows)) for key, rows in rasters.items()}
    record = Recording(spikes, {}, len(raster), part.dt, part.engine, part.meta)
    return record, np.array(cycles), np.stack(codes)


def input_name(device: Device) -> str:
    """Name of the only input of the loaded program."""
    (name,) = device.require_program().inputs
    return name
