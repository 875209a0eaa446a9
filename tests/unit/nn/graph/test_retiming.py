# SPDX-License-Identifier: Apache-2.0
"""Loops and delays of a net: the network fires the same spikes, start ticks later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import spikesim  # noqa: E402
from spikesim import nn  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.graph.retiming import Tap, start_ticks  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

STEPS = 30


def lif(n=3):
    """Give neurons without a leak: with weights that are codes, the core rounds nothing."""
    return nn.LIFLayer(n, beta=1.0)


def coded(net, seed=0):
    """Weights of codes of 8 bits, the largest code among those of every target."""
    generator = torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            codes = torch.randint(-40, 70, parameter.shape, generator=generator)
            if codes.ndim > 1:
                center = codes[0, 0].numel() // 2  # of a kernel: borders have it too
                codes.view(len(codes), -1)[:, center] = 127
            parameter.copy_(codes / 128.0)
    return net.double()


def spikes_of(net, x):
    """Spikes (T, n) of every population, in the order of calls; x has one sample."""
    seen = {}
    layers = [module for module in net.modules() if isinstance(module, nn.LIFLayer)]
    hooks = [
        layer.register_forward_hook(lambda module, _, out: seen.setdefault(module, []).append(out))
        for layer in layers
    ]
    with torch.no_grad():
        nn.run(net, x)
    for hook in hooks:
        hook.remove()
    return [
        torch.cat([out.reshape(-1, layer.n) for out in ticks]).bool().numpy()
        for layer, ticks in seen.items()
    ]


def exported(net, engines=("float", "golden"), n=3, seed=0):
    """Export a net and compare all of its spikes with those of every engine."""
    raster = np.random.default_rng(seed).random((STEPS, n)) < 0.4
    raster[0] = True
    layers = spikes_of(coded(net, seed), torch.from_numpy(raster).double()[:, None])
    network = nn.export(net, input_shape=(n,))
    starts = [p.start_tick for p in network.populations.values()]
    steps = STEPS + max(starts)
    for engine in engines:
        given = {"in": SpikeTrains.from_raster(raster)}
        recording = spikesim.run(network, given, steps, engine=engine)
        for k, (start, expected) in enumerate(zip(starts, layers, strict=True)):
            assert expected.any()
            found = recording.raster(f"layer{k}")
            assert not found[:start].any()
            assert (expected == found[start : start + STEPS]).all(), (engine, k)
    return network


def delays(network):
    return {
        name: np.unique(projection.rows.delays).tolist()
        for name, projection in network.projections.items()
    }


def test_neurons_that_drive_themselves():
    net = torch.nn.Sequential(
        nn.Linear(3, 4), nn.Recurrent(lif(4), nn.Linear(4, 4)), nn.Linear(4, 2), lif(2)
    )
    network = exported(net)
    expected = {"in->layer0": [0], "layer0->layer0": [1], "layer0->layer1": [1]}
    assert expected == delays(network)
    weights = net[1].back.weight.detach().numpy().T
    assert (weights == network.projections["layer0->layer0"].rows.to_dense()).all()


def test_one_to_one_recurrence_is_a_diagonal():
    net = torch.nn.Sequential(nn.Linear(3, 4), nn.Recurrent(lif(4), nn.Diagonal(4)))
    network = exported(net)
    dense = network.projections["layer0->layer0"].rows.to_dense()
    assert (np.diag(net[1].back.weight.tolist()) == dense).all()


def test_a_loop_of_two_populations_with_a_delay_in_it():
    inner = torch.nn.Sequential(lif(4), nn.Linear(4, 3), lif(3))
    back = torch.nn.Sequential(nn.Delay(1), nn.Linear(3, 4, bias=True))
    net = torch.nn.Sequential(nn.Linear(3, 4), nn.Recurrent(inner, back, shape=3))
    network = exported(net)
    assert {"in->layer0": [0], "layer0->layer1": [1], "layer1->layer0": [1]} == delays(network)
    assert [0, 1] == [p.start_tick for p in network.populations.values()]


def test_longer_delays_in_a_loop_stay():
    inner = torch.nn.Sequential(lif(4), nn.Linear(4, 3), lif(3))
    back = torch.nn.Sequential(nn.Linear(3, 4), nn.Delay([3, 4, 5, 6]))
    network = exported(torch.nn.Sequential(nn.Linear(3, 4), nn.Recurrent(inner, back, shape=3)))
    assert [3, 4, 5, 6] == delays(network)["layer1->layer0"]


def test_a_loop_with_too_few_ticks_is_refused_by_name():
    inner = torch.nn.Sequential(lif(4), nn.Linear(4, 4), lif(4), nn.Linear(4, 3), lif(3))
    net = torch.nn.Sequential(nn.Linear(3, 4), nn.Recurrent(inner, nn.Linear(3, 4), shape=3))
    with pytest.raises(ValidationError) as caught:
        nn.export(net)
    text = str(caught.value)
    assert "as many ticks of delay as populations, 3," in text
    assert "got 1; put nn.Delay(2) into it" in text
    for path in ("'1.neurons.0'", "'1.neurons.2'", "'1.neurons.4'"):
        assert path in text


def test_delays_of_channels_between_populations_and_of_the_input():
    net = torch.nn.Sequential(
        nn.Delay([0, 2, 5]), nn.Linear(3, 4), lif(4), nn.Delay([0, 1, 1, 6]), nn.Linear(4, 3),
        lif(3), nn.Delay(2), lif(3),
    )  # fmt: skip
    network = exported(net)
    # What waits two ticks in the net anyway needs no start behind that of its source.
    assert [0, 1, 0] == [p.start_tick for p in network.populations.values()]
    expected = {"in->layer0": [0, 2, 5], "layer0->layer1": [1, 2, 7], "layer1->layer2": [1]}
    assert expected == delays(network)


def test_one_pair_of_neurons_may_have_several_delays():
    def forward(net, x):
        a = net.a(x)
        return net.b(net.now(a) + net.then(net.late(a)))

    parts = {"now": nn.Linear(3, 2), "then": nn.Linear(3, 2), "late": nn.Delay(3)}
    network = exported(Net(forward, a=lif(), b=lif(2), **parts))
    assert [1, 4] == delays(network)["layer0->layer1"]
    assert 1 == sum(p.post.name == "layer1" for p in network.projections.values())


def test_recurrence_within_recurrence_and_across_a_skip():
    def forward(net, x):
        a = net.a(net.wide(x))
        return net.b(net.mix(torch.cat([a, net.late(a), x], 1)))

    inner = nn.Recurrent(nn.Recurrent(lif(4), nn.Diagonal(4)), nn.Linear(4, 4))
    parts = {"wide": nn.Linear(3, 4), "late": nn.Delay(2), "mix": nn.Linear(11, 3)}
    outer = nn.Recurrent(lif(3), torch.nn.Sequential(nn.Delay(1), nn.Linear(3, 3)))
    network = exported(Net(forward, a=inner, b=outer, **parts))
    expected = {
        "in->layer0": [0], "layer0->layer0": [1], "layer0->layer1": [1, 3], "in->layer1": [1],
        "layer1->layer1": [2],
    }  # fmt: skip
    assert expected == delays(network)


def test_what_comes_back_may_be_a_sum_of_populations():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.mix = lif(3), lif(3), nn.Linear(3, 3)

        def forward(self, x):
            a = self.a(x)
            return self.mix(a) + self.b(x + a)

    back = torch.nn.Sequential(nn.Delay(1), nn.Linear(3, 3))
    net = torch.nn.Sequential(nn.Recurrent(Two(), back, shape=3), nn.Linear(3, 2), lif(2))
    network = exported(net)
    matrix = net[0].back[1].weight @ net[0].neurons.mix.weight
    found = network.projections["layer0->layer0"].rows.to_dense()
    assert (matrix.detach().numpy().T == found).all()


def test_recurrent_convolution():
    body = lif((2, 4, 4))
    back = torch.nn.Conv2d(2, 2, 3, padding=1, bias=False)
    net = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 4, 4)), torch.nn.Conv2d(1, 2, 3, padding=1, bias=False),
        nn.Recurrent(body, back), nn.Delay([1, 3], (2, 4, 4)), torch.nn.Flatten(),
        nn.Linear(32, 3), lif(3),
    )  # fmt: skip
    exported(net, n=16)


@pytest.mark.parametrize("method", ["gauss", "prune"])
def test_learned_delays_are_delays_of_one_projection(method):
    torch.manual_seed(0)
    first = nn.DelayedLinear(3, 5, 4, method=method)
    second = nn.DelayedLinear(5, 5, 6, granularity="axon")
    back = nn.DelayedLinear(5, 5, 3, granularity="dendrite")
    net = torch.nn.Sequential(first, lif(5), second, nn.Recurrent(lif(5), back))
    with pytest.raises(ValidationError, match=r"nn\.harden_delays"):
        nn.export(net)
    nn.harden_delays(net)
    network = exported(net)
    assert 3 == len(network.projections)
    ends = {"in->layer0": (first, 0), "layer0->layer1": (second, 0), "layer1->layer1": (back, 1)}
    starts = {p.name: p.start_tick for p in network.populations.values()}
    for name, (layer, waited) in ends.items():
        projection = network.projections[name]
        apart = starts[projection.post.name] - starts.get(projection.pre.name, 0) + waited
        rows, expected = projection.rows, (layer.delays().T + apart).long().numpy()
        found = np.zeros_like(expected)
        sources = np.repeat(np.arange(len(expected)), np.diff(rows.indptr))
        found[sources, rows.targets] = rows.delays
        present = layer.synapses().sum(0).T.detach().numpy() != 0
        assert (np.where(present, expected, 0) == found).all()


def test_learned_delays_of_a_convolution():
    torch.manual_seed(0)
    conv = nn.DelayedConv(1, 2, (3, 3), 4, padding=1)
    net = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 4, 4)), conv, lif((2, 4, 4)), torch.nn.Flatten(),
        nn.Linear(32, 3), lif(3),
    )  # fmt: skip
    nn.harden_delays(net)
    exported(net, n=16)


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (
            lambda: torch.nn.Sequential(nn.Linear(3, 3, bias=True), nn.Delay(1), lif()),
            r"'1' \(Delay\): expected spikes to delay, got a sum with a constant",
        ),
        (
            lambda: torch.nn.Sequential(lif(), nn.Delay(1)),
            r"output, '1' \(Delay\): .*spikes of earlier ticks",
        ),
        (
            lambda: torch.nn.Sequential(nn.Recurrent(nn.Linear(3, 3), nn.Linear(3, 3)), lif()),
            "expected neurons between a recurrent output and its input",
        ),
        (
            lambda: torch.nn.Sequential(nn.Delay([1, 2], 2), lif()),
            r"expected input of shape \(2,\), got \(3,\)",
        ),
        (
            lambda: torch.nn.Sequential(nn.Recurrent(lif(), nn.Linear(3, 2))),
            "terms of one shape",
        ),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused(net, text):
    with pytest.raises(ValidationError, match=text):
        nn.export(net(), input_shape=(3,))


def test_a_recurrent_module_of_another_kind_is_refused():
    class Mine(nn.Recurrent):
        def step(self, x, state):
            return super().step(2.0 * x, state)

    with pytest.raises(ValidationError, match="give a handler for Mine"):
        nn.export(torch.nn.Sequential(Mine(lif(), nn.Linear(3, 3))), input_shape=(3,))


EDGES = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3), st.integers(0, 3)), max_size=8)


@settings(deadline=None, max_examples=200)
@given(EDGES)
def test_starts_are_the_least_that_fit_or_a_loop_is_too_short(edges):
    names = ["in", *"abcd"]
    incoming = {post: [] for post in names[1:]}
    for pre, post, ticks in edges:
        source = names[pre + 1]
        incoming[names[post + 1]].append(Tap.of(source, ticks) if ticks else source)

    def fits(starts):
        return all(
            ticks + starts[post + 1] - starts[pre + 1] >= (pre >= 0) for pre, post, ticks in edges
        )

    # Longest paths have at most three edges between populations, of a tick at most.
    all_starts = [(0, *s) for s in np.ndindex(4, 4, 4, 4)]
    expected = [starts for starts in all_starts if fits(starts)]
    if not expected:
        with pytest.raises(ValidationError, match="loop"):
            start_ticks(incoming)
        return
    least = [min(column) for column in zip(*expected, strict=True)]
    assert fits(least)
    assert dict(zip(names, least, strict=True)) == start_ticks(incoming)


class ConvolvedLoop(torch.nn.Module):
    """Maps that a convolution of their own last spikes drives, and maps of them two ticks ago."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 2, 3, padding=1, bias=False)
        own = nn.LIFLayer((2, 4, 4), beta=1.0)
        self.loop = nn.Recurrent(own, torch.nn.Conv2d(2, 2, 3, padding=1, bias=False))
        self.ago = nn.Delay(2)
        self.last = torch.nn.Conv2d(2, 1, 2, stride=2, bias=False)
        self.out = nn.LIFLayer((1, 2, 2), beta=1.0)

    def forward(self, x):
        return self.out(self.last(self.ago(self.loop(self.first(x.reshape(-1, 1, 4, 4))))))


def test_a_convolution_in_a_loop_or_behind_a_delay_stays_a_kernel():
    network = exported(ConvolvedLoop(), n=16)
    rules = {name: repr(p.synapses.rule) for name, p in network.projections.items()}
    assert {"layer0->layer0", "layer0->layer1"} < set(rules)
    assert all(rule.startswith("Convolution") for rule in rules.values()), rules
    expected = {"in->layer0": [0], "layer0->layer0": [1], "layer0->layer1": [2]}
    assert expected == delays(network)
