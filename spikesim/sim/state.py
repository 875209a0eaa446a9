# SPDX-License-Identifier: Apache-2.0
"""Everything that changes while a network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.sim.layout import Layout


@dataclass(eq=False)
class State:
    """The state between two ticks.

    Attributes
    ----------
    tick : int
        Next tick to run.
    v, i : float arrays, shape (n,)
        Membrane and synaptic current.
    refr : int32 array, shape (n,), ticks
        Refractory ticks left.
    ring : float array, shape (slots, n)
        Input that is on its way; slot ``t % slots`` is due in tick t.
    fired : int32 array, shape (n,)
        The first ``n_fired`` entries are the neurons that fired in tick - 1.
    n_fired : int
    """

    tick: int
    v: npt.NDArray[Any]
    i: npt.NDArray[Any]
    refr: npt.NDArray[np.int32]
    ring: npt.NDArray[Any]
    fired: npt.NDArray[np.int32]
    n_fired: int

    @classmethod
    def initial(cls, layout: Layout) -> State:
        """State before tick 0: v_init, no current, nothing on its way."""
        n, dtype = layout.n_neurons, layout.v_init.dtype
        return cls(
            tick=0,
            v=layout.v_init.copy(),
            i=np.zeros(n, dtype=dtype),
            refr=np.zeros(n, dtype=np.int32),
            ring=np.zeros((layout.slots, n), dtype=dtype),
            fired=np.zeros(n, dtype=np.int32),
            n_fired=0,
        )
