# SPDX-License-Identifier: Apache-2.0
"""Competition of synapses by spike timing: one neuron, many Poisson inputs, additive STDP.

``python -m spikesim.models.song_miller_abbott`` runs it at several input rates and prints
what the paper shows: weights at both ends of their range, and an output rate that hardly
follows the input rate.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.analysis import mean_cv
from spikesim.core import stream
from spikesim.learning import PairSTDP
from spikesim.models import comparison
from spikesim.models.comparison import Reference
from spikesim.network import Network
from spikesim.neurons import LIFCond
from spikesim.units import ms, mV, to_ticks

LEARNING = "exc->out"
"""Name of the projection that learns."""
_ENDS = 0.2
"""Weights within this part of the range from an end count as being there."""


@dataclass(frozen=True, kw_only=True)
class SongMillerAbbott:
    """A conductance neuron whose excitatory inputs learn by additive pair STDP.

    Depression is a little stronger than potentiation, so inputs that do not help to fire the
    neuron lose; the more the neuron fires, the more lose, which holds its rate.

    Parameters
    ----------
    n_exc, n_inh : int
        Poisson inputs; 0 inhibitory ones leave them out.
    rate_exc, rate_inh : float, 1/s
        Their rates.
    g_max, g_inh : float
        Largest excitatory and fixed inhibitory weight, in units of the leak conductance.
    a_plus, ratio : float
        Potentiation of a pair as a part of g_max, and depression relative to it.
    tau_stdp, tau_mem, tau_syn : float, seconds
        Of the STDP window on both sides, the membrane, and the conductances.
    v_rest, v_th, v_reset, e_inh : float, volts
    dt : float, seconds

    References
    ----------
    Song, Miller, Abbott (2000), Nature Neuroscience 3:919-926.

    Examples
    --------
    >>> net = SongMillerAbbott(n_exc=100).network(seed=1)
    >>> net.projections["exc->out"].nnz
    100
    """

    n_exc: int = 1000
    n_inh: int = 200
    rate_exc: float = 10.0
    rate_inh: float = 10.0
    g_max: float = 0.015
    g_inh: float = 0.05
    a_plus: float = 0.005
    ratio: float = 1.05
    tau_stdp: float = 20 * ms
    tau_mem: float = 20 * ms
    tau_syn: float = 5 * ms
    v_rest: float = -70 * mV
    v_th: float = -54 * mV
    v_reset: float = -60 * mV
    e_inh: float = -70 * mV
    dt: float = 0.1 * ms

    @classmethod
    def short(cls) -> SongMillerAbbott:
        """Form of the simulators' benchmark: no inhibition, larger steps, a faster membrane."""
        return cls(
            n_inh=0, rate_exc=15.0, g_max=0.01, a_plus=0.01, tau_mem=10 * ms, v_rest=-74 * mV
        )

    def network(self, seed: int = 0) -> Network:
        """Build the network; excitatory weights start uniform between 0 and g_max."""
        net = Network(self.dt, "Song, Miller & Abbott 2000", seed)
        cell = LIFCond(
            tau_mem=self.tau_mem, v_rest=self.v_rest, v_th=self.v_th, v_reset=self.v_reset,
            v_init=self.v_reset, tau_syn={"exc": self.tau_syn, "inh": self.tau_syn},
            e_rev={"exc": 0.0, "inh": self.e_inh},
        )  # fmt: skip
        net.add_population("out", 1, cell)
        rule = PairSTDP(
            w_max=self.g_max, a_plus=self.a_plus, a_minus=self.ratio * self.a_plus,
            tau_plus=self.tau_stdp, tau_minus=self.tau_stdp,
        )  # fmt: skip
        start = stream(seed, "song", "weights").uniform(0.0, self.g_max, (self.n_exc, 1))
        net.add_input("exc", self.n_exc)
        net.connect("exc", "out", start, receptor="exc", name=LEARNING, plasticity=rule)
        if self.n_inh:
            net.add_input("inh", self.n_inh)
            net.connect("inh", "out", np.full((self.n_inh, 1), self.g_inh), receptor="inh")
        return net

    def inputs(self, seed: int = 0) -> Mapping[str, Any]:
        """Poisson trains of both kinds of inputs."""
        from spikesim.sim import Poisson

        drives = {"exc": Poisson(self.rate_exc)}
        return drives | ({"inh": Poisson(self.rate_inh)} if self.n_inh else {})


class Outcome(NamedTuple):
    """What a run came to.

    Attributes
    ----------
    weights : float32 array, shape (n_exc,)
        At the end, as parts of g_max.
    rates_hz : float array, shape (10,)
        Output rate in each tenth of the run.
    cv : float
        Of the output intervals in the last half.
    """

    weights: npt.NDArray[np.float32]
    rates_hz: npt.NDArray[np.float64]
    cv: float

    @property
    def rate_hz(self) -> float:
        """Output rate in the last half."""
        return float(self.rates_hz[5:].mean())

    def numbers(self) -> dict[str, float]:
        """Mean weight, share of weights at either end, output rate and irregularity."""
        return {
            "mean weight": float(self.weights.mean()),
            "weights below 20 %": float((self.weights < _ENDS).mean()),
            "weights above 80 %": float((self.weights > 1 - _ENDS).mean()),
            "rate": self.rate_hz,
            "cv": self.cv,
        }


def learn(model: SongMillerAbbott, seconds: float, *, seed: int = 0) -> Outcome:
    """Run the model and look at its weights.

    Parameters
    ----------
    model : SongMillerAbbott
    seconds : float
        A multiple of ten ticks. Weights need several hundred seconds to settle.
    seed : int
        Of start weights and inputs.
    """
    from spikesim.sim import Simulator

    net = model.network(seed)
    steps = to_ticks(seconds, net.dt, "seconds")
    session = Simulator(net).start(model.inputs(seed), steps, seed=seed)
    session.advance(steps)
    weights = np.divide(session.weights(LEARNING).weights, model.g_max, dtype=np.float32)
    spikes = session.finish().spikes["out"]
    tenths = np.histogram(spikes.ticks, np.linspace(0, spikes.stop, 11))[0]
    late = spikes.window(spikes.stop // 2, spikes.stop)
    return Outcome(weights, tenths / (spikes.stop * net.dt / 10), mean_cv(late))


def follows(inputs_hz: npt.ArrayLike, outputs_hz: npt.ArrayLike) -> float:
    """How strongly the output rate follows the input rate: the slope of their logarithms.

    1 is a rate in proportion, 0 one that is held.

    Examples
    --------
    >>> follows([10, 20, 40], [5, 10, 20])
    1.0
    """
    slope = np.polyfit(np.log(np.asarray(inputs_hz)), np.log(np.asarray(outputs_hz)), 1)[0]
    return round(float(slope), 6)


def at_rates(
    rates_hz: Iterable[float], seconds: float, seed: int
) -> tuple[dict[str, float], dict[float, Outcome]]:
    """Numbers of the paper's model over input rates, and what each rate came to."""
    found = {rate: learn(SongMillerAbbott(rate_exc=rate), seconds, seed=seed) for rate in rates_hz}
    numbers: dict[str, float] = {}
    for rate, outcome in found.items():
        numbers |= {f"{name}, {rate:g} Hz": v for name, v in outcome.numbers().items()}
    rates = list(found)
    numbers["slope at the start"] = follows(rates, [o.rates_hz[0] for o in found.values()])
    numbers["slope at the end"] = follows(rates, [o.rate_hz for o in found.values()])
    return numbers, found


REFERENCES = (
    Reference("short: mean weight", 0.485, 0.46, 0.51, "NEST 0.48, Brian2 0.49 at 10 s"),
    Reference("slope at the end", 0.0, -0.2, 0.5, "fig. 2: the rate is held"),
)


def draw(outcomes: Mapping[float, Outcome], path: str) -> None:
    """Write a picture of the weights at each input rate."""
    from spikesim.viz.activity import weight_histogram
    from spikesim.viz.style import save_png

    weights = {f"{rate:g} Hz": outcome.weights for rate, outcome in outcomes.items()}
    save_png(weight_histogram(weights, title="Weights after learning, parts of g_max"), path)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; 1 if a number is out of its range."""
    parser = comparison.arguments(__doc__, seconds=1000.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 20.0, 40.0])
    options = parser.parse_args(argv)
    first: dict[float, Outcome] = {}

    def measure(seed: int) -> dict[str, float]:
        numbers, outcomes = at_rates(options.rates, options.seconds, seed)
        first.update(outcomes if not first else {})
        short = learn(SongMillerAbbott.short(), 10.0, seed=seed)
        return numbers | {f"short: {name}": v for name, v in short.numbers().items()}

    text, met = comparison.table(comparison.over_seeds(measure, options.seeds), REFERENCES)
    comparison.say(text)
    if options.out:
        draw(first, options.out)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
