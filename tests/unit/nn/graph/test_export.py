# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.traced_nets import Net, lif  # noqa: E402

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
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alpha": 0.5, "gain": 0.7},
        {"v_reset": 0.25},
        {"v_init": 0.75},
        {"v_floor": -0.125},
        {"refractory_ticks": 3},
        {"refractory_ticks": 2, "refractory": "gate", "alpha": 0.5},
    ],
    ids=str,
)
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


def delays(network):
    return {
        (p.pre.name, p.post.name): np.unique(p.rows.delays).tolist()
        for p in network.projections.values()
    }


def test_a_sum_written_into_memory_of_its_own_is_a_sum():
    def forward(net, x):
        total = net.dense(net.a(x))
        total += x
        return net.b(total)

    network = nn.export(Net(forward, a=lif(), dense=nn.Linear(3, 3), b=lif()), input_shape=(3,))
    assert {("in", "layer0"): [0], ("layer0", "layer1"): [1], ("in", "layer1"): [1]} == delays(
        network
    )


def test_skips_are_delayed_to_their_longest_path():
    def forward(net, x):
        a = net.a(x)
        c = net.c(net.b(a))
        return net.d(net.mix(torch.cat([c, a, x], 1)))

    net = Net(forward, a=lif(), b=lif(), c=lif(), mix=nn.Linear(9, 2), d=lif(2))
    network = nn.export(net, input_shape=(3,))
    assert [0, 1, 2, 3] == [p.start_tick for p in network.populations.values()]
    found = delays(network)
    assert ([1], [3], [3]) == tuple(found[pre, "layer3"] for pre in ("layer2", "layer0", "in"))
    weights = net.mix.weight.detach().numpy().T
    for pre, rows in (("layer2", slice(3)), ("layer0", slice(3, 6)), ("in", slice(6, 9))):
        projection = next(p for p in network.incoming("layer3") if p.pre.name == pre)
        assert (weights[rows] == projection.rows.to_dense()).all()


def test_what_a_net_gives_is_the_output():
    def forward(net, x):
        early = net.a(x)
        return {"late": net.b(early), "early": early}

    network = nn.export(Net(forward, a=lif(), b=lif()), input_shape=(3,))
    assert ("layer1", "layer0") == network.outputs


def test_every_spike_of_a_convolution_with_a_skip_is_that_of_the_net():
    torch.manual_seed(0)

    def forward(net, x):
        maps = net.act(net.conv(x))
        return maps, net.join(net.more(maps) + maps), net.out(net.head(maps + torch.cat([x, x], 1)))

    net = Net(
        forward, conv=torch.nn.Conv2d(1, 2, 3, padding=1), act=nn.LIFLayer((2, 4, 4), beta=0.5),
        more=torch.nn.Conv2d(2, 2, 3, padding=1, groups=2), join=nn.LIFLayer((2, 4, 4), v_th=1.5),
        head=torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten(), nn.Linear(8, 3)),
        out=nn.LIFLayer(3, beta=0.75, reset="soft"),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randint(-1, 3, parameter.shape) / 4.0)
    raster = np.random.default_rng(0).random((STEPS, 16)) < 0.4
    x = torch.from_numpy(raster).double().reshape(STEPS, 1, 1, 4, 4)
    network = nn.export(net, input_shape=(1, 4, 4))
    with torch.no_grad():
        layers, _ = nn.run(net.double(), x)
    late = [p.start_tick for p in network.populations.values()]
    assert [0, 1, 1] == late
    kept = [p.name for p in network.projections.values() if "Convolution" in repr(p)]
    assert ["in->layer0", "layer0->layer1"] == kept  # the second one with the skip in it
    recording = sim.simulate(network, {"in": SpikeTrains.from_raster(raster)}, STEPS + 1)
    for k, (start, spikes) in enumerate(zip(late, layers, strict=True)):
        expected = spikes.reshape(STEPS, -1).bool().numpy()
        assert expected.any()
        assert (expected == recording.raster(f"layer{k}")[start : start + STEPS]).all()


def test_batch_normalization_and_average_pooling_are_folded():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.AvgPool2d(2), torch.nn.Conv2d(2, 3, 2, bias=True), torch.nn.BatchNorm2d(3),
        torch.nn.Flatten(), torch.nn.Linear(12, 4, bias=False), nn.LIFLayer(4),
    ).double()  # fmt: skip
    with torch.no_grad():
        net[2].running_mean.uniform_(-1, 1)
        net[2].running_var.uniform_(0.5, 2)
        net[2].weight.uniform_(0.5, 2)
    network = nn.export(net, input_shape=(2, 6, 6))
    (projection,) = network.projections.values()
    x = torch.rand(5, 2, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        expected = net[:-1].eval()(x).numpy()
    found = x.flatten(1).numpy() @ projection.rows.to_dense().astype(float)
    found += network.populations["layer0"].neuron.bias
    np.testing.assert_allclose(expected, found, rtol=0, atol=1e-6)  # weights are float32


def test_rows_within_rows_are_one_chain():
    lone = nn.Linear(3, 2), nn.LIFLayer(2), nn.Linear(2, 1), nn.LIFLayer(1)
    nested = torch.nn.Sequential(nn.SpikingNet(*lone[:3]), torch.nn.Sequential(lone[3]))
    flat, found = nn.export(nn.SpikingNet(*lone)), nn.export(nested)
    assert list(flat.populations) == list(found.populations)
    for name, projection in flat.projections.items():
        assert (projection.rows.to_dense() == found.projections[name].rows.to_dense()).all()


def test_a_projection_that_comes_again_is_exported_again():
    shared = nn.Linear(3, 3)
    net = nn.SpikingNet(shared, nn.LIFLayer(3), shared, nn.LIFLayer(3))
    first, second = nn.export(net).projections.values()
    assert (first.rows.to_dense() == second.rows.to_dense()).all()
    with torch.no_grad():
        expected = nn.LIFLayer(3)(shared(nn.LIFLayer(3)(shared(torch.ones(4, 2, 3)))))
        assert torch.equal(expected, net(torch.ones(4, 2, 3)))


def test_populations_keep_the_shape_of_their_layers():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, bias=False), nn.LIFLayer((3, 4, 5)), torch.nn.Flatten(),
        nn.Linear(60, 7), nn.LIFLayer(7),
    )  # fmt: skip
    made = nn.export(net, input_shape=(2, 6, 7))
    shapes = [p.shape for p in (*made.inputs.values(), *made.populations.values())]
    assert shapes == [(2, 6, 7), (3, 4, 5), (7,)]
