# SPDX-License-Identifier: Apache-2.0
"""States and parameters of the populations of a float run, by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.engine import Variables
from spikesim.errors import ValidationError
from spikesim.neurons.model import NeuronModel
from spikesim.sim.run.run import Run


def parameter_names(model: NeuronModel) -> list[str]:
    """Parameters of a model that are numbers or arrays and act in every tick.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> parameter_names(LIF(beta=0.9))[:3]
    ['beta', 'alpha', 'gain']
    """
    given: Any = model
    values = {field.name: getattr(model, field.name) for field in fields(given)}
    # Start values act before the first tick only.
    return [
        name
        for name, value in values.items()
        if isinstance(value, (int, float, np.ndarray))
        and not isinstance(value, bool)
        and not name.endswith("_init")
        and name not in model.states
    ]


def population_variables(run: Run, population: str) -> Variables:
    """Give the states, counters and parameters of a population.

    States and counters are the arrays that the engine itself reads; a parameter that is set acts
    from the next tick on.
    """
    who = f"population {population!r}"
    n = run.plan.net.populations[population].n
    held = run.state.neurons[population]
    parameters = parameter_names(run.models[population])

    def read(name: str) -> Any:
        return held[name] if name in held else getattr(run.models[population], name)

    def write(name: str, values: npt.NDArray[Any]) -> None:
        if name not in held:
            run.set_parameters(population, **{name: values if values.ndim else values.item()})
            return
        own = held[name]
        with np.errstate(over="ignore", invalid="ignore"):
            stored = values.astype(own.dtype)
        most = np.iinfo(own.dtype).max if own.dtype.kind == "i" else 0
        if own.dtype.kind == "i" and not (np.array_equal(stored, values) and (stored >= 0).all()):
            raise ValidationError(
                f"{who}: expected {name!r} as integers of 0 to {most} ticks, got {values!r}"
            )
        if own.dtype.kind == "f" and not np.isfinite(stored).all():
            raise ValidationError(f"{who}: expected finite {name!r}, got {values!r}")
        own[...] = stored

    return Variables(who, n, [*held, *parameters], read, write)
