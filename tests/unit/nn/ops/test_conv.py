# SPDX-License-Identifier: Apache-2.0
"""Convolution of spikes with max-pooling: torch's own is the oracle."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.ops import backend, conv_pool  # noqa: E402

# Sums of a few hundred to thousand products of numbers near 1, in another order.
CLOSE = {torch.float32: 2e-5, torch.float64: 1e-12}


def oracle(x, weight, bias, padding, pool):
    full = torch.nn.functional.conv2d(x.flatten(0, 1), weight, bias, padding=padding)
    full = torch.nn.functional.max_pool2d(full, 2) if pool == 2 else full
    return full.unflatten(0, x.shape[:2])


def case(seed, batch, c_in, c_out, image, kernel, dtype, rate=0.4):
    rng = np.random.default_rng(seed)
    x = torch.tensor(rng.random((2, batch, c_in, *image)) < rate, dtype=dtype)
    weight = torch.tensor(rng.normal(0, 1, (c_out, c_in, *kernel)), dtype=dtype)
    return x, weight, torch.tensor(rng.normal(0, 1, c_out), dtype=dtype)


def check(x, weight, bias, padding, pool):
    leaves = [one.clone().requires_grad_() for one in (x, weight, bias)]
    expected = oracle(*leaves, padding, pool)
    grad = torch.randn(expected.shape, generator=torch.manual_seed(0), dtype=x.dtype)
    wanted = torch.autograd.grad(expected, leaves, grad)
    found = conv_pool(*leaves, padding=padding, pool=pool)
    gradients = torch.autograd.grad(found, leaves, grad)
    for one, other in zip((expected, *wanted), (found, *gradients), strict=True):
        assert one.shape == other.shape
        gap = float((one - other).detach().abs().max()) if one.numel() else 0.0
        assert gap <= CLOSE[x.dtype] * float(one.detach().abs().max())


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32),
    st.integers(1, 3),
    st.integers(1, 8),
    st.sampled_from([1, 12, 16, 17, 33, 70]),
    st.tuples(st.integers(6, 11), st.integers(6, 11)),
    st.sampled_from([1, 3, 5]),
    st.integers(0, 2),
    st.sampled_from([1, 2]),
)
@example(2, 1, 40, 3, (6, 7), 3, 1, 2)  # a row of the kernel longer than 64 numbers
def test_it_is_the_convolution_of_torch(seed, batch, c_in, c_out, image, k, padding, pool):
    x, weight, bias = case(seed, batch, c_in, c_out, image, (3, k), torch.float64)
    check(x, weight, bias, padding, pool)


@pytest.mark.parametrize(("c_in", "c_out", "size"), [(1, 12, 28), (12, 64, 12)])
def test_two_layers_of_usual_size_in_float32(c_in, c_out, size):
    check(*case(3, 2, c_in, c_out, (size, size), (5, 5), torch.float32), 0, 2)


@pytest.mark.parametrize("pool", [1, 2])
def test_a_kernel_higher_than_the_compiled_ones(pool):
    check(*case(3, 1, 2, 3, (11, 12), (9, 3), torch.float64), 1, pool)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("odd", [0.5, -1.0, 2.0])
def test_input_that_is_no_spike_is_multiplied(pool, odd):
    x, weight, bias = case(4, 2, 3, 5, (8, 9), (3, 3), torch.float64)
    x[1, 1, 2, 7, 8] = odd
    check(x, weight, bias, 1, pool)


def test_a_tick_depends_on_no_other():
    x, weight, bias = case(5, 3, 3, 5, (8, 9), (3, 3), torch.float32)
    x[1] *= torch.rand(x[1].shape, generator=torch.manual_seed(0))
    whole = conv_pool(x, weight, bias)
    assert torch.equal(whole, torch.cat([conv_pool(tick[None], weight, bias) for tick in x]))


def test_the_first_of_equal_numbers_is_the_largest():
    x, weight = torch.ones(1, 1, 1, 6, 6), torch.ones(1, 1, 3, 3)
    for name in ("auto", "reference"):
        leaf = x.clone().requires_grad_()
        with backend(name):
            conv_pool(leaf, weight).sum().backward()
        expected = x.clone().requires_grad_()
        oracle(expected, weight, None, 0, 2).sum().backward()
        assert torch.equal(expected.grad, leaf.grad), name


def test_the_reference_is_torch():
    x, weight, bias = case(6, 2, 3, 5, (8, 9), (3, 3), torch.float32)
    with backend("reference"):
        assert torch.equal(
            torch.stack([oracle(tick[None], weight, bias, 1, 2)[0] for tick in x]),
            conv_pool(x, weight, bias, padding=1),
        )


def test_frozen_parts_get_no_gradient():
    x, weight, bias = case(7, 1, 2, 3, (6, 6), (3, 3), torch.float64)
    for kept in range(3):
        leaves = [one.clone().requires_grad_(k == kept) for k, one in enumerate((x, weight, bias))]
        conv_pool(*leaves).sum().backward()
        assert [k == kept for k in range(3)] == [leaf.grad is not None for leaf in leaves]


@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        (torch.ones(1, 1, 6, 6), torch.ones(1, 1, 3, 3), {}),
        (torch.ones(1, 1, 2, 6, 6), torch.ones(1, 1, 3, 3), {}),
        (torch.ones(1, 1, 1, 6, 6), torch.ones(1, 1, 3, 3).double(), {}),
        (torch.ones(1, 1, 1, 6, 6), torch.ones(1, 1, 3, 3), {"pool": 3}),
        (torch.ones(1, 1, 1, 6, 6), torch.ones(1, 1, 3, 3), {"padding": -1}),
        (torch.ones(1, 1, 1, 3, 3), torch.ones(1, 1, 3, 3), {}),
    ],
)
def test_what_does_not_fit_is_refused(x, weight, options):
    with pytest.raises(ValidationError, match="conv_pool: expected"):
        conv_pool(x, weight, **options)


@pytest.mark.parametrize("pool", [1, 2])
def test_the_operator_keeps_the_rules_of_torch(pool):
    leaves = [one.requires_grad_() for one in case(8, 1, 2, 3, (6, 6), (3, 3), torch.float64)]
    torch.library.opcheck(torch.ops.spikesim.conv_pool.default, (*leaves, 1, pool))


def test_it_compiles_to_one_graph():
    x, weight, bias = case(9, 2, 2, 3, (6, 6), (3, 3), torch.float32)
    compiled = torch.compile(conv_pool, fullgraph=True, backend="eager")
    assert torch.equal(conv_pool(x, weight, bias), compiled(x, weight, bias))
