# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

STEPS, SIZES = 25, (10, 8, 7, 4)


def deep_net(reset, **options):
    torch.manual_seed(0)
    layers = []
    for n_pre, n_post in itertools.pairwise(SIZES):
        lif = nn.LIFLayer(n_post, beta=0.9, reset=reset, learn=("bias",), **options)
        with torch.no_grad():
            # Positive, so that a deep population left running before its first tick would show.
            lif.bias.uniform_(0.05, 0.3)
        linear = nn.Linear(n_pre, n_post)
        with torch.no_grad():
            linear.weight.uniform_(-0.3, 0.45)
        layers += [linear, lif]
    return nn.SpikingNet(*layers)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.5, "gain": 0.7}, {"v_reset": 0.25}])
def test_simulated_spikes_are_the_torch_spikes_shifted_by_depth(reset, options):
    net = deep_net(reset, **options)
    raster = np.random.default_rng(0).random((STEPS, SIZES[0])) < 0.3
    # The first step decides whether start_tick is honored: it must not be silent.
    raster[0] = True
    with torch.no_grad():
        layers = net.double().layer_spikes(torch.from_numpy(raster).double()[:, None])
    network = nn.export(net.float())
    padded = np.zeros((STEPS + len(layers) - 1, SIZES[0]), dtype=bool)
    padded[:STEPS] = raster
    recording = sim.simulate(network, {"in": SpikeTrains.from_raster(padded)}, len(padded))
    for depth, spikes in enumerate(layers):
        expected = spikes[:, 0].bool().numpy()
        assert expected.any()
        found = recording.raster(f"layer{depth}")
        assert not found[:depth].any()
        assert (expected == found[depth : depth + STEPS]).all()


def test_populations_start_one_tick_later_per_layer():
    network = nn.export(deep_net("soft"), dt=2e-3, name="deep")
    assert [0, 1, 2] == [p.start_tick for p in network.populations.values()]
    delays = [np.unique(p.rows.delays).tolist() for p in network.projections.values()]
    assert [[0], [1], [1]] == delays
    assert (2e-3, "deep", ("layer2",)) == (network.dt, network.name, tuple(network.outputs))
    network.validate()


def test_weights_are_those_of_the_layer():
    net = deep_net("soft")
    network = nn.export(net)
    dense = next(iter(network.projections.values())).rows.to_dense()
    assert (net[0].weight.detach().numpy().T == dense).all()


def test_linear_bias_moves_into_the_neuron():
    torch.manual_seed(0)
    net = nn.SpikingNet(nn.Linear(3, 2, bias=True), nn.LIFLayer(2, gain=2.0, bias=0.5))
    neuron = nn.export(net).populations["layer0"].neuron
    expected = [0.5 + 2.0 * b for b in net[0].bias.tolist()]
    assert expected == neuron.bias.tolist()


def test_linear_bias_into_a_current_synapse_is_refused():
    net = nn.SpikingNet(nn.Linear(3, 2, bias=True), nn.LIFLayer(2, alpha=0.5))
    with pytest.raises(ValidationError, match="bias"):
        nn.export(net)


@pytest.mark.parametrize(
    "layers",
    [[], [nn.LIFLayer(3)], [nn.Linear(3, 3)], [nn.Linear(3, 3), torch.nn.ReLU()]],
)
def test_layers_without_counterpart_are_named(layers):
    with pytest.raises(ValidationError, match=r"Linear, LIF.*got"):
        nn.export(nn.SpikingNet(*layers))
