# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization
from spikesim.fixed.quantize import ChannelWeights, quantize_lif, quantize_population
from spikesim.neurons import LIF

DENSE = np.array([[0.5, -0.1], [-0.25, 0.2], [0.0, 0.0]])


def test_codes_are_rounded_on_one_scale_per_neuron():
    q = quantize_population([DENSE], n=2, beta=0.5)
    assert [254.0, 635.0] == pytest.approx(q.weight_scale.tolist())
    assert [[127, -64], [-64, 127], [0, 0]] == q.weights[0].tolist()  # -63.5 goes away from zero


def test_one_scale_for_all_keeps_ratios_between_neurons():
    q = quantize_population([DENSE], n=2, beta=0.5, settings=Quantization("population"))
    assert [254.0, 254.0] == q.weight_scale.tolist()
    assert [[127, -25], [-64, 51], [0, 0]] == q.weights[0].tolist()


def test_shift_is_the_largest_that_keeps_thresholds_within_the_limit():
    q = quantize_population([DENSE], n=2, beta=0.5, v_th=1.0)
    assert (4, [4064, 10160]) == (q.gain_shift, q.v_th.tolist())  # 635 * 32 = 20320 > 2**14
    wide = Quantization(v_th_limit=20320)
    assert 5 == quantize_population([DENSE], n=2, beta=0.5, settings=wide).gain_shift


def test_all_projections_of_a_population_share_its_scale():
    flat = (np.array([2.0, -0.5]), np.array([1, 0]))
    q = quantize_population([DENSE, flat], n=2, beta=0.5, settings=Quantization(gain_shift=0))
    assert [254.0, 63.5] == q.weight_scale.tolist()
    assert [127, -127] == q.weights[1].tolist()
    assert [[127, -6], [-64, 13], [0, 0]] == q.weights[0].tolist()


def test_sparse_and_dense_forms_agree():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(30, 7))
    pre, post = np.nonzero(dense)
    parameters = {"n": 7, "beta": 0.9, "bias": rng.normal(size=7), "gain": -0.3}
    a = quantize_population([dense], **parameters)
    b = quantize_population([(dense[pre, post], post)], **parameters)
    assert a.weights[0][pre, post].tolist() == b.weights[0].tolist()
    assert (a.bias == b.bias).all()
    assert (a.v_th == b.v_th).all()
    assert (a.acc_bound, a.gain_shift) == (b.acc_bound, b.gain_shift)
    assert a.rounding_error == pytest.approx(b.rounding_error)


def test_gain_is_folded_into_the_weights():
    a = quantize_population([DENSE * 0.5], n=2, beta=0.5)
    b = quantize_population([DENSE], n=2, beta=0.5, gain=0.5)
    assert (a.weights[0] == b.weights[0]).all()
    assert (a.v_th == b.v_th).all()


def test_strict_threshold_is_one_code_higher():
    plain = quantize_population([DENSE], n=2, beta=0.5)
    assert (plain.v_th + 1 == quantize_population([DENSE], n=2, beta=0.5, strict=True).v_th).all()


@pytest.mark.parametrize(
    ("beta", "code"), [(0.0, 0), (1.0, 4096), (0.9375, 3840), (0.9, 3686), (0.00012, 0)]
)
def test_decay_codes(beta, code):
    assert code == quantize_population([DENSE], n=2, beta=beta).beta


def test_weights_far_below_threshold_do_not_overflow_it():
    q = quantize_population([DENSE * 1e-4], n=2, beta=1.0)
    assert ([16384, 16384], 0) == (q.v_th.tolist(), q.gain_shift)


def test_rounding_error_is_at_most_half_a_step():
    weights = np.random.default_rng(0).normal(size=(50, 4))
    q = quantize_population([weights], n=4, beta=1.0)
    assert 0.4 / q.weight_scale.max() < q.rounding_error <= 0.5001 / q.weight_scale.min()


def test_accumulator_bound_counts_one_sign_at_a_time():
    weights = np.concatenate([np.full((258, 1), 1.0), np.full((300, 1), -0.5)])
    q = quantize_population([weights], n=1, beta=1.0)
    assert (258 * 127, True) == (q.acc_bound, q.acc_exact)
    q = quantize_population([np.full((259, 1), 1.0)], n=1, beta=1.0)
    assert (259 * 127, False) == (q.acc_bound, q.acc_exact)


def test_reset_value_and_floor_force_a_common_scale():
    q = quantize_population([DENSE], n=2, beta=0.5, v_reset=-0.5, v_floor=-2.0)
    assert q.scale[0] == q.scale[1]
    assert (round(-0.5 * q.scale[0]), round(-2.0 * q.scale[0])) == (q.v_reset, q.v_floor)
    assert -(2**17) == quantize_population([DENSE], n=2, beta=0.5).v_floor


@pytest.mark.parametrize(
    "constant",
    [
        {"v_reset": -0.5},
        {"v_floor": -2.0},
        {"v_init": 0.25},
        {"reset": "soft", "reset_amount": 0.5},
        {"reset": "soft", "strict": True},
    ],
    ids=str,
)
def test_each_constant_that_the_core_keeps_once_forces_a_common_scale(constant):
    own, one = (quantize_lif([DENSE], 2, LIF(beta=0.5, **extra)) for extra in ({}, constant))
    assert own.scale[0] != own.scale[1]
    assert one.scale[0] == one.scale[1]


@pytest.mark.parametrize("constant", [{"v_reset": -0.5}, {"v_floor": -2.0}], ids=str)
def test_reset_value_or_floor_alone_force_a_common_scale(constant):
    q = quantize_population([DENSE], n=2, beta=0.5, **constant)
    assert q.scale[0] == q.scale[1]


def test_a_floor_that_the_state_never_reaches_is_its_rail():
    settings = Quantization(gain_shift=0)  # then a code is 127 times its value
    made = [
        quantize_population([[[1.0]]], n=1, beta=0.5, v_floor=code / 127, settings=settings)
        for code in (-131071, -131072, -131073)
    ]
    assert [-131071, -131072, -131072] == [q.v_floor for q in made]


def test_the_shift_of_a_population_goes_before_that_of_all():
    settings = Quantization(gain_shift=1, gain_shifts={"a": 3})
    made = {
        name: quantize_population([DENSE], n=2, beta=0.5, settings=settings, name=name)
        for name in ("a", "b")
    }
    assert {"a": 3, "b": 1} == {name: q.gain_shift for name, q in made.items()}
    assert (made["a"].v_th == 4 * made["b"].v_th).all()


def test_no_projections_and_no_neurons_are_legal():
    q = quantize_population([], n=3, beta=0.5, bias=0.25)
    assert [4 * b for b in q.bias.tolist()] == q.v_th.tolist()
    assert 0 == quantize_population([np.zeros((4, 0))], n=0, beta=0.5).n


def test_lif_parameters_are_taken_over():
    neuron = LIF(beta=0.9, alpha=0.25, bias=[0.1, 0.2], v_th=2.0, reset="soft", reset_amount=1.5)
    q = quantize_lif([DENSE], 2, neuron)
    expected = quantize_population(
        [DENSE],
        n=2,
        beta=0.9,
        alpha=0.25,
        bias=[0.1, 0.2],
        v_th=2.0,
        reset_amount=1.5,
        # The amount of a soft reset is kept once per population.
        settings=Quantization("population"),
    )
    for key in ("v_th", "bias", "reset_amount"):
        assert getattr(expected, key).tolist() == getattr(q, key).tolist()
    assert (3686, 1024) == (q.beta, q.alpha)


def test_every_problem_is_reported_at_once():
    with pytest.raises(ValidationError) as caught:
        quantize_population(
            [np.array([[np.nan, 1.0]]), np.ones((2, 3))], n=2, beta=[0.5, 0.6], v_th=np.inf,
            bias=[1.0, 2.0, 3.0], alpha=1.5, name="out",
        )  # fmt: skip
    text = str(caught.value)
    for part in ("NaN", "(n_pre, 2)", "beta", "v_th", "bias", "alpha", "'out'"):
        assert part in text
    assert 6 == len(caught.value.problems)


def test_a_value_beyond_the_state_word_names_the_neuron():
    with pytest.raises(ValidationError, match="bias of neuron 1 becomes"):
        quantize_population([DENSE], n=2, beta=0.5, bias=[0.0, 1000.0])


@pytest.mark.parametrize(("last", "beyond"), [(131071, 131072), (-131072, -131073)])
def test_codes_fill_the_state_word_to_both_rails(last, beyond):
    settings = Quantization(gain_shift=0)  # then a code is 127 times its value
    q = quantize_population([[[1.0]]], n=1, beta=0.5, bias=last / 127, settings=settings)
    assert [last] == q.bias.tolist()
    with pytest.raises(ValidationError, match=f"bias of neuron 0 becomes {beyond}, expected"):
        quantize_population([[[1.0]]], n=1, beta=0.5, bias=beyond / 127, settings=settings)


def rounded(x):
    return int(abs(x) + 0.5) * (1 if x >= 0 else -1)


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("seed", range(10))
def test_bias_and_gain_of_each_neuron_are_on_its_own_scale(seed, bits):
    rng = np.random.default_rng(seed)
    weights, n = rng.normal(size=(6, 5)), 5
    gain = rng.choice([-2.0, -0.3, 0.5, 1.7], size=n)
    bias, v_th = rng.normal(size=n) * 0.3, rng.uniform(0.5, 2.0, size=n)
    q = quantize_population(
        [weights], n=n, beta=0.9, gain=gain, bias=bias, v_th=v_th,
        settings=Quantization(weight_bits=bits),
    )  # fmt: skip
    top, limit = 2 ** (bits - 1) - 1, 2**14
    largest = [max(map(abs, column)) for column in weights.T.tolist()]
    scales = [
        min(top / (abs(g) * w), limit / th) for g, w, th in zip(gain, largest, v_th, strict=True)
    ]
    steps = [s for s in range(8) if max(v_th * scales) * 2**s <= limit] or [0]
    assert steps[-1] == q.gain_shift
    for j, scale in enumerate(scales):
        codes = [max(-top, min(top, rounded(w * gain[j] * scale))) for w in weights[:, j]]
        assert codes == q.weights[0][:, j].tolist()
        assert rounded(bias[j] * scale * 2 ** steps[-1]) == q.bias[j]
        assert rounded(v_th[j] * scale * 2 ** steps[-1]) == q.v_th[j]


def test_the_bias_is_not_multiplied_by_the_gain():
    plain = quantize_population([DENSE], n=2, beta=0.5, bias=0.25)
    q = quantize_population([DENSE], n=2, beta=0.5, bias=0.25, gain=-0.5)
    assert (plain.bias / plain.scale).tolist() == [0.25, 0.25] == (q.bias / q.scale).tolist()


def test_a_population_with_inhibition_only_is_bounded_and_scaled_like_its_mirror():
    weights = np.full((259, 1), 1.0)
    up = quantize_population([weights], n=1, beta=1.0)
    down = quantize_population([-weights], n=1, beta=1.0)
    assert (259 * 127, False) == (down.acc_bound, down.acc_exact)
    assert (up.weights[0] == -down.weights[0]).all()
    assert (up.v_th.tolist(), up.gain_shift) == (down.v_th.tolist(), down.gain_shift)


KERNEL = ChannelWeights(np.array([[0.5, -0.1], [-0.25, 0.2]]))


def test_all_neurons_of_a_channel_share_scale_and_codes():
    v_th = np.array([1.0, 1.0, 1.0, 1.0, 4.0, 1.0])
    q = quantize_population([KERNEL], n=6, beta=0.5, v_th=v_th)
    assert [254.0] * 3 + [635.0] * 3 == pytest.approx(q.weight_scale.tolist())
    assert [[127, -64], [-64, 127]] == q.weights[0].tolist()
    # A threshold that would be too high for its neuron lowers the scale of the whole channel.
    weak = ChannelWeights(KERNEL.values * 1e-3)
    q = quantize_population([weak], n=6, beta=0.5, v_th=v_th)
    assert [16384.0] * 3 + [4096.0] * 3 == q.weight_scale.tolist()


def test_weights_beside_a_kernel_are_on_the_scale_of_its_channels():
    skip = (np.array([1.0, 0.25]), np.array([0, 5]))
    q = quantize_population([KERNEL, skip], n=6, beta=0.5, settings=Quantization(gain_shift=0))
    assert [127.0] * 3 + [508.0] * 3 == q.weight_scale.tolist()
    assert [[64, -51], [-32, 102]] == q.weights[0].tolist()
    assert [127, 127] == q.weights[1].tolist()
    assert 102 + 127 == q.acc_bound
    one = quantize_population([KERNEL], n=6, beta=0.5, settings=Quantization("population"))
    assert [254.0] * 6 == one.weight_scale.tolist()


def test_channels_of_two_kernels_are_joined_to_runs_of_both():
    other = ChannelWeights(np.full((1, 3), 0.1))
    q = quantize_population([KERNEL, other], n=6, beta=0.5)
    assert 1 == len(set(q.weight_scale.tolist()))


def test_a_gain_that_differs_within_a_channel_is_refused():
    gain = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    assert [254.0, 317.5] == quantize_population([KERNEL], n=6, beta=0.5, gain=gain).weight_scale[
        [0, 5]
    ].tolist()
    with pytest.raises(ValidationError, match="gain must be the same for all neurons of a channel"):
        quantize_population([KERNEL], n=6, beta=0.5, gain=[*gain[:5], 1.0])


def test_a_range_is_what_the_largest_code_stands_for_and_more_is_clipped():
    for given, scales in (((0.25, 0.2), [508.0, 635.0]), (0.25, [508.0, 508.0])):
        settings = Quantization(ranges={"x": given})
        q = quantize_population([DENSE], n=2, beta=0.5, settings=settings, name="x")
        assert scales == q.weight_scale.tolist()
        assert [127, -127, 0] == q.weights[0][:, 0].tolist()
        assert q.rounding_error == pytest.approx(0.25)  # of the weight of 0.5
    other = quantize_population([DENSE], n=2, beta=0.5, settings=settings)
    assert [254.0, 635.0] == other.weight_scale.tolist()  # of another population


def test_a_range_is_of_weights_times_gain_and_one_for_all_where_constants_are_shared():
    settings = Quantization(ranges={"x": (0.25, 0.5)})
    q = quantize_population([DENSE], n=2, beta=0.5, gain=-2.0, settings=settings, name="x")
    assert [508.0, 254.0] == q.weight_scale.tolist()
    q = quantize_population([DENSE], n=2, beta=0.5, v_floor=-1.0, settings=settings, name="x")
    assert [254.0, 254.0] == q.weight_scale.tolist()


def test_a_kernel_has_a_range_for_each_channel():
    kernel = ChannelWeights(np.array([[1.0, -0.5]]))
    q = quantize_population(
        [kernel], n=6, beta=0.5, settings=Quantization(ranges={"x": (0.5, 0.5)}), name="x"
    )
    assert [254.0] * 6 == q.weight_scale.tolist()
    with pytest.raises(ValidationError, match=r"each of its 2 channels .6 neurons in all., got 3"):
        quantize_population(
            [kernel], n=6, beta=0.5, settings=Quantization(ranges={"x": (1, 1, 1)}), name="x"
        )


def test_a_power_of_two_is_the_next_one_below():
    q = quantize_population([DENSE], n=2, beta=0.5, settings=Quantization(power_of_two=True))
    assert [128.0, 512.0] == q.weight_scale.tolist()  # 254 and 635
    assert [[64, -51], [-32, 102], [0, 0]] == q.weights[0].tolist()
    exact = Quantization(power_of_two=True, weight_bits=4, ranges={"x": 7.0})
    q = quantize_population([DENSE], n=2, beta=0.5, settings=exact, name="x")
    assert [1.0, 1.0] == q.weight_scale.tolist()  # a power of two stays
