# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim.convert.ann.reading import read  # noqa: E402
from spikesim.convert.ann.thresholds import observe  # noqa: E402

BIN = 1 / 2048  # of a histogram, as a share of the largest value


def activity(values):
    """Of activations (n, channels), in two batches of unequal size."""
    x = torch.as_tensor(values)
    graph = read(torch.nn.Sequential(torch.nn.ReLU()).eval(), x)
    (found,) = observe(graph, [x[: len(x) // 3 + 1], x[len(x) // 3 + 1 :]]).values()
    return found


def drawn(n=4000, channels=3):
    return np.random.default_rng(0).gamma(2.0, 1.0, (n, channels)) * [1.0, 10.0, 0.01]


@pytest.mark.parametrize("percent", [50.0, 99.0, 99.9, 100.0])
def test_percentiles_are_those_of_each_channel_to_a_bin(percent):
    values = drawn()
    wanted = np.percentile(values, percent, axis=0, method="inverted_cdf")
    found = activity(values).percentile(percent).numpy()
    width = values.max(0) * BIN
    assert np.all(found >= wanted - 1e-12)
    assert np.all(found <= wanted + width)


@pytest.mark.parametrize("steps", [1, 4, 16])
def test_least_squares_are_found_by_trying(steps):
    values = drawn(1000)
    tried = np.arange(1, 65) / 64 * values.max(0)[:, None]  # (channels, thresholds)
    errors = np.stack([
        [np.square(np.clip(np.floor(v * steps / th + 0.5), 0, steps) * th / steps - v).sum()
         for th in ths]
        for v, ths in zip(values.T, tried, strict=True)
    ])  # fmt: skip
    found = activity(values).least_squares(steps).numpy()
    for channel, threshold in enumerate(found):
        k = int(np.argmin(np.abs(tried[channel] - threshold)))
        # Histograms round values to bins: no more than that from the smallest error.
        assert errors[channel, k] <= errors[channel].min() * 1.01


def test_channels_that_were_silent_take_the_largest_threshold_of_the_others():
    values = np.array([[1.0, -1.0, 4.0], [2.0, -2.0, 3.0]])
    found = activity(values)
    assert [False, True, False] == found.dead.tolist()
    assert [2.0, 4.0, 4.0] == found.percentile(100.0).tolist()
    assert found.least_squares(4)[1] == found.least_squares(4)[2]
    assert [1.0, 1.0] == activity(-np.ones((2, 2))).percentile(99.9).tolist()


def test_all_axes_behind_the_channels_count_as_values_of_a_channel():
    x = torch.arange(24.0).reshape(2, 3, 2, 2)
    graph = read(torch.nn.Sequential(torch.nn.ReLU()).eval(), x)
    (found,) = observe(graph, [x]).values()
    assert (3, 2, 2) == found.shape
    assert [15.0, 19.0, 23.0] == found.largest.tolist()
    assert [8.0] * 3 == found.counts.sum(1).tolist()
