# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim.nn.integers import fixed_ops  # noqa: E402

RAIL = 2**17


@pytest.mark.parametrize("factor", [0, 1, 63, 64, 65, 2048, 3071, 3840, 4032, 4095, 4096])
def test_decay_of_every_state_word_is_exact_in_float32(factor):
    words = torch.arange(-RAIL, RAIL, dtype=torch.int64)
    magnitude = (words.abs() * factor) >> 12
    expected = torch.where(words < 0, -magnitude, magnitude)
    got = fixed_ops.decay(words.float(), factor)
    assert got.dtype == torch.float32
    assert bool((expected == got.long()).all())
    assert bool((got == got.round()).all())


def test_every_factor_is_exact_on_chosen_words():
    words = [0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 99_999, RAIL - 1, RAIL]
    for factor in range(4097):
        expected = [w * factor >> 12 for w in words]
        assert expected == fixed_ops.decay(torch.tensor(words).float(), factor).long().tolist()
        assert [-e for e in expected] == (
            fixed_ops.decay(-torch.tensor(words).float(), factor).long().tolist()
        )


def test_saturation_stops_at_both_rails_and_cuts_the_gradient():
    x = torch.tensor([-200.0, -128.0, 5.0, 127.0, 128.0], requires_grad=True)
    y = fixed_ops.saturate(x, 8)
    y.sum().backward()
    assert [-128.0, -128.0, 5.0, 127.0, 127.0] == y.tolist()
    assert [0.0, 1.0, 0.0] == x.grad[[0, 2, 4]].tolist()


def test_gradients_are_those_of_the_unrounded_operations():
    z = torch.tensor([100.0, -3.0], requires_grad=True)
    fixed_ops.decay(z, 1024).sum().backward()
    assert [0.25, 0.25] == z.grad.tolist()
    w = torch.tensor([0.3, -0.2], requires_grad=True)
    codes = torch.tensor([30.0, -20.0])
    assert codes.tolist() == fixed_ops.coded(w, codes, torch.tensor(100.0)).tolist()
    fixed_ops.coded(w, codes, torch.tensor(100.0)).sum().backward()
    assert [100.0, 100.0] == w.grad.tolist()
