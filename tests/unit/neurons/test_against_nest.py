# SPDX-License-Identifier: Apache-2.0
"""Traces of NEST 3.10 for scripted arrivals, kept in a file, and ours beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikesim.neurons import AdEx, Izhikevich, LIFAlpha, LIFCond, LIFDelta, LIFExp
from tests.unit.neurons.populations import drive

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "reference" / "nest_traces.json").read_text(encoding="utf-8")
)
DT = GOLDEN["dt"] * 1e-3
MODELS = {
    "iaf_psc_exp": LIFExp,
    "iaf_psc_alpha": LIFAlpha,
    "iaf_psc_delta": LIFDelta,
    "iaf_cond_exp": LIFCond,
    "aeif_cond_exp": AdEx,
    "izhikevich": Izhikevich,
}


def ours(name, given):
    """Our model with NEST's parameters, and volts or siemens or amperes per unit of its weight."""
    if name == "izhikevich":
        numbers = [given[key] for key in "abcd"]
        return Izhikevich.published(*numbers, current=given["I_e"]), 0.0
    options = {
        "v_rest": given["E_L"] * 1e-3,
        "v_reset": given["V_reset"] * 1e-3,
        "t_ref": given["t_ref"] * 1e-3,
        "current": given["I_e"] * 1e-12,
    }
    if name != "iaf_psc_delta":
        options["tau_syn"] = {"exc": given["tau_syn_ex"] * 1e-3, "inh": given["tau_syn_in"] * 1e-3}
    if "E_ex" in given:
        options |= {"e_rev": {"exc": given["E_ex"] * 1e-3, "inh": given["E_in"] * 1e-3}}
        options |= {"g_leak": given["g_L"] * 1e-9}
    if name == "aeif_cond_exp":
        options |= {"capacitance": given["C_m"] * 1e-12, "v_t": given["V_th"] * 1e-3}
        options |= {"v_peak": given["V_peak"] * 1e-3, "delta_t": given["Delta_T"] * 1e-3}
        options |= {"a": given["a"] * 1e-9, "b": given["b"] * 1e-12}
        return AdEx(**options, tau_w=given["tau_w"] * 1e-3, substeps=4), 1e-9
    options["v_th"] = given["V_th"] * 1e-3
    if name == "iaf_cond_exp":
        return LIFCond(**options, tau_mem=given["C_m"] / given["g_L"] * 1e-3), 1e-9
    tau = given["tau_m"] * 1e-3
    options |= {"tau_mem": tau, "resistance": tau / (given["C_m"] * 1e-12)}
    return MODELS[name](**options), 1e-3 if name == "iaf_psc_delta" else 1e-12


def replay(name):
    """NEST's samples and spike times in ms, and ours."""
    case = GOLDEN["models"][name]
    model, unit = ours(name, case["set"])
    # NEST adds an arrival at time s after the update to s: a jump at the end of tick
    # s/dt - 1, a current from the start of tick s/dt on.
    first = 1 if name == "iaf_psc_delta" else 0
    arrivals = {}
    for when, weight in case["arrivals"]:
        separate = len(model.receptors) == 2
        receptor = int(separate and weight < 0)
        positive = abs(weight) if "E_ex" in case["set"] else weight
        arrivals[round(when / GOLDEN["dt"]) - first, receptor] = positive * unit
    trace = drive(model, DT, 600, arrivals=arrivals)
    every = round(GOLDEN["every"] / GOLDEN["dt"])
    v = trace.state["v"][every - 1 :: every, 0][: len(case["v"])]
    times = [round((tick + 1) * GOLDEN["dt"], 4) for tick in trace.times()]
    return np.array(case["v"]), v * 1e3, case["spikes"], times


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_psc_alpha", "iaf_psc_delta"])
def test_linear_models_give_nests_trace(name):
    theirs, v, their_times, times = replay(name)
    assert their_times == times
    assert np.abs(theirs - v).max() < 1e-9  # mV; the file holds ten digits after the point


def test_conductances_give_nests_trace():
    theirs, v, their_times, times = replay("iaf_cond_exp")
    assert their_times == times
    # NEST solves to its tolerance, we to second order in dt.
    assert np.abs(theirs - v).max() < 2e-4


def test_adex_gives_nests_trace():
    theirs, v, their_times, times = replay("aeif_cond_exp")
    assert their_times == times
    # Where NEST resets within a tick, we do at its end: w starts a fraction of a tick late.
    assert np.abs(theirs - v).max() < 0.05


def test_izhikevich_gives_nests_trace():
    theirs, v, their_times, times = replay("izhikevich")
    assert their_times == times
    assert np.abs(theirs - v).max() < 1e-8  # mV; two spikes multiply rounding
