# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

import spikesim
from spikesim.engine import Engine
from spikesim.engines import find_engine
from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF


def _net():
    net = Network(dt=1e-3)
    net.add_population("clock", 2, LIF(beta=1.0, bias=[0.5, 0.25]))
    return net


def test_a_network_runs_in_floating_point_by_default():
    recording = spikesim.run(_net(), {}, 8)
    assert ("float", [4, 2]) == (recording.engine, recording.counts("clock").tolist())


def test_options_reach_the_engine():
    assert "float64" == spikesim.run(_net(), {}, 8, dtype="float64").meta["dtype"]


def test_an_engine_may_be_an_open_device_which_stays_open():
    program = compile_network(_net()).program
    with Device.open(InProcessTransport(GoldenDevice(program.config), "bench")) as device:
        first = spikesim.run(program, {}, 8, engine=device)
        second = spikesim.run(program, {}, 8, engine=device, each_step=True)
    assert ("bench", [4, 2]) == (first.engine, first.counts("clock").tolist())
    assert first.same_spikes(second)
    assert ("cycles" in first.meta, "cycles" in second.meta) == (False, True)


@pytest.mark.parametrize("name", ["float", "golden", "golden-readable", "rtl", "virtual"])
def test_every_engine_fulfils_the_contract(name):
    engine = find_engine(name)
    assert isinstance(engine, Engine)
    assert name == engine.name


@pytest.mark.parametrize(
    ("what", "engine", "message"),
    [
        (_net(), "verilog", "'verilog'"),
        (_net(), "goldn", "did you mean 'golden'"),
        (_net(), "numba", "did you mean 'float'"),
        (_net(), object(), "an object with name and prepare, got object"),
        (_net(), "board", "expected port.*engine='virtual'"),
        ([1, 2], "float", "expected a Network, got list"),
        ([1, 2], None, "Network or a Program, got list"),
    ],
)
def test_what_an_engine_cannot_run_is_refused(what, engine, message):
    with pytest.raises(ValidationError, match=message):
        spikesim.run(what, {}, 1, engine=engine)


@pytest.mark.parametrize("engine", ["float", "golden", "rtl"])
def test_an_unknown_option_is_refused_with_the_known_ones(engine):
    with pytest.raises(ValidationError, match=r"options among \[.*\], got 'speed'"):
        spikesim.run(_net(), {}, 1, engine=engine, speed=2)


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
    assert ("float", "golden-readable") == (floats.engine, integers.engine)


def test_a_program_runs_on_the_golden_model_and_not_in_floating_point():
    program = compile_network(_exact()).program
    assert "golden" == spikesim.run(program, {}, 1).engine
    with pytest.raises(ValidationError, match="engine='golden' for a Program"):
        spikesim.run(program, {}, 1, engine="float")
    with pytest.raises(ValidationError, match="compile_options with a Network only"):
        spikesim.run(program, {}, 1, compile_options={"config": "large"})


def test_explain_says_what_would_run_and_starts_nothing():
    assert spikesim.explain(_net()).startswith("kernel due-pieces-int32")
    program = compile_network(_exact()).program
    assert spikesim.explain(program, "golden-readable").startswith("engine golden-readable: the p")
    # Nothing listens on this port.
    text = spikesim.explain(_exact(), "board", port="tcp://127.0.0.1:1")
    assert text.startswith("engine board: the network is compiled to integers first")


def test_a_float_run_loads_neither_torch_nor_hardware_code():
    script = (
        "import sys, spikesim; from spikesim import Network; spikesim.run(Network(dt=1e-3), {}, 1);"
        "print([m for m in ('torch', 'matplotlib', 'serial', 'spikesim.hw') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "[]" == done.stdout.strip()
