# SPDX-License-Identifier: Apache-2.0
"""Learned constants stay legal whatever the optimizer does, and what is shown is what runs."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.neurons import legal  # noqa: E402

START = {
    "beta": {"beta": 0.9}, "alpha": {"alpha": 0.5}, "tau_mem": {"beta": 0.9},
    "tau_syn": {"alpha": 0.5}, "gain": {}, "bias": {}, "v_th": {}, "reset_amount": {},
}  # fmt: skip
FIELD = {"tau_mem": "beta", "tau_syn": "alpha"}
BOUNDED = ["beta", "alpha", "tau_mem", "tau_syn", "v_th", "reset_amount"]


def learning(name, granularity="neuron", shape=(2, 3), **more):
    options = {"reset": "soft", "learn": {name: granularity}} | START[name] | more
    return nn.LIFLayer(shape, **options)


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize("granularity", ["neuron", "channel", "layer"])
def test_a_learned_constant_starts_as_given_and_gets_a_gradient(name, granularity):
    layer, plain = learning(name, granularity), nn.LIFLayer((2, 3), reset="soft", **START[name])
    (parameter,) = layer.parameters()
    assert {"neuron": (2, 3), "channel": (2, 1), "layer": (1, 1)}[granularity] == parameter.shape
    field = FIELD.get(name, name)
    expected = plain.canonical().arrays(6)[field]
    # A few roundings of float32 on the way there and back.
    np.testing.assert_allclose(layer.canonical().arrays(6)[field], expected, rtol=1e-6)
    spikes, state = layer.seq(torch.rand(9, 4, 2, 3, generator=torch.manual_seed(0)))
    (spikes.sum() + state.v.sum()).backward()
    assert parameter.grad.isfinite().all()
    assert parameter.grad.ne(0).all()


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("push", [-1e30, -1e3, -30.0, 30.0, 1e3, 1e30])
def test_no_step_makes_a_learned_constant_illegal(name, push):
    layer = learning(name)
    (parameter,) = layer.parameters()
    with torch.no_grad():
        parameter.add_(push)
    field = FIELD.get(name, name)
    used = getattr(layer.params(), field)
    assert bool((used > 0).all())
    if field in ("beta", "alpha"):
        assert bool((used < 1).all())
    exported = layer.canonical()  # neurons.LIF refuses what is illegal
    assert used.flatten().tolist() == getattr(exported, field).tolist()
    shown = re.search(rf"\b{name}=(\S+?)\.\.(\S+) \(learned\)", layer.extra_repr())
    held = layer._learned[name].shown(parameter.detach())
    assert [f"{float(held.min()):g}", f"{float(held.max()):g}"] == list(shown.groups())
    spikes, state = layer.seq(torch.ones(3, 1, 2, 3))
    assert state.v.isfinite().all()
    assert spikes.isfinite().all()


def test_a_value_pushed_beyond_its_border_can_come_back():
    layer = learning("beta", beta=0.9)
    (parameter,) = layer.parameters()
    with torch.no_grad():
        parameter.add_(1e3)
    layer.seq(torch.rand(5, 2, 2, 3))[1].v.sum().backward()
    assert bool((parameter.grad > 0).all())


@pytest.mark.parametrize(
    ("name", "given", "legal_side"),
    [
        ("beta", {"beta": 1.0}, {"beta": 1.0 - 1e-6}),
        ("beta", {"beta": 0.0}, {"beta": 1e-6}),
        ("alpha", {"alpha": 0.0}, {"alpha": 1e-6}),
        ("tau_mem", {"beta": 1.0}, {"beta": 1.0 - 1e-6}),
        ("v_th", {"v_th": 0.0}, {"v_th": 1e-6}),
        ("v_th", {"v_th": math.inf}, {"v_th": 1e6}),
        ("reset_amount", {"reset_amount": 0.0}, {"reset_amount": 1e-6}),
    ],
)
def test_a_learned_constant_on_its_border_is_refused_and_beside_it_taken(name, given, legal_side):
    with pytest.raises(ValidationError, match=f"learned {name} to start"):
        learning(name, **given)
    learning(name, **legal_side)


def test_one_value_for_several_neurons_cannot_start_as_several():
    beta = [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]
    learning("beta", "channel", beta=beta)
    with pytest.raises(ValidationError, match="for each layer"):
        learning("beta", "layer", beta=beta)


def test_time_constants_are_in_ticks():
    layer = nn.LIFLayer(1, beta=math.exp(-1 / 20.0), learn=("tau_mem",))
    assert "tau_mem=20..20" in layer.extra_repr()
    with torch.no_grad():
        layer.raw_tau_mem.fill_(9.0)  # tau_mem = 10
    assert math.exp(-0.1) == pytest.approx(layer.params().beta.item(), rel=1e-6)  # float32


def test_a_reset_amount_follows_a_learned_threshold_unless_it_is_learned_itself():
    layer = nn.LIFLayer(1, beta=1.0, reset="soft", learn=("v_th",))
    with torch.no_grad():
        layer.raw_v_th.fill_(1.0)  # v_th = 2
    assert 0.5 == layer.seq(torch.full((1, 1, 1), 2.5))[1].v.item()
    both = nn.LIFLayer(1, beta=1.0, v_th=2.0, reset="soft", learn=("v_th", "reset_amount"))
    with torch.no_grad():
        both.raw_v_th.fill_(2.0)  # v_th = 3, the amount stays at 2
    assert 1.0 == both.seq(torch.full((1, 1, 1), 3.0))[1].v.item()


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_maps_to_legal_values_have_their_inverse(r):
    there = torch.tensor([r], dtype=torch.float64)
    for forward, backward in (
        (legal.positive, legal.from_positive), (legal.share, legal.from_share),
    ):  # fmt: skip
        value = forward(there)
        assert 0.0 < value.item()
        # Near a border float64 has few steps left: compare where they are legible.
        assert value.item() == pytest.approx(forward(backward(value)).item(), rel=1e-12)


@pytest.mark.parametrize("function", [legal.positive, legal.share])
def test_slopes_of_the_maps_are_those_of_differences(function):
    points = torch.tensor([-30.0, -2.0, -0.5, 0.5, 2.0, 30.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(function, points.requires_grad_())
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    function(zero).backward()  # where the two branches meet, and most values start
    assert (1.0 if function is legal.positive else 0.5) == zero.grad.item()
    rising = function(torch.linspace(-5, 5, 101, dtype=torch.float64)).diff()
    assert bool((rising > 0).all())


@pytest.mark.parametrize("refractory", ["hold", "gate"])
def test_gradients_of_the_membrane_are_those_of_differences(refractory):
    """Below threshold all is smooth; one neuron of the batch stands on its floor."""
    a = torch.rand(6, 2, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    a[:, 0, 0] = -1.0

    def last(beta, alpha, gain, bias, v_init):
        params = nn.LIFParams(
            beta=legal.share(beta), alpha=legal.share(alpha), gain=gain, bias=bias, v_th=math.inf,
            v_init=v_init, v_floor=-0.5, refractory_ticks=1, refractory=refractory,
        )  # fmt: skip
        return nn.functional.lif_seq(a, params)[1].v

    values = [torch.linspace(k, k + 0.5, 3, dtype=torch.float64) for k in (1.0, 0.0, 0.3, 0.1, 0.2)]
    # The sums over the batch keep 24 bits of the largest term.
    assert torch.autograd.gradcheck(last, [v.requires_grad_() for v in values], atol=1e-6)
