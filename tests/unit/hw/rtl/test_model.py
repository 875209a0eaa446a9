# SPDX-License-Identifier: Apache-2.0
"""The library as a Python object: reset, words, line modes."""

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.device.requests import run_request
from spikesim.hw.golden import GoldenCore
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.rtl.model import RtlModel
from spikesim.network import Network
from spikesim.neurons import LIF
from tests.equivalence.random_programs import SMALL, random_program

pytestmark = pytest.mark.rtl


def equal_words(expected, got):
    assert expected.keys() == got.keys()
    for name, words in expected.items():
        np.testing.assert_array_equal(words, got[name], err_msg=name)


def busy_program(config):
    """Every neuron fires in every tick and is recorded, so the spike queue fills at once."""
    net = Network(1e-3, "busy")
    net.add_population("all", config.n_neurons, LIF(beta=0.0, bias=2.0))
    return compile_network(net, config).program


@pytest.mark.parametrize("seed", [1, 2])
def test_reset_clears_every_word_whatever_the_memories_held_at_power_up(seed):
    model = RtlModel(SMALL, seed=seed)
    equal_words(GoldenCore(SMALL).words(), model.words())
    assert model.idle


def test_words_are_those_of_the_golden_core_after_a_load():
    model, core, program = RtlModel(SMALL), GoldenCore(SMALL), random_program(6, SMALL)
    Device.open(InProcessTransport(model)).load(program)
    core.load(program)
    equal_words(core.words(), model.words())


def test_models_in_one_process_do_not_share_state():
    one, other = RtlModel(SMALL), RtlModel(SMALL)
    Device.open(InProcessTransport(one)).load(random_program(6, SMALL))
    equal_words(GoldenCore(SMALL).words(), other.words())


def test_an_impossible_line_is_refused():
    model = RtlModel(SMALL)
    with pytest.raises(ValidationError, match="'bypass' or 'uart'"):
        model.set_line("spi")
    with pytest.raises(ValidationError, match="baud"):
        model.set_line("uart", 100_000_000)


def test_a_stalled_core_waits_for_the_host_without_clocks():
    """A virtual board once burnt 100,000 clocks whenever the spike queue was full."""
    model = RtlModel(SMALL)
    program = busy_program(SMALL)
    with Device.open(InProcessTransport(model)) as device:
        device.load(program)
        device.set_register("CTRL", 1)
        device.session.burst([run_request(100)])
        clocks = model.run_until(1, 1_000_000, core_idle=True)
        assert model.signals()["stalled"]
        assert model.idle
        assert clocks < 20_000
