# SPDX-License-Identifier: Apache-2.0
"""Architectural words out of the memories and registers of a Verilated core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.hw.generated import STATE_FIELDS

if TYPE_CHECKING:
    from spikesim.hw.rtl.model import RtlModel

IntArray = npt.NDArray[np.int64]
_CORE = "u_soc.u_core."
_SYNAPSES = _CORE + "u_synapse_mem."
_NEURONS = _CORE + "u_neuron_mem."


def architectural_words(model: RtlModel) -> dict[str, npt.NDArray[Any]]:
    """Every architectural word, with the keys and shapes of ``GoldenCore.words``."""
    words = step_words(model)
    words["weights"] = weight_words(model)
    return words


def step_words(model: RtlModel) -> dict[str, npt.NDArray[Any]]:
    """All words that a step may change; weights and tables are left out."""
    config, signals = model.config, model.signals()
    bits, lanes = config.state_bits, config.lanes
    state = model.memory(_NEURONS + "u_state").astype(np.uint64).view(np.int64)
    low = (1 << bits) - 1
    banks = [model.memory(f"{_SYNAPSES}g_bank[{lane}].u_acc") for lane in range(lanes)]
    # Word {slot, group} of bank l is neuron group * L + l.
    acc = np.stack(banks, axis=1).reshape(config.delay_slots, config.n_neurons)
    words: dict[str, npt.NDArray[Any]] = {
        "v": _signed(state & low, bits),
        "i": _signed(state >> STATE_FIELDS["i"].lsb & low, bits),
        "refr": state >> STATE_FIELDS["refr"].lsb & 0xFF,
        "acc": acc.view(np.int16).astype(np.int64),
        "count": model.memory(_NEURONS + "u_count").astype(np.int64),
        "fired": model.memory(_NEURONS + "u_fired")[: signals["fired_count"]].astype(np.int64),
        "event_queue": _queue(model, "u_evq", signals["ev_write"], signals["ev_level"]),
        "spike_queue": _queue(model, "u_spkq", signals["spk_write"], signals["spk_level"]),
    }
    for name in ("step", "last_cycles", "total_cycles", "chain"):
        words[name] = np.array(signals[name], np.int64)
    return words


def weight_words(model: RtlModel) -> IntArray:
    """Weights, int64 array of shape (n_words, lanes)."""
    config = model.config
    raw = raw_weights(model)
    octets = np.ascontiguousarray(raw).view(np.uint8).reshape(config.weight_words, -1)
    octets = octets[:, : config.lanes * config.weight_bits // 8]
    if config.weight_bits == 4:
        nibbles = np.stack((octets & 15, octets >> 4), axis=2).reshape(config.weight_words, -1)
        return _signed(nibbles.astype(np.int64), 4)
    kind = np.int8 if config.weight_bits == 8 else np.dtype("<i2")
    return np.ascontiguousarray(octets).view(kind).astype(np.int64)


def raw_weights(model: RtlModel) -> npt.NDArray[Any]:
    """Give the weight memory as it is stored; for cheap comparison with an earlier copy."""
    return model.memory(_SYNAPSES + "u_weight")


def _signed(value: IntArray, bits: int) -> IntArray:
    return value - ((value >> (bits - 1)) << bits)


def _queue(model: RtlModel, name: str, write: int, level: int) -> IntArray:
    memory = model.memory(f"{_CORE}{name}.u_mem")
    at = (write - level + np.arange(level)) % memory.size
    return memory[at].astype(np.int64)
