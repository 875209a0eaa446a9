# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

import spikesim
from spikesim.engines import _choose
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF


def _net():
    net = Network(dt=1e-3)
    net.add_population("clock", 2, LIF(beta=1.0, bias=[0.5, 0.25]))
    return net


def test_a_network_runs_in_floating_point_by_default():
    recording = spikesim.run(_net(), {}, 8)
    assert ("numba", [4, 2]) == (recording.engine, recording.counts("clock").tolist())


def test_options_reach_the_engine():
    assert spikesim.run(_net(), {}, 8, dtype="float32").meta["dtype"] == "float32"


class _Engine:
    """An engine as an object, in place of an open device."""

    def run_program(self, program, axons, steps, record, **options):
        raise AssertionError("only asked for, never run")


def test_an_engine_may_be_an_object():
    device = _Engine()
    assert _choose(_net(), device) is device


@pytest.mark.parametrize(
    ("what", "engine", "message"),
    [
        (_net(), "verilog", "'verilog'"),
        (_net(), object(), "run_program"),
        ([1, 2], "numba", "expected a Network for engine 'numba', got list"),
        ([1, 2], None, "Network or a Program, got list"),
    ],
)
def test_what_an_engine_cannot_run_is_refused(what, engine, message):
    with pytest.raises(ValidationError, match=message):
        spikesim.run(what, {}, 1, engine=engine)


def _exact():
    """A network whose numbers are all exact in 8-bit weights and 12-bit decays."""
    net = Network(dt=1e-3)
    net.add_input("in", 4)
    net.add_population("out", 3, LIF(beta=0.5, v_th=2.0, refractory_ticks=1))
    net.connect("in", "out", [[1.0, 0.5, -1.0], [1.0, 0.0, 1.0], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0]])
    return net


def test_one_call_runs_float_and_integer_engines_on_the_same_random_input():
    drive = {"in": spikesim.Poisson(400.0)}
    floats = spikesim.run(_exact(), drive, 60, seed=2)
    integers = spikesim.run(_exact(), drive, 60, engine="golden-readable", record="spikes", seed=2)
    assert floats.counts("out").min() > 0
    assert floats.same_spikes(integers)
    assert ("numba", False) == (floats.engine, integers.engine == "numba")


def test_a_program_runs_on_the_golden_model_and_not_in_floating_point():
    from spikesim.hw.compile import compile_network

    program = compile_network(_exact()).program
    assert _choose(program, None) == "golden"
    with pytest.raises(ValidationError, match="engine='golden' for a Program"):
        spikesim.run(program, {}, 1, engine="numba")
    assert spikesim.explain(program, "golden-readable").startswith("engine golden-readable: the p")


def test_explain_says_which_kernel_runs():
    assert spikesim.explain(_net()).startswith("kernel due-pieces-int32")


def test_a_float_run_loads_neither_torch_nor_hardware_code():
    script = (
        "import sys, spikesim; from spikesim import Network; spikesim.run(Network(dt=1e-3), {}, 1);"
        "print([m for m in ('torch', 'matplotlib', 'serial', 'spikesim.hw') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
