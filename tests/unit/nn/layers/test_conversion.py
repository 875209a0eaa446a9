# SPDX-License-Identifier: Apache-2.0
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def ticks(values):
    return torch.tensor(values, dtype=torch.float64).reshape(len(values), 1, -1)


@given(st.integers(-40, 40), st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([0.5, 2.0, 6.0]))
def test_qcfs_is_its_formula(code, levels, threshold):
    x = code / 8
    wanted = min(
        max(math.floor(Fraction(x) * levels / Fraction(threshold) + Fraction(1, 2)), 0), levels
    )
    found = nn.QCFS(levels, threshold)(torch.tensor(x, dtype=torch.float64))
    assert wanted * threshold / levels == found.item()


@pytest.mark.parametrize(
    ("x", "of_input", "of_threshold"),
    # d y / d threshold is y / threshold - x / threshold within, 1 above, 0 below.
    [(-1.0, 0.0, 0.0), (5.0, 0.0, 1.0), (1.25, 1.0, 0.75 - 0.625)],
)
def test_gradients_pass_the_floor_of_qcfs(x, of_input, of_threshold):
    layer, value = nn.QCFS(4, threshold=2.0), torch.tensor(x, requires_grad=True)
    layer(value).backward()
    assert (of_input, of_threshold) == (float(value.grad), float(layer.threshold.grad))


def test_a_threshold_of_qcfs_that_is_trained_below_0_is_none():
    layer = nn.QCFS(4, threshold=2.0)
    layer.threshold.data.neg_()
    assert float(layer(torch.tensor(9.0))) == 2.0
    assert "threshold=2" in repr(layer)


@pytest.mark.parametrize(("levels", "threshold"), [(0, 1.0), (4, 0.0), (4, -1.0), (4, math.nan)])
def test_qcfs_without_levels_or_threshold_is_refused(levels, threshold):
    with pytest.raises(ValidationError, match="QCFS: expected levels >= 1"):
        nn.QCFS(levels, threshold)


@pytest.mark.parametrize("steps", [1, 4, 8, 16])
def test_neurons_with_even_input_count_the_levels_of_qcfs(steps):
    drive = torch.arange(-40, 80, dtype=torch.float64) / 32
    neurons = nn.LIFLayer(len(drive), beta=1.0, reset="soft", v_th=2.0, v_init=1.0)
    spikes, _ = nn.run(neurons, drive.expand(steps, 1, -1))
    wanted = nn.QCFS(steps, threshold=2.0)(drive)
    assert torch.equal(wanted, spikes.sum(0)[0] * 2.0 / steps)


def signed_by_hand(drive, threshold, start):
    v, n, out = Fraction(start), 0, []
    for x in drive:
        v += Fraction(x)
        s = 1 if v >= threshold else -1 if v < 0 and n > 0 else 0
        v, n = v - s * Fraction(threshold), n + s
        out.append(s)
    return out


@settings(max_examples=50)
@given(st.lists(st.integers(-12, 12), min_size=1, max_size=20), st.sampled_from([0.5, 1.0, 1.5]))
def test_signed_spikes_are_those_of_fractions(codes, threshold):
    drive = [code / 8 for code in codes]
    layer = nn.SignedIF(1, v_th=threshold, v_init=threshold / 2)
    spikes, state = nn.run(layer, ticks(drive))
    assert signed_by_hand(drive, threshold, threshold / 2) == spikes.flatten().tolist()
    assert float(state[""].n) == float(spikes.sum()) >= 0


@settings(max_examples=50)
@given(st.lists(st.integers(-8, 8), min_size=1, max_size=12))
def test_after_silence_signed_neurons_have_counted_their_mean_input(codes):
    # However uneven: as the threshold is 1, a tick changes the count by no more than it can.
    drive = [code / 8 for code in codes]
    layer = nn.SignedIF(1, v_th=1.0, v_init=0.5)
    spikes, _ = nn.run(layer, ticks(drive + [0.0] * len(drive)))
    assert max(math.floor(sum(drive) + 0.5), 0) == int(spikes.sum())


def test_signed_neurons_have_thresholds_per_channel():
    layer = nn.SignedIF((2, 3), v_th=np.array([1.0, 4.0]), v_init=np.array([0.0, 2.0]))
    spikes, _ = nn.run(layer, torch.ones(4, 1, 2, 3))
    assert [[4.0] * 3, [1.0] * 3] == spikes.sum(0)[0].tolist()


def test_signed_neurons_refuse_other_shapes_and_thresholds():
    with pytest.raises(ValidationError, match=r"SignedIF: expected input of shape \(B, 3\), got"):
        nn.run(nn.SignedIF(3), torch.zeros(2, 1, 4))
    with pytest.raises(ValidationError, match="SignedIF: expected v_th above 0, got 0"):
        nn.SignedIF(3, v_th=np.array([1.0, 0.0, 1.0]))


def test_the_largest_of_four_lines_is_their_largest_count_at_every_tick():
    rates = torch.tensor([0.9, 0.5, 0.3, 0.1])
    spikes = (torch.rand(200, 1, 1, 4, generator=torch.Generator().manual_seed(0)) < rates).float()
    pooled, _ = nn.run(nn.CountMaxPool(torch.nn.MaxPool1d(4)), spikes)
    counts = spikes.cumsum(0).amax(3, keepdim=True)
    assert torch.equal(counts, pooled.cumsum(0))
    assert set(pooled.unique().tolist()) == {0.0, 1.0}
    several = torch.nn.functional.max_pool1d(spikes[:, 0], 4)  # what was wanted is not this
    assert float(several.sum()) > float(counts[-1])


@pytest.mark.parametrize(
    "pool",
    [
        torch.nn.MaxPool2d(2),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.MaxPool2d(2, ceil_mode=True),
        torch.nn.AdaptiveMaxPool2d(2),
    ],
    ids=repr,
)
def test_pooled_values_add_up_to_the_pooled_sum(pool):
    x = torch.randint(-8, 9, (6, 2, 3, 5, 5), generator=torch.Generator().manual_seed(1)).double()
    pooled, _ = nn.run(nn.CountMaxPool(pool), x)
    for t in range(6):
        assert torch.equal(pool(x[: t + 1].sum(0)), pooled[: t + 1].sum(0))


@pytest.mark.parametrize(
    "make", [lambda: nn.SignedIF(4, v_init=0.5), lambda: nn.CountMaxPool(torch.nn.MaxPool1d(2))]
)
def test_parts_of_a_sequence_give_the_bits_of_the_whole(make):
    layer, x = make(), torch.randn(9, 2, 4, generator=torch.Generator().manual_seed(2))
    whole, end = nn.run(layer, x)
    first, state = nn.run(layer, x[:4])
    second, state = nn.run(layer, x[4:], state)
    assert torch.equal(whole, torch.cat([first, second]))
    assert all(map(torch.equal, end[""], state[""]))
    tick, state = nn.step(layer, x[0])
    assert torch.equal(whole[0], tick)
