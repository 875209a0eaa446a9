# SPDX-License-Identifier: Apache-2.0
"""Input that is numbers: the same spikes as the torch net, in every engine that can take them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import spikesim  # noqa: E402
from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

STEPS = 24


def grained(net, seed=0):
    """Weights that are codes of 8 bits, the largest among them: no engine rounds a sum."""
    generator = torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            codes = torch.randint(-40, 70, parameter.shape, generator=generator)
            if codes.ndim > 1:
                codes.view(len(codes), -1)[:, 0] = 127
            parameter.copy_(codes / 128.0)
    return net.double()


def values(shape, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).integers(-2, 9, shape) / 8.0)


def lif(shape, **options):
    return nn.LIFLayer(shape, **{"beta": 0.5, "reset": "soft"} | options)


class Maps(torch.nn.Module):
    """A convolution of an image, a skip of the image to the last layer, and a delayed one."""

    def __init__(self, skip=True, beta=0.5):
        super().__init__()
        self.conv, self.first = torch.nn.Conv2d(1, 2, 3, padding=1), lif((2, 4, 4), beta=beta)
        self.dense, self.last = torch.nn.Linear(32, 3, bias=False), lif(3, beta=beta)
        self.ago = nn.Delay(3)
        self.past = torch.nn.Linear(16, 3, bias=False) if skip else None

    def forward(self, x):
        s = self.dense(self.first(self.conv(x)).flatten(1))
        return self.last(s if self.past is None else s + self.past(self.ago(x).flatten(1)))


def rows(**options):
    return torch.nn.Sequential(
        torch.nn.Linear(5, 6, bias=False), lif(6, **options), torch.nn.Linear(6, 3), lif(3)
    )


def expected_spikes(net, x, layer):
    with torch.no_grad():
        return nn.run(net, x[:, None])[0].reshape(len(x), layer.n).bool().numpy()


def compare(net, x, analog, engine, last="layer1"):
    network = nn.export(net, analog=analog, input_shape=x.shape[1:])
    start = network.populations[last].start_tick
    layer = [m for m in net.modules() if isinstance(m, nn.LIFLayer)][-1]
    expected = expected_spikes(net, x, layer)
    given = nn.analog_input(net, x, analog=analog)
    recording = spikesim.run(network, given, STEPS + start, engine=engine)
    found = recording.raster(last)
    assert 0.05 < expected.mean() < 0.95
    assert not found[:start].any()
    assert (expected == found[start:]).all()
    return network


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_currents_take_the_place_of_numbers(skip, held):
    x = values((1, 1, 4, 4)).expand(STEPS, 1, 4, 4) if held else values((STEPS, 1, 4, 4))
    network = compare(grained(Maps(skip)), x, "current", "float")
    assert not network.inputs
    assert ["layer0->layer1"] == list(network.projections)


def test_a_synaptic_current_fades_in_the_currents_too():
    net = grained(rows(alpha=0.5, beta=0.75))
    compare(net, values((STEPS, 5)), "current", "float")


@pytest.mark.parametrize("engine", ["float", "golden"])
def test_the_host_runs_what_numbers_drive(engine):
    net = grained(Maps(skip=False, beta=1.0))
    network = compare(net, values((STEPS, 1, 4, 4)), "host", engine, last="layer1")
    assert {"layer0": 32} == {name: p.n for name, p in network.inputs.items()}
    assert ["layer1"] == list(network.populations)


def test_the_host_runs_a_loop_among_its_neurons():
    loop = nn.Recurrent(lif(6), torch.nn.Linear(6, 6, bias=False))
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 6, bias=False), lif(6), torch.nn.Linear(6, 6), loop,
        torch.nn.Linear(6, 3), lif(3),
    )  # fmt: skip
    compare(grained(net), values((STEPS, 5)), "host", "float", last="layer2")


def test_the_net_is_left_as_it_was_and_runs_as_in_evaluation():
    net = grained(torch.nn.Sequential(*rows(), torch.nn.Dropout(0.9)))
    net = torch.nn.Sequential(net[0], net[1], torch.nn.Dropout(0.9), net[2], net[3]).train()
    modes = [module.training for module in net.modules()]
    dice = torch.get_rng_state()
    spikes = nn.analog_input(net, values((STEPS, 5)), analog="host")["layer0"]
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_hooks for module in net.modules())
    assert torch.equal(dice, torch.get_rng_state())
    expected = expected_spikes(net[:2], values((STEPS, 5)), net[1])
    assert (expected == spikes.raster()).all()


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (Maps(), r"'last' \(LIFLayer\): expected numbers or spikes, got both"),
        (rows()[:2], "expected spikes of the core as output, got layer0"),
    ],
)
def test_what_the_host_cannot_do_is_refused(net, text):
    shape = (1, 4, 4) if isinstance(net, Maps) else (5,)
    with pytest.raises(ValidationError, match=text):
        nn.export(net, analog="host", input_shape=shape)
    with pytest.raises(ValidationError, match=text):
        nn.analog_input(net, values((3, *shape)), analog="host")


@pytest.mark.parametrize(
    ("x", "options", "text"),
    [
        (torch.zeros(0, 5), {}, "at least one tick"),
        (torch.full((2, 5), torch.nan), {}, "got a value that is not"),
        (torch.zeros(2, 4), {}, r"expected input of shape \(5,\)"),
        (torch.zeros(2, 5), {"analog": "core"}, "expected analog as one of"),
        (torch.zeros(2, 5), {"analog": None}, "expected analog as one of"),
    ],
)
def test_bad_calls_say_what_is_expected(x, options, text):
    with pytest.raises(ValidationError, match=text):
        nn.analog_input(rows(), x, **options)
