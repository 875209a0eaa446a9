# SPDX-License-Identifier: Apache-2.0
"""What a net is as a NIR graph: read by nir itself, by us again, and by the equations of NIR."""

import itertools

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim import nn
from spikesim.convert import from_nir, to_nir
from spikesim.errors import ConversionError, ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF, AdEx
from tests.unit.convert.nir.graphs import run_lif


def drive(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outputs(net, x):
    with torch.no_grad():
        return nn.run(net.double(), x)[0]


def dense(n_pre, n_post, bias=False):
    layer = torch.nn.Linear(n_pre, n_post, bias)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(n_post, n_pre) * 2 / n_pre)
    return layer


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(3)


def test_the_example_that_others_fail_on_is_read_by_nir_itself(tmp_path):
    net = nn.SpikingNet(
        torch.nn.Flatten(), torch.nn.Linear(784, 500), nn.LIFLayer(500, beta=0.9),
        torch.nn.Linear(500, 10), nn.LIFLayer(10, beta=0.9),
    )  # fmt: skip
    to_nir(net, tmp_path / "net.nir", input_shape=(784,))
    graph = nir.read(tmp_path / "net.nir")  # with its own type check
    assert (500,) == graph.nodes["2"].tau.shape == graph.nodes["2"].v_threshold.shape
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    x = 3 * drive(40, 2, 784)
    expected = outputs(net, x)
    assert 40 < expected.sum()
    assert torch.equal(expected, outputs(again, x))


def test_a_plain_reader_finds_our_constants_in_the_fields():
    layer = nn.LIFLayer(3, beta=[0.5, 0.8, 0.9], gain=2.0, bias=0.125, v_th=1.5, v_reset=0.25)
    node = to_nir(layer, dt=1e-3).nodes["net"]
    beta = 1 - 1e-3 / node.tau
    assert np.allclose([0.5, 0.8, 0.9], beta, rtol=1e-15)
    assert np.allclose(2.0, node.r * 1e-3 / node.tau, rtol=1e-15)
    assert np.allclose(0.125, node.v_leak * 1e-3 / node.tau, rtol=1e-15)
    assert [[1.5] * 3, [0.25] * 3] == [node.v_threshold.tolist(), node.v_reset.tolist()]
    cuba = to_nir(nn.LIFLayer(2, beta=0.75, alpha=0.5, gain=0.5), dt=1e-3).nodes["net"]
    assert np.allclose(0.5, 1 - 1e-3 / cuba.tau_syn)
    assert np.allclose(0.5, cuba.r * 1e-3 / cuba.tau_mem * cuba.w_in * 1e-3 / cuba.tau_syn)
    sums = to_nir(nn.LIFLayer(2, beta=1.0, gain=0.5), dt=1e-3).nodes["net"]
    assert isinstance(sums, nir.IF)
    assert np.allclose(0.5, sums.r * 1e-3)
    assert np.array_equal([2], to_nir(nn.LIFLayer(2)).nodes["output"].output_type["output"])


def test_without_our_metadata_the_fields_run_alike():
    layer = nn.LIFLayer(1, beta=0.8, gain=0.7, strict=True)
    graph = to_nir(layer, dt=1e-3)
    graph.metadata = {}
    for node in graph.nodes.values():
        node.metadata = {}
    x = drive(60, 1, 1)
    found = outputs(from_nir(graph, dt=1e-3), x).flatten().tolist()
    expected = run_lif(x.flatten().tolist(), 0.8, 0.7)
    assert 5 < sum(expected) < 55
    assert expected == found


PRIVATE = {
    "reset 'soft'": {"reset": "soft", "reset_amount": 0.75},
    "reset 'none'": {"reset": "none"},
    "3 refractory ticks": {"refractory_ticks": 3, "refractory": "gate"},
    "a floor": {"v_floor": -0.125},
    "a start value": {"v_init": 0.5},
}


@pytest.mark.parametrize("trait", PRIVATE)
def test_what_only_our_metadata_tells_is_written_on_demand(trait, tmp_path):
    layer = nn.LIFLayer(4, beta=0.9, surrogate=nn.Triangle(0.5), **PRIVATE[trait])
    net = nn.SpikingNet(dense(3, 4), layer)
    with pytest.raises(ConversionError, match=f"got {trait}.*private=True"):
        to_nir(net, tmp_path / "net.nir")
    assert [] == list(tmp_path.iterdir())
    to_nir(net, tmp_path / "net.nir", private=True)
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    x = 4 * drive(50, 3, 3) - 1
    expected = outputs(net, x)
    assert 20 < expected.sum() < 590
    assert torch.equal(expected, outputs(again, x))
    assert nn.Triangle(0.5) == again[1].surrogate
    assert ">=" == again.report.nodes[0].comparison


def test_a_convolutional_net_with_groups_and_norms(tmp_path):
    net = nn.SpikingNet(
        torch.nn.Conv2d(2, 4, 3, padding="same", groups=2), torch.nn.BatchNorm2d(4),
        nn.LIFLayer((4, 6, 6), beta=0.5, v_th=torch.linspace(0.5, 2.0, 4).tolist()),
        torch.nn.AvgPool2d(2, divisor_override=1), torch.nn.Dropout(0.5), torch.nn.Flatten(),
        dense(36, 5, bias=True), torch.nn.BatchNorm1d(5), nn.LIFLayer(5, beta=0.5, v_th=1.5),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.abs_()
        for norm in (net[1], net[7]):
            norm.running_mean.uniform_(-0.2, 0.2)
            norm.running_var.uniform_(0.5, 2.0)
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.2, 0.2)
    with pytest.raises(ConversionError, match="expected one group, got 2"):
        to_nir(net, groups="refuse", input_shape=(2, 6, 6))
    with pytest.raises(ConversionError, match="input_shape="):
        to_nir(net)
    to_nir(net, tmp_path / "net.nir", input_shape=(2, 6, 6))
    assert (4, 2, 3, 3) == nir.read(tmp_path / "net.nir").nodes["0"].weight.shape
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    x = 2 * drive(40, 2, 2, 6, 6)
    expected = outputs(net.eval(), x)
    assert 20 < expected.sum() < 380
    assert torch.equal(expected, outputs(again, x))


KERNELS = {
    "low": lambda: torch.nn.Conv2d(2, 3, (1, 3), padding=(0, 1), dilation=(1, 2)),
    "high": lambda: torch.nn.Conv2d(2, 3, (5, 1), stride=(1, 2), bias=False),
    "same": lambda: torch.nn.Conv2d(2, 3, (3, 1), padding="same"),
    "valid": lambda: torch.nn.Conv2d(2, 3, (1, 3), padding="valid"),
    "dilated": lambda: torch.nn.Conv2d(2, 3, 3, dilation=(2, 1), padding=(1, 0), stride=(2, 1)),
    "1d": lambda: torch.nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
    "1d dilated": lambda: torch.nn.Conv1d(2, 3, 4, dilation=2, padding=3, bias=False),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_convolutions_of_any_form_are_read_by_nir_itself(kernel, tmp_path):
    conv = KERNELS[kernel]()
    norm = (torch.nn.BatchNorm1d if "1d" in kernel else torch.nn.BatchNorm2d)(conv.out_channels)
    with torch.no_grad():
        conv.weight.abs_()
        norm.running_var.uniform_(0.5, 2.0)
    axes = (2, 9) if "1d" in kernel else (2, 7, 6)
    net = nn.SpikingNet(conv, norm.eval(), nn.LIFLayer(beta=0.5, v_th=2.0)).eval()
    to_nir(net, tmp_path / "net.nir", input_shape=axes)
    nir.read(tmp_path / "net.nir")
    x = 2 * drive(20, 2, *axes)
    expected = outputs(net, x)
    assert 0.02 < expected.mean() < 0.98
    assert torch.equal(expected, outputs(from_nir(tmp_path / "net.nir", dtype=torch.float64), x))


class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.LIFLayer(4, beta=0.5, v_th=0.5), nn.LIFLayer(4, beta=0.75, v_th=0.5)
        self.w, self.skip = dense(4, 4), nn.Diagonal(4, [0.5, 0.25, 1.0, 0.0])

    def forward(self, x):
        a = self.a(x)
        b = self.b(self.w(a) + self.skip(a) + a + x * 0.25)
        return {"a": a, "b": b + b}


def test_branches_skips_and_several_outputs(tmp_path):
    net, x = Branches(), 2 * drive(40, 3, 4)
    to_nir(net, tmp_path / "net.nir", input_shape=(4,))
    nir.read(tmp_path / "net.nir")
    expected = outputs(net, x)
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    twice = from_nir(to_nir(again), dtype=torch.float64)
    assert 50 < expected["b"].sum() < 900
    for found in (outputs(again, x), outputs(twice, x), again(x)):
        for a, b in zip(expected.values(), found.values(), strict=True):
            assert torch.equal(a, b)
    with pytest.raises(ValidationError, match="expected a row of layers"):
        again.layer_spikes(x)


LOOPS = {
    "dense": lambda: dense(4, 4, bias=True),
    "diagonal": lambda: nn.Diagonal(4, [0.5, -0.5, 0.25, 1.0]),
    "none": lambda: torch.nn.Identity(),
    "late": lambda: nn.Delay([1, 2, 3, 4]),
    "late in between": lambda: torch.nn.Sequential(dense(4, 4, bias=True), nn.Delay(2)),
    "neurons": lambda: torch.nn.Sequential(dense(4, 4), nn.LIFLayer(4, beta=0.25), dense(4, 4)),
}


@pytest.mark.parametrize("back", LOOPS)
def test_loops_and_delays_come_back_as_they_were(back, tmp_path):
    net = nn.SpikingNet(
        dense(3, 4), nn.Delay(2), nn.Recurrent(nn.LIFLayer(4, beta=0.5, v_th=0.75), LOOPS[back]()),
        dense(4, 2), nn.LIFLayer(2, beta=0.9),
    )  # fmt: skip
    to_nir(net, tmp_path / "net.nir")
    nir.read(tmp_path / "net.nir")
    x = 0.9 * drive(50, 3, 3)
    expected = outputs(net, x)
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    assert 10 < expected.sum() < 290
    assert torch.equal(expected, outputs(again, x))
    twice = from_nir(to_nir(again), dtype=torch.float64)
    assert torch.equal(expected, outputs(twice, x))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_small_net_comes_back_with_its_spikes(data):
    dt = data.draw(st.sampled_from([1e-4, 1e-3, 2e-3, 0.1, 1.0]))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    share = st.floats(0.0, 0.96875, width=32)
    layers = []
    for n_pre, n_post in itertools.pairwise(sizes):
        leak = data.draw(st.booleans())
        each = data.draw(st.lists(share, min_size=n_post, max_size=n_post))
        layer = nn.LIFLayer(
            n_post,
            beta=each if leak else 1.0,
            alpha=data.draw(st.sampled_from([0.0, 0.5, 0.9])) if leak else 0.0,
            gain=data.draw(st.floats(0.25, 2.0)),
            bias=data.draw(st.sampled_from([0.0, 0.1])) if leak else 0.0,
            v_th=data.draw(st.floats(0.25, 1.5)),
            v_reset=data.draw(st.sampled_from([0.0, -0.25])),
            reset=data.draw(st.sampled_from(["hard", "soft", "none"])),
            refractory_ticks=data.draw(st.sampled_from([0, 2])),
            strict=data.draw(st.booleans()),
            v_init=data.draw(st.sampled_from([0.0, 0.2])),
        )
        if data.draw(st.booleans()):
            layer = nn.Recurrent(layer, dense(n_post, n_post))
        layers += [dense(n_pre, n_post, data.draw(st.booleans())), layer]
    net = nn.SpikingNet(*layers)
    again = from_nir(to_nir(net, dt=dt, private=True, check=False), dtype=torch.float64)
    assert dt == again.report.dt
    x = 3 * drive(30, 2, sizes[0]) - 0.5
    assert torch.equal(outputs(net, x), outputs(again, x))


class Alike(torch.nn.Module):
    def forward(self, x):
        return torch.cat([x, x], 1)


REFUSED = {
    "MaxPool2d has no node": torch.nn.MaxPool2d(2),
    "cat has no node": Alike(),
    "GELU has no node": torch.nn.GELU(),
    "zeros, got 'circular'": torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
    "make square, got (3, 2)": torch.nn.Conv2d(1, 1, (3, 2)),
    "ceil_mode=False": torch.nn.AvgPool2d(3, ceil_mode=True),
    "no bias without a leak": nn.LIFLayer(beta=1.0, bias=0.5),
    "beta below 1": nn.LIFLayer(beta=1.0, alpha=0.5),
    "finite threshold": nn.LIFLayer(v_th=np.inf),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_no_node_is_refused_by_name_and_nothing_is_written(text, tmp_path):
    (tmp_path / "net.nir").write_text("as it was", encoding="utf-8")
    net = nn.SpikingNet(torch.nn.Identity(), REFUSED[text], nn.LIFLayer(reset="soft"))
    with pytest.raises(ConversionError) as error:
        to_nir(net, tmp_path / "net.nir", input_shape=(1, 4, 4))
    assert text in str(error.value)
    assert "as it was" == (tmp_path / "net.nir").read_text(encoding="utf-8")
    assert 1 == len(list(tmp_path.iterdir()))


def test_all_that_is_refused_comes_at_once():
    net = nn.SpikingNet(
        dense(3, 3), nn.LIFLayer(3, reset="soft"), dense(3, 3), nn.LIFLayer(3, v_floor=-1.0),
        torch.nn.GELU(),
    )  # fmt: skip
    with pytest.raises(ConversionError) as error:
        to_nir(net)
    assert ["'1'", "'3'", "'4'"] == sorted(p.split()[1] for p in error.value.problems)


def test_arguments_that_are_none_of_those_are_refused(tmp_path):
    net = nn.SpikingNet(dense(3, 2), nn.LIFLayer(2))
    for options, text in (({"dt": 0.0}, "dt above 0"), ({"groups": "keep"}, "groups 'dense'")):
        with pytest.raises(ValidationError, match=text):
            to_nir(net, **options)
    with pytest.raises(ValidationError, match="does not exist"):
        to_nir(net, tmp_path / "none" / "net.nir")
    own = nn.SpikingNet(dense(3, 2), nn.LIFLayer(2, dt=1e-4))
    assert 1e-4 == to_nir(own).metadata["spikesim"]["dt"]
    with pytest.raises(ConversionError, match="one tick"):
        to_nir(own, dt=1e-3)


def test_fields_that_were_changed_after_us_are_two_readings():
    graph = to_nir(nn.LIFLayer(2, beta=0.75), dt=1e-3)
    graph.nodes["net"].tau = graph.nodes["net"].tau * 2
    with pytest.raises(ConversionError, match="was changed after"):
        from_nir(graph)
    assert 0.875 == pytest.approx(from_nir(graph, dt=1e-3, writer="nir").report.nodes[0].beta)
    with pytest.raises(ConversionError, match="two readings"):
        from_nir(graph, dt=2e-3)


def test_a_written_graph_with_other_spikes_is_not_handed_out(monkeypatch, tmp_path):
    from spikesim.convert.nir import comparing

    other = nn.SpikingNet(dense(3, 2), nn.LIFLayer(2, beta=0.125))
    monkeypatch.setattr(comparing, "from_nir", lambda *_, **__: other.double())
    with pytest.raises(ConversionError, match="expected the spikes of the net"):
        to_nir(nn.SpikingNet(dense(3, 2), nn.LIFLayer(2)), tmp_path / "net.nir")
    assert [] == list(tmp_path.iterdir())


def test_membranes_are_written_and_exported_as_such():
    net = nn.SpikingNet(dense(3, 4), nn.LIFLayer(4, v_th=0.5), dense(4, 2), nn.LI(2, beta=0.75))
    graph = to_nir(net)
    assert "LI" == type(graph.nodes["3"]).__name__
    again = from_nir(graph, dtype=torch.float64)
    x = drive(20, 2, 3)
    assert torch.allclose(outputs(net, x), outputs(again, x), rtol=1e-12)
    assert 2 == len(nn.export(again, dt=1e-3).populations)
    cuba = to_nir(nn.LI(2, beta=0.75, alpha=0.5, gain=0.5)).nodes["net"]
    assert "CubaLI" == type(cuba).__name__
    assert "I" == type(to_nir(nn.LI(2, beta=1.0)).nodes["net"]).__name__


def test_learned_constants_are_written_as_they_run():
    net = nn.SpikingNet(nn.Linear(3, 2, scale=3), nn.LIFLayer(2, beta=0.8, learn=["beta", "v_th"]))
    graph = to_nir(net)
    assert net[1].canonical().beta.tolist() == pytest.approx(
        (1 - 1e-3 / graph.nodes["1"].tau).tolist(), rel=1e-12
    )
    assert net[1].canonical().v_th.tolist() == graph.nodes["1"].v_threshold.tolist()


def test_an_exported_network_is_written_without_its_start_ticks(tmp_path):
    net = nn.SpikingNet(
        dense(3, 4), nn.LIFLayer(4, beta=0.5, v_th=0.5),
        nn.Recurrent(nn.LIFLayer(4, beta=0.75), dense(4, 4)), dense(4, 2), nn.LIFLayer(2, v_th=0.5),
    )  # fmt: skip
    network = nn.export(net, dt=1e-3)
    to_nir(network, tmp_path / "net.nir")
    nir.read(tmp_path / "net.nir")
    again = from_nir(tmp_path / "net.nir", dtype=torch.float64)
    x = (drive(40, 1, 3) < 0.5).double()
    expected = outputs(net, x)
    assert 5 < expected.sum() < 75
    assert torch.equal(expected, outputs(again, x))


def test_a_network_with_delays_of_each_synapse(tmp_path):
    network = Network(dt=1e-3)
    network.add_input("in", 2)
    network.add_population("a", 2, LIF(beta=0.5, v_th=0.75))
    network.connect("in", "a", np.eye(2), delay_ticks=1)
    network.connect("a", "a", np.full((2, 2), 0.5), delay_ticks=np.array([[1, 2], [3, 1]]))
    network.outputs = ["a"]
    to_nir(network, tmp_path / "net.nir")  # which compares with the simulator
    kinds = [type(node).__name__ for node in nir.read(tmp_path / "net.nir").nodes.values()]
    assert 4 == kinds.count("Delay") == kinds.count("Linear")
    network.add_population("b", 2, AdEx())
    with pytest.raises(ConversionError, match=r"'b'.*AdEx"):
        to_nir(network)
