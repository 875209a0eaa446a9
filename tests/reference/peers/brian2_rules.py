# SPDX-License-Identifier: Apache-2.0
"""Weights of plastic synapses in Brian2, before each arrival and at the end; needs Brian2."""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from brian2 import ms

from tests.reference.peers.trains import LAYOUTS, START, Layout, spike_trains

brian2.prefs.codegen.target = "numpy"

ADD = {"x": "x += 1", "y": "y += 1"}
SET = {"x": "x = 1", "y": "y = 1"}
POWER = "w = clip(w + 0.05 * (x - 0.4) * (1 - w)**0.2, 0, 1)"
RULES: dict[str, dict[str, Any]] = {
    # Time constants in ms of the traces, and what happens at arrivals and at post spikes.
    "additive": {
        "taus": {"x": 17, "y": 34},
        "pre": ["w = clip(w - 0.022 * y, 0, 1)", ADD["x"]],
        "post": ["w = clip(w + 0.02 * x, 0, 1)", ADD["y"]],
    },
    "nearest": {
        "taus": {"x": 17, "y": 34},
        "pre": ["w = clip(w - 0.022 * y, 0, 1)", SET["x"]],
        "post": ["w = clip(w + 0.02 * x, 0, 1)", SET["y"]],
    },
    "nearest triplet": {
        "taus": {"x": 16.8, "y": 33.7, "x2": 101, "y2": 125},
        "pre": ["w = clip(w - y * (0.012 + 0.004 * x2), 0, 1)", SET["x"], "x2 = 1"],
        "post": ["w = clip(w + x * (0.01 + 0.02 * y2), 0, 1)", SET["y"], "y2 = 1"],
    },
    "digits triplet": {
        "taus": {"x": 20, "y": 20, "y2": 40},
        "pre": ["w = clip(w - 0.02 * y, 0, 1)", SET["x"]],
        "post": ["w = clip(w + 0.05 * x * y2, 0, 1)", SET["y"], "y2 = 1"],
    },
    "digits power": {"taus": {"x": 20}, "pre": [SET["x"]], "post": [POWER]},
    "digits exponential": {
        "taus": {"x": 20},
        "pre": [SET["x"]],
        "post": ["w = clip(w + 0.05 * (x * exp(-1.5 * w) - 0.4 * exp(-1.5 * (1 - w))), 0, 1)"],
    },
    "digits symmetric": {
        "taus": {"x": 20, "y": 20},
        "pre": ["w = clip(w - 0.02 * y * w**0.2, 0, 1)", SET["x"]],
        "post": [POWER, SET["y"]],
    },
    "tracking": {
        "taus": {"x": 8},
        "pre": ["x = clip(x + 0.5, 0, 0.8)"],
        "post": ["w = clip(w + 0.125 * (x - 0.5 * w - 0.05), 0, 1)"],
    },
}


def _run(rule: str, layout: Layout, pre: list[list[int]], post: list[list[int]]) -> dict[str, Any]:
    given = RULES[rule]
    brian2.defaultclock.dt = layout.dt * ms
    trains = [
        brian2.SpikeGeneratorGroup(
            len(ticks),
            [k for k, train in enumerate(ticks) for _ in train],
            [tick * layout.dt for train in ticks for tick in train] * ms,
        )
        for ticks in (pre, post)
    ]
    traces = [f"d{x}/dt = -{x} / ({tau}*ms) : 1 (event-driven)" for x, tau in given["taus"].items()]
    synapses = brian2.Synapses(
        *trains,
        "\n".join(["w : 1", *traces]),
        on_pre="\n".join(given["pre"]),
        on_post="\n".join(given["post"]),
    )
    synapses.connect()
    for i, row in enumerate(layout.delays):
        for j, delay in enumerate(row):
            synapses.w[i, j] = START[i][j]
            synapses.delay[i, j] = delay * layout.dt * ms
    # Brian2 updates synapses after "start" of the tick in which a spike arrives.
    monitor = brian2.StateMonitor(synapses, "w", record=True, when="start")
    brian2.Network(*trains, synapses, monitor).run((layout.last + 200) * layout.dt * ms)
    order = np.zeros((2, 2), dtype=int)
    order[synapses.i[:], synapses.j[:]] = range(4)
    sent = [
        [
            [float(monitor.w[order[i, j], tick + delay]) for tick in pre[i]]
            for j, delay in enumerate(row)
        ]
        for i, row in enumerate(layout.delays)
    ]
    last = [[float(synapses.w[i, j][0]) for j in range(2)] for i in range(2)]
    return {"sent": sent, "last": last}


def traces() -> dict[str, Any]:
    """Give all that Brian2's file holds."""
    found: dict[str, Any] = {"start": START, "rules": RULES, "layouts": {}}
    for name, layout in LAYOUTS.items():
        pre, post = spike_trains(layout, ties=True)
        given = {"dt": layout.dt, "delays": layout.delays, "pre": pre, "post": post}
        weights = {rule: _run(rule, layout, pre, post) for rule in RULES}
        found["layouts"][name] = given | {"weights": weights}
    return found


VERSION = f"Brian2 {brian2.__version__}"
