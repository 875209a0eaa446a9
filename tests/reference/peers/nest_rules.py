# SPDX-License-Identifier: Apache-2.0
"""Weights that the plastic synapses of NEST send, spike by spike; needs NEST."""

from __future__ import annotations

import os
from typing import Any

os.environ["PYNEST_QUIET"] = "1"

import nest

from tests.reference.peers.trains import LAYOUTS, START, Layout, reward_ticks, spike_trains

WINDOW = {"tau_plus": 17.0, "Wmax": 1.0}
ADDITIVE = WINDOW | {"lambda": 0.02, "alpha": 1.1, "mu_plus": 0.0, "mu_minus": 0.0}
RULES: dict[str, tuple[str, dict[str, float], dict[str, float]]] = {
    # Name: model of the synapse, its parameters, those of the target.
    "additive": ("stdp_synapse", ADDITIVE, {"tau_minus": 34.0}),
    "multiplicative": (
        "stdp_synapse",
        ADDITIVE | {"mu_plus": 1.0, "mu_minus": 1.0},
        {"tau_minus": 34.0},
    ),
    "exponents": (
        "stdp_synapse",
        ADDITIVE | {"mu_plus": 0.3, "mu_minus": 0.6},
        {"tau_minus": 34.0},
    ),
    "power law": (
        "stdp_pl_synapse_hom",
        {"tau_plus": 17.0, "lambda": 0.05, "alpha": 0.9, "mu": 0.4},
        {"tau_minus": 34.0},
    ),
    "nearest": ("stdp_nn_symm_synapse", ADDITIVE, {"tau_minus": 34.0}),
    "pre-centered": ("stdp_nn_pre_centered_synapse", ADDITIVE, {"tau_minus": 34.0}),
    "restricted": ("stdp_nn_restr_synapse", ADDITIVE, {"tau_minus": 34.0}),
    "triplet": (
        "stdp_triplet_synapse",
        {"Aplus": 0.01, "Aminus": 0.012, "Aplus_triplet": 0.02, "Aminus_triplet": 0.004}
        | {"tau_plus": 16.8, "tau_plus_triplet": 101.0, "Wmax": 1.0},
        {"tau_minus": 33.7, "tau_minus_triplet": 125.0},
    ),
    "inhibitory": (
        "vogels_sprekeler_synapse",
        {"eta": 0.01, "alpha": 0.3, "tau": 20.0, "Wmax": 1.0},
        {"tau_minus": 20.0},
    ),
    "dopamine": (
        "stdp_dopamine_synapse",
        {"A_plus": 0.02, "A_minus": 0.015, "tau_plus": 17.0, "tau_c": 200.0, "tau_n": 80.0}
        | {"b": 0.0, "Wmin": 0.0, "Wmax": 1.0},
        {"tau_minus": 34.0},
    ),
    "short-term": (
        "tsodyks2_synapse",
        {"U": 0.3, "tau_rec": 150.0, "tau_fac": 60.0, "u": 0.3, "x": 1.0},
        {},
    ),
}


def _relays(trains: list[list[int]], dt: float, settings: dict[str, float]) -> Any:
    """Parrots that fire at given ticks."""
    relays = nest.Create("parrot_neuron", len(trains), params=settings)
    for k, train in enumerate(trains):
        times = [round((tick - 1) * dt, 4) for tick in train]
        source = nest.Create("spike_generator", params={"spike_times": times})
        nest.Connect(source, relays[k], syn_spec={"delay": dt})
    return relays


def _sent(
    rule: str, layout: Layout, pre: list[list[int]], post: list[list[int]], rewards: list[int]
) -> list[list[list[float]]]:
    model, parameters, target = RULES[rule]
    nest.ResetKernel()
    nest.resolution = layout.dt
    recorder = nest.Create("weight_recorder")
    extra: dict[str, Any] = {"weight_recorder": recorder}
    if rule == "dopamine":
        neurons = _relays([rewards], layout.dt, {})
        extra["volume_transmitter"] = nest.Create("volume_transmitter")
        nest.Connect(neurons, extra["volume_transmitter"], syn_spec={"delay": layout.dt})
    sources, targets = _relays(pre, layout.dt, {}), _relays(post, layout.dt, target)
    nest.CopyModel(model, "probed", parameters | extra)
    for i, row in enumerate(layout.delays):
        for j, delay in enumerate(row):
            # Receptor 1 of a parrot hears and does not repeat.
            synapse = {"synapse_model": "probed", "weight": START[i][j], "receptor_type": 1}
            nest.Connect(sources[i], targets[j], syn_spec=synapse | {"delay": delay * layout.dt})
    nest.Simulate((layout.last + 200) * layout.dt)
    events = recorder.get("events")
    found: list[list[list[float]]] = []
    for i, source in enumerate(sources.tolist()):
        found.append([])
        for target_id in targets.tolist():
            mine = (events["senders"] == source) & (events["targets"] == target_id)
            ticks = (events["times"][mine] / layout.dt).round().astype(int).tolist()
            assert ticks == pre[i], "NEST's spikes are not where they were asked for"
            found[-1].append(events["weights"][mine].tolist())
    return found


def _tie() -> list[float]:
    """Weights sent 5 ms before, at, and 5 ms after a spike that meets one of the target."""
    layout = Layout(1.0, [[2]], 0, 0)
    (((weights,),),) = (_sent("additive", layout, [[100, 105, 110]], [[103]], []),)
    return weights


def traces() -> dict[str, Any]:
    """Give all that NEST's file holds."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    found: dict[str, Any] = {"tie": _tie(), "start": START, "layouts": {}}
    for name, layout in LAYOUTS.items():
        pre, post = spike_trains(layout, ties=False)
        rewards = reward_ticks(layout)
        given = {"dt": layout.dt, "delays": layout.delays, "pre": pre, "post": post}
        weights = {rule: _sent(rule, layout, pre, post, rewards) for rule in RULES}
        found["layouts"][name] = given | {"rewards": rewards, "weights": weights}
    found["rules"] = {rule: list(given) for rule, given in RULES.items()}
    return found


VERSION = f"NEST {nest.__version__}"
