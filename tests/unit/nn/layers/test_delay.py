# SPDX-License-Identifier: Apache-2.0
"""What came in some ticks ago."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 9), st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(0, 9))
def test_every_neuron_is_shifted_by_its_ticks_in_any_parts(steps, ticks, cut):
    n, cut = len(ticks), min(cut, steps)
    x = torch.arange(1.0, 2 * steps * n + 1).reshape(steps, 2, n)
    delay = nn.Delay(ticks)
    expected = np.zeros((steps, 2, n))
    for k, d in enumerate(ticks):
        expected[d:, :, k] = x[: max(0, steps - d), :, k]
    found, last = delay.seq(x)
    assert (expected == found.numpy()).all()
    first, state = delay.seq(x[:cut])
    parts = [*first]
    for tick in x[cut:]:
        y, state = delay.step(tick, state)
        parts.append(y)
    assert len(parts) == steps
    assert all(torch.equal(a, b) for a, b in zip(parts, found, strict=True))
    assert torch.equal(last, state)
    assert (max(ticks), 2, n) == tuple(state.shape)


def test_one_number_per_channel_and_per_neuron():
    x = torch.rand(8, 2, 2, 3)
    found = nn.Delay([1, 4], (2, 3))(x)
    assert torch.equal(x[:-1, :, 0], found[1:, :, 0])
    assert torch.equal(x[:-4, :, 1], found[4:, :, 1])
    assert not found[:4, :, 1].any()
    each = np.arange(6).reshape(2, 3)
    found = nn.Delay(each, (2, 3))(x)
    for (a, b), d in np.ndenumerate(each):
        assert torch.equal(x[: 8 - d, :, a, b], found[d:, :, a, b])


def test_a_state_keeps_no_more_than_its_ticks():
    _, state = nn.Delay(2).seq(torch.rand(1000, 1, 3))
    assert 6 == state.untyped_storage().nbytes() // 4


def test_ticks_are_part_of_the_state_dict():
    x = torch.rand(6, 1, 2)
    file = io.BytesIO()
    torch.save(nn.Delay([1, 3]).state_dict(), file)
    file.seek(0)
    other = nn.Delay([0, 0])
    other.load_state_dict(torch.load(file))
    assert torch.equal(nn.Delay([1, 3])(x), other(x))
    with pytest.raises(RuntimeError, match="ticks"):
        other.load_state_dict(nn.Delay(3).state_dict())


def test_gradients_are_those_of_the_input_that_they_come_from():
    x = torch.rand(5, 1, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.arange(10.0).reshape(5, 1, 2).double()
    (nn.Delay([0, 2])(x) * weight).sum().backward()
    assert torch.equal(weight[:, 0, 0], x.grad[:, 0, 0])
    assert [5.0, 7.0, 9.0, 0.0, 0.0] == x.grad[:, 0, 1].tolist()


@pytest.mark.parametrize(
    ("ticks", "shape", "text"),
    [
        (-1, None, "Delay: expected whole numbers of ticks, 0 or more, got -1"),
        ([1, -1], None, "Delay: expected whole numbers"),
        (0.5, None, "Delay: expected whole numbers"),
        (True, None, "Delay: expected whole numbers"),
        ([1, 2], 3, r"Delay: expected ticks as a number or of shape \(3,\), got \(2,\)"),
        ([1, 2], (3, 4), "Delay: expected ticks as a number, one per channel"),
        (1, -2, "Delay: expected a number of neurons"),
    ],
)
def test_bad_delays_are_refused(ticks, shape, text):
    with pytest.raises(ValidationError, match=text):
        nn.Delay(ticks, shape)


def test_other_input_and_states_are_refused():
    delay = nn.Delay([1, 2])
    with pytest.raises(ValidationError, match=r"shape \(T, B, 2\), got \(3, 2\)"):
        delay(torch.rand(3, 2))
    with pytest.raises(ValidationError, match=r"shape \(B, 2\), got \(3, 1, 2\)"):
        nn.step(delay, torch.rand(3, 1, 2))
    _, state = delay.seq(torch.rand(3, 1, 2))
    for x in (torch.rand(3, 4, 2), torch.rand(3, 1, 2).double()):
        with pytest.raises(ValidationError, match=r"Delay: expected a state .*nn\.reset"):
            delay.seq(x, state)
    with pytest.raises(ValidationError, match="got tuple"):
        delay.seq(torch.rand(3, 1, 2), ())
