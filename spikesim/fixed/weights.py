# SPDX-License-Identifier: Apache-2.0
"""Float weights that end on one population: their largest, their codes, and what those sum to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikesim.fixed.arith import round_half_away
from spikesim.fixed.constants import Floats

#: Float weights that end on one population: a dense matrix ``[n_pre, n]`` or, for sparse
#: projections, a pair ``(values [k], targets [k])``.
WeightBlock = NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class WeightCodes:
    """Integers of all weights that end on one population.

    Attributes
    ----------
    blocks : tuple of int16 arrays
        In the order and shapes of the floats.
    bound : int
        Largest ``|sum|`` that any set of simultaneous spikes can produce.
    error : float
        Largest ``|code / scale - exact|``, in units of the weights.
    """

    blocks: tuple[NDArray[np.int16], ...]
    bound: int
    error: float


class IncomingWeights:
    """All weight blocks of a population of ``n`` neurons, as float64.

    Parameters
    ----------
    who : str
        Subject of the messages.
    blocks : sequence of WeightBlock
        Empty is allowed.
    n : int
        Number of neurons.
    problems : list of str
        Grows by every block with a wrong shape, target or value; the object is then of no use.
    """

    def __init__(
        self, who: str, blocks: Sequence[WeightBlock], n: int, problems: list[str]
    ) -> None:
        self.n = n
        self._blocks = [_block(who, k, block, n, problems) for k, block in enumerate(blocks)]

    def largest(self) -> Floats:
        """Largest magnitude on each neuron, shape (n,); 0 where no weight ends."""
        largest = np.zeros(self.n)
        for values, targets in self._blocks:
            if targets is None:
                largest = np.maximum(largest, np.abs(values).max(axis=0, initial=0.0))
            else:
                np.maximum.at(largest, targets, np.abs(values))
        return largest

    def codes(self, gain: Floats, scale: Floats, top: int) -> WeightCodes:
        """Round ``gain * w * scale``, each neuron by its own, and clip to ``-top..top``."""
        up, down = np.zeros(self.n), np.zeros(self.n)
        factor = gain * scale
        codes, error = [], 0.0
        for values, targets in self._blocks:
            exact = values * (factor if targets is None else factor[targets])
            w_fx = np.clip(round_half_away(exact), -top, top)
            # One sign at a time: spikes of one sign alone give the largest sum of that sign.
            if targets is None:
                up += np.maximum(w_fx, 0).sum(axis=0)
                down += np.maximum(-w_fx, 0).sum(axis=0)
                miss = np.abs(w_fx - exact) / scale
            else:
                up += np.bincount(targets, np.maximum(w_fx, 0), minlength=self.n)
                down += np.bincount(targets, np.maximum(-w_fx, 0), minlength=self.n)
                miss = np.abs(w_fx - exact) / scale[targets]
            error = max(error, float(miss.max(initial=0.0)))
            codes.append(w_fx.astype(np.int16))
        bound = int(max(up.max(initial=0), down.max(initial=0)))
        return WeightCodes(tuple(codes), bound, error)


# Targets None: a dense matrix [n_pre, n], whose column is the target.
_Block = tuple[Floats, NDArray[np.int64] | None]


def _block(who: str, k: int, block: WeightBlock, n: int, problems: list[str]) -> _Block:
    if not isinstance(block, tuple):
        values = np.asarray(block, dtype=np.float64)
        targets = None
        if values.ndim != 2 or values.shape[1] != n:
            problems.append(
                f"{who}: weight block {k} must have shape (n_pre, {n}), got {values.shape}"
            )
    else:
        values = np.asarray(block[0], dtype=np.float64)
        targets = np.asarray(block[1], dtype=np.int64)
        if values.ndim != 1 or values.shape != targets.shape:
            problems.append(
                f"{who}: weight block {k} must be two flat arrays of one length, "
                f"got {values.shape} values and {targets.shape} targets"
            )
        elif targets.size and (targets.min() < 0 or targets.max() >= n):
            problems.append(
                f"{who}: weight block {k} has targets {targets.min()}.."
                f"{targets.max()}, expected 0..{n - 1}"
            )
    if not np.isfinite(values).all():
        problems.append(f"{who}: weight block {k} holds NaN or infinity")
    return values, targets
