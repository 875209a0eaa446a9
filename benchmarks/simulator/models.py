# SPDX-License-Identifier: Apache-2.0
"""The benchmark networks in spikesim, from the same table of numbers as the peers' scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.peers.images import strokes
from benchmarks.peers.microcircuit import POPULATIONS, V_INIT, V_INIT_STD, Microcircuit
from benchmarks.peers.parameters import DT, Brunel, Cuba, DiehlCook, Stdp
from spikesim import Network, Poisson
from spikesim.learning import PairSTDP
from spikesim.network import FixedInDegree, FixedProbability, OneToOne
from spikesim.neurons import LIFDelta, LIFExp


@dataclass(frozen=True)
class Model:
    """A network, what drives it, and how many synapses leave a neuron of each population."""

    net: Network
    inputs: Mapping[str, Any] = field(default_factory=dict)
    out_degree: Mapping[str, float] = field(default_factory=dict)


def cuba(size: int, seed: int) -> Model:
    """Current-based Vogels-Abbott network."""
    q = Cuba(size)
    net = Network(DT, "CUBA", seed)
    v_init = np.random.default_rng(seed).uniform(q.v_reset, q.v_th, q.n)
    sizes = {"exc": q.n_exc, "inh": q.n - q.n_exc}
    first = 0
    for name, n in sizes.items():
        cell = LIFExp(
            tau_mem=q.tau_mem, tau_syn={"exc": q.tau_exc, "inh": q.tau_inh}, v_rest=q.v_rest,
            v_th=q.v_th, v_reset=q.v_reset, t_ref=q.t_ref, v_init=v_init[first : first + n],
        )  # fmt: skip
        net.add_population(name, n, cell)
        first += n
    for pre, weight in (("exc", q.w_exc), ("inh", q.w_inh)):
        for post in sizes:
            net.connect(
                pre, post, FixedProbability(q.p), weight=weight, delay=q.delay, receptor=pre
            )
    return Model(net, {}, dict.fromkeys(sizes, float(q.synapses_per_neuron)))


def brunel(size: int, seed: int, *, plastic: bool = False, own: bool = False) -> Model:
    """Brunel's network.

    ``plastic`` makes the E to E weights learn; ``own`` gives every synapse a weight and a
    delay of its own: 10 % spread, and 0.1 to 2.9 ms.
    """
    q, rule = Brunel(size), Stdp()
    net = Network(DT, "Brunel", seed)
    v_init = np.random.default_rng(seed).uniform(0.0, q.v_th, q.n)
    sizes = {"exc": q.n_exc, "inh": q.n_inh}
    first = 0
    for name, n in sizes.items():
        cell = LIFDelta(
            tau_mem=q.tau_mem, v_rest=0.0, v_th=q.v_th, v_reset=q.v_reset, t_ref=q.t_ref,
            v_init=v_init[first : first + n],
        )  # fmt: skip
        net.add_population(name, n, cell)
        net.add_input(f"drive_{name}", n)
        net.connect(f"drive_{name}", name, OneToOne(), weight=q.j)
        first += n
    learning = PairSTDP(
        w_max=rule.w_max * q.j, a_plus=rule.a_plus / rule.w_max, a_minus=rule.a_minus / rule.w_max,
        tau_plus=rule.tau, tau_minus=rule.tau,
    )  # fmt: skip
    for pre, k, weight in (("exc", q.k_exc, q.j), ("inh", q.k_inh, -q.g * q.j)):
        for post in sizes:
            synapse: dict[str, Any] = {"weight": weight, "delay": q.delay}
            if own:
                synapse = _own(weight, q.delay)
            if plastic and pre == post == "exc":
                synapse["plasticity"] = learning
            net.connect(pre, post, FixedInDegree(k, multapses=True), **synapse)
    inputs = {f"drive_{name}": Poisson(q.drive_hz, counts=True) for name in sizes}
    degree = {"exc": q.k_exc * q.n / q.n_exc, "inh": q.k_inh * q.n / q.n_inh}
    return Model(net, inputs, degree)


def microcircuit(scale: float, seed: int) -> Model:
    """Potjans-Diesmann microcircuit, weights and delays of their own."""
    from spikesim.network import FixedTotalNumber, Normal

    q = Microcircuit(scale)
    net = Network(DT, f"microcircuit at {scale:g}", seed)
    rng = np.random.default_rng(seed)
    inputs: dict[str, Any] = {}
    for k, (name, n) in enumerate(zip(POPULATIONS, q.sizes, strict=True)):
        cell = LIFExp(
            tau_mem=q.tau_mem, tau_syn=q.tau_syn, v_rest=q.v_rest, v_th=q.v_th,
            v_reset=q.v_reset, t_ref=q.t_ref, resistance=q.tau_mem / q.c_mem,
            current=q.i_ext(k), v_init=rng.normal(V_INIT[k], V_INIT_STD[k], n),
        )  # fmt: skip
        net.add_population(name, n, cell)
        net.add_input(f"drive_{name}", n)
        net.connect(f"drive_{name}", name, OneToOne(), weight=q.w_exc)
        inputs[f"drive_{name}"] = Poisson(q.drive_hz(k), counts=True)
    degree = dict.fromkeys(POPULATIONS, 0.0)
    for target, post in enumerate(POPULATIONS):
        for source, pre in enumerate(POPULATIONS):
            total = q.synapses(target, source)
            degree[pre] += total / q.sizes[source]
            if total == 0:
                continue
            mean, delay = q.weight(target, source), q.delay(source)
            bound = {"high": 0.0} if mean < 0 else {"low": 0.0}
            net.connect(
                pre, post, FixedTotalNumber(total),
                weight=Normal(mean, abs(mean) * q.w_rel_std, **bound),
                delay=Normal(delay, delay * q.delay_rel_std, low=DT / 2),
            )  # fmt: skip
    return Model(net, inputs, degree)


def digits(size: int, seed: int, count: int) -> Model:
    """Diehl & Cook's network in its current-based form, ``count`` images one after the other."""
    from spikesim.sim.inputs import InhomogeneousPoisson

    q = DiehlCook(size)
    net = Network(q.dt, "Diehl & Cook", seed)
    net.add_input("image", q.n_in)
    net.add_population("exc", q.n, LIFDelta(
        tau_mem=q.tau_exc, v_rest=q.rest_exc, v_th=q.th_exc, v_reset=q.reset_exc,
        t_ref=q.ref_exc, theta_plus=q.theta_plus, tau_theta=q.tau_theta,
    ))  # fmt: skip
    net.add_population("inh", q.n, LIFDelta(
        tau_mem=q.tau_inh, v_rest=q.rest_inh, v_th=q.th_inh, v_reset=q.reset_inh,
        t_ref=q.ref_inh,
    ))  # fmt: skip
    # Weights of the inputs are in mV, as the rule's rates are those of weights up to 1.
    weights = np.random.default_rng(seed).uniform(0.0, q.w_in, (q.n_in, q.n))
    rule = PairSTDP(
        w_max=q.w_max * 1e-3, a_plus=q.nu_post, a_minus=q.nu_pre, tau_plus=q.tau_trace,
        tau_minus=q.tau_trace, pairing="nearest",
    )  # fmt: skip
    net.connect("image", "exc", weights * 1e-3, plasticity=rule)
    net.connect("exc", "inh", OneToOne(), weight=q.w_exc, delay=q.dt)
    all_others = np.full((q.n, q.n), q.w_inh)
    np.fill_diagonal(all_others, 0.0)
    net.connect("inh", "exc", all_others, delay=q.dt)
    rates = strokes(count) / 255.0 * q.max_rate_hz
    return Model(net, {"image": InhomogeneousPoisson(rates, bin=q.steps * q.dt)}, {"exc": 1.0})


def blank(synapses: float, seed: int) -> Model:
    """Give a network of that many synapses, one weight and one delay, to time the build."""
    k = 1000
    n = round(synapses / k)
    net = Network(DT, f"{synapses:g} synapses", seed)
    cell = LIFDelta(v_rest=0.0, v_th=20e-3, v_reset=0.0)
    net.add_population("all", n, cell)
    net.connect("all", "all", FixedInDegree(k, multapses=True), weight=1e-4, delay=1.5e-3)
    return Model(net, {}, {"all": float(k)})


def _own(weight: float, delay: float) -> dict[str, Any]:
    from spikesim.network import Normal, Uniform

    bound = {"high": 0.0} if weight < 0 else {"low": 0.0}
    spread = delay - DT
    return {
        "weight": Normal(weight, 0.1 * abs(weight), **bound),
        "delay": Uniform(delay - spread, delay + spread),
    }
