# SPDX-License-Identifier: Apache-2.0
"""Kernels that are put together are the matrices of their convolutions put together, exactly.

All numbers are small dyadic fractions, so that no sum is rounded, whatever its order.
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.graph.kernel import Kernel  # noqa: E402

CONVOLVE = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d}


@st.composite
def kernels(draw, size=None, channels=None, pointwise=False, stride=None):
    """Kernel for input of a size and number of channels, drawn where they are not given."""
    axes = len(size) if size else draw(st.sampled_from([1, 2]))

    def each(low, high):
        return draw(st.tuples(*[st.integers(low, high)] * axes))

    size = size or each(1, 5)
    if channels is None:
        groups, share = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    else:
        groups = draw(st.sampled_from([g for g in (1, 2, 3, 4, 6) if channels % g == 0]))
        share = channels // groups
    window = (1,) * axes if pointwise else each(1, 3)
    n_out = groups * draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weights = torch.from_numpy(rng.integers(-2, 3, (n_out, share, *window)) / 4.0)
    padding = (0,) * axes if pointwise else each(0, 2)
    made = Kernel(weights, size, stride or each(1, 2), padding, each(1, 2), groups)
    reach = zip(size, padding, made.dilation, window, strict=True)
    assume(all(n + 2 * p > d * (k - 1) for n, p, d, k in reach))
    return made


def values_of(kernel, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(-2, 3, math.prod(kernel.in_shape)) / 2.0)


def by_torch(kernel, values):
    around = kernel.stride, kernel.padding, kernel.dilation, kernel.groups
    image = values.reshape(1, *kernel.in_shape)
    return CONVOLVE[len(kernel.size)](image, kernel.weights, None, *around)[0]


@settings(deadline=None)
@given(kernels())
def test_matrix_values_and_synapses_are_those_of_the_convolution(kernel):
    values = values_of(kernel)
    expected = by_torch(kernel, values)
    assert expected.shape == kernel.out_shape
    assert torch.equal(expected.reshape(-1), values @ kernel.matrix())
    assert torch.equal(expected.reshape(-1), kernel.of(values))
    assert (kernel.weights.numpy() == kernel.rule.kernel).all()
    more = torch.arange(expected.numel() * 3.0).reshape(-1, 3).double() % 5 - 2
    assert torch.equal(kernel.matrix() @ more, kernel.then(more))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_kernel_behind_another_is_one_unless_borders_meet(data):
    first = data.draw(kernels(pointwise=data.draw(st.booleans())))
    size, channels = first.out_shape[1:], first.out_shape[0]
    then = data.draw(kernels(size, channels, pointwise=data.draw(st.booleans())))
    both = then.after(first)
    if both is None:
        assert any(then.padding)
        return
    values = values_of(first)
    assert then.out_shape == both.out_shape
    assert torch.equal(by_torch(then, by_torch(first, values).reshape(-1)), by_torch(both, values))


@pytest.mark.parametrize(
    ("size", "stride", "padding", "whole"),
    [(6, 2, 0, True), (7, 2, 0, False), (6, 1, 0, False), (7, 2, 1, True), (6, 3, 0, True)],
)
def test_a_padded_window_behind_another_needs_one_that_ends_at_the_border(
    size, stride, padding, whole
):
    ones = torch.ones(1, 1, 2, dtype=torch.float64)
    first = Kernel(ones, (size,), (stride,), (padding,), (1,))
    then = Kernel(torch.ones(1, 1, 3).double(), first.out_shape[1:], (1,), (1,), (1,))
    assert whole == (then.after(first) is not None)


@st.composite
def alike(draw, size, stride):
    """Kernel from 4 to 4 channels whose output has a place for each ``stride``-th of the input."""
    window = draw(st.tuples(*[st.sampled_from([1, 3])] * len(size)))
    dilation = draw(st.tuples(*[st.integers(1, 2)] * len(size)))
    groups = draw(st.sampled_from([1, 2, 4]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weights = torch.from_numpy(rng.integers(-2, 3, (4, 4 // groups, *window)) / 4.0)
    padding = tuple(d * (k // 2) for d, k in zip(dilation, window, strict=True))
    return Kernel(weights, size, stride, padding, dilation, groups)


@settings(deadline=None)
@given(st.data(), st.sampled_from([(7,), (5, 6)]), st.integers(1, 2))
def test_a_sum_of_kernels_is_one_where_their_outputs_lie_alike(data, size, stride):
    one, other = (data.draw(alike(size, (stride,) * len(size))) for _ in range(2))
    both, values = one.plus(other), values_of(one)
    assert torch.equal(by_torch(one, values) + by_torch(other, values), by_torch(both, values))
    assert math.gcd(one.groups, other.groups) == both.groups


@settings(deadline=None, max_examples=200)
@given(kernels(), st.data())
def test_a_sum_is_no_other_than_that_of_both(one, data):
    other = data.draw(kernels(one.size, one.in_shape[0], stride=one.stride))
    both, values = one.plus(other), values_of(one)
    if both is not None:
        assert torch.equal(by_torch(one, values) + by_torch(other, values), by_torch(both, values))


@pytest.mark.parametrize(("window", "padding", "dilation"), [(3, 1, 1), (3, 2, 2), (5, 2, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_that_keeps_the_size_and_its_input_are_one_kernel(
    window, padding, dilation, groups
):
    weights = torch.arange(4 // groups * 4 * window**2).reshape(4, -1, window, window) / 4.0
    conv = Kernel(
        weights.double(), (6, 5), (1, 1), (padding,) * 2, (dilation,) * 2, groups
    )  # fmt: skip
    both = conv.plus(Kernel.identity((4, 6, 5)))
    assert (weights.shape, groups) == (both.weights.shape, both.groups)
    values = values_of(conv)
    assert torch.equal(by_torch(conv, values).reshape(-1) + values, both.of(values))


def test_sums_of_other_strides_inputs_or_outputs_are_no_kernel():
    ones = torch.ones(2, 2, 3, dtype=torch.float64)
    plain = Kernel(ones, (9,), (1,), (1,), (1,))
    assert plain.plus(plain) is not None
    others = [
        Kernel(ones, (9,), (2,), (1,), (1,)),
        Kernel(ones, (9,), (1,), (0,), (1,)),
        Kernel(ones, (8,), (1,), (1,), (1,)),
        Kernel(ones[:1], (9,), (1,), (1,), (1,)),
    ]
    assert [None] * 4 == [plain.plus(other) for other in others]


@settings(deadline=None)
@given(kernels(), st.data())
def test_channels_are_selected_and_placed(kernel, data):
    n_out = kernel.out_shape[0]
    chosen = data.draw(st.lists(st.integers(0, n_out - 1), min_size=1, max_size=5))
    first, behind = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    values = values_of(kernel)
    expected = by_torch(kernel, values)
    assert torch.equal(expected[chosen], by_torch(kernel.selected(chosen), values))
    placed = by_torch(kernel.placed(first, first + n_out + behind), values)
    assert torch.equal(expected, placed[first : first + n_out])
    assert not placed[:first].any()
    assert not placed[first + n_out :].any()


def test_averages_are_those_of_torch():
    pool = Kernel.average(2, (2, 4), (5, 9), (2, 3), (1, 2))
    values = values_of(pool)
    image = values.reshape(1, 2, 5, 9)
    expected = torch.nn.functional.avg_pool2d(image, (2, 4), (2, 3), (1, 2))
    assert torch.equal(expected.reshape(-1), pool.of(values))


def test_a_matrix_beyond_all_memory_is_refused():
    pool = Kernel.average(1, (1,), (2**15,))
    with pytest.raises(ValidationError, match=r"at most 268435456 entries, got 32768 x 32768"):
        pool.matrix()
