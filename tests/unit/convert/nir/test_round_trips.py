# SPDX-License-Identifier: Apache-2.0
"""Random small nets of SpikingJelly: to a graph by its exporter, to ours, and to its reader."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir

from spikesim import nn
from spikesim.convert import from_nir, to_nir

TICKS, N = 40, 4


def a_neuron(data):
    v_reset = data.draw(st.sampled_from([0.0, -0.25]))
    v_threshold = data.draw(st.floats(0.2, 1.0))
    kind = data.draw(st.sampled_from(["LIF", "IF", "CUBALIF"]))
    if kind == "IF":
        return neuron.IFNode(v_threshold=v_threshold, v_reset=v_reset)
    if kind == "CUBALIF":
        # Without decay it is an LIF of tau = dt, which SpikingJelly writes and does not read.
        decays = {key: data.draw(st.floats(0.1, 0.9)) for key in ("c_decay", "v_decay")}
        return neuron.CUBALIFNode(**decays, v_threshold=v_threshold, v_reset=0.0)
    return neuron.LIFNode(
        tau=data.draw(st.floats(1.25, 20.0)), decay_input=data.draw(st.booleans()),
        v_threshold=v_threshold, v_reset=v_reset,
    )  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_small_net_of_spikingjelly_goes_around(data):
    dt = data.draw(st.sampled_from([1e-4, 1e-3, 0.5]))
    dice = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    theirs = torch.nn.Sequential(
        layer.Linear(N, N), a_neuron(data), layer.Linear(N, N, bias=False), a_neuron(data)
    ).double()
    with torch.no_grad():
        for values in theirs.parameters():
            values.copy_(torch.rand(values.shape, generator=dice) - 0.2)
    x = 2 * torch.rand(TICKS, 2, N, generator=dice, dtype=torch.float64)
    functional.reset_net(theirs)
    with torch.no_grad():
        expected = torch.stack([theirs(tick) for tick in x])
    functional.reset_net(theirs)
    graph = export_to_nir(theirs, x[0, :1], dt=dt)
    ours = from_nir(graph, dt=dt, writer="spikingjelly", dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(expected, nn.run(ours, x)[0])
    back = import_from_nir(to_nir(ours, dt=dt, private=True, check=False), dt, dtype=torch.float64)
    state, found = None, []
    with torch.no_grad():
        for tick in x:
            out, state = back(tick, state)
            found.append(out)
    assert torch.equal(expected, torch.stack(found))
