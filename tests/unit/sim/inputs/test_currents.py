# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from scipy import special, stats

from spikesim.errors import ValidationError
from spikesim.kernels import currents as kernels
from spikesim.sim.inputs.currents import NoiseCurrent, Sinusoid, StepCurrent, TimedArray

DT = 1e-3
RNG = np.random.default_rng(1)
NAME = "e.i_ext"

CURRENTS = {
    "step": StepCurrent([0.002, 0.005], [1.0, -2.0]),
    "steps by neuron": StepCurrent([0.0, 0.004], RNG.normal(size=(2, 11))),
    "array": TimedArray([1.0, 2.0, 3.0], 2e-3),
    "array by neuron": TimedArray(RNG.normal(size=(3, 11)), 3e-3, repeat=True),
    "sine": Sinusoid(1.0, 2.0, 40.0, 0.5),
    "sine by neuron": Sinusoid(0.0, np.arange(11.0), 40.0),
    "noise": NoiseCurrent(1.0, 0.5, 2e-3),
    "noise by neuron": NoiseCurrent(np.arange(11.0), np.arange(11.0) + 1, 1e-3),
    "shared noise": NoiseCurrent(0.0, np.arange(11.0), 3e-3, shared=True),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("current", CURRENTS.values(), ids=CURRENTS)
def test_slices_give_what_the_whole_gives(current, dtype):
    bound = current.bind(11, DT, 3, NAME)
    whole = bound.trace(0, 14).astype(dtype)
    assert whole.shape == (14, 11)
    for lo, hi in ((0, 4), (4, 5), (5, 11)):
        out = np.full(hi - lo, np.nan, dtype)
        function, args = bound.call(out, lo)
        for tick in range(14):
            function(tick, *args)
            assert np.array_equal(whole[tick, lo:hi], out)


@pytest.mark.parametrize("current", CURRENTS.values(), ids=CURRENTS)
def test_any_tick_can_be_had_alone(current):
    bound = current.bind(11, DT, 3, NAME)
    assert np.array_equal(bound.trace(0, 14)[5:9], bound.trace(5, 9))


def test_steps_hold_until_the_next():
    trace = CURRENTS["step"].bind(2, DT, 0, NAME).trace(0, 8)
    assert [0, 0, 1, 1, 1, -2, -2, -2] == trace[:, 0].tolist()
    assert np.array_equal(trace[:, 0], trace[:, 1])
    assert CURRENTS["step"].bind(1, DT, 0, NAME).trace(10**6, 10**6 + 1)[0, 0] == -2


def test_a_timed_array_ends_or_repeats():
    values = np.array([[1.0, 5.0], [2.0, 6.0]])
    once = TimedArray(values, 2e-3).bind(2, DT, 0, NAME).trace(0, 6)
    again = TimedArray(values, 2e-3, repeat=True).bind(2, DT, 0, NAME).trace(0, 6)
    assert [1, 1, 2, 2, 0, 0] == once[:, 0].tolist()
    assert [5, 5, 6, 6, 5, 5] == again[:, 1].tolist()


def test_a_sine_has_offset_amplitude_frequency_and_phase():
    offset, amplitude = np.array([1.0, 2.0, 0.0]), np.array([0.5, 0.0, 3.0])
    trace = Sinusoid(offset, amplitude, 12.0, 0.4).bind(3, DT, 0, NAME).trace(0, 50)
    t = np.arange(50)[:, None] * DT
    expected = offset + amplitude * np.sin(2 * np.pi * 12.0 * t + 0.4)
    np.testing.assert_allclose(trace, expected, atol=1e-13)


def test_noise_holds_and_is_new_in_every_interval():
    trace = NoiseCurrent(0.0, 1.0, 4e-3).bind(5, DT, 1, NAME).trace(0, 12)
    assert (trace[0:4] == trace[0]).all()
    assert (trace[4:8] == trace[4]).all()
    assert len(np.unique(trace)) == 15


def test_noise_is_normal_and_independent():
    trace = NoiseCurrent(0.0, 1.0, DT).bind(2000, DT, 7, NAME).trace(0, 100)
    assert stats.kstest(trace.ravel(), "norm").pvalue > 1e-6
    # Five standard errors of a mean of products.
    bound = 5 / np.sqrt(trace.size - 2000)
    assert abs((trace[1:] * trace[:-1]).mean()) < bound
    assert abs((trace[:, 1:] * trace[:, :-1]).mean()) < bound


def test_mean_and_std_scale_the_same_draws():
    plain = NoiseCurrent(0.0, 1.0, DT).bind(4, DT, 2, NAME).trace(0, 5)
    mean, std = np.array([1.0, 0.0, -1.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0])
    own = NoiseCurrent(mean, std, DT).bind(4, DT, 2, NAME).trace(0, 5)
    assert np.array_equal(mean + std * plain, own)


def test_shared_noise_is_the_same_for_all_neurons():
    trace = NoiseCurrent(0.0, 1.0, DT, shared=True).bind(4, DT, 2, NAME).trace(0, 50)
    assert (trace == trace[:, :1]).all()
    assert trace[:, 0].std() > 0.5


def test_seed_and_name_choose_the_noise():
    noise = NoiseCurrent(0.0, 1.0, DT)
    traces = [noise.bind(3, DT, *key).trace(0, 3) for key in ((1, "a"), (2, "a"), (1, "b"))]
    assert not np.isclose(traces[0], traces[1]).any()
    assert not np.isclose(traces[0], traces[2]).any()


def test_quantiles_of_the_normal_distribution_are_exact():
    u = np.concatenate([np.linspace(2**-54, 1 - 2**-53, 200_001), 10.0 ** -np.arange(1, 17)])
    u = np.concatenate([u, [0.075, 0.925, np.nextafter(0.075, 0), np.nextafter(0.925, 1)]])
    z = u.copy()
    kernels.to_normal(z)
    # AS 241 promises 1e-16 relative; two roundings near 8 are added in the middle part.
    np.testing.assert_allclose(z, special.ndtri(u), rtol=2e-14, atol=2e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepCurrent([0.0, 0.0], [1.0, 2.0]), "ascending times"),
        (lambda: StepCurrent([-1.0], [1.0]), "ascending times >= 0"),
        (lambda: StepCurrent([0.0], [1.0, 2.0]), "as many values as times, got 2 and 1"),
        (lambda: StepCurrent([0.0], [np.nan]), "finite values"),
        (lambda: TimedArray([], 1e-3), "at least one value"),
        (lambda: TimedArray([1.0], 0.0), "bin > 0"),
        (lambda: TimedArray("loud", 1e-3), "finite values"),
        (lambda: Sinusoid(1.0, np.inf, 1.0), "finite amplitude"),
        (lambda: Sinusoid([[1.0]], 1.0, 1.0), "offset with a number or one axis"),
        (lambda: NoiseCurrent(0.0, -1.0, DT), "std >= 0"),
        (lambda: NoiseCurrent(0.0, 1.0, 0.0), "dt_hold > 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


@pytest.mark.parametrize(
    ("current", "message"),
    [
        (StepCurrent([0.0005], [1.0]), "multiple of dt"),
        (StepCurrent([0.0], [[1.0, 2.0]]), "for 3 neurons, got 2"),
        (TimedArray([1.0], 0.0015), "multiple of dt"),
        (TimedArray(np.zeros((2, 4)), 1e-3), "for 3 neurons, got 4"),
        (Sinusoid(0.0, [1.0, 2.0], 1.0), "for 3 neurons, got 2"),
        (NoiseCurrent([1.0, 2.0], 1.0, DT), "for 3 neurons, got 2"),
        (NoiseCurrent(0.0, 1.0, 1e-12), "at least dt"),
    ],
)
def test_what_does_not_fit_the_population_is_refused(current, message):
    with pytest.raises(ValidationError, match=message):
        current.bind(3, DT, 0, NAME)


@pytest.mark.parametrize(
    ("current", "largest"),
    [
        (StepCurrent([0.0, 1e-3], [1.0, -3.0]), 3.0),
        (TimedArray([0.5, -2.0], bin=1e-3), 2.0),
        (Sinusoid([1.0, -2.0], [0.5, -0.25], 10.0), 2.25),
        (NoiseCurrent(-1.0, [0.5, 0.75], dt_hold=1e-3), 1.75),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_largest_current_is_that_of_either_sign(current, largest):
    assert current.largest == largest
