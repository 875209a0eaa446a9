# SPDX-License-Identifier: Apache-2.0
"""What is not finite or does not fit is an error that names epoch, batch and module."""

import math
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import encode  # noqa: E402

X = np.random.default_rng(0).random((24, 6)).astype(np.float32)
Y = np.arange(24) % 3
ENCODE = partial(encode.rate, steps=8)


def net():
    torch.manual_seed(0)
    return nn.SpikingNet(
        nn.Linear(6, 8, scale=6.0), nn.LIFLayer(8, learn=("bias",)), nn.Linear(8, 3), nn.LIFLayer(3)
    )


def one_batch(size):
    return ENCODE(torch.from_numpy(X[:size])), torch.from_numpy(Y[:size])


def broken(model, x, y, **options):
    with pytest.raises(ValidationError) as found:
        nn.fit(model, x, y, epochs=1, lr=1e-3, **options)
    return str(found.value)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_input_that_is_not_finite_is_named(bad):
    images = X.copy()
    images[5, 2] = bad
    assert "first at index 5" in broken(net(), images, Y, encode=ENCODE)
    x, y = one_batch(8)
    x = x.clone()
    x[3, 1, 2] = bad
    message = broken(net(), [(torch.zeros_like(x), y), (x, y)], None)
    assert "epoch 1, batch 2: expected finite input" in message


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_drive_that_is_not_finite_is_named_with_its_module(bad, reset):
    # A neuron with such a membrane is silent for ever and says nothing.
    class Spoilt(torch.nn.Module):
        def forward(self, x):
            return x.index_fill(-1, torch.tensor([3]), bad)

    model = torch.nn.Sequential(nn.Linear(6, 8), Spoilt(), nn.LIFLayer(8, reset=reset))
    message = broken(model, X, Y, encode=ENCODE)
    assert "epoch 1, batch 1: expected finite drives" in message
    assert "module '1' (Spoilt), given (24, 8)" in message


def test_a_loss_and_a_gradient_that_are_not_finite_are_named():
    def no_number(out, y):
        return out.sum() * math.nan

    def no_slope(out, y):
        return (out.sum() * 0.0).abs().sqrt()

    message = broken(net(), X, Y, encode=ENCODE, loss=no_number)
    assert "epoch 1, batch 1: expected a finite loss, got nan, which no module shows" in message
    model = net()
    before = [p.detach().clone() for p in model.parameters()]
    message = broken(model, X, Y, encode=ENCODE, loss=no_slope)
    assert "finite gradients, got NaN or infinity for 0.weight" in message
    assert all(map(torch.equal, before, model.parameters()))


def test_validation_that_is_no_number_is_no_best():
    def loss(out, y):
        return out.sum() * (1.0 if torch.is_grad_enabled() else math.nan)

    message = broken(net(), X, Y, encode=ENCODE, loss=loss, validation=0.5, patience=1)
    assert "epoch 1, validation" in message
    assert "finite loss, got nan" in message


def test_labels_that_no_output_stands_for_are_not_just_wrong():
    with pytest.raises(ValidationError, match=r"evaluate, batch 1: .*got 1 to 3; subtract 1"):
        nn.evaluate(net(), X, Y + 1, encode=ENCODE)
    model = net()
    before = [p.detach().clone() for p in model.parameters()]
    late = np.r_[np.zeros(23, np.int64), 3]  # not in the first batch
    assert "labels from 0 to 2" in broken(model, X, late, encode=ENCODE, batch_size=2)
    assert all(map(torch.equal, before, model.parameters()))


def test_batch_and_time_exchanged_is_told_where_labels_tell():
    x, y = one_batch(24)
    message = broken(net(), [(x.transpose(0, 1), y)], None)
    assert "time first" in message
    assert "x.transpose(0, 1)" in message
    assert "(24, 8, 6)" in message
    assert "encode= makes" in broken(net(), [(X, Y[:5])], None)


@pytest.mark.parametrize(
    "make", [net, lambda: torch.nn.Sequential(torch.nn.Linear(6, 3), nn.LIFLayer(3))]
)
def test_wrong_channels_are_told_with_the_module(make):
    message = broken(make(), X[:, :5], Y, encode=ENCODE)
    assert "epoch 1, batch 1: module '0' (Linear), given (" in message
    assert ", 5)" in message


def test_what_is_no_net_of_classes_is_refused():
    flat = torch.nn.Sequential(nn.Linear(6, 4), nn.LIFLayer(4), torch.nn.Unflatten(1, (2, 2)))
    assert "outputs (T, B, classes), got (8, 24, 2, 2)" in broken(flat, X, Y, encode=ENCODE)
