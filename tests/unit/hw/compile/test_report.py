# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from spikesim.hw.compile import compile_network
from spikesim.network import Network
from spikesim.neurons import LIF

FLOAT32 = 1e-4  # weights are stored as float32, and the error is a difference of two of them


@pytest.fixture(scope="module")
def result():
    net = Network(1e-3, "one")
    net.add_input("in", 2)
    net.add_population("out", 2, LIF(beta=0.9, v_th=1.0))
    net.connect("in", "out", [[1.0, 0.5], [0.3, -0.5]])
    return compile_network(net)


def test_quantization_error_is_that_of_the_worst_weight(result):
    (layer,) = result.report.layers
    # 0.3 * 127 = 38.1 becomes 38; the other weights are exact
    assert pytest.approx(0.1 / 127, rel=FLOAT32) == layer.weight_error_max
    assert pytest.approx(0.1 / 127 / 2, rel=FLOAT32) == layer.weight_error_rms  # one of four
    assert pytest.approx(abs(0.9 - 3686 / 4096)) == layer.decay_error


def test_scale_turns_a_code_back_into_a_membrane(result):
    scale = result.report.scales["out"]
    np.testing.assert_allclose([1.0, 1.0], result.program.params["v_th"][:2] / scale)


def test_report_can_be_stored_as_json(result):
    stored = json.loads(json.dumps(result.report.to_dict()))
    assert "out" == stored["layers"][0]["name"]


def test_text_holds_memory_cycles_and_errors(result):
    text = str(result.report)
    for part in ("weight words", "row segments", "cycles of a step", "w max", "out"):
        assert part in text
    assert 80 >= max(len(line) for line in text.split("\n"))
