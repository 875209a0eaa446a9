# SPDX-License-Identifier: Apache-2.0
"""The benchmark networks as numbers, one source for every simulator. SI units, Python alone.

References
----------
Vogels & Abbott 2005, J. Neurosci. 25:10786 (current-based network; the numbers are those of the
review by Brette et al. 2007, J. Comput. Neurosci. 23:349, benchmark 2).
Brunel 2000, J. Comput. Neurosci. 8:183 (figure 8: g = 5, external rate twice the threshold rate).
Diehl & Cook 2015, Front. Comput. Neurosci. 9:99, in the current-based form of BindsNET.
Potjans & Diesmann 2014, Cereb. Cortex 24:785: see ``microcircuit``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

DT = 1e-4
"""Tick of all networks but Diehl-Cook, seconds."""


@dataclass(frozen=True)
class Cuba:
    """Exponential currents, 80 synapses per neuron for any size."""

    n: int = 4000
    tau_mem: float = 20e-3
    tau_exc: float = 5e-3
    tau_inh: float = 10e-3
    v_rest: float = -49e-3
    v_th: float = -50e-3
    v_reset: float = -60e-3
    t_ref: float = 5e-3
    w_exc: float = 1.62e-3
    w_inh: float = -9e-3
    delay: float = 0.1e-3
    synapses_per_neuron: int = 80

    @property
    def n_exc(self) -> int:
        """Excitatory neurons, the first ones."""
        return self.n * 4 // 5

    @property
    def p(self) -> float:
        """Probability of a connection."""
        return self.synapses_per_neuron / self.n


@dataclass(frozen=True)
class Brunel:
    """Delta synapses, a tenth of each population as sources, Poisson drive per neuron."""

    n: int = 12500
    tau_mem: float = 20e-3
    v_th: float = 20e-3
    v_reset: float = 10e-3
    t_ref: float = 2e-3
    j: float = 0.1e-3
    g: float = 5.0
    eta: float = 2.0
    delay: float = 1.5e-3

    @property
    def n_exc(self) -> int:
        """Excitatory neurons, the first ones."""
        return self.n * 4 // 5

    @property
    def n_inh(self) -> int:
        """Inhibitory neurons."""
        return self.n - self.n_exc

    @property
    def k_exc(self) -> int:
        """Excitatory sources per neuron."""
        return self.n_exc // 10

    @property
    def k_inh(self) -> int:
        """Inhibitory sources per neuron."""
        return self.n_inh // 10

    @property
    def drive_hz(self) -> float:
        """Rate of all external inputs of one neuron: eta times what just reaches threshold."""
        return self.eta * self.v_th / (self.j * self.tau_mem)


@dataclass(frozen=True)
class Stdp:
    """Additive all-to-all pair rule on E to E, weights start at J.

    Steps are small enough for the activity to stay that of the static network.
    """

    tau: float = 20e-3
    a_plus: float = 0.001
    """Potentiation per pair, of J."""
    a_minus: float = 0.00105
    w_max: float = 2.0
    """Of J."""


@dataclass(frozen=True)
class DiehlCook:
    """784 inputs, n excitatory and n inhibitory neurons with delta synapses, dt 1 ms.

    Inputs learn by a pair rule with traces set to 1 at a spike; a threshold grows by
    ``theta_plus`` at each spike; the input weights of a neuron are rescaled to ``norm`` before
    each image.
    """

    n: int = 400
    n_in: int = 784
    dt: float = 1e-3
    steps: int = 350
    tau_exc: float = 100e-3
    rest_exc: float = -65e-3
    reset_exc: float = -60e-3
    th_exc: float = -52e-3
    ref_exc: float = 5e-3
    theta_plus: float = 0.05e-3
    tau_theta: float = 1e4
    tau_inh: float = 10e-3
    rest_inh: float = -60e-3
    reset_inh: float = -45e-3
    th_inh: float = -40e-3
    ref_inh: float = 2e-3
    w_exc: float = 22.5e-3
    w_inh: float = -17.5e-3
    w_in: float = 0.3
    """Input weights start uniform in 0 to this, in mV."""
    norm: float = 78.4
    tau_trace: float = 20e-3
    nu_pre: float = 1e-4
    nu_post: float = 1e-2
    w_max: float = 1.0
    max_rate_hz: float = 63.75
    """Rate of a white pixel."""


@dataclass(frozen=True)
class Growth:
    """Neurons and synapses that are cut into many populations and projections."""

    n: int = 10_000
    synapses: int = 1_000_000
    dt: float = DT
    tau_mem: float = 20e-3
    v_th: float = 20e-3
    v_reset: float = 10e-3
    t_ref: float = 2e-3
    w_drive: float = 0.1e-3
    drive_hz: float = 9000.0

    def count(self, populations: int) -> int:
        """Projections between so many populations."""
        return 1 if populations == 1 else 10 * populations

    def projections(self, populations: int) -> list[tuple[int, int, float, float]]:
        """Source, target, weight in V and delay in s of each projection."""
        rng = random.Random(0)
        return [
            (
                rng.randrange(populations), rng.randrange(populations),
                rng.choice((-1, 1)) * rng.uniform(0.01e-3, 0.05e-3),
                rng.randrange(10, 30) * self.dt,
            )
            for _ in range(self.count(populations))
        ]  # fmt: skip
