# SPDX-License-Identifier: Apache-2.0
"""Float weights that end on one population: their largest, their codes, and what those sum to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesim.fixed.arith import round_half_away
from spikesim.fixed.constants import Floats


class ChannelWeights(NamedTuple):
    """The kernel of a convolution; all neurons of a channel share its weights, and their codes.

    Attributes
    ----------
    values : float array, shape (k, channels)
        A column for each output channel. Channels are equal runs of neurons, one after the other.
    """

    values: NDArray[Any]

    @classmethod
    def of(cls, kernel: NDArray[Any]) -> ChannelWeights:
        """Give the weights of a kernel, shape (channels, ...)."""
        return cls(kernel.reshape(len(kernel), -1).T)


#: Float weights that end on one population: a dense matrix ``[n_pre, n]``, a kernel or, for sparse
#: projections, a pair ``(values [k], targets [k])``.
WeightBlock = NDArray[Any] | ChannelWeights | tuple[NDArray[Any], NDArray[Any]]


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

    Attributes
    ----------
    channels : tuple of int
        Of the kernels among the blocks.
    runs : int
        Equal runs of neurons that have to share a scale: channels, or single neurons.
    """

    def __init__(
        self, who: str, blocks: Sequence[WeightBlock], n: int, problems: list[str]
    ) -> None:
        self.n = n
        self._blocks = [_block(who, k, block, n, problems) for k, block in enumerate(blocks)]
        self.channels = tuple(
            np.shape(block.values)[-1] for block in blocks if isinstance(block, ChannelWeights)
        )
        self.runs = math.gcd(*self.channels) if self.channels else n

    def largest(self) -> Floats:
        """Largest magnitude on each neuron, shape (n,); 0 where no weight ends."""
        largest = np.zeros(self.n)
        for values, targets in self._blocks:
            if targets is None:
                largest = np.maximum(largest, self._each(np.abs(values).max(axis=0, initial=0.0)))
            else:
                np.maximum.at(largest, targets, np.abs(values))
        return largest

    def codes(self, gain: Floats, scale: Floats, top: int) -> WeightCodes:
        """Round ``gain * w * scale``, each neuron by its own, and clip to ``-top..top``."""
        up, down = np.zeros(self.n), np.zeros(self.n)
        factor = gain * scale
        codes, error = [], 0.0
        for values, targets in self._blocks:
            own = targets
            if own is None:  # of a run that shares a column, the first neuron stands for all
                own = np.arange(0, self.n, self.n // max(1, values.shape[1]) or 1)
            exact = values * factor[own]
            w_fx = np.clip(round_half_away(exact), -top, top)
            # One sign at a time: spikes of one sign alone give the largest sum of that sign.
            if targets is None:
                up += self._each(np.maximum(w_fx, 0).sum(axis=0))
                down += self._each(np.maximum(-w_fx, 0).sum(axis=0))
            else:
                up += np.bincount(targets, np.maximum(w_fx, 0), minlength=self.n)
                down += np.bincount(targets, np.maximum(-w_fx, 0), minlength=self.n)
            miss = np.abs(w_fx - exact) / scale[own]
            error = max(error, float(miss.max(initial=0.0)))
            codes.append(w_fx.astype(np.int16))
        bound = int(max(up.max(initial=0), down.max(initial=0)))
        return WeightCodes(tuple(codes), bound, error)

    def _each(self, by_column: NDArray[Any]) -> NDArray[Any]:
        """Give what is known by column for each neuron."""
        return np.repeat(by_column, self.n // max(1, by_column.size))


# Targets None: a dense matrix, whose column is the target, or the run of targets.
_Block = tuple[Floats, NDArray[np.int64] | None]


def _block(who: str, k: int, block: WeightBlock, n: int, problems: list[str]) -> _Block:
    if isinstance(block, ChannelWeights):
        values = np.asarray(block.values, dtype=np.float64)
        targets = None
        if values.ndim != 2 or not values.shape[1] or n % values.shape[1]:
            problems.append(
                f"{who}: weight block {k} must have a column for each of the channels that {n} "
                f"neurons are dealt out to, got shape {values.shape}"
            )
    elif not isinstance(block, tuple):
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
