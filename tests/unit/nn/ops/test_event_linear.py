# SPDX-License-Identifier: Apache-2.0
"""Products of spikes: the same bits as exact sums of dense products, whichever way is taken."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim.errors import ValidationError  # noqa: E402
from spikesim.kernels import train  # noqa: E402
from spikesim.nn.arithmetic import exact  # noqa: E402
from spikesim.nn.ops import backend, event_linear  # noqa: E402
from spikesim.nn.ops import event_linear as op  # noqa: E402


def case(seed, rows, n_in, n_out, rate, dtype=torch.float32):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-8, 8, 3)
    x = torch.tensor(rng.random((rows, n_in)) < rate, dtype=dtype)
    weight, bias, grad = (
        torch.tensor(rng.normal(0, size, shape), dtype=dtype)
        for size, shape in zip(scale, ((n_out, n_in), (n_out,), (rows, n_out)), strict=True)
    )
    return x, weight, bias, grad


def results(x, weight, bias, grad, **options):
    leaves = [one.clone().requires_grad_() for one in (x, weight, bias)]
    out = event_linear(*leaves, **options)
    out.backward(grad)
    return [out.detach(), *(one.grad for one in leaves)]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 150),
    st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    st.sampled_from([torch.float32, torch.float64]),
)
@example(0, 300, 300, 128, 0.6, torch.float32)  # lists of more than 127 in both directions
@example(4, 4200, 5, 70, 0.02, torch.float32)  # gradient in three parts of the rows
@example(1, 3, 63, 65, 0.5, torch.float32)
@example(2, 3, 64, 64, 0.5, torch.float32)
@example(3, 129, 129, 1, 1.0, torch.float64)
def test_sums_of_events_are_those_of_products(seed, rows, n_in, n_out, rate, dtype):
    given_ = case(seed, rows, n_in, n_out, rate, dtype)
    with backend("numba"):
        found = results(*given_)
    with backend("reference"):
        expected = results(*given_)
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype == dtype
        assert torch.equal(one, other)


def test_the_largest_sums_do_not_overflow():
    # 24 ones of the next power of two, 128 of which are one too many for 32 bits.
    x = torch.ones(128, 128, dtype=torch.float64)
    largest = torch.full((128, 128), 1 - 2.0**-30, dtype=torch.float64)
    with backend("numba"):
        _, _, for_weight, _ = results(x, largest, largest[0], largest)
        assert torch.equal(torch.full_like(x, 128.0), event_linear(x, largest))
        assert torch.equal(torch.full_like(x, -128.0), event_linear(x, -largest))
    assert torch.equal(torch.full_like(x, 128.0), for_weight)


def test_the_reference_is_the_formula():
    x, weight, bias, grad = case(4, 5, 9, 6, 0.4)
    with backend("reference"):
        found = results(x, weight, bias, grad)
    assert torch.equal(exact.linear(x, weight) + bias, found[0])
    assert torch.equal(exact.linear_input_gradient(grad, weight), found[1])
    assert torch.equal(exact.linear_weight_gradient(grad, x), found[2])
    assert torch.equal(exact.summed(grad, bias.shape), found[3])


@pytest.mark.parametrize("odd", [0.5, 2.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("place", [0, 63, 64, 99])
def test_input_that_is_no_spike_is_multiplied(odd, place):
    x, weight, bias, grad = case(5, 4, 100, 7, 0.3)
    x[2, place] = odd
    found = results(x, weight, bias, grad)
    with backend("reference"):
        expected = results(x, weight, bias, grad)
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))
    assert torch.isfinite(found[0][[0, 1, 3]]).all()
    assert torch.isfinite(found[0][2]).all() == np.isfinite(odd)


@pytest.mark.parametrize("part", [1, 3])
@pytest.mark.parametrize("size", [float("nan"), -float("inf"), 1e-34, 0.0, 3e38])
def test_numbers_that_a_table_does_not_hold_are_multiplied(part, size):
    given_ = list(case(6, 4, 70, 5, 0.3))
    given_[part] = given_[part] / given_[part].abs().max() * size
    with backend("reference"):
        expected = results(*given_)
    for one, other in zip(expected, results(*given_), strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))


def test_dense_input_is_multiplied_and_sparse_input_is_not(monkeypatch):
    taken = []
    sums, turned = op.__globals__["Stripes"].sums, train.event.turned_sums
    monkeypatch.setattr(
        op.__globals__["Stripes"], "sums", lambda *args: taken.append(1) or sums(*args)
    )
    monkeypatch.setattr(train.event, "turned_sums", lambda *args: taken.append(1) or turned(*args))
    for rate, expected in ((0.1, 2), (0.95, 0)):  # forward and the gradient of the weights
        taken.clear()
        results(*case(7, 40, 80, 6, rate))
        assert expected == len(taken), rate


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spikes", [True, False])
def test_plain_sums_use_weights_as_they_are(dtype, spikes):
    x, weight, bias, grad = case(8, 50, 300, 70, 0.5, dtype)
    if not spikes:
        x *= torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    found = results(x, weight, bias, grad, exact=False)
    wide = results(*(one.double() for one in (x, weight, bias, grad)), exact=False)
    by_torch = [one.double().requires_grad_() for one in (x, weight, bias)]
    out = torch.nn.functional.linear(*by_torch)
    out.backward(grad.double())
    out = out.detach()
    # Sums of at most 300 terms, each rounded to the type.
    allowed = 300 * torch.finfo(dtype).eps
    for one, other, third in zip(
        (out, *(leaf.grad for leaf in by_torch)), found, wide, strict=True
    ):
        assert float((one - other).abs().max()) < allowed * float(one.abs().max())
        assert float((one - third).abs().max()) < 1e-13 * float(one.abs().max())


@pytest.mark.parametrize("spikes", [True, False])
def test_a_row_of_plain_sums_depends_on_no_other(spikes):
    x, weight, bias, _ = case(9, 40, 200, 70, 0.5)
    if not spikes:
        x[::2] *= torch.rand(20, 200, generator=torch.Generator().manual_seed(0))
    whole = event_linear(x, weight, bias, exact=False)
    single = torch.cat([event_linear(row[None], weight, bias, exact=False) for row in x])
    assert torch.equal(whole, single)


def test_leading_axes_are_those_of_torch():
    x, weight, bias, _ = case(10, 12, 9, 4, 0.5)
    flat = event_linear(x, weight, bias)
    assert torch.equal(flat.view(2, 3, 2, 4), event_linear(x.view(2, 3, 2, 9), weight, bias))
    assert torch.equal(flat[0], event_linear(x[0], weight, bias))
    turned = x.view(4, 3, 9).transpose(0, 1)
    assert torch.equal(flat.view(4, 3, 4).transpose(0, 1), event_linear(turned, weight, bias))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_nothing_stays_nothing(shape):
    x, weight = torch.zeros(shape), torch.zeros(4, shape[1], requires_grad=True)
    out = event_linear(x, weight)
    assert torch.equal(torch.zeros(shape[0], 4), out)
    out.sum().backward()
    assert torch.equal(torch.zeros_like(weight), weight.grad)


def test_frozen_parts_get_no_gradient():
    x, weight, bias, grad = case(11, 6, 8, 4, 0.5)
    expected = results(x, weight, bias, grad)
    for kept in range(3):
        leaves = [one.clone().requires_grad_(k == kept) for k, one in enumerate((x, weight, bias))]
        event_linear(*leaves).backward(grad)
        for k, leaf in enumerate(leaves):
            assert (leaf.grad is None) == (k != kept)
        assert torch.equal(expected[1 + kept], leaves[kept].grad)


@pytest.mark.parametrize(
    ("x", "weight", "bias"),
    [
        (torch.ones(2, 3), torch.ones(4, 5), None),
        (torch.ones(2, 3), torch.ones(4, 3, 1), None),
        (torch.ones(2, 3), torch.ones(4, 3), torch.ones(3)),
        (torch.ones(2, 3), torch.ones(4, 3, dtype=torch.float64), None),
        (torch.ones(2, 3, dtype=torch.bool), torch.ones(4, 3), None),
    ],
)
def test_what_does_not_fit_is_refused(x, weight, bias):
    with pytest.raises(ValidationError, match="event_linear: expected x"):
        event_linear(x, weight, bias)


def test_a_kernel_that_is_asked_for_and_is_not_there_is_an_error():
    x, weight, _, _ = case(12, 3, 4, 2, 0.5)
    with backend("numba"), pytest.raises(ValidationError, match="expected spikes"):
        event_linear(x.bfloat16(), weight.bfloat16())
    with backend("numba"), pytest.raises(ValidationError, match="expected spikes"):
        event_linear(x + 0.5, weight)


@pytest.mark.parametrize("exact_sums", [True, False])
def test_the_operator_keeps_the_rules_of_torch(exact_sums):
    x, weight, bias, _ = case(13, 6, 70, 4, 0.3)
    leaves = [one.clone().requires_grad_() for one in (x, weight, bias)]
    torch.library.opcheck(torch.ops.spikesim.event_linear.default, (*leaves, exact_sums, True))


def test_gradients_are_those_of_differences():
    x, weight, bias, _ = case(14, 4, 6, 3, 0.5, torch.float64)
    weight, bias = (one / one.abs().max() for one in (weight, bias))
    leaves = [one.requires_grad_() for one in (weight, bias)]
    assert torch.autograd.gradcheck(lambda *w: event_linear(x, *w, exact=False), leaves)


def test_it_compiles_to_one_graph_for_any_number_of_rows():
    _, weight, bias, _ = case(15, 1, 70, 4, 0.3)
    graphs = []

    def keep(module, _):
        graphs.append(module)
        return module

    compiled = torch.compile(event_linear, fullgraph=True, dynamic=True, backend=keep)
    for rows in (5, 6, 9):
        x = case(rows, rows, 70, 4, 0.3)[0]
        assert torch.equal(event_linear(x, weight, bias), compiled(x, weight, bias))
    assert 1 == len(graphs)
