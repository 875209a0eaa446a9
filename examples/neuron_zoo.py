# SPDX-License-Identifier: Apache-2.0
"""Six neurons answer one current step; firing rate over current against the closed form."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim import Network, Recording, StepCurrent, simulate
from spikesim.neurons import ALIF, AdEx, Izhikevich, LIFExp

DT = 0.1e-3
ON_S, OFF_S, END_S = 0.05, 0.40, 0.45
LIF_CELL = {
    "tau_mem": 20e-3, "resistance": 50e6, "v_rest": -70e-3, "v_th": -50e-3, "v_reset": -70e-3,
    "t_ref": 2e-3,
}  # fmt: skip

# Model, current while the step is on (A; V/s for Izhikevich; 1 for ALIF, which has no unit).
ZOO = {
    "LIF": (LIFExp(**LIF_CELL), 0.5e-9),
    "ALIF, adaptive threshold": (
        ALIF(tau_mem=20e-3, tau_theta=0.1, theta_plus=0.3), 3.0,
    ),
    "AdEx, adapting": (AdEx(), 1.0e-9),
    "AdEx, bursting": (AdEx(v_reset=-45.4e-3, tau_w=20e-3, b=0.5e-9), 0.8e-9),
    "Izhikevich, regular spiking": (Izhikevich(method="midpoint", substeps=4), 10.0),
    "Izhikevich, chattering": (
        Izhikevich.published(0.02, 0.2, -50, 2, method="midpoint", substeps=4), 10.0,
    ),
}  # fmt: skip


def run_zoo() -> Recording:
    """All of them in one network: populations of one neuron, each with its own current."""
    net = Network(DT, "zoo")
    currents = {}
    for name, (cell, current) in ZOO.items():
        net.add_population(name, 1, cell)
        currents[f"{name}.i_ext"] = StepCurrent([ON_S, OFF_S], [current, 0.0])
    states = [f"{name}.v" for name in ZOO]
    return simulate(net, currents, round(END_S / DT), record=["spikes", *states])


def rate_over_current(currents: np.ndarray, seconds: float) -> np.ndarray:
    """Rates in Hz of as many LIF neurons, each with a constant current of its own."""
    net = Network(DT, "f-I")
    net.add_population("lif", currents.size, LIFExp(**LIF_CELL, current=currents))
    spikes = simulate(net, {}, round(seconds / DT), dtype="float64").spikes["lif"]
    intervals = [np.diff(ticks) for ticks in spikes.by_neuron()]
    return np.array([1 / (DT * d.mean()) if d.size else 0.0 for d in intervals])


def closed_form(currents: np.ndarray) -> np.ndarray:
    """Rate of the LIF neuron: 1 / (t_ref + tau ln(RI / (RI - v_th + v_reset)))."""
    drive = LIF_CELL["resistance"] * currents
    distance = LIF_CELL["v_th"] - LIF_CELL["v_reset"]
    with np.errstate(divide="ignore", invalid="ignore"):
        climb = LIF_CELL["tau_mem"] * np.log(drive / (drive - distance))
    return np.where(drive > distance, 1 / (LIF_CELL["t_ref"] + climb), 0.0)


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run for the rates")
    parser.add_argument("--out", default="neuron_zoo.png", help="where the picture goes")
    options = parser.parse_args(argv)

    run = run_zoo()
    figure = Figure((9, 7), layout="constrained")
    panels = figure.subplots(4, 2)
    for axes, name in zip(panels[:3].flat, ZOO, strict=True):
        v = run.trace(f"{name}.v")[:, 0].astype(float)
        spikes = run.spikes[name].ticks
        v[spikes] = np.nan  # a spike is an event; the line is drawn over it below
        axes.plot(run.trace_times(f"{name}.v"), v, "k", linewidth=0.8)
        axes.vlines(spikes * DT, np.nanmax(v), np.nanmax(v) + 0.4 * np.ptp(v[v == v]), color="C3")
        axes.set_title(f"{name}: {spikes.size} spikes", fontsize=9)
        intervals = 1e3 * DT * np.diff(spikes)
        print(
            f"{name}: {spikes.size} spikes, intervals {intervals[0]:.1f} to {intervals[-1]:.1f} ms"
        )
        axes.set_ylabel("v" if name.startswith("ALIF") else "v (V)")
    panels[2, 0].set_xlabel("time (s)")
    panels[2, 1].set_xlabel("time (s)")

    currents = np.linspace(0.3e-9, 2e-9, 60)
    found = rate_over_current(currents, 0.5 if options.quick else 5.0)
    exact = closed_form(currents)
    bottom = panels[3, 0]
    bottom.plot(1e9 * currents, found, "k.", 1e9 * currents, exact, "C3-", linewidth=0.8)
    bottom.set_xlabel("current (nA)")
    bottom.set_ylabel("LIF rate (Hz)")
    # A spike falls on a tick: an interval is at most one tick longer than the closed form.
    fires = (found > 0) & (exact > 0)
    late = (1 / found[fires] - 1 / exact[fires]) / DT
    panels[3, 1].plot(1e9 * currents[fires], late, "k.")
    panels[3, 1].set_xlabel("current (nA)")
    panels[3, 1].set_ylabel("late by (ticks)")
    figure.savefig(options.out, dpi=120)
    worst = float(np.abs(late).max())
    print(f"intervals of the LIF neuron, largest distance from the closed form: {worst:.2f} ticks")
    return worst


if __name__ == "__main__":
    main()
