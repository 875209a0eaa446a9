# SPDX-License-Identifier: Apache-2.0
"""Nets of snnTorch against what they become, in float64 and with spikes of that type."""

import copy

import pytest

torch = pytest.importorskip("torch")

import snntorch as snn  # noqa: E402
from snntorch import utils  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.convert import from_snntorch, to_snntorch  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from spikesim.nn.compat.snntorch import LateNeuron  # noqa: E402
from tests.reference.frameworks import KeepsType, drive, gradients  # noqa: E402

HIDDEN = {"init_hidden": True, "spike_grad": KeepsType.apply}
#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12


def rest(net):
    """Put all neurons to rest; utils.reset of snnTorch 1.0 does not reach into containers."""
    for module in net.modules():
        if isinstance(module, snn.SpikingNeuron):
            module.reset_mem()


def run(net, x):
    """Spikes of a net with hidden states."""
    rest(net)
    ticks = [net(tick) for tick in x.unbind(0)]
    return torch.stack([tick[0] if isinstance(tick, tuple) else tick for tick in ticks])


def row(reset="subtract", **last):
    return torch.nn.Sequential(
        torch.nn.Linear(5, 8), snn.Leaky(beta=0.9, reset_mechanism=reset, **HIDDEN),
        torch.nn.Sequential(
            torch.nn.Linear(8, 6),
            snn.Lapicque(beta=0.5, threshold=0.2, reset_mechanism=reset, **HIDDEN),
        ),
        torch.nn.Linear(6, 4),
        snn.Synaptic(alpha=0.4, beta=0.8, threshold=0.4, reset_mechanism=reset, **HIDDEN, **last),
    ).double()  # fmt: skip


def seeded(make, *args, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return make(*args, **kwargs)


def same(theirs, ours, x):
    expected = run(theirs, x)
    got = nn.run(ours, x)[0]
    assert 0.01 < float(expected.mean()) < 0.99
    assert torch.equal(got, expected)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_a_row_spikes_as_before_and_its_gradients_are_those_of_snntorch(reset):
    net = seeded(row, reset)
    ours = from_snntorch(net)
    assert isinstance(ours, nn.SpikingNet)
    x = drive(3, 5)
    same(net, ours, x)
    weights = list(net.parameters())
    assert [id(p) for p in ours.parameters()] == [id(p) for p in weights]
    _, expected = gradients(lambda x: run(net, x), x, *weights)
    _, found = gradients(ours, x, *weights)
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) <= ROUNDING * float(other.abs().max())


def test_a_net_that_hands_out_membranes_at_its_end_gives_spikes_and_keeps_them_in_the_state():
    net = seeded(row, "none", output=True)
    x = drive(3, 5) * 2
    rest(net)
    for tick in x.unbind(0):
        _, syn, mem = net(tick)
    _, state = nn.run(from_snntorch(net), x)
    torch.testing.assert_close(state["4"].v, mem, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(state["4"].i, syn, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("kind", ["RLeaky", "RSynaptic"])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("all_to_all", [True, False])
def test_recurrent_neurons_are_neurons_in_a_recurrent(kind, reset, all_to_all):
    extra = {"alpha": 0.4} if kind == "RSynaptic" else {}
    extra |= {"linear_features": 6} if all_to_all else {"all_to_all": False, "V": -0.7}
    neuron = seeded(
        getattr(snn, kind), beta=0.7, threshold=0.8, reset_mechanism=reset, **extra, **HIDDEN
    )
    net = seeded(lambda: torch.nn.Sequential(torch.nn.Linear(5, 6), neuron).double())
    ours = from_snntorch(net)
    assert isinstance(ours[1], nn.Recurrent)
    same(net, ours, drive(3, 5) * 2)
    if all_to_all:
        assert ours[1].back.weight is neuron.recurrent.weight


def test_a_convolution_with_constants_per_channel_needs_the_shape_and_spikes_as_before():
    beta = torch.tensor([0.3, 0.6, 0.9]).reshape(3, 1, 1)
    net = seeded(
        lambda: torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3), snn.Leaky(beta=beta, threshold=0.5, **HIDDEN),
            torch.nn.Flatten(), torch.nn.Linear(48, 4),
            snn.Leaky(beta=torch.tensor([0.1, 0.4, 0.7, 1.0]), threshold=0.5, **HIDDEN),
        ).double()
    )  # fmt: skip
    with pytest.raises(ConversionError, match=r"'1' \(Leaky\): .*input_shape"):
        from_snntorch(net)
    ours = from_snntorch(net, input_shape=(1, 6, 6))
    assert (ours[1].shape, ours[4].shape) == ((3, 4, 4), (4,))
    same(net, ours, drive(2, 1, 6, 6) * 2)
    assert nn.export(ours.float(), input_shape=(1, 6, 6)).n_neurons == 52


class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = torch.nn.ModuleDict(
            {
                "in": torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6)),
                "lif": snn.Leaky(beta=0.8, **HIDDEN),
            }
        )
        self.join = snn.Leaky(beta=0.6, reset_mechanism="zero", **HIDDEN)
        self.last = snn.Leaky(beta=0.9, output=True, **HIDDEN)

    def forward(self, x):
        a = self.parts["lif"](self.parts["in"](x))
        spk, mem = self.last(self.join(a + 0.5 * self.parts["in"](x)) + a)
        return spk, mem


def test_a_forward_method_for_one_tick_runs_as_it_is_at_every_depth():
    net = seeded(lambda: torch.nn.ModuleDict({"net": Branches()}).double())
    ours = from_snntorch(net)["net"]
    assert isinstance(ours.join, nn.LIFLayer)
    assert isinstance(ours.last, LateNeuron)
    x = drive(3, 5) * 2
    rest(net)
    ticks = [net["net"](tick) for tick in x.unbind(0)]
    (spikes, membranes), state = nn.run(ours, x)
    assert torch.equal(spikes, torch.stack([spk for spk, _ in ticks]))
    expected = torch.stack([mem for _, mem in ticks])
    torch.testing.assert_close(membranes, expected, rtol=ROUNDING, atol=ROUNDING)
    nn.advance(ours, x)  # every state, at every depth, is at rest again after a reset
    nn.reset(ours)
    again = nn.advance(ours, x)
    assert torch.equal(again[0], spikes)
    assert set(state) == {"parts.lif", "join", "last"}


class OwnLoop(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(5, 6), torch.nn.Linear(6, 3)
        keeps = KeepsType.apply
        self.lif1 = snn.Leaky(beta=0.9, spike_grad=keeps, learn_beta=True)
        self.lif2 = snn.RLeaky(
            beta=0.8, linear_features=3, reset_mechanism="zero", spike_grad=keeps, threshold=0.5
        )
        self.lif3 = snn.Synaptic(0.5, 0.7, spike_grad=keeps, init_hidden=True, threshold=0.3)

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        spk2, mem2 = self.lif2.init_rleaky()
        out = []
        for tick in range(x.shape[0]):
            spk1, mem1 = self.lif1(self.fc1(x[tick]), mem=mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), spk2, mem2)
            out.append(self.lif3(spk2))
        return torch.stack(out), mem1, mem2


def test_a_loop_over_time_written_by_hand_runs_as_before():
    net = seeded(lambda: OwnLoop().double())
    ours = from_snntorch(net)
    x = drive(3, 5) * 2
    before = [net(x), net(x)]  # hidden states go on, as they do in snnTorch
    rest(net)
    for expected, got in zip(before, [ours(x), ours(x)], strict=True):
        assert torch.equal(expected[0], got[0])
        torch.testing.assert_close(got[1:], expected[1:], rtol=ROUNDING, atol=ROUNDING)
    nn.reset(ours)
    assert torch.equal(ours(x)[0], before[0][0])
    assert ours.lif1.layer.raw_beta is net.lif1.beta


def test_the_net_of_the_user_is_left_as_it_is():
    net = seeded(lambda: Branches().double())
    x = drive(3, 5)
    with torch.no_grad():
        run(net, x)
    before = copy.deepcopy(net)
    ours = from_snntorch(net, input_shape=(5,))
    ours.eval()
    nn.run(ours, x)
    for (path, module), (_, other) in zip(net.named_modules(), before.named_modules(), strict=True):
        assert type(module) is type(other), path
        assert module.training
        for name, buffer in module._buffers.items():
            assert torch.equal(buffer, other._buffers[name]), (path, name)
        assert not module._forward_pre_hooks


def test_an_optimizer_of_the_old_net_trains_the_new_one():
    net = seeded(row)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    ours = from_snntorch(net)
    before = ours(drive(3, 5))
    (before - 0.5).square().sum().backward()
    optimizer.step()
    after = ours(drive(3, 5))
    assert not torch.equal(before, after)
    assert torch.equal(after, run(net, drive(3, 5)))


def test_neurons_without_an_equal_run_as_they_are_and_that_is_said():
    net = seeded(
        lambda: torch.nn.Sequential(
            torch.nn.Linear(5, 6),
            snn.Alpha(alpha=0.8, beta=0.6, threshold=0.2, **HIDDEN),
            torch.nn.Linear(6, 3),
            snn.Leaky(beta=0.9, threshold=0.3, **HIDDEN),
        ).double()
    )
    with pytest.warns(UserWarning, match=r"from_snntorch: '1' \(Alpha\) .* slow"):
        ours = from_snntorch(net)
    x = drive(3, 5) * 2
    same(net, ours, x)
    first, state = nn.run(ours, x[:20])
    second, _ = nn.run(ours, x[20:], state)
    assert torch.equal(torch.cat([first, second]), ours(x))


def test_all_that_is_refused_is_told_at_once_by_path():
    twice = snn.Leaky(beta=0.9, **HIDDEN)
    net = torch.nn.Sequential(
        torch.nn.Sequential(snn.Leaky(beta=0.9, reset_delay=False)),
        snn.Leaky(beta=0.9, graded_spikes_factor=3.0, inhibition=True),
        snn.Leaky(beta=0.9, learn_graded_spikes_factor=True),
        twice,
        twice,
        snn.LeakyParallel(input_size=4, hidden_size=4),
    )
    with pytest.raises(ConversionError) as error:
        from_snntorch(net)
    for what in (
        r"'0.0' (Leaky): expected reset_delay=True", "'1' (Leaky): expected inhibition=False",
        "'1' (Leaky): expected graded", "'2' (Leaky): expected learn_graded",
        "'4' (Leaky): expected neurons at one place", "'5' (LeakyParallel): expected a neuron",
    ):  # fmt: skip
        assert sum(text.startswith(f"from_snntorch: {what}") for text in error.value.problems) == 1
    assert len(error.value.problems) == 6


class RestsByItself(OwnLoop):
    def forward(self, x):
        utils.reset(self)
        return super().forward(x)


class Hides(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lifs = [snn.Leaky(beta=0.9, **HIDDEN)]

    def forward(self, x):
        return self.lifs[0](x)


def test_what_would_go_wrong_in_silence_is_refused():
    with pytest.raises(ConversionError, match=r"\(RestsByItself\): .*snntorch.utils.reset, which"):
        from_snntorch(RestsByItself())
    with pytest.raises(
        ConversionError, match=r"'a' .*expected neurons in modules, got lifs as a list"
    ):
        from_snntorch(torch.nn.ModuleDict({"a": Hides()}))


def test_only_a_module_is_converted():
    with pytest.raises(ConversionError, match="expected a torch module, got list"):
        from_snntorch([snn.Leaky(beta=0.9)])


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_there_and_back_with_shared_parameters(reset):
    net = seeded(row, reset)
    net[1].beta = torch.nn.Parameter(torch.rand(8, dtype=torch.float64))
    back = to_snntorch(from_snntorch(net))
    assert {id(p) for p in back.parameters()} == {id(p) for p in net.parameters()}
    assert back[1].beta is net[1].beta
    x = drive(3, 5) * 2
    assert torch.equal(run(back, x), run(net, x))


def test_recurrent_and_late_neurons_go_back_too():
    neuron = snn.RLeaky(beta=0.7, linear_features=6, reset_mechanism="zero", **HIDDEN)
    net = seeded(lambda: torch.nn.Sequential(torch.nn.Linear(5, 6), neuron).double())
    back = to_snntorch(from_snntorch(net))
    assert isinstance(back[1], snn.RLeaky)
    assert back[1].recurrent.weight is neuron.recurrent.weight
    assert torch.equal(run(back, drive(3, 5)), run(net, drive(3, 5)))
    loop = seeded(lambda: OwnLoop().double())
    assert torch.equal(to_snntorch(from_snntorch(loop))(drive(2, 5))[0], loop(drive(2, 5))[0])


NO_WAY_BACK = {
    "no v_floor": {"v_floor": -1.0},
    "starts at rest": {"v_init": 0.5},
    "hard reset to rest": {"v_reset": -0.5},
    "refractory_ticks=1": {"alpha": 0.5},
    "soft reset by v_th / beta": {"reset": "soft"},
    "no refractory ticks": {"refractory_ticks": 3},
    "threshold above rest": {"bias": 2.0},
    "gain above 0": {"gain": -1.0},
    "no bias without a leak": {"beta": 1.0, "bias": 0.1},
}


@pytest.mark.parametrize("what", NO_WAY_BACK)
def test_what_snntorch_has_no_equal_for_is_refused_by_path(what):
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2, **NO_WAY_BACK[what]))
    with pytest.raises(ConversionError, match=rf"to_snntorch: '1' \(LIFLayer\): expected.*{what}"):
        to_snntorch(net)


def test_learned_constants_of_ours_are_handed_over_as_numbers_and_that_is_said():
    net = nn.SpikingNet(nn.Linear(2, 3), nn.LIFLayer(3, beta=0.5, learn=("beta",)))
    with pytest.warns(UserWarning, match="learned constants of '1'"):
        back = to_snntorch(net)
    assert back[1].beta.tolist() == [0.5, 0.5, 0.5]
    assert type(back[0]) is torch.nn.Linear
