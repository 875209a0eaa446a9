# SPDX-License-Identifier: Apache-2.0
"""A network of LIF neurons in plain Python, one neuron and one synapse at a time.

Written from docs/design/tick.md and from nothing else. Floats are Python floats, and what
arrives in one tick is added in the order of (projection, tick of the spike, source, place in
the row), so a float64 engine has to agree in every bit.
"""

from collections import defaultdict


def run_reference(net, events, steps, real=float, units=None):
    """Run ``steps`` ticks.

    ``events``: input name -> set of (tick, line). Gives spikes, a dict of population name
    to a sorted list of (tick, neuron), and v and i, dicts of name to a list of rows.
    ``real``: type of all arithmetic. ``units``: population name -> unit to whose multiples
    weights are rounded and summed as integers; None leaves them as they are.
    """
    names = list(net.populations)
    cell = {}
    for name in names:
        pop = net.populations[name]
        cell[name] = [_neuron(pop.neuron, k, real) for k in range(pop.n)]
    due = defaultdict(list)
    fired_before = []
    spikes = {name: [] for name in names}
    v = {name: [] for name in names}
    i = {name: [] for name in names}
    for tick in range(steps):
        external = [
            (name, line)
            for name in net.inputs
            for line in range(net.inputs[name].n)
            if (tick, line) in events[name]
        ]
        for name, source in external:
            _send(net, name, source, tick, due)
        for name, source in fired_before:
            _send(net, name, source, tick - 1, due)
        fired_before = []
        for name in names:
            lif = net.populations[name].neuron
            for k, state in enumerate(cell[name]):
                weights = [weight for *_, weight in sorted(due.pop((tick, name, k), ()))]
                if units is None:
                    arrived = sum(weights, 0.0)
                else:
                    codes = sum(round(weight / units[name]) for weight in weights)
                    arrived = real(codes) * real(units[name])
                if tick >= net.populations[name].start_tick and _step(lif, state, arrived):
                    spikes[name].append((tick, k))
                    fired_before.append((name, k))
            v[name].append([state["v"] for state in cell[name]])
            i[name].append([state["i"] for state in cell[name]])
    return spikes, v, i


def _send(net, name, source, spike_tick, due):
    for order, projection in enumerate(net.projections.values()):
        if projection.pre.name != name:
            continue
        rows = projection.rows
        for j in range(int(rows.indptr[source]), int(rows.indptr[source + 1])):
            when = spike_tick + int(rows.delays[j])
            key = when, projection.post.name, int(rows.targets[j])
            due[key].append((order, spike_tick, source, j, float(rows.weights[j])))


def _pick(value, k, default=None):
    if value is None:
        return default
    try:
        return value[k].item()
    except TypeError:
        return value


def _neuron(lif, k, real):
    p = {
        name: _pick(getattr(lif, name), k)
        for name in ("beta", "alpha", "gain", "bias", "v_th", "v_reset", "refractory_ticks")
    }
    p["amount"] = _pick(lif.reset_amount, k, p["v_th"])
    p["floor"] = _pick(lif.v_floor, k, float("-inf"))
    ticks = p.pop("refractory_ticks")
    p = {name: real(value) for name, value in p.items()} | {"refractory_ticks": ticks}
    return {"p": p, "v": real(_pick(lif.v_init, k)), "i": real(0.0), "refr": 0}


def _step(lif, state, arrived):
    p = state["p"]
    state["i"] = p["alpha"] * state["i"] + arrived
    h = p["beta"] * state["v"] + p["gain"] * state["i"] + p["bias"]
    if h < p["floor"]:
        h = p["floor"]
    if lif.refractory == "hold" and state["refr"] > 0:
        h = state["v"]
    crossed = h > p["v_th"] if lif.strict else h >= p["v_th"]
    spike = crossed and state["refr"] == 0
    if spike and lif.reset == "hard":
        state["v"] = p["v_reset"]
    elif spike and lif.reset == "soft":
        state["v"] = h - p["amount"]
    else:
        state["v"] = h
    state["refr"] = p["refractory_ticks"] if spike else max(state["refr"] - 1, 0)
    return spike
