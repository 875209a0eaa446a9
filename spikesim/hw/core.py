# SPDX-License-Identifier: Apache-2.0
"""A core with a program, between two steps: what sessions and batches need of one.

The integer models and a device implement the same few methods, so one session class and one batch
loop (``hw.session``, ``hw.prepared``) serve all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import FIELDS, MAX_COUNT, Window
from spikesim.hw.program import Program

IntArray = npt.NDArray[np.integer[Any]]

STATES = ("v", "i", "refr")
PARAMETERS = ("v_th", "bias", "refr_len")
"""Integer codes per neuron that can be read and set between two steps."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """What some consecutive steps did.

    Attributes
    ----------
    ticks, neurons : int64 arrays, shape (k,)
        Spikes of the whole core; ticks count from the first of these steps.
    total_cycles : int
        Clock cycles of these steps.
    cycles : int64 array, shape (steps,), or None
        Of each step, where it was measured.
    history : dict of int32 array, shape (steps, N)
        ``v`` and ``i`` after each step, where asked for.
    """

    ticks: npt.NDArray[np.int64]
    neurons: npt.NDArray[np.int64]
    total_cycles: int
    cycles: npt.NDArray[np.int64] | None = None
    history: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)


def refuse_full_counters(name: str, counts: npt.NDArray[np.int64]) -> None:
    """Refuse counts of which one may be too small.

    Parameters
    ----------
    name : str
        Whose they are.
    counts : int array, shape (..., N)
        Spike counters of a core.

    Raises
    ------
    DeviceError
        If a counter is at its end, where it stays.
    """
    if (counts >= MAX_COUNT).any():
        neuron = int(np.argwhere(counts >= MAX_COUNT)[0][-1])
        raise DeviceError(
            f"{name}: expected spike counts below {MAX_COUNT}, at which a counter of the core "
            f"stays, got it in neuron {neuron} of the core; run fewer steps at a time, clear in "
            "between, or count recorded spikes"
        )


class ProgrammedCore(Protocol):
    """A core that holds a program and stands between two steps."""

    @property
    def name(self) -> str:
        """What recordings and messages call it."""

    @property
    def program(self) -> Program:
        """What it runs."""

    @property
    def at_once(self) -> int:
        """Steps per ``advance`` that keep memory small and interrupts prompt."""

    @property
    def restores(self) -> bool:
        """Whether ``restore`` can put it to a state."""

    def restart(self) -> None:
        """Go to the start state: before step 0, counters and queues empty."""

    def advance(self, axons: SpikeTrains, *, spikes: bool, history: bool) -> Stretch:
        """Run ``axons.steps`` steps with these input spikes.

        Parameters
        ----------
        axons : SpikeTrains
            By axon; ticks count from the first of these steps.
        spikes : bool
            Whether spikes are wanted.
        history : bool
            Whether ``v`` and ``i`` after each step are wanted.
        """

    def read(self, name: str) -> IntArray:
        """Codes of a name of STATES or PARAMETERS, shape (N,)."""

    def write(self, name: str, values: IntArray) -> None:
        """Set codes of all neurons, which fit their words."""

    def counts(self) -> npt.NDArray[np.int64]:
        """Spikes of each neuron since the start or the last ``clear``, shape (N,)."""

    def weights(self) -> IntArray:
        """Weight words as they are now, shape (n_words, lanes)."""

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every word that a run changes."""

    def restore(self, words: dict[str, npt.NDArray[Any]]) -> None:
        """Go to the state that ``words`` gave, where it ``restores``."""

    def batch(
        self, rasters: npt.NDArray[np.bool_], steps: int, places: Sequence[tuple[int, int]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Run samples, each from the start state; leaves the core in any state.

        Parameters
        ----------
        rasters : bool array, shape (B, T, A)
            Spikes by axon.
        steps : int
            At least T.
        places : sequence of (first, n)
            Neurons whose spikes are counted.

        Returns
        -------
        counts : int64 array, shape (B, sum of n)
        cycles : int64 array, shape (B,)
        """

    def close(self) -> None:
        """Free it; harmless when repeated."""


def check_codes(config: CoreConfig, who: str, name: str, values: IntArray) -> None:
    """Refuse codes that the word of a state or parameter cannot hold.

    Raises
    ------
    ValidationError
        With the range and the first code outside.
    """
    field = FIELDS[Window.STATE if name in STATES else Window.PARAM][name]
    width = min(field.width, config.state_bits) if field.signed else field.width
    low = -(1 << (width - 1)) if field.signed else 0
    high = low + (1 << width) - 1
    outside = (values < low) | (values > high)
    if outside.any():
        first = int(np.argmax(outside))
        raise ValidationError(
            f"{who}: expected {name!r} as codes of {low} to {high}, got "
            f"{int(values.reshape(-1)[first])}"
        )
