# SPDX-License-Identifier: Apache-2.0
"""Exact sums: oracle in fractions, and no dependence on order."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim.nn.arithmetic import exact  # noqa: E402


def grid(values, bits):
    """Oracle: multiples of a power of two, ties to even, as fractions."""
    top = max((abs(Fraction(v)) for v in values), default=Fraction(0))
    exponent = 0
    while Fraction(2) ** exponent <= top:
        exponent += 1
    while top and Fraction(2) ** (exponent - 1) > top:
        exponent -= 1
    step = Fraction(2) ** (exponent - bits)
    return [round(Fraction(v) / step) * step for v in values]


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20), st.integers(1, 50))
def test_grid_is_that_of_fractions(values, bits):
    found = exact.on_grid(torch.tensor(values, dtype=torch.float32), bits)
    assert grid(values, bits) == [Fraction(v) for v in found.tolist()]
    top, rounded = (max(map(abs, numbers)) for numbers in (values, found.tolist()))
    if math.frexp(top)[1] == math.frexp(rounded)[1]:  # not rounded up to the next power of two
        assert torch.equal(found, exact.on_grid(found, bits))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_visible(bad):
    assert exact.on_grid(torch.tensor([1.0, bad]), 24).isnan().all()


def test_nothing_stays_nothing():
    assert (0, 3) == tuple(exact.linear(torch.zeros(0, 5), torch.zeros(3, 5)).shape)
    assert not exact.on_grid(torch.zeros(4), 24).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_rounded_in_place(dtype):
    x, w, g = (torch.full((3, 3), 1 / 3, dtype=dtype).fill_diagonal_(1e5) for _ in range(3))
    run(x, w, g)
    exact.on_grid(x, 9)
    exact.rows_on_grid(x, 9)
    for values in (x, w, g):
        assert torch.equal(torch.full((3, 3), 1 / 3, dtype=dtype).fill_diagonal_(1e5), values)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), max_size=5))
def test_the_grid_of_a_row_is_its_own(rows):
    x = torch.tensor(rows, dtype=torch.float32).reshape(-1, 3)
    found = exact.rows_on_grid(x, 12)
    assert [exact.on_grid(row, 12).tolist() for row in x] == found.tolist()


def net(seed, rows, n_in, n_out):
    rng = np.random.default_rng(seed)
    x = torch.tensor(rng.random((rows, n_in)) < 0.4, dtype=torch.float32)
    scale = 10.0 ** rng.integers(-8, 8, 2)
    w = torch.tensor(rng.normal(0, scale[0], (n_out, n_in)), dtype=torch.float32)
    g = torch.tensor(rng.normal(0, scale[1], (rows, n_out)), dtype=torch.float32)
    return x, w, g


def run(x, w, g):
    return (
        exact.linear(x, w), exact.linear_input_gradient(g, w), exact.linear_weight_gradient(g, x)
    )  # fmt: skip


def test_sums_are_those_of_fractions_rounded_once():
    x, w, g = net(1, 6, 7, 5)
    out, for_x, for_w = run(x, w, g)
    w_grid = np.array(grid(w.flatten().tolist(), 24)).reshape(5, 7)
    g_grid = np.array(grid(g.flatten().tolist(), 24)).reshape(6, 5)
    spikes = np.array([[Fraction(int(v)) for v in row] for row in x.tolist()])
    for found, expected in (
        (out, spikes @ w_grid.T), (for_x, g_grid @ w_grid), (for_w, g_grid.T @ spikes),
    ):  # fmt: skip
        np.testing.assert_array_equal(expected.astype(np.float64).astype(np.float32), found)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 200), st.integers(1, 40))
def test_order_changes_no_bit(seed, rows, n_in, n_out):
    x, w, g = net(seed, rows, n_in, n_out)
    rng = np.random.default_rng(seed)
    r, i, o = (torch.from_numpy(rng.permutation(n)) for n in (rows, n_in, n_out))
    out, for_x, for_w = run(x, w, g)
    other = run(x[r][:, i], w[o][:, i], g[r][:, o])
    assert torch.equal(out[r][:, o], other[0])
    assert torch.equal(for_x[r][:, i], other[1])
    assert torch.equal(for_w[o][:, i], other[2])


@pytest.mark.parametrize("part", [1, 100, 10_000])
def test_no_bit_depends_on_how_many_rows_are_summed_at_a_time(part, monkeypatch):
    x, weight, grad = net(3, 300, 270, 5)
    x[:40] *= 1e-3  # rows, columns and parts of other sizes
    x[:, 100:200] *= 37.0
    grad = grad * torch.linspace(0.1, 9.0, 300)[:, None]
    wanted = (
        exact.rows_on_grid(x, 20) @ exact.on_grid(weight.T, 24),
        exact.on_grid(grad, 24) @ exact.on_grid(weight, 24),
        exact.on_grid(grad, 24).T @ exact.on_grid(x, 20),
    )
    monkeypatch.setattr(exact, "_ROWS", part)
    found = run(x, weight, grad)
    assert all(torch.equal(a.float(), b) for a, b in zip(wanted, found, strict=True))


def test_results_are_close_to_those_of_torch():
    x, w, g = net(3, 200, 160, 10)
    found = run(x, w, g)
    x, w = x.double().requires_grad_(), w.double().requires_grad_()
    out = torch.nn.functional.linear(x, w)
    out.backward(g.double())
    # 24 bits of the largest term, at most 200 terms.
    for ours, theirs in zip(found, (out.detach(), x.grad, w.grad), strict=True):
        assert float((ours - theirs).abs().max()) < 200 * 2.0**-23 * float(theirs.abs().max())


def test_products_that_float64_might_not_hold_are_not_computed():
    a, b = torch.ones(2, 32), torch.ones(32, 3)
    assert exact.matmul(a, b, (24, 24)).eq(32).all()
    with pytest.raises(AssertionError):
        exact.matmul(torch.ones(2, 33), torch.ones(33, 3), (24, 24))


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_gradient_of_a_spread_value_is_the_sum(shape):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    g = torch.arange(np.prod(shape), dtype=torch.float32).reshape(shape)
    out = exact.spread(x, shape)
    assert torch.equal(out.detach(), x.detach().expand(shape))
    out.backward(g)
    assert torch.equal(g.reshape(-1, 3).sum(0), x.grad)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 500))
def test_order_of_rows_changes_no_bit_of_a_spread_gradient(seed, rows):
    rng = np.random.default_rng(seed)
    g = torch.tensor(rng.normal(0, 1, (rows, 4)), dtype=torch.float32)
    sums = []
    for order in (slice(None), torch.from_numpy(rng.permutation(rows))):
        x = torch.zeros(4, requires_grad=True)
        exact.spread(x, (rows, 4)).backward(g[order])
        sums.append(x.grad)
    assert torch.equal(*sums)


CONVOLUTIONS = {
    "plane": ((2, 3, 3), (2, 6, 5), ((1, 2), (1, 0), (2, 1), 1)),
    "groups": ((1, 2, 3), (4, 6, 5), ((1, 1), (1, 1), (1, 1), 4)),
    "line": ((3, 4), (3, 9), ((2,), (2,), (1,), 1)),
}


def convolved(kernel, image, around, scale=1.0, order=None):
    """Result and both gradients of a convolution of spikes, with the batch in an order."""
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(4, *kernel)), dtype=torch.float32)
    x = torch.tensor(rng.random((6, *image)) < 0.5, dtype=torch.float32)[order or slice(None)]
    weight.mul_(scale).requires_grad_()
    x.requires_grad_()
    out = exact.conv(x, weight, *around)
    grad = torch.tensor(rng.normal(size=out.shape), dtype=torch.float32)
    out.backward(grad[order or slice(None)])
    return out.detach(), x.grad, weight.grad, (x.detach(), weight.detach(), grad)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_and_its_gradients_are_those_of_torch(name):
    kernel, image, around = CONVOLUTIONS[name]
    *found, (x, weight, grad) = convolved(kernel, image, around)
    x, weight = x.double().requires_grad_(), weight.double().requires_grad_()
    convolve = torch.nn.functional.conv1d if len(image) == 2 else torch.nn.functional.conv2d
    out = convolve(x, weight, None, *around)
    out.backward(grad.double())
    for expected, got in zip((out.detach(), x.grad, weight.grad), found, strict=True):
        # 24 bits of the largest term, and float32.
        torch.testing.assert_close(expected.float(), got, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_depends_on_no_order(name):
    order = [3, 0, 5, 1, 4, 2]
    out, for_x, for_weight, _ = convolved(*CONVOLUTIONS[name])
    other, other_x, other_weight, _ = convolved(*CONVOLUTIONS[name], order=order)
    assert torch.equal(out[order], other)
    assert torch.equal(for_x[order], other_x)
    assert torch.equal(for_weight, other_weight)


def test_integers_are_convolved_as_they_are():
    weight = torch.randint(-127, 128, (5, 3, 3, 3), generator=torch.manual_seed(0)).float()
    x = torch.randint(0, 2, (2, 3, 8, 8)).float()
    around = (1, 1), (1, 1), (1, 1), 1
    expected = torch.nn.functional.conv2d(x.double(), weight.double(), None, *around)
    assert torch.equal(expected.float(), exact.conv(x, weight, *around))


def test_gradients_of_a_product_are_those_of_torch():
    a, b = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 7), (7, 3))
    )
    weights = torch.randn(4, 3, dtype=torch.float64)
    grads = []
    for out in (a @ b, exact.product(a, b)):
        grads.append(torch.autograd.grad((out * weights).sum(), (a, b)))
    for expected, got in zip(*grads, strict=True):
        torch.testing.assert_close(expected, got, rtol=0, atol=1e-6)  # 24 bits of the largest
