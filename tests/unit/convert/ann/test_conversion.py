# SPDX-License-Identifier: Apache-2.0
"""Converted nets: against the artificial ones, against counts by hand, and in the simulator."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from spikesim import convert as package  # noqa: E402
from spikesim import data, nn, sim  # noqa: E402
from spikesim.convert.ann import conversion  # noqa: E402
from spikesim.convert.ann.conversion import convert  # noqa: E402
from spikesim.convert.ann.correcting import run_corrected  # noqa: E402
from spikesim.convert.ann.measuring import points, sequence  # noqa: E402
from spikesim.convert.ann.reading import read  # noqa: E402
from spikesim.convert.ann.spiking import binary, for_core, spiking  # noqa: E402
from spikesim.convert.ann.thresholds import observe  # noqa: E402
from spikesim.nn.energy import Ops  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, RELU, LINEAR = torch.nn.Sequential, torch.nn.ReLU, torch.nn.Linear
pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=24, shape=(2, 6, 6), seed=0):
    return torch.rand(n, *shape, generator=dice(seed))


def conv(n_in, n_out, **options):
    return torch.nn.Conv2d(n_in, n_out, 3, padding=1, **options)


def head(n):
    return ROW(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), LINEAR(n, 3))


def residual(net, x):
    y = net.first(x).relu()
    z = net.second(y)
    z += y
    return net.head(net.act(z))


def branches(net, x):
    both = torch.cat([net.small(x).relu(), net.large(8 * x).relu()], 1)
    return net.head(functional.max_pool2d(both, 2))


def reused(net, x):
    for _ in range(3):
        x = net.act(net.conv(x))
    return net.head(x)


NETS = {
    "residual": Net(residual, first=conv(2, 4), second=conv(4, 4), act=RELU(True), head=head(4)),
    "branches": Net(branches, small=conv(2, 3), large=conv(2, 2), head=head(5)),
    "reused": Net(reused, act=RELU(), conv=conv(2, 2), head=head(2)),
    "depthwise": ROW(
        conv(2, 6), torch.nn.ReLU6(), conv(6, 6, groups=6), torch.nn.BatchNorm2d(6),
        torch.nn.ReLU6(), head(6),
    ),
    "pooled": ROW(
        conv(2, 4), torch.nn.BatchNorm2d(4), RELU(), torch.nn.MaxPool2d(2), torch.nn.Dropout(),
        conv(4, 4), torch.nn.MaxPool2d(3), RELU(), torch.nn.Flatten(), LINEAR(4, 3),
    ),
    "one dimension": ROW(
        torch.nn.Flatten(2), torch.nn.Conv1d(2, 4, 3, stride=2), RELU(), torch.nn.BatchNorm1d(4),
        torch.nn.AvgPool1d(2), torch.nn.Flatten(), LINEAR(32, 3), torch.nn.Hardtanh(0, 0.5),
    ),
    "features pooled": Net(
        lambda net, x: net.end(net.pool(net.dense(x.flatten(1)).relu())),
        dense=LINEAR(72, 8), pool=torch.nn.MaxPool1d(2), end=LINEAR(4, 3),
    ),
    "rows pooled": Net(
        lambda net, x: net.end(functional.adaptive_max_pool2d(net.dense(x).flatten(2).relu(), 1)),
        dense=LINEAR(6, 4), end=LINEAR(1, 3),
    ),
    "transposed": ROW(
        torch.nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1), RELU(), torch.nn.BatchNorm2d(4),
        torch.nn.ConvTranspose2d(4, 4, 2, groups=2, bias=False), RELU(), torch.nn.Flatten(),
        LINEAR(576, 3, bias=False),
    ),
    "dilated": ROW(
        conv(2, 4, dilation=2, groups=2, padding_mode="reflect"), RELU(),
        torch.nn.MaxPool2d(3, ceil_mode=True), conv(4, 4), RELU(),
        torch.nn.AvgPool2d(2, ceil_mode=True, padding=1, count_include_pad=False), head(4),
    ),
    "tied": Net(
        lambda net, x: functional.linear(net.a(x.flatten(1)).relu(), net.a.weight.t()).relu(),
        a=LINEAR(72, 10),
    ),
    "softmax": ROW(torch.nn.Flatten(), LINEAR(72, 8), RELU(), LINEAR(8, 3), torch.nn.Softmax(1)),
}  # fmt: skip


def drawn(net):
    """Give all parameters values that do not depend on the order of tests."""
    net = copy.deepcopy(net)
    for k, p in enumerate(net.parameters()):
        fan_in = p[0].numel() if p.ndim > 1 else 9
        p.data = torch.randn(p.shape, generator=dice(k)) * fan_in**-0.5
    return net.eval()


@pytest.mark.parametrize("neuron", ["binary", "signed"])
@pytest.mark.parametrize("name", NETS)
def test_many_ticks_give_the_scores_of_the_artificial_net(name, neuron):
    ann, x = drawn(NETS[name]).requires_grad_(False), images()
    options = {"neuron": neuron, "thresholds": 100.0, "correct": False}
    made = convert(ann, x, steps=128, **options)
    # A count is within two spikes of its sum in each layer on the way: 1/64 of a threshold.
    scale = float(ann(x).abs().max())
    assert float((ann(x) - made.scores(x)).abs().max()) < 0.08 * scale
    rough = convert(ann, x, steps=1, **options)
    assert float((ann(x) - rough.scores(x)).abs().max()) > 0.08 * scale  # so the ticks do count


def test_nothing_is_left_in_the_artificial_net():
    ann, x = drawn(NETS["pooled"]), images()
    state = copy.deepcopy(ann.state_dict())
    made = convert(ann, x, steps=4)
    made.net.get_submodule("neurons._2").v_th.fill_(9.0)
    for p in made.net.parameters():
        p.data.zero_()
    assert all(torch.equal(state[key], value) for key, value in ann.state_dict().items())
    assert not any(m._forward_hooks or m.training for m in [*ann.modules(), *made.net.modules()])


def test_each_activation_is_listed_and_is_an_ordinary_layer():
    net = Net(lambda net, x: net.end(functional.relu(net.a(x)).relu()), a=LINEAR(2, 3),
              end=ROW(LINEAR(3, 2), torch.nn.Hardtanh(0, 1)))  # fmt: skip
    made = convert(drawn(net), images(shape=(2,)), steps=8)
    assert ["'' (Net), relu", "'' (Net), relu_1", "'end.1' (Hardtanh)"] == [
        layer.ann for layer in made.report.layers
    ]
    for layer in made.report.layers:
        module = made.net.get_submodule(layer.path)
        assert isinstance(module, nn.LIFLayer)
        neuron = module.canonical()
        assert (neuron.beta, neuron.reset, layer.n_neurons) == (1.0, "soft", module.n)


def test_a_sum_of_branches_with_thresholds_1_and_8_is_right_to_a_spike_of_each():
    net = Net(lambda net, x: (net.a(x).relu() + net.b(x).relu()).relu(), a=LINEAR(1, 1, bias=False),
              b=LINEAR(1, 1, bias=False))  # fmt: skip
    net.a.weight.data.fill_(1.0)
    net.b.weight.data.fill_(8.0)
    x = torch.tensor([[1.0], [0.6], [0.3]])
    made = convert(net.eval(), x, steps=20, thresholds=100.0, correct=False)
    assert [1.0, 8.0, 9.0] == [layer.thresholds[1] for layer in made.report.layers]
    assert torch.allclose(9.0 * x, made.scores(x), rtol=0.0, atol=9.0 / 20)


def test_spikes_of_several_scales_are_pooled_as_spikes():
    ann, x = drawn(NETS["branches"]), images()
    made = convert(ann, x, steps=16)
    seen = []
    pool = made.net.get_submodule("neurons.max_pool2d")
    pool.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    nn.run(made.net, sequence(x, 16))
    given, out = (torch.stack(part) for part in zip(*seen, strict=True))
    assert set(out.unique().tolist()) == {0.0, 1.0}
    wanted = functional.max_pool2d(given.sum(0), 2)
    assert torch.equal(wanted, out.sum(0))


def test_a_softmax_is_applied_to_the_mean_of_all_ticks():
    ann, x = drawn(NETS["softmax"]), images()
    made = convert(ann, x, steps=8)
    out, _ = nn.run(made.net, sequence(x, 8))
    assert torch.equal(torch.softmax(out.sum(0) / 8, 1), made.scores(x))
    assert torch.equal(torch.softmax(out[:3].sum(0) / 3, 1), made.scores(x, 3))


def test_dead_channels_are_told_and_stay_silent():
    ann = drawn(ROW(LINEAR(2, 3), RELU(), LINEAR(3, 2)))
    ann[0].bias.data = torch.tensor([1.0, -9.0, 1.0])
    made = convert(ann, images(shape=(2,)), steps=8)
    assert made.report.layers[0].n_dead == 1
    x = images(shape=(2,))
    assert float((ann(x) - made.scores(x)).detach().abs().max()) < 0.2


def test_first_neurons_count_the_levels_of_their_activation_and_only_those_are_promised():
    ann = drawn(ROW(LINEAR(4, 8), RELU(), LINEAR(8, 8), RELU(), LINEAR(8, 3)))
    x = images(200, (4,))
    first, second = convert(ann, x, steps=8, thresholds=99.0).report.layers
    assert first.exact == 1.0
    assert 0.5 < second.exact < 1.0


@pytest.mark.parametrize("steps", [4, 8])
def test_qcfs_at_its_levels_is_exact_where_input_comes_evenly(steps):
    ann = drawn(ROW(LINEAR(4, 8), nn.QCFS(steps, 1.0), LINEAR(8, 8), nn.QCFS(steps, 1.0)))
    ann[1].threshold.data.fill_(0.75)
    ann[3].threshold.data.fill_(-0.5)
    made = convert(ann, images(200, (4,)))
    first, second = made.report.layers
    assert (steps, first.exact) == (made.steps, 1.0)
    assert 0.5 < second.exact < 1.0
    assert ((0.75, 0.75), (0.5, 0.5)) == (first.thresholds, second.thresholds)
    assert "thresholds by QCFS" in made.report.method


def test_relu6_lets_no_neuron_stand_for_more_than_6():
    ann = drawn(ROW(LINEAR(2, 2), torch.nn.ReLU6(), LINEAR(2, 2)))
    ann[0].weight.data.fill_(20.0)
    made = convert(ann, images(shape=(2,)), steps=8)
    assert made.report.layers[0].thresholds[1] <= 6.0


def digits_net(seed=0):
    split = data.digits(seed=0)
    torch.manual_seed(seed)
    net = ROW(
        torch.nn.Unflatten(1, (1, 8)), conv(1, 6), torch.nn.BatchNorm2d(6), RELU(),
        torch.nn.MaxPool2d(2), conv(6, 12), torch.nn.BatchNorm2d(12), RELU(),
        torch.nn.Flatten(), LINEAR(192, 32), RELU(), LINEAR(32, 10),
    )  # fmt: skip
    x, y = torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(4):
        for chosen in torch.randperm(len(x), generator=dice()).split(64):
            loss = functional.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval(), x, (torch.from_numpy(split.x_test), torch.from_numpy(split.y_test))


@pytest.fixture(scope="module")
def trained():
    return digits_net()


def test_the_report_tells_accuracy_and_agreement_against_ticks(trained):
    ann, x, (x_test, y_test) = trained
    made = convert(ann, x[:128], steps=16, test=(x_test, y_test))
    report = made.report
    assert [1, 2, 4, 8, 16] == [point.steps for point in report.curve] == points(16)
    classes = ann(x_test).argmax(1)
    assert float((classes == y_test).float().mean()) == pytest.approx(report.accuracy_ann)
    for point in report.curve:
        found = made.scores(x_test, point.steps).argmax(1)
        assert float((found == classes).float().mean()) == pytest.approx(point.agreement)
        assert float((found == y_test).float().mean()) == pytest.approx(point.accuracy)
    assert report.curve[-1].agreement > 0.98 > report.curve[0].agreement
    assert report.suggested_steps in (8, 16)
    assert not report.warnings
    rules = {"99 % of channel", "99.9 % of channel", "100 % of channel", "least squares"}
    best = min(rules, key=report.chosen.get)
    assert {*rules, f"{best}, not corrected"} == set(report.chosen)
    assert f"by {min(report.chosen, key=report.chosen.get)}, T = 16" in report.method
    text = str(report)
    for part in ("T = 16", "suggested", "'3' (ReLU)", "MAC", "core: ", report.method):
        assert part in text


def test_too_few_ticks_are_warned_of(trained):
    ann, x, _ = trained
    with pytest.warns(UserWarning, match=r"after 1 ticks .* % of classes agree .* 95 %"):
        made = convert(ann, x[:128], steps=1)
    assert made.report.accuracy_ann is None
    assert made.report.curve[-1].accuracy is None
    assert "warning: after 1 ticks" in str(made.report)


def test_start_values_are_corrected_behind_the_first_neurons_alone(trained):
    ann, x, _ = trained
    plain = convert(ann, x[:128], steps=8, thresholds=99.9, correct=False).net
    net = convert(ann, x[:128], steps=8, thresholds=99.9).net
    first, second, third = (f"neurons._{k}" for k in (3, 7, 10))
    half = plain.get_submodule(first)
    assert torch.equal(half.v_th / 2, half.v_init)
    assert torch.equal(half.v_init, net.get_submodule(first).v_init)
    for path in (second, third):
        assert not torch.equal(plain.get_submodule(path).v_init, net.get_submodule(path).v_init)


@pytest.mark.parametrize("make", [binary, for_core])
def test_corrected_neurons_count_their_activation_on_average(trained, make):
    ann, x, _ = trained
    x = x[:64]
    graph = read(ann, x)
    activity = observe(graph, [x])
    shapes = {path: one.shape for path, one in activity.items()}
    thresholds = {path: one.percentile(99.9) for path, one in activity.items()}
    wanted = {}
    for path in graph.activations:
        hook = graph.module.get_submodule(path).register_forward_hook(
            lambda module, given, out, path=path: wanted.update({path: out})
        )
        graph.module(x)
        hook.remove()

    def mean_error(correct):
        """Mean difference of the last neurons, the mean over their channels."""
        net = spiking(graph, shapes, thresholds, make)
        out = run_corrected(net, x, wanted, thresholds, correct, 16)
        path, counts = list(graph.activations)[-1], []
        hook = net.get_submodule(path).register_forward_hook(lambda m, g, o: counts.append(o))
        run, _ = nn.run(net, sequence(x, 16))
        hook.remove()
        assert torch.equal(run.mean(0), out)  # layer after layer as tick after tick
        apart = torch.stack(counts).mean(0) * thresholds[path] - wanted[path]
        return float(apart.detach().mean(0).abs().mean())

    assert mean_error(list(graph.activations)[1:]) < mean_error(()) / 2


def test_operations_are_counted_by_hand():
    ann = ROW(LINEAR(2, 3, bias=False), RELU(), LINEAR(3, 4, bias=False)).eval()
    ann[0].weight.data.fill_(0.5)
    made = convert(ann, torch.ones(1, 2), steps=4, thresholds=100.0)
    energy = made.report.energy
    # All three neurons spike in all four ticks, and each spike is added to four sums.
    for convention, updates in (("paper", 0), ("strict", 3 * 4)):
        assert Ops(2 * 3 + 3 * 4, 0) == energy.ann.total(convention)
        assert Ops(2 * 3, 3 * 4 * 4 + updates) == energy.spiking.total(convention)
    assert "paper: ANN 18 MAC, 0 AC, 0.0828 nJ; spikes 6 MAC, 48 AC, 0.0708 nJ" in str(made.report)
    assert made.report.layers[0].rate == 1.0


@pytest.mark.parametrize("neuron", ["binary", "signed"])
@pytest.mark.parametrize("name", ["residual", "pooled", "depthwise", "transposed", "reused"])
def test_the_report_counts_what_the_meter_counts(name, neuron):
    ann, x = drawn(NETS[name]), images()
    made = convert(ann, x, steps=4, neuron=neuron, batch_size=7)
    spiking = made.report.energy.spiking
    behind = {path for path, layer in spiking.layers.items() if layer.paper.ac}
    metered = nn.energy(made.net, sequence(x, 4), spikes=behind).layers
    assert behind
    for path, layer in metered.items():
        first = layer.paper.mac > 0.0  # of the input, in every tick; the report has it once
        for convention in ("paper", "strict"):
            counted, found = getattr(layer, convention), getattr(spiking.layers[path], convention)
            share = 4 if first else 1
            assert (counted.mac / share, counted.ac / share) == pytest.approx((found.mac, found.ac))
    assert made.report.energy.ann.total("paper").mac == pytest.approx(
        sum(layer.paper.mac for layer in nn.energy(ann, x[None], spikes=()).layers.values())
    )


def exact_net():
    """Weights and images in few binary places: every sum is exact, in float32 too."""
    net = ROW(
        conv(1, 3), RELU(), torch.nn.AvgPool2d(2), torch.nn.Flatten(), LINEAR(12, 6), RELU(),
        LINEAR(6, 3),
    )  # fmt: skip
    for k, p in enumerate(net.parameters()):
        p.data = torch.randint(-4, 6, p.shape, generator=dice(k)) / 8
    return net.eval(), torch.randint(0, 2, (40, 1, 4, 4), generator=dice(9)).float()


@pytest.mark.parametrize("analog", ["current", "host"])
def test_with_output_spikes_the_net_runs_in_the_simulator_spike_for_spike(analog):
    ann, x = exact_net()
    made = convert(ann, x, steps=12, thresholds=100.0, correct=False, output="spikes")
    image = sequence(x[0] + 0.25, 12)  # numbers, no spikes
    with torch.no_grad():
        spikes, _ = nn.run(made.net, image[:, None])
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    network = nn.export(made.net, input_shape=(1, 4, 4), analog=analog)
    (name,) = network.outputs
    start = network.populations[name].start_tick
    given = nn.analog_input(made.net, image, analog=analog)
    recording = sim.simulate(network, given, 12 + start)
    assert np.array_equal(spikes[:, 0].numpy() > 0, recording.raster(name)[start : 12 + start])
    assert not any("no spikes" in text for text in made.report.core)


def test_counts_of_output_spikes_are_scores_with_their_offset():
    ann, x = exact_net()
    made = convert(ann, x, steps=64, output="spikes")
    assert made.offset == -float(ann(x).min())
    scale = float(ann(x).max() - ann(x).min())
    assert float((ann(x) - made.scores(x)).abs().max()) < 0.1 * scale
    classes = (ann(x).argmax(1) == made.scores(x).argmax(1)).float().mean()
    assert float(classes) == pytest.approx(made.report.curve[-1].agreement)


def test_what_keeps_parts_from_the_core_is_told():
    ann, x = drawn(NETS["pooled"]), images()
    text = "\n".join(convert(ann, x, steps=4, neuron="signed").report.core)
    for part in ("spikes of -1", "neurons._3: counts of max-pooling", "output='spikes'"):
        assert part in text


def test_the_package_gives_it_by_name():
    assert package.convert is convert
    assert package.Converted is conversion.Converted
