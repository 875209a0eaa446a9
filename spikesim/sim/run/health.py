# SPDX-License-Identifier: Apache-2.0
"""NaN and infinity in the states of neurons: found, named, and not carried on in silence."""

from __future__ import annotations

import logging
import time
from typing import Literal

import numpy as np

from spikesim.errors import SpikesimError, ValidationError
from spikesim.kernels.loop import all_finite
from spikesim.sim.run.run import Run

_log = logging.getLogger(__name__)

OnInvalid = Literal["error", "warn", "ignore"]
_CHOICES = ("error", "warn", "ignore")
_SECONDS = 0.25
"""Wall time between two looks: as long as a window, so that looking costs nothing measurable."""


class InvalidStateError(SpikesimError):
    """A state variable is NaN or infinite."""


class Health:
    """Looks at all float states now and then.

    A state that is NaN stays so and its neuron never fires again, so a look at the end of a
    window finds it; the message names the ticks between two looks.

    Parameters
    ----------
    run : Run
    on_invalid : {"error", "warn", "ignore"}
        Raise at the first neuron, log once for each variable, or do not look.

    Raises
    ------
    ValidationError
        If the choice is none of these.
    """

    def __init__(self, run: Run, on_invalid: OnInvalid) -> None:
        if on_invalid not in _CHOICES:
            raise ValidationError(
                f"simulate: expected on_invalid as one of {_CHOICES}, got {on_invalid!r}"
            )
        self._run, self._choice = run, on_invalid
        self._next, self._seen = 0.0, run.state.tick
        self._told: set[tuple[str, str]] = set()
        arrays = [array for pool in run.state.pools for array in pool.arrays.values()]
        self._floats = [array for array in arrays if array.dtype.kind == "f"]

    def look(self, now: bool = False) -> None:
        """Look unless the last look was just before, or in any case.

        Raises
        ------
        InvalidStateError
            With population, neuron, ticks and variable, where errors were chosen.
        """
        if self._choice == "ignore" or not (now or time.perf_counter() >= self._next):
            return
        self._next = time.perf_counter() + _SECONDS
        run, tick = self._run, self._run.state.tick
        if all(map(all_finite, self._floats)):
            self._seen = tick
            return
        for name, held in run.state.neurons.items():
            lo, hi = run.plan.owned(name)
            for variable in run.models[name].states:
                values = held[variable][lo:hi]
                if not np.isfinite(values).all() and (name, variable) not in self._told:
                    self._tell(name, variable, lo, ~np.isfinite(values), held[variable])
        self._seen = tick

    def _tell(
        self, name: str, variable: str, first: int, bad: np.ndarray, values: np.ndarray
    ) -> None:
        neuron = first + int(np.argmax(bad))
        count = int(bad.sum())
        others = "" if count == 1 else f" and in {count - 1} more"
        text = (
            f"population {name!r}: expected finite states, got {variable} = {values[neuron]} in "
            f"neuron {neuron}{others}, since tick {self._seen} at the earliest and tick "
            f"{self._run.state.tick} at the latest; record {name}.{variable} of this neuron from "
            "there, and look at its input, its parameters and dt"
        )
        if self._choice == "error":
            raise InvalidStateError(text)
        self._told.add((name, variable))
        _log.warning("%s", text)
