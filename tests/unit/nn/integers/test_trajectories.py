# SPDX-License-Identifier: Apache-2.0
"""Errors by hand; tests/equivalence compares them with the golden model."""

import copy

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def two_neurons():
    """Of 4 bits with one scale: weights 0.7 and 0.14 are 7 codes and 1, which stands for 0.1."""
    net = nn.SpikingNet(nn.Linear(1, 2), nn.LIFLayer(2, beta=1.0))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[0.7], [0.14]]))
    return nn.IntegerNet(net, nn.Quantization("population", weight_bits=4))


def test_errors_of_two_neurons_by_hand():
    # The second neuron is at 0.14 t in float and fires in tick 8; at 0.1 t in integers.
    told = nn.trajectory_error(two_neurons(), torch.ones(8, 3, 1))
    (one,) = told.layers
    assert (8, 3, 2, 4) == (told.steps, told.samples, one.n, one.bits)
    assert [0.0] * 7 + [0.5] == list(one.disagreement_by_tick)
    errors = [0.04 * t for t in range(1, 8)] + [0.8]
    # A threshold of 1.0 is the code of 10 weights of 0.1, but for rounding of float32 weights.
    assert one.membrane_by_tick == pytest.approx([e / 2**0.5 for e in errors], rel=1e-6)
    assert one.membrane == pytest.approx((sum(e**2 for e in errors) / 16) ** 0.5, rel=1e-6)
    assert one.disagreement == 1 / 16
    assert one.rate_error == pytest.approx(1 / 8 / 2**0.5)
    assert (one.rate_float, one.rate_integers) == (5 / 16, 4 / 16)
    assert one.accumulated == 7 / 32767


def test_all_samples_count_however_many():
    dice = torch.Generator().manual_seed(0)
    x = (torch.rand(8, 300, 1, generator=dice) < 0.8).float()
    net = two_neurons()
    whole = nn.trajectory_error(net, x).layers[0]
    parts = [nn.trajectory_error(net, part).layers[0] for part in x.split(100, 1)]
    expected = sum(part.membrane**2 for part in parts) / 3
    assert whole.membrane**2 == pytest.approx(expected, rel=1e-12)
    assert whole.rate_float == pytest.approx(sum(p.rate_float for p in parts) / 3, rel=1e-12)


def test_accuracies_are_of_the_output_with_the_most_spikes():
    integers = two_neurons()
    with torch.no_grad():
        integers.model[0].weight[1, 0] = 0.74  # 7 codes, as the other: a tie, and the first wins
    told = nn.trajectory_error(integers, torch.ones(40, 4, 1), torch.tensor([1, 1, 1, 0]))
    assert (0.25, 0.25) == (told.accuracy_float, told.accuracy_integers)
    other = copy.deepcopy(integers.model)
    with torch.no_grad():
        other[0].weight[1, 0] = 1.5
    told = nn.trajectory_error(
        integers, torch.ones(40, 4, 1), torch.tensor([1, 1, 1, 0]), against=other
    )
    assert (0.75, 0.25) == (told.accuracy_float, told.accuracy_integers)
    assert "accuracy 75.00 % in float, 25.00 % with integers" in str(told)
    assert "layer0" in str(told)


def test_what_does_not_fit_is_refused():
    net, x = two_neurons(), torch.ones(4, 3, 1)
    with pytest.raises(ValidationError, match="a label for each of 3 samples"):
        nn.trajectory_error(net, x, torch.zeros(4))
    with pytest.raises(ValidationError, match="at least one sample and tick"):
        nn.trajectory_error(net, x[:, :0])
    with pytest.raises(ValidationError, match=r"expected a float net with populations \[\('layer0"):
        nn.trajectory_error(net, x, against=nn.SpikingNet(nn.Linear(1, 3), nn.LIFLayer(3)))
