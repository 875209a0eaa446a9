# SPDX-License-Identifier: Apache-2.0
"""Each preset against the neuron of the framework itself: spikes equal, gradients to rounding."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import norse.torch as norse  # noqa: E402
import sinabs.activation as sa  # noqa: E402
import sinabs.layers as sl  # noqa: E402
import snntorch as snn  # noqa: E402
from spikingjelly.activation_based import neuron as sj  # noqa: E402
from spikingjelly.activation_based import surrogate as sj_surrogate  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import (  # noqa: E402
    KeepsType,
    drive,
    gradients,
    norse_spikes,
    sinabs_spikes,
    snntorch_spikes,
    spikingjelly_spikes,
)

N = 5
#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12
#: Spikes in float32, as snnTorch and sinabs make them, take their gradient through float32.
FLOAT32 = 1e-6
#: Gradients of learned constants are summed on a grid of 24 bits (nn.exact.spread).
GRID = 1e-6
PER_NEURON = torch.tensor([0.05, 0.3, 0.5, 0.85, 1.0])


def close(got, expected, share):
    return float((got - expected).abs().max()) <= share * float(expected.abs().max())


def same(preset, peer, x, share=ROUNDING):
    """Spikes of the peer and of ours are equal and neither silent nor all there are."""
    expected, (by_x,) = gradients(peer, x)
    got, (ours,) = gradients(preset, x)
    assert 0.02 < float(expected.mean()) < 0.98
    assert torch.equal(got, expected)
    assert close(ours, by_x, share)


SNNTORCH = {
    "Leaky": {},
    "Lapicque": {},
    "Lapicque, R and C": {"R": 4.0, "C": 3.0, "time_step": 2},
    "Synaptic": {"alpha": 0.8},
}


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("name", SNNTORCH)
def test_snntorch_neurons_spike_for_spike(name, reset):
    extra = SNNTORCH[name] | ({} if "R" in SNNTORCH[name] else {"beta": 0.9})
    kind = name.split(",")[0]
    low = kind == "Lapicque"  # its gain is 1 - beta or so
    given = extra | {"threshold": 0.08 if low else 1.1, "reset_mechanism": reset}
    peer = getattr(snn, kind)(**given, spike_grad=KeepsType.apply)
    ours = nn.like_snntorch(kind=kind, spike_grad=KeepsType.apply, **given)
    x = drive(2, N, mean=0.1 if kind == "Synaptic" else 0.4)
    same(ours, lambda x: snntorch_spikes(peer, x), x)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", ["Leaky", "Synaptic"])
def test_snntorch_constants_per_neuron_apply_to_their_neuron(kind, reset):
    given = {"beta": PER_NEURON, "threshold": PER_NEURON + 0.7, "reset_mechanism": reset}
    if kind == "Synaptic":
        given["alpha"] = PER_NEURON.flip(0) * 0.9
    peer = getattr(snn, kind)(**given, spike_grad=KeepsType.apply)
    ours = nn.like_snntorch(N, spike_grad=KeepsType.apply, **given)
    x = drive(2, N, mean=0.1)
    same(ours, lambda x: snntorch_spikes(peer, x), x)


@pytest.mark.parametrize("beta", [0.0, 1.0, 1.3, -0.2])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_snntorch_beta_at_and_beyond_its_borders_is_clamped_as_there(beta, reset):
    peer = snn.Leaky(beta=beta, reset_mechanism=reset, spike_grad=KeepsType.apply)
    ours = nn.like_snntorch(beta=beta, reset_mechanism=reset, spike_grad=KeepsType.apply)
    same(ours, lambda x: snntorch_spikes(peer, x), drive(2, N))


@pytest.mark.parametrize(
    "function",
    [
        snn.surrogate.atan(), snn.surrogate.atan(3.0), snn.surrogate.fast_sigmoid(25),
        snn.surrogate.sigmoid(4), snn.surrogate.straight_through_estimator(),
        snn.surrogate.SFS(), None,
    ],
)  # fmt: skip
def test_snntorch_surrogates_have_their_derivative(function):
    peer = snn.Leaky(beta=0.9, spike_grad=function)
    ours = nn.like_snntorch(beta=0.9, spike_grad=function)
    same(ours, lambda x: snntorch_spikes(peer, x), drive(2, N), share=FLOAT32)


def test_surrogates_with_a_closed_form_here_are_given_as_that_form():
    assert nn.like_snntorch(beta=0.9).surrogate == nn.ATan(math.pi)
    given = snn.surrogate.fast_sigmoid(slope=30)
    assert nn.like_snntorch(beta=0.9, spike_grad=given).surrogate == nn.FastSigmoid(30.0)
    assert nn.like_spikingjelly().surrogate == nn.Sigmoid(4.0)
    assert nn.like_norse().surrogate == nn.FastSigmoid(1.0)
    ours = nn.like_spikingjelly(surrogate_function=nn.Triangle(2.0))
    assert ours.surrogate == nn.Triangle(2.0)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("shape", [(), (N,)])
def test_snntorch_learned_constants_have_the_gradients_of_the_peer(shape, reset):
    beta = torch.full(shape, 0.8, dtype=torch.float64)
    threshold = torch.full(shape, 1.1, dtype=torch.float64)
    given = {"learn_beta": True, "learn_threshold": True, "reset_mechanism": reset}
    given["spike_grad"] = KeepsType.apply
    peer = snn.Leaky(beta=beta, threshold=threshold, **given)
    ours = nn.like_snntorch(N, beta=beta, threshold=threshold, **given)
    x = drive(3, N)
    spikes, expected = gradients(lambda x: snntorch_spikes(peer, x), x, peer.beta, peer.threshold)
    mine = ours.raw_beta, ours.raw_threshold
    got, found = gradients(ours, x, *mine)
    assert torch.equal(got, spikes)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert close(one, other, GRID)


def test_a_learned_constant_is_legal_wherever_it_is_pushed_and_shown_as_it_runs():
    layer = nn.like_snntorch(beta=0.9, learn_beta=True, learn_threshold=True)
    for push in (1e4, -2e4):
        with torch.no_grad():  # a step of gradient descent, of any size
            layer.raw_beta += push
            layer.raw_threshold += push
        neuron = layer.canonical()
        assert 0.0 < neuron.beta <= 1.0
        assert 0.0 < neuron.v_th
        assert f"beta={neuron.beta:g}" in repr(layer)
        assert bool(layer(drive(1, 2).float()).isfinite().all())


def test_a_layer_with_tied_constants_is_copied_saved_and_moved_as_any_other():
    import copy
    import io

    layer = nn.like_snntorch(beta=0.9, learn_beta=True)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.raw_beta.fill_(0.25)
    assert (layer.canonical().beta, other.canonical().beta) == (
        pytest.approx(0.9), 0.25,
    )  # fmt: skip
    layer.load_state_dict(other.state_dict())
    assert 0.25 == layer.canonical().beta
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False).double()
    assert again.raw_beta.dtype == torch.float64
    assert 0.25 == again.canonical().beta


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("detach", [True, False])
def test_spikingjelly_lif_spike_for_spike(v_reset, decay_input, detach):
    given = {"tau": 1.7, "decay_input": decay_input, "v_reset": v_reset, "detach_reset": detach}
    given["v_threshold"] = 0.6
    peer = sj.LIFNode(**given)
    same(nn.like_spikingjelly(**given), lambda x: spikingjelly_spikes(peer, x), drive(2, N))


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
def test_spikingjelly_if_and_cuba_spike_for_spike(v_reset):
    x = drive(2, N, mean=0.1)
    peer = sj.IFNode(v_reset=v_reset)
    ours = nn.like_spikingjelly(tau=None, v_reset=v_reset)
    same(ours, lambda x: spikingjelly_spikes(peer, x), x)
    given = {"c_decay": 0.6, "v_decay": 0.7, "v_reset": v_reset, "v_threshold": 0.8}
    cuba = sj.CUBALIFNode(**given)
    ours = nn.like_spikingjelly(**given, surrogate_function=cuba.surrogate_function)
    same(ours, lambda x: spikingjelly_spikes(cuba, x), x)


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly_parametric_lif_has_the_gradient_of_its_w(v_reset, decay_input):
    given = {"decay_input": decay_input, "v_reset": v_reset, "v_threshold": 0.6}
    peer = sj.ParametricLIFNode(init_tau=1.8, **given).double()
    ours = nn.like_spikingjelly(tau=1.8, w=peer.w, **given)
    assert ours.raw_w is peer.w
    x = drive(2, N)
    spikes, expected = gradients(lambda x: spikingjelly_spikes(peer, x), x, peer.w)
    got, found = gradients(ours, x, ours.raw_w)
    assert torch.equal(got, spikes)
    assert close(found[0], expected[0], ROUNDING)
    assert close(found[1], expected[1], GRID)


@pytest.mark.parametrize(
    "function",
    [
        sj_surrogate.Sigmoid(3.0), sj_surrogate.ATan(2.0), sj_surrogate.ATan(1.0),
        sj_surrogate.SoftSign(3.0), sj_surrogate.SuperSpike(2.0), sj_surrogate.Rect(1.0),
        sj_surrogate.PiecewiseQuadratic(1.5), sj_surrogate.PiecewiseExp(2.0), sj_surrogate.Erf(),
        sj_surrogate.LeakyKReLU(),
    ],
)  # fmt: skip
def test_spikingjelly_surrogates_have_their_derivative(function):
    peer = sj.LIFNode(surrogate_function=function)
    ours = nn.like_spikingjelly(surrogate_function=function)
    same(ours, lambda x: spikingjelly_spikes(peer, x), drive(2, N, mean=0.9))


NORSE_RESETS = {"value": norse.functional.reset.reset_value} | {
    "subtract": norse.functional.reset.reset_subtract
}


@pytest.mark.parametrize("reset", NORSE_RESETS)
@pytest.mark.parametrize("tensors", [True, False])
def test_norse_lifbox_spike_for_spike(reset, tensors):
    given = {"tau_mem_inv": 300.0, "v_th": 0.6, "v_reset": -0.1}
    if tensors:
        given = {key: torch.as_tensor(value) for key, value in given.items()}
    given["v_leak"] = torch.as_tensor(0.2)
    p = norse.LIFBoxParameters(**given, reset_method=NORSE_RESETS[reset])
    peer = norse.LIFBoxCell(p, dt=2e-3)
    ours = nn.like_norse(**given, reset_method=reset, dt=2e-3)
    same(ours, lambda x: norse_spikes(peer, x), drive(2, N))


def test_norse_defaults_spike_for_spike():
    x = 3.0 * drive(2, N)
    peer = norse.LIFBoxCell()
    same(nn.like_norse(), lambda x: norse_spikes(peer, x), x)


@pytest.mark.parametrize("v_reset", [0.0, -0.3])
@pytest.mark.parametrize("per_neuron", [True, False])
def test_norse_lif_uses_the_current_before_its_decay_spike_for_spike(v_reset, per_neuron):
    rates = 400.0 * PER_NEURON + 20.0 if per_neuron else 300.0
    given = {"tau_mem_inv": rates, "tau_syn_inv": 150.0, "v_leak": 0.1, "v_reset": v_reset}
    peer = norse.LIFCell(norse.LIFParameters(**given))
    ours = nn.like_norse(N, **given)
    same(ours, lambda x: norse_spikes(peer, x), drive(2, N))


def test_norse_methods_run_as_norse_itself():
    from norse.torch.functional.threshold import threshold

    p = norse.LIFBoxParameters(method="tanh", alpha=2.0)
    ours = nn.like_norse(method=lambda u: threshold(u, "tanh", 2.0))
    peer = norse.LIFBoxCell(p)
    same(ours, lambda x: norse_spikes(peer, x), 3.0 * drive(2, N))


@pytest.mark.parametrize("reset", [None, 0.0])
@pytest.mark.parametrize("tau_syn", [None, 3.0])
@pytest.mark.parametrize("norm_input", [True, False])
def test_sinabs_lif_spike_for_spike(reset, tau_syn, norm_input):
    given = {"tau_mem": 4.0, "tau_syn": tau_syn, "norm_input": norm_input}
    how = sa.MembraneSubtract() if reset is None else sa.MembraneReset()
    threshold = 0.3 if norm_input else 1.3
    peer = sl.LIF(
        **given, reset_fn=how, spike_fn=sa.SingleSpike, spike_threshold=torch.tensor(threshold)
    )
    ours = nn.like_sinabs(**given, reset_value=reset, spike_threshold=threshold)
    x = drive(2, N, mean=0.2)
    same(ours, lambda x: sinabs_spikes(peer, x), x, share=FLOAT32)


def test_sinabs_iaf_with_a_floor_spike_for_spike():
    peer = sl.IAF(min_v_mem=-0.5, spike_fn=sa.MaxSpike(1))
    ours = nn.like_sinabs(min_v_mem=-0.5)
    x = drive(2, N, mean=0.1)
    spikes = sinabs_spikes(peer, x)
    assert torch.equal(ours(x), spikes)
    assert not torch.equal(nn.like_sinabs()(x), spikes)


def test_sinabs_time_constants_stay_learned():
    peer = sl.LIF(tau_mem=4.0, tau_syn=2.0, spike_fn=sa.SingleSpike).double()
    ours = nn.like_sinabs(tau_mem=peer.tau_mem, tau_syn=peer.tau_syn)
    x = drive(2, N, mean=1.2)
    taus = peer.tau_mem, peer.tau_syn
    spikes, expected = gradients(lambda x: sinabs_spikes(peer, x), x, *taus)
    got, found = gradients(ours, x, *taus)
    assert torch.equal(got, spikes)
    for one, other in zip(found, expected, strict=True):
        assert close(one, other, FLOAT32)


def test_hardware_decays_survive_quantization():
    from spikesim.fixed.quantize import quantize_lif

    for bits in (12, 4):
        neuron = nn.like_hardware(4, bits=bits, beta=0.9, alpha=0.31).canonical()
        q = quantize_lif([np.eye(4, dtype=np.float32)], 4, neuron)
        assert (q.beta, q.alpha) == (neuron.beta * 4096, neuron.alpha * 4096)
        for got, asked in ((neuron.beta, 0.9), (neuron.alpha, 0.31)):
            assert (got * 2**bits).is_integer()
            assert 0.0 < abs(got - asked) <= 0.5 / 2**bits
    per_neuron = nn.like_hardware(beta=[0.9, 0.31]).canonical().beta * 4096
    assert per_neuron.tolist() == [3686.0, 1270.0]


def test_on_the_threshold_each_fires_or_not_as_its_framework():
    x = torch.full((4, 1, 1), 0.5, dtype=torch.float64)  # sums are exact, and so is the threshold
    zero = {"beta": 1.0, "reset_mechanism": "zero"}
    cases = [
        (nn.like_snntorch(**zero), snntorch_spikes(snn.Leaky(**zero), x), [0, 0, 1, 0]),
        (nn.like_spikingjelly(tau=None), spikingjelly_spikes(sj.IFNode(), x), [0, 1, 0, 1]),
        (nn.like_norse(v_th=0.125, dt=2.5e-3),
         norse_spikes(norse.LIFBoxCell(norse.LIFBoxParameters(v_th=torch.tensor(0.125)), dt=2.5e-3),
                      x), [0, 1, 0, 1]),
        (nn.like_sinabs(), sinabs_spikes(sl.IAF(spike_fn=sa.SingleSpike), x), [0, 1, 0, 1]),
    ]  # fmt: skip
    for ours, theirs, expected in cases:
        assert ours(x).flatten().tolist() == theirs.flatten().tolist() == expected
    own = nn.like_spikingjelly(tau=None, surrogate_function=lambda u: (u > 0).to(u.dtype))
    assert own(x).flatten().tolist() == [0, 0, 1, 0]


REFUSED = {
    "reset_delay": (nn.like_snntorch, {"beta": 0.9, "reset_delay": False}),
    "inhibition": (nn.like_snntorch, {"beta": 0.9, "inhibition": True}),
    "state_quant": (nn.like_snntorch, {"beta": 0.9, "state_quant": print}),
    "graded": (nn.like_snntorch, {"beta": 0.9, "graded_spikes_factor": 2.0}),
    "threshold above 0": (nn.like_snntorch, {"beta": 0.9, "threshold": -1.0}),
    "reset_mechanism": (nn.like_snntorch, {"beta": 0.9, "reset_mechanism": "soft"}),
    "beta for Leaky": (nn.like_snntorch, {}),
    "R and C": (nn.like_snntorch, {"kind": "Lapicque"}),
    "smaller time_step": (nn.like_snntorch, {"R": 1.0, "C": 1.0, "time_step": 2}),
    "0 below and 1 above": (
        nn.like_spikingjelly, {"surrogate_function": sj_surrogate.Sigmoid(spiking=False)},
    ),
    "tau above 1": (nn.like_spikingjelly, {"tau": 0.5}),
    "smaller dt": (nn.like_norse, {"tau_mem_inv": 2000.0}),
    "method 'super'": (nn.like_norse, {"method": "tanh"}),
    "adds in every step": (nn.like_sinabs, {"tau_mem": 4.0, "reset_value": 0.5}),
    "min_v_mem of 0": (nn.like_sinabs, {"min_v_mem": 0.5}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_equal_is_refused_with_the_way_out(what):
    preset, given = REFUSED[what]
    with pytest.raises(ConversionError, match=what):
        preset(**given)


def test_all_that_is_refused_is_told_at_once():
    with pytest.raises(ConversionError) as error:
        nn.like_snntorch(beta=0.9, reset_delay=False, inhibition=True, threshold=0.0)
    assert len(error.value.problems) == 3
