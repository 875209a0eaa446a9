# SPDX-License-Identifier: Apache-2.0
import itertools
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import neurons, nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.handlers import Fires  # noqa: E402

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


class Net(torch.nn.Module):
    """Parts by name, and a forward given as a function of the net and the input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.how = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.how(self, x)


class Memory(nn.Stateful):
    def init(self, x):
        return torch.zeros_like(x)

    def step(self, x, state):
        return state, x


class Doubled(torch.nn.Linear):
    def forward(self, x):
        return 2.0 * super().forward(x)


class OverTime(torch.nn.Module):
    over_time = True

    def forward(self, x):
        return x.cumsum(0)


def lif(n=3):
    return nn.LIFLayer(n, beta=0.5)


def hooked(layer):
    layer.register_forward_hook(lambda module, args, out: 2.0 * out)
    return layer


ROW = torch.nn.Sequential
REFUSED = {
    "nothing": (ROW(), ["output, input 'input': expected spikes of neurons, got the input itself"]),
    "no neurons": (
        ROW(nn.Linear(3, 3)),
        [r"output, '0' \(Linear\): expected spikes of neurons, got a sum that no neurons take"],
    ),
    "sizes": (
        ROW(nn.Linear(3, 4), nn.LIFLayer(5), nn.Linear(3, 2), nn.LIFLayer(2)),
        [
            r"'1' \(LIFLayer\): expected input of shape \(5,\), got \(4,\)",
            r"'2' \(Linear\): expected input of shape \(3,\), got \(5,\)",
        ],
    ),
    "axes": (
        ROW(nn.Linear(3, 4), nn.LIFLayer((2, 2))),
        [r"'1' \(LIFLayer\): expected input of shape \(2, 2\), got \(4,\)"],
    ),
    "all at once": (
        ROW(
            ROW(nn.Linear(3, 3), torch.nn.ReLU()), nn.Linear(3, 3), Memory(), lif(),
            torch.nn.MaxPool1d(2), torch.nn.GELU(), nn.Linear(3, 3), lif(),
        ),
        [
            r"'0\.1' \(ReLU\): no counterpart .* leave it out, or give a handler for ReLU",
            r"'2' \(Memory\): no counterpart .* handler for Memory that says which neurons",
            r"'4' \(MaxPool1d\): no counterpart .* pool by the average",
            r"'5' \(GELU\): no counterpart",
        ],
    ),
    "functions": (
        Net(
            lambda net, x: net.block(net.a(x)), a=lif(),
            block=Net(lambda net, x: net.b(torch.sigmoid(x).clamp(0.0)), b=lif()),
        ),
        [r"'block' \(Net\), sigmoid: sigmoid has no", r"'block' \(Net\), clamp: clamp has no"],
    ),
    "gated spikes": (
        Net(lambda net, x: net.b(net.a(x) * x), a=lif(), b=lif()),
        [r"'' \(Net\), mul: expected a product with a constant"],
    ),
    "several spikes": (
        Net(lambda net, x: net.a(x) + x, a=lif()),
        [r"output, '' \(Net\), add: .* several, negative or no spikes"],
    ),
    "negative spikes": (
        Net(lambda net, x: -net.a(x), a=lif()),
        [r"output, '' \(Net\), neg: .* several, negative or no spikes"],
    ),
    "control flow": (
        Net(
            lambda net, x: net.b(net.block(x)), b=lif(),
            block=Net(lambda net, x: net.a(x) if x.sum() > 0 else x, a=lif()),
        ),
        [r"'block' \(Net\): expected a forward that does the same for all values"],
    ),
    "loop over the batch": (
        Net(lambda net, x: torch.stack([net.a(row) for row in x]), a=lif()),
        [r"'' \(Net\): expected a forward that does the same for all values"],
    ),
    "shared neurons": (
        Net(lambda net, x: net.a(net.a(x)), a=lif()),
        [r"'a' \(LIFLayer\): expected one call in a tick, got two"],
    ),
    "hook": (ROW(hooked(nn.Linear(3, 3)), lif()), [r"'0' \(Linear\): expected no hooks"]),
    "hook on the net": (
        hooked(Net(lambda net, x: net.a(x), a=lif())), [r"'' \(Net\): expected no hooks"]
    ),
    "all ticks": (ROW(OverTime(), lif()), [r"'0' \(OverTime\): no counterpart"]),
    "open shape": (
        ROW(torch.nn.Conv1d(1, 1, 2), torch.nn.Flatten(), lif()),
        [r"input 'input': expected the axes of a tick .* input_shape"],
    ),
    "batch": (
        Net(lambda net, x: net.b(torch.cat([net.a(x), x])), a=lif(), b=lif()),
        [r"'' \(Net\), cat: expected torch.cat of neurons, dim=1"],
    ),
    "one sample": (
        Net(lambda net, x: net.a(x[0]), a=lif()),
        [r"'' \(Net\), getitem: expected a selection that keeps the batch"],
    ),
    "flattened batch": (
        Net(lambda net, x: net.a(x.flatten()), a=lif()),
        [r"'' \(Net\), flatten: expected a flatten that keeps the batch"],
    ),
    "constant input into a current": (
        ROW(nn.Linear(3, 2, bias=True), nn.LIFLayer(2, alpha=0.5)),
        [r"'1' \(LIFLayer\): a Linear bias into a LIFLayer with alpha > 0"],
    ),
}

@pytest.mark.parametrize(("net", "texts"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_network_is_refused_by_path_a_line_each(net, texts):
    keys = set(net.__dict__)
    with pytest.raises(ValidationError) as caught:
        nn.export(net, input_shape=None if "Conv" in str(net) else (3,))
    found = caught.value.problems
    assert len(texts) == len(found), found
    for text, problem in zip(texts, found, strict=True):
        assert re.match(f"export: {text}", problem), problem
    assert keys == set(net.__dict__)


def test_a_net_of_two_inputs_is_refused():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = lif()

        def forward(self, x, y):
            return self.a(x + y)

    with pytest.raises(ValidationError, match="input 'y': expected a net of one input"):
        nn.export(Two(), input_shape=(3,))


@pytest.mark.parametrize("view", [lambda s: s, lambda s: s.flatten(1)])
def test_a_sum_written_into_what_others_read_is_refused(view):
    def forward(net, x):
        spikes = net.a(x)
        total = view(spikes)
        total += x
        return net.b(total), net.c(spikes)

    net = Net(forward, a=lif(), b=lif(), c=lif())
    with pytest.raises(ValidationError, match=r"memory of its own.*write x = x \+ y"):
        nn.export(net, input_shape=(3,))


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


def test_a_net_in_training_is_exported_as_in_evaluation_and_left_in_training():
    def forward(net, x):
        return net.a(2.0 * x if net.training else torch.nn.functional.dropout(x, 0.5, net.training))

    net = Net(forward, a=lif()).train()
    (projection,) = nn.export(net, input_shape=(3,)).projections.values()
    assert [1.0] == np.unique(projection.rows.weights).tolist()
    assert net.training and net.a.training


def test_constants_made_in_a_forward_count_and_do_not_stay_in_the_net():
    net = Net(lambda net, x: net.a(x * torch.tensor([1.0, 2.0, 4.0]) - 0.5), a=lif())
    before = set(net.__dict__)
    network = nn.export(net, input_shape=(3,))
    assert before == set(net.__dict__)
    assert [1.0, 2.0, 4.0] == np.diag(network.projections["in->layer0"].rows.to_dense()).tolist()
    assert [-0.5] * 3 == network.populations["layer0"].neuron.bias.tolist()


def test_modules_of_ones_own_are_exported_by_a_handler():
    def memory(module, x):
        return Fires(neurons.LIF(beta=0.25), x)

    def doubled(module, x):
        return x.through(2.0 * module.weight.detach().double().numpy().T, (2,))

    net = torch.nn.Sequential(Doubled(3, 2, bias=False), Memory())
    network = nn.export(net, handlers={Memory: memory, Doubled: doubled})
    assert 0.25 == network.populations["layer0"].neuron.beta
    expected = 2.0 * net[0].weight.detach().numpy().T
    assert (expected == network.projections["in->layer0"].rows.to_dense()).all()


def test_a_module_that_does_other_things_than_its_base_is_exported_by_what_it_does():
    net = torch.nn.Sequential(Doubled(3, 2, bias=False), lif(2))
    (projection,) = nn.export(net, input_shape=(3,)).projections.values()
    assert (2.0 * net[0].weight.detach().numpy().T == projection.rows.to_dense()).all()


def test_a_different_tick_is_refused_for_every_population():
    layers = [nn.LIFLayer(3, dt=2e-3), nn.LIFLayer(3, dt=3e-3)]
    with pytest.raises(ValidationError) as caught:
        nn.export(torch.nn.Sequential(nn.Linear(3, 3), *layers), dt=1e-3)
    assert [r"'1'", r"'2'"] == [text.split()[1] for text in caught.value.problems]


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
