# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import decode, encode  # noqa: E402


def accumulator(codes, steps):
    """The encoder of the core in plain Python: phase, add, carry."""
    raster = []
    phases = [(157 * k) % 256 for k in range(len(codes))]
    for _ in range(steps):
        tick = []
        for k, code in enumerate(codes):
            phases[k] += code
            tick.append(phases[k] >= 256)
            phases[k] %= 256
        raster.append(tick)
    return raster


def test_rate_code_is_the_phase_accumulator():
    codes = torch.randint(0, 256, (7, 300), dtype=torch.uint8, generator=torch.manual_seed(0))
    codes[0, :5] = torch.tensor([0, 1, 128, 254, 255], dtype=torch.uint8)
    spikes = encode.rate(codes, steps=33, dtype=torch.bool)
    assert (33, 7, 300) == tuple(spikes.shape)
    for image in range(7):
        assert accumulator(codes[image].tolist(), 33) == spikes[:, image].tolist()


def test_float_and_bool_results_are_the_same_spikes():
    x = torch.rand(3, 4, 5, generator=torch.manual_seed(1))
    as_bool = encode.rate(x, 9, dtype=torch.bool)
    assert (as_bool.double() == encode.rate(x, 9, dtype=torch.float64)).all()


@pytest.mark.parametrize(("divisor", "codes"), [(16, [16 * p for p in range(16)] + [255])])
def test_digits_pixels_become_sixteenfold_codes(divisor, codes):
    pixels = torch.arange(divisor + 1) / divisor
    assert codes == encode.rate_codes(pixels).tolist()


def test_byte_pixels_become_their_own_codes():
    pixels = torch.arange(256, dtype=torch.float32) / 255
    assert list(range(256)) == encode.rate_codes(pixels).tolist()


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), 255.0])
def test_values_outside_0_to_1_are_refused(bad):
    with pytest.raises(ValidationError, match=r"0\.\.1"):
        encode.rate(torch.tensor([[0.5, bad]]), 4)


def test_zero_steps_and_zero_images_give_empty_rasters():
    assert (0, 2, 3) == tuple(encode.rate(torch.zeros(2, 3), 0).shape)
    assert (4, 0, 3) == tuple(encode.rate(torch.zeros(0, 3), 4).shape)


def test_direct_repeats_the_values():
    x = torch.rand(2, 2, 3)
    assert torch.equal(torch.stack([x] * 4), encode.direct(x, 4))


def test_lowest_index_wins_a_tie():
    counts = torch.tensor([[3.0, 1.0, 3.0], [0.0, 0.0, 0.0], [0.0, 2.0, 2.0]])
    assert [0, 0, 1] == decode.arg_max(counts).tolist()
