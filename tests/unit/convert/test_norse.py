# SPDX-License-Identifier: Apache-2.0
"""Nets of Norse against what they become, in float64."""

import pytest

torch = pytest.importorskip("torch")

import norse.torch as norse  # noqa: E402
from norse.torch.functional.reset import reset_subtract  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.convert import from_norse, to_norse  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import drive, norse_spikes  # noqa: E402

#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12
LOW = torch.as_tensor(0.15)


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return make().double()


def row():
    return norse.SequentialState(
        torch.nn.Linear(5, 8), norse.LIFCell(norse.LIFParameters(v_th=LOW)),
        norse.SequentialState(
            torch.nn.Linear(8, 6),
            norse.LIFBoxCell(norse.LIFBoxParameters(v_th=LOW / 3, reset_method=reset_subtract)),
        ),
        norse.LIFRecurrentCell(6, 7, p=norse.LIFParameters(v_th=LOW, v_reset=-LOW)),
    )  # fmt: skip


def test_a_row_spikes_as_before():
    net = seeded(row)
    ours = from_norse(net)
    x = drive(3, 5) * 4
    expected = norse_spikes(net, x)
    assert 0.01 < float(expected.detach().mean()) < 0.99
    assert torch.equal(ours(x), expected)
    assert {id(p) for p in ours.parameters()} == {id(p) for p in net.parameters()}
    assert nn.explain(ours).count("LIFLayer") == 3


def test_gradients_of_weights_are_those_of_norse():
    net = seeded(row)
    ours = from_norse(net)
    x = drive(3, 5) * 4
    weights = list(net.parameters())
    expected = torch.autograd.grad(norse_spikes(net, x).mean(), weights)
    found = torch.autograd.grad(ours(x).mean(), weights)
    recurrent = [i for i, w in enumerate(weights) if w is net[3].recurrent_weights]
    assert len(recurrent) == 1
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) <= ROUNDING * float(other.abs().max())
    assert not found[recurrent[0]].diagonal().any()  # no neuron learns to drive itself


def test_leaky_integrators_give_their_membranes():
    net = seeded(lambda: norse.SequentialState(torch.nn.Linear(5, 4), norse.LICell()))
    x = drive(3, 5)
    torch.testing.assert_close(
        from_norse(net)(x), norse_spikes(net, x), rtol=ROUNDING, atol=ROUNDING
    )


def test_what_is_lifted_or_takes_sequences_is_a_layer_like_any():
    linear = torch.nn.Linear(5, 6)
    lif = norse.LIF(norse.LIFParameters(v_th=LOW))
    net = torch.nn.ModuleList([norse.Lift(linear), lif]).double()
    x = drive(3, 5) * 4
    expected, _ = net[1](net[0](x))
    ours = from_norse(net)
    assert 0.01 < float(expected.detach().mean())
    assert torch.equal(nn.run(ours[1], nn.run(ours[0], x)[0])[0], expected)


def test_neurons_without_an_equal_run_as_they_are_and_that_is_said():
    net = seeded(
        lambda: norse.SequentialState(
            torch.nn.Linear(5, 6), norse.LIFAdExCell(), torch.nn.Linear(6, 3), norse.LIFBoxCell()
        )
    )
    with pytest.warns(UserWarning, match=r"'1' \(LIFAdExCell\) has no equal"):
        ours = from_norse(net)
    x = drive(3, 5) * 9
    expected = norse_spikes(net, x)
    assert torch.equal(ours(x), expected)
    first, state = nn.run(ours, x[:20])
    assert torch.equal(torch.cat([first, nn.run(ours, x[20:], state)[0]]), expected)


class PassesStates(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lif = norse.LIFBoxCell()

    def forward(self, x, state=None):
        return self.lif(x, state)


def test_all_that_is_refused_is_told_at_once_by_path():
    adjoint = norse.LIFParameters(method="adjoint")
    fast = norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(5000.0))
    other = norse.LIFBoxParameters(reset_method=lambda z, v, reset, th: v)
    net = norse.SequentialState(
        norse.PoissonEncoder(5), norse.LIFCell(adjoint), norse.LIFBoxCell(fast),
        norse.LIFBoxCell(other), PassesStates(),
    )  # fmt: skip
    with pytest.raises(ConversionError) as error:
        from_norse(net)
    for what in (
        "'0' (PoissonEncoder): expected what takes one tick", "'1' (LIFCell): expected a method",
        "'2' (LIFBoxCell): expected tau_mem_inv", "'3' (LIFBoxCell): expected reset_method",
        "'4' (PassesStates): expected neurons in a SequentialState",
    ):  # fmt: skip
        assert sum(what in text for text in error.value.problems) == 1, what
    assert len(error.value.problems) == 5


def test_there_and_back_with_shared_weights():
    net = seeded(lambda: norse.SequentialState(*list(row())[:3]))
    back = to_norse(from_norse(net))
    assert [type(part) for part in back] == [type(part) for part in net]
    assert [id(p) for p in back.parameters()] == [id(p) for p in net.parameters()]
    x = drive(3, 5) * 4
    assert torch.equal(norse_spikes(back, x), norse_spikes(net, x))


def test_a_neuron_that_fires_at_the_threshold_is_told():
    net = nn.SpikingNet(torch.nn.Linear(5, 4).double(), nn.LIFLayer(beta=0.8, reset="soft"))
    with pytest.warns(UserWarning, match="'1' fires at the threshold"):
        back = to_norse(net, dt=2e-3)
    assert back[1].dt == 2e-3
    x = drive(3, 5)
    assert torch.equal(norse_spikes(back, x), net(x))


NO_WAY_BACK = {
    "refractory_ticks=0": {"refractory_ticks": 1},
    "no v_floor": {"v_floor": -1.0},
    "a reset, got 'none'": {"reset": "none"},
    "starts at rest": {"v_init": 0.5},
    "soft reset by the threshold": {"reset": "soft", "reset_amount": 0.5},
    "hard reset of a neuron with a current": {"reset": "soft", "alpha": 0.5},
    "a membrane that leaks": {"beta": 1.0},
}


@pytest.mark.parametrize("what", NO_WAY_BACK)
def test_what_norse_has_no_equal_for_is_refused_by_path(what):
    layer = nn.LIFLayer(2, strict=True, **NO_WAY_BACK[what])
    with pytest.raises(ConversionError, match=rf"to_norse: '1' \(LIFLayer\): .*{what}"):
        to_norse(nn.SpikingNet(nn.Linear(2, 2), layer))


def test_recurrence_is_refused_on_the_way_back():
    ours = nn.SpikingNet(nn.Recurrent(nn.LIFLayer(3), nn.Linear(3, 3)))
    with pytest.raises(ConversionError, match="neurons without recurrence"):
        to_norse(ours)
