# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Exponential, LogNormal, Normal, Uniform

N = 100_000


@pytest.mark.parametrize(
    ("distribution", "mean", "std"),
    [
        (Uniform(-1.0, 3.0), 1.0, 4 / np.sqrt(12)),
        (Normal(-65e-3, 5e-3), -65e-3, 5e-3),
        (LogNormal(2.0, 1.5), 2.0, 1.5),
        (Exponential(0.3), 0.3, 0.3),
    ],
)
def test_mean_and_deviation_are_those_of_the_result(distribution, mean, std):
    values = distribution.sample(N, seed=1, name="x")
    assert values.shape == (N,)
    assert abs(values.mean() - mean) < 5 * std / np.sqrt(N)
    # Standard error of a variance from the sample's own fourth moment.
    spread = np.sqrt((((values - mean) ** 2 - std**2) ** 2).mean() / N)
    assert abs(values.var() - std**2) < 5 * spread
    low, high = distribution.limits()
    assert low <= values.min() < values.max() <= high


def test_a_sample_depends_on_seed_and_name_only():
    first = Normal(0, 1).sample(5, seed=1, name="v")
    assert np.array_equal(first, Normal(0, 1).sample(9, seed=1, name="v")[:5])
    assert not np.array_equal(first, Normal(0, 1).sample(5, seed=2, name="v"))
    assert not np.array_equal(first, Normal(0, 1).sample(5, seed=1, name="w"))


def test_without_deviation_all_values_are_the_mean():
    for distribution in (Normal(3.0, 0.0), Uniform(3.0, 3.0)):
        assert distribution.sample(4, 0, "x").tolist() == [3.0] * 4
    np.testing.assert_allclose(LogNormal(3.0, 0.0).sample(4, 0, "x"), 3.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(float("nan"), 1), "Normal: expected a finite mean, got nan"),
        (lambda: Normal(0, -1), "std >= 0, got -1"),
        (lambda: Normal(0, "1"), "expected std as a number"),
        (lambda: Normal(0, 1, low=2, high=1), "low <= high, got 2.0 and 1.0"),
        (lambda: Normal(0, 1, low=9), "limits that hold|low <= high"),
        (lambda: Normal(0, 1, low=7, high=8), "limits that hold at least 0.001"),
        (lambda: Uniform(1, 0), "lo <= hi, got 1.0 and 0.0"),
        (lambda: Uniform(0, float("inf")), "finite hi"),
        (lambda: LogNormal(0, 1), "mean > 0"),
        (lambda: LogNormal(1, 1, high=-1), "low <= high"),
        (lambda: Exponential(-1), "mean > 0, got -1.0"),
        (lambda: Exponential(1, low=100), "low <= high"),
    ],
)
def test_what_is_no_distribution_is_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()
