# SPDX-License-Identifier: Apache-2.0
import math

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

POINTS = [-3.0, -1.0, -0.5, -0.01, 0.0, 0.01, 0.3, 1.0, 2.5]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


CLOSED_FORMS = {
    nn.ATan: lambda u, k: 1 / (1 + (k * u) ** 2),
    nn.FastSigmoid: lambda u, k: 1 / (1 + k * abs(u)) ** 2,
    nn.Triangle: lambda u, k: max(0.0, 1 - k * abs(u)),
    nn.Sigmoid: lambda u, k: 4 * sigmoid(k * u) * (1 - sigmoid(k * u)),
    nn.Boxcar: lambda u, k: 1.0 if abs(u) <= 1 / k else 0.0,
}


@pytest.mark.parametrize("surrogate", CLOSED_FORMS)
@pytest.mark.parametrize("slope", [0.5, 1.0, 4.0])
def test_backward_is_the_closed_form(surrogate, slope):
    u = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    weight = torch.arange(1.0, len(POINTS) + 1, dtype=torch.float64)
    (nn.spike(u, surrogate(slope)) * weight).sum().backward()
    expected = [w * CLOSED_FORMS[surrogate](x, slope) for w, x in zip(weight, POINTS, strict=True)]
    # a few roundings of float64
    assert expected == pytest.approx(u.grad.tolist(), rel=1e-12, abs=1e-15)


def test_spike_at_exact_threshold_fires_unless_strict():
    u = torch.tensor([-1e-30, 0.0, 1e-30], dtype=torch.float64)
    assert [0.0, 1.0, 1.0] == nn.spike(u, nn.ATan()).tolist()
    assert [0.0, 0.0, 1.0] == nn.spike(u, nn.ATan(), strict=True).tolist()


def test_gradient_does_not_change_its_argument():
    for surrogate in CLOSED_FORMS:
        u = torch.tensor(POINTS)
        surrogate(2.0).gradient(u)
        assert torch.tensor(POINTS).tolist() == u.tolist()


def test_slope_must_be_positive():
    with pytest.raises(ValidationError, match="slope"):
        nn.ATan(0.0)
