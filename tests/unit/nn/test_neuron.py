# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def oracle(a, beta, alpha, gain, bias, v_th, v_reset, reset, amount, strict):
    """The canonical update in NumPy, one neuron at a time."""
    spikes = np.zeros(a.shape)
    for index in np.ndindex(a.shape[1:]):
        v = i = 0.0
        for t in range(a.shape[0]):
            i = alpha * i + a[(t, *index)]
            h = beta * v + gain * i + bias
            fired = h > v_th if strict else h >= v_th
            spikes[(t, *index)] = fired
            if fired and reset == "hard":
                v = v_reset
            elif fired and reset == "soft":
                v = h - amount
            else:
                v = h
    return spikes


@pytest.mark.parametrize(
    ("reset", "strict", "alpha"),
    list(itertools.product(["hard", "soft", "none"], [False, True], [0.0, 0.75])),
)
def test_spikes_equal_the_numpy_oracle_in_float64(reset, strict, alpha):
    # A coarse grid, so that the threshold is hit exactly many times.
    a = np.random.default_rng(0).integers(-8, 24, (40, 3, 5)) / 16.0
    values = {"beta": 0.5, "alpha": alpha, "gain": 0.5, "bias": 0.125, "v_reset": -0.25}
    layer = nn.LIFLayer(v_th=1.0, reset=reset, strict=strict, reset_amount=0.75, **values)
    expected = oracle(a, v_th=1.0, reset=reset, amount=0.75, strict=strict, **values)
    assert 0.0 < expected.mean() < 1.0
    assert (expected == layer(torch.from_numpy(a)).numpy()).all()


def test_per_neuron_parameters_apply_to_their_neuron():
    a = np.random.default_rng(1).random((30, 2, 3))
    layer = nn.LIFLayer(3, beta=[0.5, 0.75, 1.0], v_th=[1.0, 2.0, 4.0]).double()
    spikes = layer(torch.from_numpy(a)).numpy()
    for k, (beta, v_th) in enumerate([(0.5, 1.0), (0.75, 2.0), (1.0, 4.0)]):
        expected = oracle(a[..., k], beta, 0.0, 1.0, 0.0, v_th, 0.0, "hard", 0.0, False)
        assert (expected == spikes[..., k]).all()


def test_sequence_in_one_call_equals_steps_and_halves():
    a = torch.rand(12, 2, 4, dtype=torch.float64, generator=torch.manual_seed(0))
    layer = nn.LIFLayer(alpha=0.5, reset="soft")
    whole, last = layer.seq(a)
    first, middle = layer.seq(a[:5])
    second, end = layer.seq(a[5:], middle)
    assert (whole == torch.cat([first, second])).all()
    assert (last.v == end.v).all()
    state, stepped = layer.initial_state(a[0]), []
    for tick in a:
        s, state = layer.step(tick, state)
        stepped.append(s)
    assert (whole == torch.stack(stepped)).all()


def test_gradient_through_time_is_the_chain_rule_by_hand():
    # Two ticks, no spike at tick 0, a spike at tick 1: d s1 / d a0 = bump(h1 - 1) * beta.
    a = torch.tensor([[[0.5]], [[0.75]]], dtype=torch.float64, requires_grad=True)
    layer = nn.LIFLayer(beta=0.5, surrogate=nn.ATan(1.0))
    layer(a)[1].sum().backward()
    bump = 1.0  # h1 = 0.5 * 0.5 + 0.75 = 1.0, exactly at threshold
    assert [0.5 * bump, bump] == a.grad.flatten().tolist()


def test_reset_enters_the_gradient_only_if_not_detached():
    def gradient(detach):
        a = torch.tensor([[[1.0]], [[0.5]]], dtype=torch.float64, requires_grad=True)
        layer = nn.LIFLayer(beta=0.5, reset="soft", detach_reset=detach, surrogate=nn.Triangle(0.5))
        layer(a)[1].sum().backward()
        return a.grad.flatten().tolist()

    # h1 = 0.5 (1 - 1) + 0.5, bump = 1 - 0.5 * 0.5; reset path: dv0/da0 = 1 - bump(0) = 0.
    assert [0.5 * 0.75, 0.75] == gradient(detach=True)
    assert [0.0, 0.75] == gradient(detach=False)


def test_state_after_the_last_tick_is_differentiable():
    a = torch.full((3, 1, 1), 0.1, requires_grad=True)
    nn.LIFLayer(beta=0.5).seq(a)[1].v.sum().backward()
    assert [0.25, 0.5, 1.0] == a.grad.flatten().tolist()


def test_learned_parameters_are_per_neuron_and_receive_gradients():
    layer = nn.LIFLayer(4, learn=("beta", "bias", "v_th"))
    layer(torch.rand(6, 2, 4)).sum().backward()
    assert {"beta", "bias", "v_th"} == {name for name, _ in layer.named_parameters()}
    assert all(p.grad is not None and p.shape == (4,) for p in layer.parameters())


def test_no_ticks_give_no_spikes():
    assert (0, 2, 3) == tuple(nn.LIFLayer()(torch.zeros(0, 2, 3)).shape)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"beta": 1.5}, "beta"),
        ({"reset": "medium"}, "reset"),
        ({"learn": ("bias",)}, "number of neurons"),
        ({"n": 2, "learn": ("colour",)}, "colour"),
        ({"n": 2, "beta": [0.1, 0.2, 0.3]}, "beta"),
    ],
)
def test_illegal_parameters_are_named(arguments, text):
    with pytest.raises(ValidationError, match=text):
        nn.LIFLayer(**arguments)


def test_the_former_name_of_the_threshold_is_refused_with_the_new_one():
    with pytest.raises(ValidationError, match="the threshold is called v_th"):
        nn.LIFLayer(threshold=2.0)
    assert nn.LIFLayer(v_th=2.0).canonical().v_th == 2.0
