# SPDX-License-Identifier: Apache-2.0
"""Run images on a device and bring back everything that can be compared."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spikesim.core import SpikeTrains
from spikesim.hw.device import Device
from spikesim.hw.device.requests import crc_request
from spikesim.hw.generated import Window
from spikesim.hw.golden.fast import BatchResult
from spikesim.hw.image import pack_table, unpack_table
from spikesim.recording import Recording

_STATE = np.dtype([("v", np.int32), ("i", np.int32), ("refr", np.int32)])


@dataclass(frozen=True)
class ImageRun:
    """One image on a device.

    Attributes
    ----------
    record : Recording
        All spikes.
    words : dict of int arrays, or None
        v, i, refr, count of shape (n_neurons,), acc of shape (slots, n_neurons). None when the
        CRC-32 of the three windows that hold them was as expected, so they need not be read.
    cycles : int
        Clock cycles of all steps.
    """

    record: Recording
    words: dict[str, np.ndarray] | None
    cycles: int


def run_images(
    device: Device, rasters: np.ndarray, golden: BatchResult, read_first: int
) -> Iterator[ImageRun]:
    """Run each raster from a fresh state on the loaded program's only input.

    Parameters
    ----------
    device : Device
        With a program.
    rasters : bool array, shape (n_images, steps, n)
    golden : BatchResult
        Of the same images: what the CRC-32 of the state should be.
    read_first : int
        Read every state word of so many images whatever the CRC-32 says. Reading takes the link
        four times as long as letting the device compute the CRC-32 of the same words.
    """
    name = input_name(device)
    for k, raster in enumerate(rasters):
        record = device.run({name: raster}, len(raster))
        same = k >= read_first and device_crcs(device) == expected_crcs(golden, k)
        words = None if same else read_words(device)
        yield ImageRun(record, words, int(record.meta["total_cycles"]))


def device_crcs(device: Device) -> tuple[int, ...]:
    """CRC-32 of windows STATE, ACC and COUNT, computed by the device."""
    config = device.capabilities.config
    sizes = {
        Window.STATE: 4 * config.n_neurons,
        Window.ACC: config.delay_slots * config.n_neurons,
        Window.COUNT: config.n_neurons,
    }
    requests = [crc_request(window, 0, size) for window, size in sizes.items()]
    return tuple(
        int.from_bytes(answer or b"", "little") for answer in device.session.burst(requests)
    )


def expected_crcs(golden: BatchResult, k: int) -> tuple[int, ...]:
    """Give the CRC-32 that the same windows have after image ``k`` of a batch."""
    state = np.zeros(golden.counts.shape[1], _STATE)
    for field in ("v", "i", "refr"):
        state[field] = golden.state[field][k]
    halfwords = (
        pack_table(Window.STATE, state), golden.state["acc"][k].ravel(), golden.counts[k],
    )  # fmt: skip
    return tuple(zlib.crc32((part & 0xFFFF).astype("<u2").tobytes()) for part in halfwords)


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
    done = device.run({name: raster}, len(raster), record=("spikes", trace), each_step=True)
    spikes = {name: SpikeTrains.from_raster(np.asarray(raster, dtype=bool)), **done.spikes}
    record = Recording(spikes, {}, len(raster), done.dt, done.engine, done.meta)
    return record, np.array(done.meta["cycles"]), done.trace(trace)


def input_name(device: Device) -> str:
    """Name of the only input of the loaded program."""
    (name,) = device.require_program().inputs
    return name
