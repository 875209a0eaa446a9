# SPDX-License-Identifier: Apache-2.0
"""Neurons, wiring and constants of the network that learns digits by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows, stream
from spikesim.errors import ValidationError
from spikesim.learning import DiehlCook
from spikesim.learning.rule import PlasticityRule
from spikesim.network import Network, OneToOne
from spikesim.neurons import LIFCond
from spikesim.units import ms, mV, to_ticks

INPUT, EXC, INH = "image", "exc", "inh"
LEARNING = f"{INPUT}->{EXC}"
"""Name of the projection that learns."""
RELAXES = {EXC: (-65 * mV, 100 * ms), INH: (-60 * mV, 10 * ms)}
"""Resting potential and membrane time constant of each population."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What training leaves behind.

    Attributes
    ----------
    weights : float32 array, shape (n_in, n)
        From inputs to excitatory neurons, in units of the leak conductance.
    theta : float32 array, shape (n,), volts
        Adapted part of the threshold.
    """

    weights: npt.NDArray[np.float32]
    theta: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class DigitNetwork:
    """Inputs, all to all onto excitatory cells that learn, and one inhibitory cell for each.

    An inhibitory cell fires at each spike of its excitatory cell and holds down all others.
    Conductances are multiples of the leak. All cells start at rest, not 40 mV below it as in
    the original program, where that delays the first image only.

    Parameters
    ----------
    n : int
        Excitatory neurons, and as many inhibitory ones.
    n_in : int
        Pixels.
    rule : {"triplet", "power", "exponential", "symmetric"} or PlasticityRule
        How input weights learn; a name is the variant of ``learning.DiehlCook``.
    min_isi : float, seconds
        Shortest interval of an excitatory neuron: 5 ms in the original program, 50 ms in its
        Brian 2 ports, whose timer counts ten times too slowly.
    delays : bool
        Whether each input synapse has its own delay, uniform in 0 to ``max_delay``, as
        published. Without, all delays are 0 and weights are one dense matrix.
    max_delay : float, seconds
    norm : float
        Sum of the input weights of a neuron at the start of each presentation; 0 is never.
    w_exc, w_inh : float
        Weights from excitatory to inhibitory cells, and back to all others.
    theta_plus, tau_theta : float, volts and seconds
        Rise of a threshold per spike, and its time constant.
    dt : float, seconds
    method : {"exponential", "euler"}
        How membranes step; see ``LIFCond``. Euler is the published one, and explodes: from 24
        inhibitory spikes in one tick of 0.5 ms on, which some hundred cells that have not
        learned yet make sooner or later, v overshoots both reversal potentials, all cells
        fire, and inhibit each other again.

    Raises
    ------
    ValidationError
        If the network has no neurons or the rule has no such name.

    References
    ----------
    Diehl & Cook (2015), Front. Comput. Neurosci. 9:99, and its program.

    Examples
    --------
    >>> print(DigitNetwork(n=20).network(seed=1).summary().splitlines()[0])
    network 'Diehl & Cook 2015, n = 20': dt = 0.0005 s, 40 neurons, 16080 synapses, outputs exc, inh
    """

    n: int = 400
    n_in: int = 784
    rule: str | PlasticityRule = "triplet"
    min_isi: float = 5 * ms
    delays: bool = False
    max_delay: float = 10 * ms
    norm: float = 78.0
    w_exc: float = 10.4
    w_inh: float = 17.0
    theta_plus: float = 0.05 * mV
    tau_theta: float = 1e4
    dt: float = 0.5 * ms
    method: Literal["exponential", "euler"] = "exponential"

    def __post_init__(self) -> None:
        if self.n < 1 or self.n_in < 1:
            raise ValidationError(
                f"DigitNetwork: expected n and n_in of at least 1, got {self.n} and {self.n_in}"
            )
        if isinstance(self.rule, str):
            object.__setattr__(self, "rule", DiehlCook(variant=self.rule))

    def network(self, seed: int = 0, learned: Learned | None = None) -> Network:
        """Build the network: one that learns, or a fixed one for what was learned.

        Parameters
        ----------
        seed : int
            Of start weights and delays.
        learned : Learned, optional
            Weights and thresholds, which then stay as they are.

        Raises
        ------
        ValidationError
            If what was learned has another size.
        """
        net = Network(self.dt, f"Diehl & Cook 2015, n = {self.n}", seed)
        net.add_input(INPUT, self.n_in)
        net.add_population(EXC, self.n, self._excitatory(learned))
        net.add_population(INH, self.n, self._inhibitory())
        weights = self.start_weights(seed) if learned is None else learned.weights
        if weights.shape != (self.n_in, self.n):
            raise ValidationError(
                f"DigitNetwork: expected learned weights of shape ({self.n_in}, {self.n}), got "
                f"{weights.shape}; take the n of the training"
            )
        net.connect(
            INPUT, EXC, self._rows(weights, seed), receptor="exc", name=LEARNING,
            plasticity=self.rule if learned is None else None,
        )  # fmt: skip
        net.connect(EXC, INH, OneToOne(), weight=self.w_exc, receptor="exc")
        others = np.full((self.n, self.n), self.w_inh)
        np.fill_diagonal(others, 0.0)
        net.connect(INH, EXC, others, receptor="inh")
        return net

    def start_weights(self, seed: int) -> npt.NDArray[np.float32]:
        """Draw weights of 0.003 to 0.303, shape (n_in, n)."""
        uniform = stream(seed, "digits", "weights").random((self.n_in, self.n))
        return (0.3 * (uniform + 0.01)).astype(np.float32)

    def _rows(self, weights: npt.NDArray[np.float32], seed: int) -> CsrRows:
        # Not from a matrix: there a weight of 0 would be no synapse, and could never grow.
        source, target = np.divmod(np.arange(self.n_in * self.n), self.n)
        delays = np.zeros(source.size, dtype=np.int32)
        if self.delays:
            last = to_ticks(self.max_delay, self.dt, "max_delay")
            delays = stream(seed, "digits", "delays").integers(
                0, last, source.size, dtype=np.int32, endpoint=True
            )
        return CsrRows.from_coo(source, target, weights.ravel(), delays, self.n_in, self.n)

    def _excitatory(self, learned: Learned | None) -> LIFCond:
        # Below 7 mV the threshold is under the rest: a cell that long was silent fires by
        # itself and so rises again, which a fixed one could not.
        theta = 20 * mV if learned is None else np.maximum(learned.theta, 7.01 * mV)
        return LIFCond(
            tau_mem=RELAXES[EXC][1], v_rest=RELAXES[EXC][0], v_reset=-65 * mV, v_th=-72 * mV,
            t_ref=5 * ms, min_isi=self.min_isi, theta_plus=self.theta_plus,
            tau_theta=self.tau_theta, theta_init=theta,
            theta_frozen=learned is not None, tau_syn=_TAU,
            e_rev={"exc": 0.0, "inh": -100 * mV}, method=self.method,
        )  # fmt: skip

    def _inhibitory(self) -> LIFCond:
        return LIFCond(
            tau_mem=RELAXES[INH][1], v_rest=RELAXES[INH][0], v_reset=-45 * mV, v_th=-40 * mV,
            t_ref=2 * ms, tau_syn=_TAU,
            e_rev={"exc": 0.0, "inh": -85 * mV}, method=self.method,
        )  # fmt: skip


_TAU = {"exc": 1 * ms, "inh": 2 * ms}
