# SPDX-License-Identifier: Apache-2.0
"""A relay that repeats what it receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy.typing as npt

from spikesim.neurons.lif import LIF
from spikesim.neurons.parameters import ParametricModel


@dataclass(frozen=True, eq=False, kw_only=True)
class Parrot(ParametricModel):
    """Repeats what arrives in a tick at its end.

    So each spike of an input can be recorded, delayed, and sent on to many populations as
    one and the same train. Spikes carry no number here, as those of NEST's parrot_neuron do, so
    a network in which two spikes could arrive at a Parrot in one tick is refused: more than one
    synapse onto a neuron, or an input with ``counts=True``. Weights must be 1.

    Parameters
    ----------
    merge : bool
        Take any number of synapses, weights and counts: fire once in every tick in which the
        weights that arrive sum to more than 0.

    Examples
    --------
    >>> Parrot().template()
    'spike = in_0 > 0.0'
    """

    merge: bool = False

    states: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[tuple[str, ...]] = ()

    @property
    def repeats(self) -> bool:
        """Unless arrivals are merged."""
        return not self.merge

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """No constants."""
        return {}

    def beyond_lif(self, dt: float) -> list[str]:
        """Nothing: a membrane that forgets at once is a relay."""
        return []

    def per_tick(self, dt: float) -> LIF:
        """Give a membrane without memory, which fires at any input above 0."""
        return LIF(beta=0.0, v_th=0.0, strict=True, dt=dt)

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """No state."""
        return {}

    def template(self) -> str:
        """Update of one neuron in one tick."""
        return "spike = in_0 > 0.0"
