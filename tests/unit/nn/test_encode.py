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


def test_the_shape_is_kept_and_bits_do_not_depend_on_it():
    x = torch.rand(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    spikes = encode.rate(x, 6)
    assert (6, 3, 2, 4, 5) == tuple(spikes.shape)
    assert torch.equal(encode.rate(x.flatten(1), 6), spikes.flatten(2))
    for coded in (encode.direct(x, 6), encode.latency(x, 6)):
        assert (6, 3, 2, 4, 5) == tuple(coded.shape)
    signal = encode.direct(x, 6)
    for coded in (encode.delta(signal, 0.1), encode.threshold_crossing(signal, 0.1)):
        assert (6, 3, 2, 2, 4, 5) == tuple(coded.shape)
    assert (3, 2, 4, 5, 7) == tuple(encode.population(x, 7).shape)


def test_latency_is_one_spike_and_the_larger_the_earlier():
    x = torch.linspace(0, 1, 101)[None]
    for options in ({}, {"tau": 5.0}, {"tau": 5.0, "threshold": 0.3}):
        spikes = encode.latency(x, 20, **options)
        above = x[0] > options.get("threshold", 0.01)
        assert above.long().tolist() == spikes[:, 0].sum(0).tolist()
        ticks = spikes[:, 0].argmax(0)[above]
        assert (ticks.diff() <= 0).all()
        assert ticks[-1] < ticks[0]


def test_latency_with_tau_is_the_time_a_membrane_takes_to_the_threshold():
    """dv/dt = (x - v) / tau from 0 reaches the threshold; by small steps of Euler."""
    tau, threshold, fine = 6.0, 0.2, 1e-3
    for value in (0.25, 0.4, 0.9):
        v, t = 0.0, 0.0
        while v < threshold:
            v, t = v + fine * (value - v) / tau, t + fine
        spikes = encode.latency(torch.tensor([[value]]), 30, tau=tau, threshold=threshold)
        assert round(t) == int(spikes[:, 0, 0].argmax())
    late = encode.latency(torch.tensor([[threshold + 1e-4]]), 10, tau=tau, threshold=threshold)
    assert 9 == int(late[:, 0, 0].argmax())  # in the last tick at the latest


def crossings(signal, threshold):
    reference, found = signal[0], []
    for value in signal:
        up, down = value - reference >= threshold, value - reference <= -threshold
        reference += threshold if up else -threshold if down else 0
        found.append([up, down])
    return found


def test_crossings_add_up_to_the_signal_to_within_a_threshold():
    rng = torch.Generator().manual_seed(3)
    # Multiples of 1/64: sums are exact.
    signal = (torch.randint(-15, 16, (80, 2, 3), generator=rng) / 64).cumsum(0)
    spikes = encode.threshold_crossing(signal, 0.25)
    followed = 0.25 * (spikes[:, :, 0] - spikes[:, :, 1]).cumsum(0)
    assert ((signal - signal[0] - followed).abs() < 0.25).all()
    assert spikes.sum() > 40
    for sample in range(2):
        for line in range(3):
            expected = crossings(signal[:, sample, line].tolist(), 0.25)
            assert expected == spikes[:, sample, :, line].bool().tolist()


def test_delta_sees_only_what_changes_within_a_tick():
    signal = torch.tensor([0.0, 0.5, 1.0, 1.5, 0.5, 0.5]).reshape(6, 1, 1)
    spikes = encode.delta(signal, 0.75)
    assert [0, 0, 0, 0, 0, 0] == spikes[:, 0, 0, 0].tolist()
    assert [0, 0, 0, 0, 1, 0] == spikes[:, 0, 1, 0].tolist()
    slow = encode.threshold_crossing(signal, 0.75)
    assert [2, 1] == slow[:, 0, :, 0].sum(0).tolist()


def test_every_value_is_somewhere_near_the_middle_of_a_field():
    x = torch.linspace(0, 1, 51)[None]
    fields = encode.population(x, 8)[0]
    best = fields.argmax(1)
    assert (best.diff() >= 0).all()
    assert {*range(1, 7)} <= {*best.tolist()}
    assert (fields.amax(1) > 0.75).all()
    assert (fields.sum(1) > 1.0).all()  # fields overlap


def test_a_learnable_encoder_is_trained_with_the_net():
    from spikesim import nn

    torch.manual_seed(0)
    net = nn.SpikingNet(
        encode.learnable((2, 3), beta=0.9), torch.nn.Flatten(), nn.Linear(6, 2, scale=4.0),
        nn.LIFLayer(2),
    )  # fmt: skip
    before = [p.detach().clone() for p in net[0].parameters()]
    x = torch.rand(8, 2, 3, generator=torch.Generator().manual_seed(1)).numpy()
    nn.fit(net, x, (x.sum((1, 2)) > 3).astype(int), encode=lambda v: encode.direct(v, 6), epochs=2)
    assert [(2, 1)] * 3 == [tuple(p.shape) for p in net[0].parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, net[0].parameters(), strict=True))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: encode.latency(x * 2, 4), r"latency encoder: expected floats in 0\.\.1"),
        (lambda x: encode.latency(x, 0), "steps >= 1"),
        (lambda x: encode.latency(x, 4, tau=0.0), "tau > 0"),
        (lambda x: encode.latency(x, 4, threshold=0.0), "threshold > 0"),
        (lambda x: encode.population(x - 2, 4), "population encoder"),
        (lambda x: encode.population(x, 2), "n >= 3"),
        (lambda x: encode.delta(x, 0.0), "delta encoder: .*threshold above 0"),
        (lambda x: encode.delta(x[0], 1.0), r"\(T, B, \.\.\.\)"),
        (lambda x: encode.threshold_crossing(x[:0], 1.0), "at least one tick"),
        (lambda x: encode.threshold_crossing(x.long(), 1.0), "float signal"),
        (lambda x: encode.direct(x, -1), "steps must be 0 or more"),
    ],
)
def test_encoders_refuse_what_they_cannot_mean(call, says):
    with pytest.raises(ValidationError, match=says):
        call(torch.ones(3, 2))
