# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.fixed import Quantization
from spikesim.hw.compile import Compilation
from spikesim.hw.compile.lower import lower, weight_layers
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF

CORE = CoreConfig(n_neurons=32, n_axons=8, lanes=4, n_segments=64, spike_queue=64)


def lowered(net, **options):
    start = Compilation(net, CORE, Quantization("population"), **options)
    return lower(quantize(start)).lowered


def two_layers(**neuron):
    net = Network(1e-3)
    net.add_input("a", 2)
    net.add_input("b", 1)
    net.add_population("h", 5, LIF(beta=0.5, bias=0.25, refractory_ticks=3))
    net.add_population("o", 2, LIF(beta=0.75, **neuron), start_tick=1)
    net.connect("a", "h", np.ones((2, 5)))
    net.connect("b", "h", [[0, 0, 0, 0, -1.0]], delay_ticks=2)
    net.connect("h", "o", np.ones((5, 2)), delay_ticks=3)
    return net


def test_populations_are_padded_to_whole_groups():
    low = lowered(two_layers())
    assert {"a": (0, 2), "b": (2, 1)} == low.inputs
    assert {"h": (0, 5, 0), "o": (8, 2, 1)} == low.groups
    assert [(0, 1), (2, 2)] == [(int(r["first"]), int(r["last"])) for r in low.populations]


def test_padding_never_fires_and_has_no_bias():
    params = lowered(two_layers()).params
    padding = [5, 6, 7, 10, 11]
    assert {131071} == set(params["v_th"][padding].tolist())
    assert {0} == set(params["bias"][padding].tolist())
    assert [3] * 5 + [0] * 7 == params["refr_len"].tolist()


def test_axons_keep_their_delay_and_neurons_store_one_less():
    low = lowered(two_layers())
    assert [0, 0, 2] == [low.axon_rows[axon][0].delay for axon in range(3)]
    assert [2] * 5 == [low.neuron_rows[j][0].delay for j in range(5)]


def test_weights_land_in_the_lane_of_their_target():
    low = lowered(two_layers())
    expected = np.zeros((3, 4), int)
    expected[1, 0] = -127  # neuron 4 is lane 0 of group 1
    np.testing.assert_array_equal(expected, low.axon_rows[2][0].words)


@pytest.mark.parametrize(
    ("options", "mode", "has_value"),
    [
        ({"reset": "none"}, 0, False),
        ({"reset": "hard"}, 1, False),
        ({"reset": "hard", "v_reset": -0.5}, 1, True),
        ({"reset": "soft"}, 3, False),
        ({"reset": "soft", "reset_amount": 0.5}, 2, True),
        ({"reset": "soft", "strict": True}, 2, True),
    ],
)
def test_each_reset_has_its_mode(options, mode, has_value):
    record = lowered(two_layers(**options)).populations[1]
    assert (mode, has_value) == (int(record["reset"]), bool(record["reset_value"] != 0))


def test_record_holds_decays_start_and_refractory_mode():
    record = lowered(two_layers(alpha=0.5, refractory="hold"), record=["h"]).populations[1]
    assert (3072, 2048, 1, 1, 0) == tuple(
        int(record[name]) for name in ("alpha_v", "alpha_i", "start_tick", "hold", "record")
    )


def test_record_holds_start_and_floor_of_the_membrane():
    # One output of weight 1 and threshold 1: codes are 127 times the values, shifted by the gain.
    record = lowered(two_layers(v_init=0.5, v_floor=-2.0)).populations[1]
    one = 127 << int(record["gain"])
    assert (one / 2, -2 * one) == (int(record["v_init"]), int(record["v_floor"]))


def test_parallel_synapses_add_up_and_overflow_into_another_layer():
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("o", 1, LIF(beta=0.5))
    for weight in (1.0, 1.0, 0.5):
        net.connect("in", "o", [[weight]])
    words = [int(row.words[0, 0]) for row in lowered(net).axon_rows[0]]
    assert [127, 127, 64] == words


def test_synapses_that_cancel_leave_no_row():
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("o", 1, LIF(beta=0.5))
    net.connect("in", "o", [[1.0]])
    net.connect("in", "o", [[-1.0]])
    assert {} == lowered(net).axon_rows


def test_layers_sum_to_the_total():
    total = np.random.default_rng(0).integers(-900, 900, size=(4, 8))
    layers = weight_layers(total, 127)
    np.testing.assert_array_equal(total, sum(layer.astype(int) for layer in layers))
    assert max(np.abs(layer).max() for layer in layers) == 127
