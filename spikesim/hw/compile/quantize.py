# SPDX-License-Identifier: Apache-2.0
"""Pass 2: integers for every population, by the function that training uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from spikesim.errors import CompileError, ValidationError
from spikesim.fixed.quantize import QuantizedPopulation, quantize_lif
from spikesim.hw.compile.check import lif_of
from spikesim.hw.config import CoreConfig
from spikesim.network import Network


@dataclass(frozen=True)
class Quantization:
    """How floats become integers.

    Parameters
    ----------
    granularity : {"neuron", "population"}
        One scale per neuron, or one per population. A population whose reset value, soft reset
        amount, floor or initial membrane is shared by its neurons always gets one scale.
    gain_shift : int, optional
        Shift for every population; by default the largest that leaves head-room.
    gain_shifts : mapping of str to int
        Shift by population; wins over ``gain_shift``.
    weight_bits, state_bits : int, optional
        Widths of the codes; at most, and by default, those of the core.
    """

    granularity: Literal["neuron", "population"] = "neuron"
    gain_shift: int | None = None
    gain_shifts: Mapping[str, int] = field(default_factory=dict)
    weight_bits: int | None = None
    state_bits: int | None = None

    @classmethod
    def of(cls, settings: Any) -> Quantization:
        """Take over the settings of quantization-aware training, or the defaults for None."""
        if settings is None:
            return cls()
        names = ("granularity", "gain_shift", "gain_shifts", "weight_bits", "state_bits")
        return cls(**{name: getattr(settings, name) for name in names if hasattr(settings, name)})

    def problems(self, net: Network, config: CoreConfig) -> list[str]:
        """Why these settings do not suit network and core; empty when they do."""
        problems = []
        if self.granularity not in ("neuron", "population"):
            problems.append(
                f"quantization: expected granularity 'neuron' or 'population', got "
                f"{self.granularity!r}"
            )
        for name in self.gain_shifts:
            if name not in net.populations:
                problems.append(
                    f"quantization: expected gain shifts for {list(net.populations)}, got {name!r}"
                )
        widths = (
            ("weight_bits", self.weight_bits, config.weight_bits),
            ("state_bits", self.state_bits, config.state_bits),
        )
        for name, got, limit in widths:
            if got is not None and not 2 <= got <= limit:
                problems.append(
                    f"quantization: expected 2 <= {name} <= {limit}, the width of the core, got "
                    f"{got}; quantize to fewer bits or build a wider core"
                )
        return problems


def quantize(
    net: Network, config: CoreConfig, settings: Quantization
) -> dict[str, QuantizedPopulation]:
    """Integers of every population.

    Weight blocks of the result follow ``net.incoming(name)``; each has one code per synapse.

    Raises
    ------
    CompileError
        With every population that cannot be expressed.
    """
    problems = settings.problems(net, config)
    if problems:
        raise CompileError(problems)
    quantized = {}
    for name, population in net.populations.items():
        neuron = lif_of(population)
        if not np.isfinite(np.asarray(neuron.v_th)).all():
            problems.append(
                f"population {name!r}: expected a finite v_th, got inf; the core has no neuron "
                "that never fires, so take a threshold above every membrane it can reach"
            )
            continue
        if neuron.v_floor is not None and np.isneginf(neuron.v_floor).all():
            neuron = replace(neuron, v_floor=None)  # two ways to say that there is no floor
        blocks = [(p.rows.weights, p.rows.targets) for p in net.incoming(name)]
        try:
            quantized[name] = quantize_lif(
                blocks,
                population.n,
                neuron,
                granularity=settings.granularity,
                weight_bits=settings.weight_bits or config.weight_bits,
                state_bits=settings.state_bits or config.state_bits,
                gain_shift=settings.gain_shifts.get(name, settings.gain_shift),
                name=name,
            )
        except ValidationError as error:
            problems += error.problems
    if problems:
        raise CompileError(problems)
    return quantized
