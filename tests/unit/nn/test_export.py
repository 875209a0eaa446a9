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


REFUSED = {
    "nothing": (torch.nn.Sequential(), "no layers"),
    "neurons first": (torch.nn.Sequential(nn.LIFLayer(3)), r"'0' \(LIFLayer\) without a Linear"),
    "no neurons": (torch.nn.Sequential(nn.Linear(3, 3)), "no LIFLayer at the end"),
    "sizes": (
        torch.nn.Sequential(nn.Linear(3, 4), nn.LIFLayer(5), nn.Linear(3, 2), nn.LIFLayer(2)),
        r"'1' \(LIFLayer\) of 5 for 4; '2' \(Linear\) of 3 for 4",
    ),
    "axes": (
        torch.nn.Sequential(nn.Linear(3, 4), nn.LIFLayer((2, 2))),
        r"'1' \(LIFLayer\) of \(2, 2\) for 4",
    ),
    "all at once": (
        torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Sequential(nn.Linear(3, 3), torch.nn.ReLU()),
            nn.Linear(3, 3),
            torch.nn.Dropout(),
            nn.LIFLayer(3),
        ),
        r"'0' \(Flatten\) without a counterpart in a network; '1\.1' \(ReLU\) without a "
        r"counterpart in a network; '2' \(Linear\) without a LIFLayer before it$",
    ),
}


@pytest.mark.parametrize(("net", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_chain_is_refused_by_path_in_one_message(net, text):
    with pytest.raises(ValidationError, match=f"Linear, LIF.*got {text}") as caught:
        nn.export(net)
    assert 1 == len(caught.value.problems)


def test_a_forward_of_ones_own_is_refused_by_name():
    class Skip(torch.nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    with pytest.raises(ValidationError, match=r"'0' \(Skip\) without a counterpart"):
        nn.export(torch.nn.Sequential(Skip(nn.Linear(3, 3), nn.LIFLayer(3))))
    with pytest.raises(ValidationError, match=r"'' \(Skip\) without a counterpart"):
        nn.export(Skip(nn.Linear(3, 3), nn.LIFLayer(3)))


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
