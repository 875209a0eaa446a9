# SPDX-License-Identifier: Apache-2.0
"""What people ran into with other frameworks, by the thread, and what is right."""

import copy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def constant(drive, steps, n=1):
    return torch.full((steps, 1, n), drive, dtype=torch.float64)


def membranes(layer, x):
    """Membranes after each tick."""
    state, out = layer.init(x[0]), []
    for tick in x:
        _, state = layer.step(tick, state)
        out.append(state.v)
    return torch.stack(out)


def test_soft_reset_takes_off_one_documented_amount_snntorch_341_364_379_426():
    # Drive 0.21, decay 0.8: h(k) = 1.05 (1 - 0.8**k) crosses 1 at tick 14, in either convention.
    beta, drive = 0.8, 0.21
    free = [drive * (1 - beta**k) / (1 - beta) for k in range(1, 15)]
    assert free[12] < 1.0 < free[13]
    x = constant(drive, 20)
    at_once = membranes(nn.LIFLayer(beta=beta, reset="soft"), x).flatten().tolist()
    theirs = nn.like_snntorch(beta=torch.tensor(beta, dtype=torch.float64))
    late = membranes(theirs, x).flatten().tolist()
    assert at_once[:13] == pytest.approx(free[:13], abs=1e-12)
    assert late[:13] == pytest.approx(free[:13], abs=1e-12)
    for k in range(6):  # a threshold is taken off at once, or off what has decayed by then
        after = drive * (1 - beta**k) / (1 - beta)
        assert at_once[13 + k] == pytest.approx(beta**k * (free[13] - 1.0) + after, abs=1e-12)
        if k:
            expected = beta**k * free[13] - beta ** (k - 1) + after
            assert late[13 + k] == pytest.approx(expected, abs=1e-12)


def test_zero_reset_of_leaky_and_of_the_others_are_told_apart_snntorch_159_162_426():
    x = constant(2.0, 8)
    zero = {"beta": 0.5, "reset_mechanism": "zero"}
    assert nn.like_snntorch(**zero)(x).flatten().tolist() == [1] * 8
    for kind in ({"alpha": 0.5}, {"kind": "RLeaky"}, {"kind": "Lapicque", "threshold": 0.5}):
        assert nn.like_snntorch(**(zero | kind))(x).flatten().tolist() == [1, 0] * 4


def test_constants_of_each_neuron_are_used_snntorch_441_442():
    betas = [k / 10 for k in range(1, 10)]
    traces = membranes(nn.like_snntorch(9, beta=np.array(betas)), constant(0.05, 30, 9))[:, 0]
    for n, beta in enumerate(betas):
        expected = [0.05 * (1 - beta**k) / (1 - beta) for k in range(1, 31)]
        assert traces[:, n].tolist() == pytest.approx(expected, abs=1e-12)


def test_a_decay_pushed_beyond_one_is_legal_shown_and_exported_as_it_runs_snntorch_346():
    for layer in (
        nn.LIFLayer(1, beta=0.9, learn=("beta",)),
        nn.like_snntorch(1, beta=0.9, learn_beta=True),
    ):
        net = nn.SpikingNet(nn.Linear(1, 1), layer)
        with torch.no_grad():  # a huge step of an optimizer
            layer.raw_beta += 1e6
        effective = float(layer.params().beta)
        assert 0.9 < effective <= 1.0
        assert f"beta={effective:g}" in repr(layer)
        assert nn.export(net).populations["layer0"].neuron.beta == effective
        trace = membranes(layer, constant(0.01, 50).float())
        assert float(trace[-1]) == pytest.approx(0.5, rel=1e-4)


def test_a_second_call_says_reset_or_streaming_snntorch_250_spikingjelly_318_594():
    net = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2))
    x = torch.ones(4, 1, 3)
    nn.advance(net, x).sum().backward()
    with pytest.raises(ValidationError, match=r"nn\.reset.*streaming=True"):
        nn.advance(net, x)
    for _ in range(2):  # goes on from a state without a graph: no second backward through it
        nn.advance(net, x, streaming=True).sum().backward()
    nn.reset(net)
    nn.advance(net, x).sum().backward()


def test_every_constant_moves_with_its_layer_norse_378_snntorch_452():
    given = {
        key: np.array([0.5, 0.75]) for key in ("beta", "alpha", "gain", "bias", "v_th", "v_reset")
    } | {"v_init": np.array([0.25, 0.5]), "v_floor": np.array([-1.0, -2.0])}
    ticks = {"refractory_ticks": np.array([1, 2])}
    layer = nn.LIFLayer(2, **given, **ticks)
    fresh = nn.LIFLayer(2, **{k: v * 0.0 + 1.0 for k, v in given.items()}, refractory_ticks=[0, 0])
    fresh.load_state_dict(layer.state_dict())
    halves = copy.deepcopy(layer).half()
    for moved in (copy.deepcopy(layer), layer.to(torch.float64), fresh, halves):
        neuron = moved.canonical()
        for key, value in (given | ticks).items():
            assert getattr(neuron, key).tolist() == value.tolist(), key
    x = torch.ones(3, 1, 2, dtype=torch.float16)
    assert halves(x).dtype == torch.float16
    assert {"beta", "v_th", "refractory_ticks"} <= set(dict(layer.named_buffers()))


def test_the_mode_changes_no_neuron_spikingjelly_386_559():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        loop = nn.Recurrent(nn.like_snntorch(3, beta=0.9, threshold=0.2), nn.Linear(3, 3))
        net = nn.SpikingNet(nn.Linear(4, 3, scale=6.0), nn.like_spikingjelly(), loop)
    found = []
    for mode in (True, False):
        x = torch.rand(20, 2, 4, generator=torch.manual_seed(0)).requires_grad_()
        spikes = net.train(mode)(x)
        found.append((spikes, torch.autograd.grad(spikes.sum(), x)[0]))
    assert found[0][0].any()
    assert found[0][1].any()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


class Nested(torch.nn.Module):
    def __init__(self):
        super().__init__()
        inner = torch.nn.ModuleDict({"deep": torch.nn.Sequential(nn.LIFLayer(3), nn.LIFLayer(3))})
        self.parts = torch.nn.ModuleList([nn.Linear(3, 3), inner])
        self.loop = nn.Recurrent(nn.LIFLayer(3), nn.Linear(3, 3))

    def forward(self, x):
        deep = self.parts[1]["deep"](self.parts[0](x) * 3.0)
        return self.loop(deep + x) + deep


def test_a_reset_reaches_every_depth_and_no_other_net_snntorch_414_438():
    net, other = Nested(), Nested()
    x = torch.rand(9, 2, 3, generator=torch.manual_seed(1))
    first = nn.advance(net, x)
    nn.advance(other, x)
    nn.reset(net)
    assert torch.equal(nn.advance(net, x), first)
    with pytest.raises(ValidationError, match="holds the state of an earlier call"):
        nn.advance(other, x)


def test_runs_by_step_and_by_layer_agree_where_there_are_skips_spikingjelly_276_611():
    net = Nested().double()
    x = torch.rand(9, 2, 3, dtype=torch.float64, generator=torch.manual_seed(2))
    whole, last = nn.run(net, x)
    state, ticks = None, []
    for tick in x:
        y, state = nn.step(net, tick, state)
        ticks.append(y)
    assert whole.any()
    assert torch.equal(torch.stack(ticks), whole)
    assert str(state) == str(last)


#: Cases that are told by a test of the module that does right.
ELSEWHERE = {
    "snntorch_367_384_410_nir_155 scalars in an exported file": (
        "convert/nir/test_exporting.py",
        "test_the_example_that_others_fail_on_is_read_by_nir_itself",
    ),
    "snntorch_416_452 nir.IF with a leak": (
        "convert/nir/test_importing.py",
        "test_an_integrator_adds_r_dt_and_fires_above_its_threshold",
    ),
    "snntorch_328 a list keeps every neuron": (
        "nn/time/test_stateful.py", "test_nothing_keeps_a_net_that_nobody_needs",
    ),
    "norse_411 time constants times dt": (
        "convert/nir/test_peers.py", "test_a_file_with_two_readings_is_not_run",
    ),
    "norse_411 what was corrected is said": (
        "convert/nir/test_importing.py",
        "test_the_reading_is_logged_and_what_was_corrected_is_a_warning",
    ),
    "norse_412 a layer of one neuron": (
        "convert/nir/test_importing.py",
        "test_scalars_are_for_as_many_neurons_as_the_neighbors_have",
    ),
    "norse_427_nirtorch_48 a loop of several nodes": (
        "convert/nir/test_wiring.py", "test_a_loop_of_a_neuron_and_two_affine_nodes_takes_a_tick",
    ),
    "norse_378 two processes": (
        "nn/training/test_processes.py",
        "test_two_processes_give_what_one_gives_with_the_joint_batch",
    ),
    "norse_302_nir_63 euler or exp": (
        "convert/nir/test_importing.py", "test_a_time_constant_of_two_ticks_has_two_readings",
    ),
    "nir_129_137 the reset is not in the format": (
        "convert/nir/test_exporting.py",
        "test_what_only_our_metadata_tells_is_written_on_demand",
    ),
    "nir_135 tensors in a graph": (
        "convert/nir/test_importing.py", "test_tensors_and_arrays_give_the_same_net",
    ),
    "spikingjelly_461_517 activations that are functions": (
        "convert/ann/test_reading.py",
        "test_what_is_read_is_the_same_function_with_an_activation_for_each_call",
    ),
    "spikingjelly_145_170_432_snn_toolbox_103 the largest of spikes": (
        "nn/layers/test_conversion.py",
        "test_the_largest_of_four_lines_is_their_largest_count_at_every_tick",
    ),
    "snn_toolbox_66 a sum of branches": (
        "convert/ann/test_conversion.py",
        "test_a_sum_of_branches_with_thresholds_1_and_8_is_right_to_a_spike_of_each",
    ),
    "spikingjelly_259_262_289_364_spikedattention_2 how many ticks": (
        "convert/ann/test_conversion.py",
        "test_the_report_tells_accuracy_and_agreement_against_ticks",
    ),
    "spikingjelly_259 too few ticks": (
        "convert/ann/test_conversion.py", "test_too_few_ticks_are_warned_of",
    ),
    "qcfs_3_5_7_8 levels against ticks": (
        "convert/ann/test_conversion.py",
        "test_qcfs_at_its_levels_is_exact_where_input_comes_evenly",
    ),
    "spikingjelly_157 statistics over time": (
        "nn/layers/test_norm.py", "test_single_ticks_in_training_have_statistics_of_their_own",
    ),
    "spikingjelly_106_690 another code than asked": (
        "nn/ops/test_lif.py", "test_the_code_that_runs_is_the_one_that_is_asked_for",
    ),
    "pytorch_188074_resdag_39 compiled nets": (
        "nn/time/test_compiled.py", "test_a_hundred_ticks_compile_in_seconds",
    ),
    "snn_delays_5_snntorch_453_norse_454 delays of a convolution": (
        "nn/layers/test_delayed.py",
        "test_a_convolution_of_one_pixel_with_a_delay_per_channel_is_a_shift",
    ),
    "brevitas_548_981_snntorch_231_spikingjelly_417 one integer path": (
        "nn/integers/test_quant.py", "test_spikes_equal_an_integer_loop",
    ),
    "spikingjelly_361_362 clips of other lengths": (
        "data/test_clips.py",
        "test_clips_of_10_7_and_3_ticks_are_padded_with_zeros_behind_their_end",
    ),
    "spikingjelly_361 padding counts for nothing": (
        "nn/training/test_fit.py", "test_padding_has_no_part_in_loss_counts_and_gradients",
    ),
    "spikingjelly_300 seconds taken for milliseconds": (
        "data/test_events.py", "test_times_in_s_that_are_taken_for_ms_are_noticed",
    ),
    "s4nn_5 silence is no answer": (
        "nn/training/test_fit.py", "test_a_silent_net_scores_the_share_of_class_0_and_is_told",
    ),
    "sinabs_231 which percentile": (
        "convert/ann/test_thresholds.py", "test_least_squares_are_found_by_trying",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE)
def test_the_case_is_told_by_a_test_of_its_module(case):
    place, name = ELSEWHERE[case]
    assert f"\ndef {name}(" in (Path(__file__).parents[1] / place).read_text(encoding="utf-8")
