# SPDX-License-Identifier: Apache-2.0
"""Nets of SpikingJelly against what they become, in float64."""

import pytest

torch = pytest.importorskip("torch")

from spikingjelly.activation_based import functional, layer, neuron, surrogate  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.convert import from_spikingjelly, to_spikingjelly  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import drive, gradients, spikingjelly_spikes  # noqa: E402

#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return make().double()


def conv_net():
    return torch.nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1), layer.BatchNorm2d(4), neuron.LIFNode(tau=1.5),
        torch.nn.Sequential(layer.Conv2d(4, 4, 3), layer.AvgPool2d(2)),
        neuron.ParametricLIFNode(decay_input=False, v_threshold=0.2),
        layer.MaxPool2d(1), layer.Flatten(), layer.Dropout(0.5), layer.Linear(16, 6),
        neuron.IFNode(v_reset=None, v_threshold=0.3),
    )  # fmt: skip


def same(theirs, ours, x):
    expected = spikingjelly_spikes(theirs, x)
    got = nn.run(ours, x)[0]
    assert 0.01 < float(expected.detach().mean()) < 0.99
    assert torch.equal(got, expected)


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_convolutional_row_spikes_as_before_whatever_its_step_mode(mode):
    net = seeded(conv_net).eval()
    functional.set_step_mode(net, mode)
    ours = from_spikingjelly(net)
    assert isinstance(ours, nn.SpikingNet)
    x = drive(3, 2, 6, 6) * 2
    same(net, ours, x)
    weights = list(net.parameters())
    assert {id(p) for p in ours.parameters()} == {id(p) for p in weights}
    _, expected = gradients(lambda x: spikingjelly_spikes(net, x), x, *weights[:2], weights[-1])
    _, found = gradients(ours, x, *weights[:2], weights[-1])
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) <= ROUNDING * float(other.abs().max())
    assert net[0].step_mode == mode


def test_containers_that_fold_time_are_rows():
    net = seeded(
        lambda: torch.nn.Sequential(
            layer.SeqToANNContainer(torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6)),
            layer.MultiStepContainer(neuron.LIFNode(v_threshold=0.4), torch.nn.Linear(6, 4)),
            layer.StepModeContainer(True, "m", neuron.LIFNode(v_threshold=0.1)),
        )
    ).eval()
    net[1][0].step_mode = net[2][0].step_mode = "s"
    x = drive(3, 5) * 3
    functional.reset_net(net)
    expected = net(x)
    assert 0.01 < float(expected.detach().mean())
    assert torch.equal(from_spikingjelly(net)(x), expected)


class Residual(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(layer.Linear(6, 6), neuron.LIFNode(v_threshold=0.5))
        self.second = neuron.CUBALIFNode(c_decay=0.3, v_decay=0.5, v_threshold=0.7)
        self.head = neuron.KLIFNode(v_threshold=0.5)

    def forward(self, x):
        spikes = self.first(x)
        return self.head(self.second(spikes + x) + spikes)


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_forward_method_that_applies_modules_and_adds_is_one_for_a_tick_too(mode):
    net = seeded(Residual)
    functional.set_step_mode(net, mode)
    with pytest.warns(UserWarning, match=r"'head' \(KLIFNode\) has no equal"):
        ours = from_spikingjelly(net)
    same(net, ours, drive(3, 6) * 2)
    assert net.head.step_mode == mode


class MeanOverTime(Residual):
    def forward(self, x):
        return super().forward(x).mean(0)


class OwnLoop(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lif = neuron.LIFNode()

    def forward(self, x):
        return self.lif(x) + self.lif(x)


def test_all_that_is_refused_is_told_at_once_by_path():
    over_time = MeanOverTime()
    functional.set_step_mode(over_time, "m")
    net = torch.nn.ModuleDict(
        {
            "mean": over_time,
            "loop": OwnLoop(),
            "norm": layer.ThresholdDependentBatchNorm1d(1.0, 1.0, 6),
            "soft": neuron.LIFNode(surrogate_function=surrogate.Sigmoid(spiking=False)),
            "psn": neuron.PSN(4),
        }
    )
    with pytest.raises(ConversionError) as error:
        from_spikingjelly(net)
    for what in (
        "'mean' (MeanOverTime): expected a forward method over [T, N, ...]",
        "'loop.lif' (LIFNode): expected a forward method for one step",
        "'norm' (ThresholdDependentBatchNorm1d): expected a module that takes one step",
        "'soft' (LIFNode): spike function Sigmoid: expected 0 below",
        "'psn' (PSN): expected a module that takes one step",
    ):
        assert sum(what in text for text in error.value.problems) == 1, what
    assert len(error.value.problems) == 5
    functional.set_step_mode(over_time, "s")


def test_a_mask_for_all_steps_is_told_in_training_only():
    net = torch.nn.Sequential(layer.Dropout(0.5), layer.Dropout2d(0.5), neuron.LIFNode())
    with pytest.warns(UserWarning, match=r"'1' \(Dropout2d\) draws one mask for all steps"):
        ours = from_spikingjelly(net)
    assert isinstance(ours[0], nn.Dropout)  # one mask here too
    assert ours[0].training
    ours = from_spikingjelly(net.eval())
    assert isinstance(ours[1], torch.nn.Dropout2d)
    assert not ours[0].training


def test_a_net_in_the_middle_of_a_sequence_is_left_there():
    net = seeded(conv_net).eval()
    x = drive(2, 2, 6, 6)
    with torch.no_grad():
        for tick in x[:5]:
            net(tick)
        held = net[2].v.clone()
        ours = from_spikingjelly(net, input_shape=(2, 6, 6))
        ours.train()
        ours(x)
    assert torch.equal(net[2].v, held)
    assert not net.training
    assert (ours[2].shape, ours[9].shape) == ((4, 6, 6), (6,))
    functional.set_step_mode(net, "m")
    assert from_spikingjelly(net, input_shape=(2, 6, 6))[2].shape == (4, 6, 6)


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
@pytest.mark.parametrize("mode", ["s", "m"])
def test_there_and_back_with_shared_parameters(v_reset, mode):
    net = seeded(
        lambda: torch.nn.Sequential(
            layer.Linear(5, 8), neuron.LIFNode(tau=1.8, v_reset=v_reset, v_threshold=0.5),
            layer.Linear(8, 6), neuron.ParametricLIFNode(v_reset=v_reset, v_threshold=0.2),
            layer.Linear(6, 6), neuron.CUBALIFNode(0.3, 0.6, v_reset=v_reset),
            layer.Linear(6, 4), neuron.IFNode(v_reset=v_reset, detach_reset=True),
        )
    )  # fmt: skip
    back = to_spikingjelly(from_spikingjelly(net), step_mode=mode)
    assert [type(part) for part in back[1::2]] == [type(part) for part in net[1::2]]
    assert [id(p) for p in back.parameters()] == [id(p) for p in net.parameters()]
    assert back[1].surrogate_function(torch.zeros(1)) == 1.0
    assert back[7].detach_reset
    x = drive(3, 5) * 3
    expected = spikingjelly_spikes(net, x)
    assert 0.01 < float(expected.detach().mean()) < 0.99
    assert torch.equal(spikingjelly_spikes(back, x), expected)


def test_rest_and_reset_apart_take_a_cuba_neuron():
    net = nn.SpikingNet(
        torch.nn.Linear(5, 4).double(),
        nn.LIFLayer(beta=0.8, bias=0.1, v_reset=0.2, v_init=0.2, gain=0.5),
    )
    back = to_spikingjelly(net)
    assert isinstance(back[1], neuron.CUBALIFNode)
    x = drive(3, 5) * 3
    assert torch.equal(spikingjelly_spikes(back, x), net(x))


NO_WAY_BACK = {
    "refractory_ticks=0": {"refractory_ticks": 1},
    "no v_floor": {"v_floor": -1.0},
    "a reset, got 'none'": {"reset": "none"},
    "starts where a hard reset puts it": {"v_init": 0.5},
    "soft reset by the threshold": {"reset": "soft", "reset_amount": 0.5},
    "one beta for all": {"beta": [0.5, 0.6]},
}


@pytest.mark.parametrize("what", NO_WAY_BACK)
def test_what_spikingjelly_has_no_equal_for_is_refused_by_path(what):
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2, **NO_WAY_BACK[what]))
    with pytest.raises(ConversionError, match=rf"to_spikingjelly: '1' \(LIFLayer\): .*{what}"):
        to_spikingjelly(net)
