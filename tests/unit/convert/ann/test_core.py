# SPDX-License-Identifier: Apache-2.0
"""Converted nets on the core: what the report says of it, and every spike."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import spikesim  # noqa: E402
from spikesim import data, nn  # noqa: E402
from spikesim.convert.ann.conversion import convert  # noqa: E402
from spikesim.convert.ann.core import on_core  # noqa: E402
from spikesim.convert.ann.measuring import sequence  # noqa: E402
from spikesim.errors import CompileError, ValidationError  # noqa: E402
from spikesim.hw.compile import compile_network  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, RELU, LINEAR = torch.nn.Sequential, torch.nn.ReLU, torch.nn.Linear
T = 8
pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def conv(n_in, n_out):
    return torch.nn.Conv2d(n_in, n_out, 3, padding=1)


def images():
    return torch.from_numpy(data.digits(seed=0).x_train)[:64]


def made_of(*layers):
    torch.manual_seed(0)
    ann = ROW(torch.nn.Unflatten(1, (1, 8)), *(layer() for layer in layers)).eval()
    return convert(ann, images(), steps=T, output="spikes")


@pytest.fixture(scope="module")
def small():
    return made_of(
        lambda: conv(1, 3), lambda: torch.nn.BatchNorm2d(3), RELU, lambda: torch.nn.AvgPool2d(2),
        lambda: conv(3, 4), RELU, lambda: torch.nn.AvgPool2d(2), torch.nn.Flatten,
        lambda: LINEAR(16, 10),
    )  # fmt: skip


def test_the_report_names_what_fits_and_what_the_host_does(small):
    host, core = small.report.core
    assert "layer0 take values, and are left to the host" in host
    assert "layer1, layer2 fit 'up5k', 74 neurons" == core


@pytest.mark.parametrize(
    "engine", ["float", "golden-readable", pytest.param("rtl", marks=pytest.mark.rtl)]
)
def test_a_converted_net_has_the_same_spikes_wherever_it_runs(small, engine):
    network = nn.export(small.net, input_shape=(8, 8), analog="host")
    program = compile_network(network).program
    (last,), total = network.outputs, 0
    start = network.populations[last].start_tick
    for image in images()[:3]:
        shown = sequence(image, T)
        given = nn.analog_input(small.net, shown, analog="host")
        if engine == "float":
            with torch.no_grad():
                expected = nn.run(small.net, shown[:, None])[0][:, 0].numpy() > 0
            found = spikesim.run(network, given, T + start).raster(last)[start:]
            assert np.array_equal(expected, found)
            total += expected.sum()
        else:
            golden = spikesim.run(program, given, T + start, engine="golden")
            assert golden.same_spikes(spikesim.run(program, given, T + start, engine=engine))
            total += golden.counts(last).sum()
    assert 30 < total < 3 * T * 10 - 30


def test_weights_that_are_codes_give_the_golden_model_every_spike_of_the_net():
    torch.manual_seed(0)
    ann = ROW(LINEAR(6, 12), nn.QCFS(T, 1.0), LINEAR(12, 8), nn.QCFS(T, 2.0), LINEAR(8, 4)).eval()
    codes = torch.randint(-40, 60, (8, 12), generator=torch.Generator().manual_seed(1))
    codes[0, 0] = 127  # so that the scale of the weights is 64, twice that of the threshold 2
    ann[2].weight.data, ann[2].bias.data = codes / 32, torch.arange(8.0) / 32
    x = torch.rand(32, 6, generator=torch.Generator().manual_seed(2))
    made = convert(ann, x, steps=T, output="spikes", correct=False)
    network = nn.export(made.net, analog="host")
    program = compile_network(network).program
    seen = []
    hook = made.net.get_submodule("neurons._3").register_forward_hook(
        lambda module, given, out: seen.append(out)
    )
    with torch.no_grad():
        nn.run(made.net, sequence(x, T))
    hook.remove()
    expected = torch.stack(seen).numpy() > 0
    assert 0.1 < expected.mean() < 0.9
    for k, sample in enumerate(x):
        given = nn.analog_input(made.net, sequence(sample, T), analog="host")
        found = spikesim.run(program, given, T, engine="golden").raster("layer1")
        assert np.array_equal(expected[:, k], found)


def problems_of(net):
    try:
        compile_network(nn.export(net, input_shape=(8, 8), analog="host"), "large")
    except (CompileError, ValidationError) as error:
        return error.problems
    return ()


def skip_of_values(net, x):
    y = net.first(x.flatten(1))
    return net.last(y.relu() + net.short(x.flatten(1)))


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ((lambda: conv(1, 8), RELU, torch.nn.Flatten, lambda: LINEAR(512, 10)), "fit 'large'"),
        (
            (lambda: conv(1, 32), RELU, torch.nn.Flatten, lambda: LINEAR(2048, 10)),
            "not 'large': inputs: need 2048 axons",
        ),
        (
            (
                lambda: Net(
                    skip_of_values, first=LINEAR(64, 8), short=LINEAR(64, 8), last=LINEAR(8, 4)
                ).eval(),
            ),
            "expected numbers or spikes, got both",
        ),
    ],
    ids=["large", "too large", "skip of values"],
)
def test_the_report_says_what_really_happens(layers, text):
    made = made_of(*layers)
    assert text in "\n".join(made.report.core)
    assert made.report.core == on_core(made.net, (8, 8))
    problems = problems_of(made.net)
    assert all(any(one in line for line in made.report.core) for one in problems)
    assert bool(problems) != ("fit" in text)


def test_neurons_have_one_threshold_and_one_start_value(small):
    for _, module in small.net.named_modules():
        if isinstance(module, nn.LIFLayer):
            neuron = module.canonical()
            assert (1.0, 0.5) == (neuron.v_th, neuron.v_init)
    first, *others = small.report.layers
    assert first.exact == 1.0
    assert all(layer.exact > 0.5 for layer in others)
