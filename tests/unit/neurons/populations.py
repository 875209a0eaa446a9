# SPDX-License-Identifier: Apache-2.0
"""One population driven through its compiled update, tick by tick."""

from dataclasses import dataclass

import numpy as np

from spikesim.kernels.generate import update_kernel


@dataclass
class Trace:
    """State after each tick by name, shape (steps, n), and spikes, bool, shape (steps, n)."""

    state: dict
    spikes: np.ndarray

    def times(self, k=0):
        """Ticks in which neuron k fires."""
        return np.flatnonzero(self.spikes[:, k]).tolist()


def compiled(model, dt, n, dtype):
    constants = model.constants(dt, n)
    update = update_kernel(
        model.template(), model.states, model.counters, len(model.receptors), constants, dtype
    )
    return update, constants


def drive(model, dt, steps, *, n=1, arrivals=None, i_ext=None, dtype="float64", start_tick=0):
    """Run ``steps`` ticks.

    ``arrivals``: float array, shape (steps, receptors, n) or a dict (tick, receptor) ->
    weight. ``i_ext``: replaces the constant of that name, shape (steps,).
    """
    real = np.dtype(dtype).type
    update, constants = compiled(model, dt, n, dtype)
    given = np.zeros((steps, len(model.receptors), n))
    if isinstance(arrivals, dict):
        for (tick, receptor), weight in arrivals.items():
            given[tick, receptor] += weight
    elif arrivals is not None:
        given[:] = arrivals
    start = model.initial(dt, n)
    state = {name: start[name].astype(dtype) for name in model.states}
    state |= {name: start[name].astype(np.int32) for name in model.counters}
    passed = {name: cast(value, real) for name, value in constants.items()}
    acc, flags = np.zeros(given[0].size, dtype=dtype), np.zeros(n, dtype=np.uint8)
    channels = [x for r in range(len(model.receptors)) for x in (r * n, real(1.0))]
    trace = {name: np.zeros((steps, n)) for name in state}
    spikes = np.zeros((steps, n), dtype=bool)
    for tick in range(steps):
        acc[:] = given[tick].reshape(-1)
        if i_ext is not None:
            passed["i_ext"] = real(i_ext[tick])
        held = state.values()
        update(tick, start_tick, 1, acc.size, acc, flags, *channels, *held, *passed.values())
        spikes[tick] = flags
        for name, values in state.items():
            trace[name][tick] = values
    return Trace(trace, spikes)


def cast(value, real):
    """A constant as the engine passes it."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        return array.astype(real) if array.ndim else real(value)
    return array.astype(np.int32) if array.ndim else int(value)
