# SPDX-License-Identifier: Apache-2.0
"""Random networks equal the plain-Python reference in every spike and every bit of state."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikesim.core import CsrRows
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim import simulate
from spikesim.sim.layout.plan import plan_network
from tests.reference.lif_network import run_reference

# Values on a coarse grid meet thresholds exactly; the others round in every operation.
coarse = st.integers(-8, 8).map(lambda k: k / 4)
# No number gets so small in 25 ticks that it would count as zero inside a run (denormal).
real = st.one_of(coarse, st.floats(-2, 2, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3))
unit = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.05, 1))
drive = st.floats(-0.5, 0.5).filter(lambda x: x == 0 or abs(x) > 1e-3)


@st.composite
def neurons(draw, n):
    # All parameters per neuron or none: each mixture is a kernel of its own to compile.
    per_neuron = draw(st.booleans())

    def value(one):
        return draw(st.lists(one, min_size=n, max_size=n)) if per_neuron else draw(one)

    return LIF(
        beta=value(unit),
        alpha=value(unit),
        gain=draw(st.sampled_from([1.0, 0.5, 0.3])),
        bias=value(drive),
        v_th=value(st.one_of(coarse, st.floats(0.25, 2), st.just(np.inf))),
        v_reset=draw(coarse),
        reset=draw(st.sampled_from(["hard", "soft", "none"])),
        reset_amount=draw(st.one_of(st.none(), coarse)),
        refractory_ticks=value(st.integers(0, 4)),
        refractory=draw(st.sampled_from(["gate", "hold"])),
        v_init=value(coarse),
        v_floor=draw(st.one_of(st.none(), coarse)),
        strict=draw(st.booleans()),
    )


@st.composite
def rows(draw, n_pre, n_post, shortest):
    count = draw(st.integers(0, 12))
    ends = [st.integers(0, n - 1) for n in (n_pre, n_post)]
    columns = [draw(st.lists(end, min_size=count, max_size=count)) for end in ends]
    weights = draw(st.lists(real, min_size=count, max_size=count))
    delays = draw(st.lists(st.integers(shortest, shortest + 5), min_size=count, max_size=count))
    return CsrRows.from_coo(
        *columns, np.array(weights, np.float32), np.array(delays, int), n_pre, n_post
    )


@st.composite
def cases(draw):
    net = Network(dt=1e-3)
    sizes = st.integers(1, 4)
    for k in range(draw(st.integers(0, 2))):
        net.add_input(f"in{k}", draw(sizes))
    for k in range(draw(st.integers(0, 3))):
        n = draw(sizes)
        start = draw(st.integers(0, 4))
        net.add_population(f"p{k}", n, draw(neurons(n)), start_tick=start)
    if net.populations:
        for _ in range(draw(st.integers(0, 5))):
            pre = draw(st.sampled_from([*net.inputs.values(), *net.populations.values()]))
            post = draw(st.sampled_from(list(net.populations.values())))
            net.connect(pre, post, draw(rows(pre.n, post.n, 0 if pre.is_input else 1)))
    steps = draw(st.integers(0, 25))
    seed = draw(st.integers(0, 2**20))
    rng = np.random.default_rng(seed)
    inputs = {name: rng.random((steps, pop.n)) < 0.4 for name, pop in net.inputs.items()}
    return net, inputs, steps


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_random_networks_equal_the_reference(case):
    net, inputs, steps = case
    _compare(net, inputs, steps, "float64", float, None)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_float32_networks_equal_a_reference_with_integer_sums(case):
    net, inputs, steps = case
    plan = plan_network(net)
    units = {channel.population: channel.scale for channel in plan.channels}
    assert all(np.log2(unit) == np.round(np.log2(unit)) for unit in units.values())
    _compare(net, inputs, steps, "float32", np.float32, units)


def _compare(net, inputs, steps, dtype, real, units):
    record = ["spikes", *(f"{name}.{x}" for name in net.populations for x in "vi")]
    recording = simulate(net, inputs, steps, record=record, dtype=dtype)
    events = {name: set(zip(*np.nonzero(r), strict=True)) for name, r in inputs.items()}
    spikes, v, i = run_reference(net, events, steps, real, units)
    for name, population in net.populations.items():
        got = recording.spikes[name]
        assert spikes[name] == list(zip(got.ticks.tolist(), got.index.tolist(), strict=True))
        shape = (steps, population.n)
        assert np.array_equal(np.reshape(v[name], shape), recording.trace(f"{name}.v"))
        assert np.array_equal(np.reshape(i[name], shape), recording.trace(f"{name}.i"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["float32", "float64"]))
def test_threads_and_blocks_change_no_bit(case, blocks, threads, dtype):
    net, inputs, steps = case
    record = ["spikes", *(f"{name}.{x}" for name in net.populations for x in "vi")]
    alone = simulate(net, inputs, steps, record=record, dtype=dtype)
    shared = simulate(
        net, inputs, steps, record=record, dtype=dtype, blocks=blocks, threads=threads
    )
    assert alone.same_spikes(shared)
    assert alone.meta["events"] == shared.meta["events"]
    for name, trace in alone.traces.items():
        assert np.array_equal(trace, shared.trace(name))
