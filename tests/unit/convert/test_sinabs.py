# SPDX-License-Identifier: Apache-2.0
"""Nets of sinabs against what they become, in float64; its spikes are float32."""

import pytest

torch = pytest.importorskip("torch")

import sinabs.activation as sa  # noqa: E402
import sinabs.layers as sl  # noqa: E402
from sinabs.network import Network  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.convert import from_sinabs, to_sinabs  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import STEPS, drive, gradients  # noqa: E402

ONE = {"spike_fn": sa.SingleSpike}
#: Spikes in float32, as sinabs makes them, take their gradient through float32.
FLOAT32 = 1e-6


class Double(torch.nn.Module):
    def forward(self, x):
        return x.double()


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        return make().double()


def row():
    return torch.nn.Sequential(
        torch.nn.Linear(5, 8),
        sl.LIF(tau_mem=4.0, tau_syn=2.0, spike_threshold=torch.tensor(0.3), **ONE),
        Double(), torch.nn.Linear(8, 6), sl.IAF(spike_fn=sa.MaxSpike(1), min_v_mem=-1.0),
        Double(), torch.nn.Linear(6, 6),
        sl.LIF(3.0, norm_input=False, reset_fn=sa.MembraneReset(), train_alphas=True, **ONE),
        Double(),
    )  # fmt: skip


def run(net, x):
    for module in net.modules():
        if isinstance(module, sl.StatefulLayer):
            module.reset_states()
    return net(x.transpose(0, 1)).transpose(0, 1)


def test_a_row_spikes_as_before():
    net = seeded(row)
    ours = from_sinabs(net)
    x = drive(3, 5) * 2
    expected = run(net, x)
    assert 0.01 < float(expected.detach().mean()) < 0.99
    assert torch.equal(ours(x), expected)
    learned = {id(p) for p in net.parameters() if p.requires_grad}
    assert {id(p) for p in ours.parameters()} == learned


def test_layers_that_squeeze_time_into_the_batch_are_layers():
    net = seeded(
        lambda: torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3),
            sl.IAFSqueeze(batch_size=2, spike_threshold=torch.tensor(0.6), **ONE),
            Double(), torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 4),
            sl.LIFSqueeze(tau_mem=3.0, batch_size=2, norm_input=False, **ONE), Double(),
        )
    )  # fmt: skip
    x = drive(2, 1, 6, 6)
    expected = net(x.transpose(0, 1).flatten(0, 1)).unflatten(0, (2, STEPS)).transpose(0, 1)
    assert 0.01 < float(expected.detach().mean()) < 0.99
    ours = from_sinabs(net, input_shape=(1, 6, 6))
    assert (ours[1].shape, ours[6].shape) == ((3, 4, 4), (4,))
    assert torch.equal(ours(x), expected)
    assert torch.equal(from_sinabs(Network(spiking_model=net))(x), expected)


def test_thresholds_per_channel_and_other_surrogates_are_kept():
    threshold = torch.tensor([0.3, 0.9]).reshape(2, 1, 1)
    bump = {"surrogate_grad_fn": sa.PeriodicExponential(), "spike_threshold": threshold}
    lif = sl.LIFSqueeze(tau_mem=3.0, batch_size=2, norm_input=False, **ONE, **bump)
    net = seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), lif, Double()))
    x = drive(2, 1, 4, 4)
    ours = from_sinabs(net, input_shape=(1, 4, 4))

    def theirs(x):
        out = net(x.transpose(0, 1).flatten(0, 1)).unflatten(0, (2, STEPS)).transpose(0, 1)
        lif.reset_states()
        return out

    spikes, (expected,) = gradients(theirs, x)
    got, (found,) = gradients(ours, x)
    assert 0.01 < float(spikes.mean()) < 0.99
    assert torch.equal(got, spikes)
    assert float((found - expected).abs().max()) <= FLOAT32 * float(expected.abs().max())


def test_recurrent_neurons_are_neurons_in_a_recurrent():
    back = torch.nn.Sequential(Double(), torch.nn.Linear(6, 6, bias=False))
    net = seeded(
        lambda: torch.nn.Sequential(
            torch.nn.Linear(5, 6),
            sl.LIFRecurrent(tau_mem=4.0, norm_input=False, rec_connect=back, **ONE),
        )
    )  # fmt: skip
    ours = from_sinabs(net)
    assert isinstance(ours[1], nn.Recurrent)
    x = drive(3, 5)
    expected = run(net, x).double()
    assert 0.01 < float(expected.detach().mean()) < 0.99
    assert torch.equal(ours(x), expected)


class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Sequential(torch.nn.Linear(5, 5), sl.IAF(**ONE), Double())
        self.b = sl.ExpLeak(tau_mem=3.0)

    def forward(self, x):
        return self.b(self.a(x) + x)


def test_forward_methods_that_apply_and_add_are_kept_and_other_neurons_run_as_they_are():
    net = seeded(Branches)
    with pytest.warns(UserWarning, match=r"'b' \(ExpLeak\) has no equal"):
        ours = from_sinabs(net)
    x = drive(3, 5)
    torch.testing.assert_close(nn.run(ours, x)[0], run(net, x), rtol=1e-12, atol=1e-12)


class Last(Branches):
    def forward(self, x):
        return super().forward(x)[:, -1]


def test_all_that_is_refused_is_told_at_once_by_path():
    recurrent = sl.IAFRecurrent(rec_connect=torch.nn.Linear(4, 4), **ONE)
    net = torch.nn.Sequential(
        sl.IAF(), sl.LIF(3.0, reset_fn=sa.MembraneReset(0.5), **ONE), recurrent, Last(),
        sl.LIF(3.0, reset_fn=len, **ONE),
    )  # fmt: skip
    with pytest.raises(ConversionError) as error:
        from_sinabs(net)
    for what in (
        "'0' (IAF): expected one spike a step", "'1' (LIF): expected MembraneReset(0.0)",
        "'2' (IAFRecurrent): expected a rec_connect without bias",
        "'3' (Last): expected a forward method over [B, T, ...]",
        "'4' (LIF): expected reset_fn",
    ):  # fmt: skip
        assert sum(what in text for text in error.value.problems) == 1, what
    assert len(error.value.problems) == 5


def test_there_and_back_with_shared_weights():
    net = seeded(row)
    ours = from_sinabs(net)
    with pytest.warns(UserWarning, match=r"learned constants of '1', '7'"):
        back = to_sinabs(ours)
    x = drive(3, 5) * 2
    assert torch.equal(run(back, x), run(net, x))
    assert back[0].weight is net[0].weight
    again = from_sinabs(back)
    torch.testing.assert_close(
        torch.autograd.grad(again(x).mean(), back[0].weight),
        torch.autograd.grad(ours(x).mean(), back[0].weight), rtol=1e-9, atol=1e-12,
    )  # fmt: skip


def test_convolutions_go_back_squeezed():
    net = seeded(lambda: nn.SpikingNet(torch.nn.Conv2d(1, 2, 3), nn.LIFLayer(beta=0.8)))
    x = drive(2, 1, 4, 4)
    out = to_sinabs(net, batch_size=2)(x.transpose(0, 1).flatten(0, 1))
    assert torch.equal(out.unflatten(0, (2, STEPS)).transpose(0, 1).double(), net(x))


NO_WAY_BACK = {
    "refractory_ticks=0": {"refractory_ticks": 1},
    "v_floor not above rest": {"v_floor": 0.5},
    "a reset, got 'none'": {"reset": "none"},
    "starts at rest": {"v_init": 0.5},
    "hard reset to rest": {"v_reset": 0.5},
}


@pytest.mark.parametrize("what", NO_WAY_BACK)
def test_what_sinabs_has_no_equal_for_is_refused_by_path(what):
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2, **NO_WAY_BACK[what]))
    with pytest.raises(ConversionError, match=rf"to_sinabs: '1' \(LIFLayer\): .*{what}"):
        to_sinabs(net)


def test_a_neuron_that_fires_above_the_threshold_only_is_told():
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2, strict=True))
    with pytest.warns(UserWarning, match="'1' fires above the threshold only"):
        to_sinabs(net)
