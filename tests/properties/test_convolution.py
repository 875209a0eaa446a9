# SPDX-License-Identifier: Apache-2.0
"""Convolutions are those of torch, as linear maps, whatever their options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.errors import ValidationError
from spikesim.network import Convolution, DrawnSynapses, Shape
from spikesim.network.synapses import rows_of

torch = pytest.importorskip("torch")
MAPS = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d}
POOLS = {1: torch.nn.functional.avg_pool1d, 2: torch.nn.functional.avg_pool2d}


@st.composite
def convolutions(draw):
    """Kernel with some zeros, size of the image, options; some do not fit."""
    axes = draw(st.sampled_from([1, 2]))

    def each(low, high):
        one, several = st.integers(low, high), st.tuples(*[st.integers(low, high)] * axes)
        return draw(st.one_of(one, several))

    groups = draw(st.integers(1, 3))
    shape = (groups * draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    window = draw(st.tuples(*[st.integers(1, 4)] * axes))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kernel = rng.normal(size=shape + window) * (rng.random(shape + window) < 0.8)
    size = draw(st.tuples(*[st.integers(1, 6)] * axes))
    options = {"stride": each(1, 4), "padding": each(0, 4), "dilation": each(1, 3)}
    return kernel.astype(np.float32), size, options | {"groups": groups}


def _fits(window, size, padding, dilation, **_):
    padding, dilation = (np.broadcast_to(one, len(size)) for one in (padding, dilation))
    return (np.array(size) + 2 * padding > dilation * (np.array(window) - 1)).all()


def _synapses(conv):
    sizes = int(np.prod(conv.in_shape)), int(np.prod(conv.out_shape))
    return DrawnSynapses(conv, Shape(*sizes, False), 0, None, 1, 1e-3, 1)


@settings(max_examples=200, deadline=None)
@given(made=convolutions())
def test_a_convolution_is_the_linear_map_of_torch(made):
    kernel, size, options = made
    channels = kernel.shape[1] * options["groups"]
    unit = torch.eye(channels * int(np.prod(size)), dtype=torch.float64)
    images = unit.reshape(-1, channels, *size)
    weights = torch.tensor(kernel, dtype=torch.float64)
    if not _fits(kernel.shape[2:], size, **options):
        with pytest.raises(RuntimeError, match="actual input size"):
            MAPS[len(size)](images, weights, **options)
        with pytest.raises(ValidationError, match="no larger than the padded input"):
            Convolution(kernel, size, **options)
        return
    expected = MAPS[len(size)](images, weights, **options).numpy()
    conv = Convolution(kernel, size, **options)
    assert expected.shape[1:] == conv.out_shape
    # Each unit vector meets one weight in each output, so nothing is rounded.
    synapses = _synapses(conv)
    rows = rows_of(synapses)
    assert np.array_equal(expected.reshape(len(unit), -1), rows.to_dense().astype(np.float64))
    assert np.count_nonzero(expected) == rows.nnz == synapses.nnz
    if rows.nnz:
        assert (rows.weights.min(), rows.weights.max()) == synapses.weight_limits()
        values, counts = conv.taps
        assert np.array_equal(np.sort(np.repeat(values, counts)), np.sort(rows.weights))


@settings(max_examples=60, deadline=None)
@given(
    window=st.one_of(st.tuples(st.integers(1, 3)), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    channels=st.integers(1, 3),
    spare=st.integers(0, 3),
    stride=st.one_of(st.none(), st.integers(1, 3)),
    padded=st.booleans(),
)
def test_average_pooling_is_that_of_torch(window, channels, spare, stride, padded):
    size = tuple(k + spare for k in window)
    padding = tuple(k // 2 if padded else 0 for k in window)
    conv = Convolution.average(channels, window, size, stride, padding)
    unit = torch.eye(channels * int(np.prod(size)), dtype=torch.float64)
    images = unit.reshape(-1, channels, *size)
    expected = POOLS[len(size)](images, window, stride, padding).numpy()
    assert expected.shape[1:] == conv.out_shape
    dense = rows_of(_synapses(conv)).to_dense()
    assert np.array_equal(expected.reshape(len(unit), -1).astype(np.float32), dense)
