# SPDX-License-Identifier: Apache-2.0
"""Kernels over delays, on their way to one tick each."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim.nn.layers.taps import InterpolatedTaps, PrunedTaps  # noqa: E402

D = 6
SHAPES = {"synapse": (3, 4), "axon": (1, 4), "dendrite": (3, 1)}


def taps(interpolation="gauss", granularity="synapse", seed=0):
    torch.manual_seed(seed)
    return InterpolatedTaps(torch.randn(3, 4), D, interpolation, granularity).double()


def kernel_by_hand(interpolation, d, sigma):
    k = np.arange(D + 1)
    if interpolation == "gauss":
        g = np.exp(-0.5 * ((k - d) / sigma) ** 2)
    else:
        g = np.maximum(0.0, 1.0 + sigma - np.abs(k - d))
    return g / g.sum()


@pytest.mark.parametrize("granularity", SHAPES)
@pytest.mark.parametrize("interpolation", ["gauss", "triangle"])
def test_weights_are_spread_about_their_delay(interpolation, granularity):
    made = taps(interpolation, granularity)
    sigmas = []
    for progress in (0.0, 0.5, 1.0):
        made.narrow(progress)
        sigmas.append(float(made.sigma))
        delays = np.broadcast_to(made.delays().detach().numpy(), (3, 4))
        assert delays.shape == np.broadcast_shapes(SHAPES[granularity], (3, 4))
        found, weight = made().detach().numpy(), made.weight.detach().numpy()
        for a, b in np.ndindex(3, 4):
            expected = weight[a, b] * kernel_by_hand(interpolation, delays[a, b], sigmas[-1])
            np.testing.assert_allclose(found[:, a, b], expected, rtol=1e-12, atol=1e-15)
    end = {"gauss": 0.5, "triangle": 0.0}[interpolation]
    assert (3.0, end) == pytest.approx((sigmas[0], sigmas[2]), abs=1e-6)
    assert sigmas == sorted(sigmas, reverse=True)


def test_delays_begin_evenly_spread_and_per_granularity():
    for granularity, shape in SHAPES.items():
        assert shape == tuple(taps(granularity=granularity).delays().shape)
    torch.manual_seed(0)
    wide = InterpolatedTaps(torch.zeros(100, 100), 24, "gauss", "synapse").delays().detach()
    assert 0.0 < float(wide.min()) < 0.5
    assert 23.5 < float(wide.max()) < 24.0
    counts = np.histogram(wide.numpy(), bins=8, range=(0, 24))[0]
    assert (np.abs(counts - 1250) < 150).all()  # 4 standard deviations


@pytest.mark.parametrize("pushed", [-1e30, -1e6, 0.0, 1e6, 1e30])
def test_no_step_of_an_optimizer_leaves_the_range(pushed):
    made = taps()
    with torch.no_grad():
        made.raw_delay.fill_(pushed)
    assert bool(((made.delays() >= 0.0) & (made.delays() <= D)).all())
    assert bool(torch.isfinite(made()).all())
    made.harden()
    assert bool(((made.ticks >= 0) & (made.ticks <= D)).all())


@pytest.mark.parametrize("granularity", SHAPES)
@pytest.mark.parametrize("interpolation", ["gauss", "triangle"])
@pytest.mark.parametrize("progress", [0.0, 0.7])
def test_slopes_of_weights_and_delays_by_finite_differences(interpolation, granularity, progress):
    made = taps(interpolation, granularity)
    made.narrow(progress)

    def kernel(weight, raw_delay):
        values = {"weight": weight, "raw_delay": raw_delay}
        return torch.func.functional_call(made, values, ())

    assert torch.autograd.gradcheck(kernel, (made.weight, made.raw_delay))


@pytest.mark.parametrize("interpolation", ["gauss", "triangle"])
def test_hard_delays_are_the_rounded_ones_and_are_trained_no_more(interpolation):
    made = taps(interpolation)
    soft = made.delays().detach()
    made.harden()
    assert torch.equal(soft.round().long(), made.delays())
    found = made()
    assert torch.equal((found != 0).sum(0), torch.ones(3, 4, dtype=torch.long))
    assert torch.equal(found.sum(0), made.weight)
    assert torch.equal(found.abs().argmax(0), made.delays())
    found.sum().backward()
    assert made.raw_delay.grad is None
    assert torch.equal(torch.ones(3, 4).double(), made.weight.grad)


def test_hard_delays_do_not_change_with_the_float_type():
    made = taps().float()
    with torch.no_grad():
        made.raw_delay.copy_(torch.linspace(-2.0, 2.0, 12).reshape(3, 4))
        # 2.5 ticks in float32, which round to 2, and a little more in float64.
        made.raw_delay[0, 0] = -0.19999995827674866
    made.harden()
    before = made.delays()
    assert torch.equal(before, made.double().delays())
    other = taps(seed=1)
    other.load_state_dict(made.state_dict())
    assert torch.equal(made(), other())


def test_pruning_keeps_the_largest_and_only_shrinks():
    torch.manual_seed(0)
    made = PrunedTaps((3, 4), 8, 1.0)
    first = made.weight.detach().abs().clone()
    left = []
    for progress in (0.0, 0.25, 0.5, 0.25, 0.75, 1.0):
        before = made.mask.clone()
        made.narrow(progress)
        assert not bool((made.mask & ~before).any())
        left.append(made.mask.sum(0).unique().tolist())
    assert [[9], [5], [3], [3], [2], [1]] == left  # round(9 ** (1 - progress))
    made.harden()
    assert torch.equal(first.argmax(0), made.delays())
    assert torch.equal(made.delays(), made().abs().argmax(0))


def test_what_was_pruned_does_not_come_back_with_a_larger_weight():
    torch.manual_seed(0)
    made = PrunedTaps((1, 1), 3, 1.0)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([0.1, 0.4, 0.3, 0.2]).reshape(4, 1, 1))
        made.narrow(0.5)
        made.weight[0] = 9.0  # pruned; momentum may still move it
    made.harden()
    assert 1 == int(made.delays())
    assert [0.0, pytest.approx(0.4), 0.0, 0.0] == made().flatten().tolist()
