# SPDX-License-Identifier: Apache-2.0
"""A relay that repeats what it receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy.typing as npt

from spikesim.neurons.parameters import ParametricModel


@dataclass(frozen=True, eq=False, kw_only=True)
class Parrot(ParametricModel):
    """Fires in every tick in which the weights that arrive sum to more than 0.

    So each spike of an input can be recorded, delayed, and sent on to many populations as
    one and the same train. What arrives in a tick is repeated at its end; several arrivals in
    one tick are repeated as one spike.

    Examples
    --------
    >>> Parrot().template()
    'spike = in_0 > 0.0'
    """

    states: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[tuple[str, ...]] = ()

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """No constants."""
        return {}

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """No state."""
        return {}

    def template(self) -> str:
        """Update of one neuron in one tick."""
        return "spike = in_0 > 0.0"
