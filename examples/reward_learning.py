# SPDX-License-Identifier: Apache-2.0
"""Two sights, two actions: a reward that comes 200 ms late teaches which belongs to which.

Spike timing leaves an eligibility in each synapse; dopamine, when the right action was taken
more often than of late, turns it into weight (Izhikevich 2007, with the reward less its mean).
Halfway the other action becomes the right one.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim import Network, Poisson, Simulator
from spikesim.learning import RewardSTDP
from spikesim.network import AllToAll, OneToOne
from spikesim.neurons import LIFExp
from spikesim.sim import MemorySink

SEED = 4
DT = 1e-3
LINES, GROUP = 100, 10  # input lines, half of them per sight; neurons per action
SHOW, WAIT, REST = 150, 200, 150  # ticks: sight, until the reward, until the next sight
W_MAX = 1.2e-3


class Watcher(MemorySink):
    """Keeps the recording, and counts the spikes of each action since it was asked last."""

    def start(self, header) -> None:
        """Begin with nothing counted."""
        super().start(header)
        self.counts = np.zeros(2)

    def spikes(self, population, ticks, index) -> None:
        """Take the spikes of a window."""
        super().spikes(population, ticks, index)
        self.counts += np.bincount(index // GROUP, minlength=2)

    def asked(self) -> np.ndarray:
        """Give the counts and begin anew."""
        counts, self.counts = self.counts, np.zeros(2)
        return counts


def network() -> Network:
    net = Network(DT, "reward", seed=SEED)
    cell = LIFExp(tau_mem=20e-3, tau_syn=5e-3, v_rest=-60e-3, v_th=-50e-3, v_reset=-60e-3)
    net.add_input("sight", LINES)
    net.add_input("noise", 2 * GROUP)
    net.add_population("action", 2 * GROUP, cell)
    rule = RewardSTDP(w_max=W_MAX, a_plus=W_MAX, a_minus=0.4 * W_MAX, tau_c=0.4, tau_d=50e-3)
    net.connect("sight", "action", AllToAll(), weight=W_MAX / 2, plasticity=rule, name="learns")
    net.connect("noise", "action", OneToOne(), weight=4e-3)
    same = np.kron(np.eye(2), np.ones((GROUP, GROUP)))
    net.connect("action", "action", -3e-3 * (1 - same), name="rivalry")
    return net


def rates(sight: int | None) -> dict[str, Poisson]:
    """Lines of the sight that is shown fire at 60 Hz, the others at 1 Hz."""
    hz = np.full(LINES, 1.0)
    if sight is not None:
        hz[sight * LINES // 2 : (sight + 1) * LINES // 2] = 60.0
    return {"sight": Poisson(hz), "noise": Poisson(150.0)}


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer trials")
    parser.add_argument("--out", default="reward_learning.png", help="where the picture goes")
    options = parser.parse_args(argv)
    trials = 300 if options.quick else 800
    sights = np.random.default_rng(SEED).integers(2, size=trials)
    watcher = Watcher()
    session = Simulator(network()).start(
        rates(None), trials * (SHOW + WAIT + REST), seed=SEED, to=watcher
    )
    right, expected = [], 0.5
    for trial, sight in enumerate(sights):
        action = sight if trial < trials // 2 else 1 - sight
        session.set_inputs(rates(int(sight)))
        watcher.asked()
        session.advance(SHOW)
        counts = watcher.asked()
        session.set_inputs(rates(None))
        session.advance(WAIT)
        right.append(float(counts[action] > counts[1 - action]))
        session.reward("learns", right[-1] - expected)
        expected += 0.05 * (right[-1] - expected)
        session.advance(REST)
    session.finish()

    draw(right, session.weights("learns").to_dense(), options.out)
    for name, lo in (("first", 0), ("learned", trials // 2 - 25), ("reversed", trials // 2)):
        print(f"{name}, trials {lo} to {lo + 25}: {100 * np.mean(right[lo : lo + 25]):.0f} % right")
    print(f"right actions in the last 50 trials: {2 * np.sum(right[-50:]):.0f} % (chance: 50 %)")
    return float(np.mean(right[-50:]))


def draw(right, weights, path) -> None:
    figure = Figure((10, 3.6), layout="constrained")
    curve, learned = figure.subplots(1, 2)
    smooth = np.convolve(right, np.ones(25) / 25, mode="valid")
    curve.plot(np.arange(smooth.size) + 25, 100 * smooth, "k")
    curve.axhline(50, color="gray", linestyle="--", label="chance")
    curve.axvline(len(right) // 2, color="tab:red", label="now the other action is right")
    curve.set(xlabel="trial", ylabel="right actions, last 25 trials (%)", ylim=(0, 103))
    curve.legend(loc="lower right")
    image = learned.imshow(1e3 * weights.T, aspect="auto", vmin=0, vmax=1e3 * W_MAX)
    learned.set_xticks([LINES / 4, 3 * LINES / 4], ["lines of sight 0", "lines of sight 1"])
    learned.set_yticks([GROUP / 2, 3 * GROUP / 2], ["action 0", "action 1"])
    figure.colorbar(image, ax=learned, label="weight at the end (mV)")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
