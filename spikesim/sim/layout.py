# SPDX-License-Identifier: Apache-2.0
"""A network as the flat arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import LIF
from spikesim.errors import ValidationError
from spikesim.kernels import clocked
from spikesim.network import Network, Population

DTYPES = ("float64", "float32")
_RESETS = {
    "none": clocked.RESET_NONE,
    "hard": clocked.RESET_HARD,
    "soft": clocked.RESET_SOFT,
}
_PARAM_ROWS = {
    "beta": clocked.BETA,
    "alpha": clocked.ALPHA,
    "gain": clocked.GAIN,
    "bias": clocked.BIAS,
    "v_th": clocked.V_TH,
    "v_reset": clocked.V_RESET,
    "reset_amount": clocked.RESET_AMOUNT,
    "v_floor": clocked.V_FLOOR,
}
Range = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Layout:
    """What a network looks like to the clocked kernel; never changed by a run.

    Attributes
    ----------
    inputs, populations : mapping of str to (lo, hi)
        Ranges of input lines, and of neurons.
    indptr, targets, weights, offsets : arrays
        Rows of all sources, inputs first; see ``kernels.clocked``.
    slots : int
        Length of the delay ring in ticks.
    bounds, modes, params, refractory_ticks, v_init : arrays
        Ranges and parameters of the populations.
    """

    inputs: Mapping[str, Range]
    populations: Mapping[str, Range]
    indptr: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int32]
    slots: int
    bounds: npt.NDArray[np.int64]
    modes: npt.NDArray[np.int64]
    params: npt.NDArray[Any]
    refractory_ticks: npt.NDArray[np.int32]
    v_init: npt.NDArray[Any]

    @property
    def n_inputs(self) -> int:
        """Input lines of all inputs together."""
        return max((hi for _, hi in self.inputs.values()), default=0)

    @property
    def n_neurons(self) -> int:
        """Neurons of all populations together."""
        return int(self.bounds[-1])

    @property
    def direct(self) -> bool:
        """Whether every weight acts in the tick in which its source is listed."""
        return self.slots == 1


def build_layout(net: Network, dtype: str = "float64") -> Layout:
    """Flatten a network.

    Parameters
    ----------
    net : Network
        Sound network (it is validated here).
    dtype : {"float64", "float32"}
        Type of state and parameters.

    Returns
    -------
    Layout

    Raises
    ------
    ValidationError
        With every problem of the network, or if the dtype is unknown.
    """
    if dtype not in DTYPES:
        raise ValidationError(f"simulate: expected dtype in {DTYPES}, got {dtype!r}")
    net.validate()
    inputs, n_inputs = _ranges(net.inputs)
    populations, n = _ranges(net.populations)
    indptr, targets, weights, offsets = _merge_rows(net, inputs, populations, n_inputs + n)
    modes = np.zeros((len(populations), clocked.N_MODES), dtype=np.int64)
    params = np.zeros((clocked.N_PARAMS, n), dtype=dtype)
    refractory_ticks = np.zeros(n, dtype=np.int32)
    v_init = np.zeros(n, dtype=dtype)
    for p, population in enumerate(net.populations.values()):
        neuron = population.neuron
        assert isinstance(neuron, LIF)  # validated above
        lo, hi = populations[population.name]
        arrays = neuron.arrays(population.n)
        for name, row in _PARAM_ROWS.items():
            params[row, lo:hi] = arrays[name]
        refractory_ticks[lo:hi] = arrays["refractory_ticks"]
        v_init[lo:hi] = arrays["v_init"]
        modes[p, clocked.RESET] = _RESETS[neuron.reset]
        modes[p, clocked.HOLD] = neuron.refractory == "hold"
        modes[p, clocked.STRICT] = neuron.strict
        modes[p, clocked.START] = neuron.start_tick
    bounds = np.array([0, *(hi for _, hi in populations.values())], dtype=np.int64)
    return Layout(
        inputs=inputs,
        populations=populations,
        indptr=indptr,
        targets=targets,
        weights=weights,
        offsets=offsets,
        slots=int(offsets.max(initial=0)) + 1,
        bounds=bounds,
        modes=modes,
        params=params,
        refractory_ticks=refractory_ticks,
        v_init=v_init,
    )


def _ranges(groups: Mapping[str, Population]) -> tuple[dict[str, Range], int]:
    ranges, start = {}, 0
    for name, group in groups.items():
        ranges[name] = (start, start + group.n)
        start += group.n
    return ranges, start


def _merge_rows(
    net: Network, inputs: Mapping[str, Range], populations: Mapping[str, Range], n_sources: int
) -> tuple[npt.NDArray[Any], ...]:
    """Rows of all projections as one table; in a row, projections in order of insertion."""
    n_inputs = n_sources - sum(hi - lo for lo, hi in populations.values())
    counts = np.zeros(n_sources, dtype=np.int64)
    starts = []
    for projection in net.projections.values():
        name = projection.pre.name
        first = inputs[name][0] if projection.pre.is_input else n_inputs + populations[name][0]
        starts.append(first)
        counts[first : first + projection.pre.n] += np.diff(projection.rows.indptr)
    indptr = np.zeros(n_sources + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    nnz = int(indptr[-1])
    targets = np.zeros(nnz, dtype=np.int32)
    weights = np.zeros(nnz, dtype=np.float32)
    offsets = np.zeros(nnz, dtype=np.int32)
    cursor = indptr[:-1].copy()
    for projection, first in zip(net.projections.values(), starts, strict=True):
        rows = projection.rows
        length = np.diff(rows.indptr)
        here = slice(first, first + rows.n_pre)
        place = np.repeat(cursor[here] - rows.indptr[:-1], length) + np.arange(rows.nnz)
        targets[place] = rows.targets + populations[projection.post.name][0]
        weights[place] = rows.weights
        offsets[place] = rows.delays - (0 if projection.pre.is_input else 1)
        cursor[here] += length
    return indptr, targets, weights, offsets
