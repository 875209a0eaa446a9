# SPDX-License-Identifier: Apache-2.0
"""What is refused says who, what was expected, what was got and the way out."""

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import FixedInDegree, FixedProbability, Network
from spikesim.neurons import LIFExp, Parrot
from spikesim.recording import Recording
from spikesim.sim import NoiseCurrent, Poisson, Rate, Simulator, StepCurrent, Trace, simulate

CELL = LIFExp(tau_mem=20e-3, tau_syn={"exc": 5e-3, "inh": 5e-3}, v_rest=0, v_th=1, v_reset=0)
SOME = FixedProbability(0.5)
DRIVE = {"in": Poisson(50.0)}
INTO_PARROT = {"relay.i_ext": NoiseCurrent(0.0, 1.0, dt_hold=1e-3)}


def _ends():
    net = Network(dt=1e-3, seed=1, name="ends")
    net.add_input("in", 4)
    net.add_population("E", 10, CELL)
    net.add_population("relay", 4, Parrot())
    return net


@pytest.fixture
def net():
    net = _ends()
    net.connect("in", "E", np.full((4, 10), 0.2))
    return net


@pytest.mark.parametrize(
    ("options", "expected", "got"),
    [
        ({"pre": "E", "delay": 0.5e-3}, "a multiple of dt = 0.001 s", "0.0005 s; the nearest"),
        ({"delay": 1.5e-3}, "a multiple of dt", "0.001 s and 0.002 s"),
        ({"delay": -1e-3}, "a finite duration >= 0 s", "-0.001"),
        ({"delay": float("nan")}, "a finite duration", "nan"),
        (
            {"pre": "E", "delay_ticks": 0},
            "delays >= 1 tick between populations",
            "got 0; only inputs",
        ),
        ({"rule": FixedInDegree(-3)}, "0 <= k <= 4 distinct partners", "k = -3; raise k"),
        ({"rule": FixedInDegree(5)}, "0 <= k <= 4 distinct partners", "pass multapses=True"),
        ({"rule": FixedProbability(1.5)}, "0 <= p <= 1", "1.5"),
        ({"weight": float("nan")}, "finite weights", "nan"),
        ({"receptor": "ampa"}, "receptor as one of ['exc', 'inh']", "'ampa'"),
        ({"receptor": 2}, "receptor as one of ['exc', 'inh']", "2"),
    ],
)
def test_a_projection_that_cannot_be_names_itself_and_the_way_out(options, expected, got):
    net = _ends()
    chosen = {"pre": "in", "rule": SOME, "weight": 0.1} | options
    pre, rule = chosen.pop("pre"), chosen.pop("rule")
    with pytest.raises(ValidationError) as caught:
        net.connect(pre, "E", rule, **chosen)
    (text,) = caught.value.problems
    for part in (f"projection '{pre}->E': ", f"expected {expected}", "got ", got):
        assert part in text
    assert net.projections == {}


def test_a_matrix_with_not_a_number_names_its_place():
    weights = np.zeros((4, 10))
    weights[2, 7] = np.nan
    with pytest.raises(ValidationError, match=r"'in->E': .*finite.*nan at \[2, 7\] \(1 in all\)"):
        _ends().connect("in", "E", weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads as an integer >= 1, got 0"),
        ({"threads": 2.0}, r"threads as an integer >= 1, got 2\.0"),
        ({"blocks": 0}, "blocks as an integer >= 1, got 0"),
        ({"blocks": "two"}, "blocks as an integer >= 1, got 'two'"),
        ({"dtype": "float16"}, r"dtype in \('float32', 'float64'\), got 'float16'"),
        ({"seed": -1}, "seed: expected an integer >= 0, got -1"),
        ({"to": 5}, "to= as a file name or a sink, got 5"),
        ({"to": "/no/such/run.h5"}, "folder /no/such does not exist; create it"),
        ({"record": None}, r"expected names, Trace, .* got None; pass \(\)"),
        ({"record": "E.w"}, "state of population 'E' among .*'v'.*, got 'E.w'"),
        ({"record": "X.v"}, r"with a population of \['E', 'relay'\], got 'X.v'"),
        ({"record": Trace("E.v", neurons=[10])}, "record 'E.v': expected neurons below 10, got 10"),
        ({"record": Rate("F", bin=5e-3)}, "expected a population of .*got Rate"),
        ({"record": "E.v", "steps": 10**10}, "got [0-9,]+ bytes .* 'E.v'; keep a subset .*to='run"),
        ({"steps": -1}, "steps as an integer >= 0, got -1"),
        ({"steps": 10**30}, "at most 10,000,000,000,000 ticks, .* got 1[0,]+; run less time"),
        ({"inputs": {"inn": Poisson(5.0)}}, r"names among \['in'\], or .* got 'inn'"),
        ({"inputs": None}, "a mapping from input name to spikes, got NoneType"),
        ({"inputs": INTO_PARROT}, "constant 'i_ext', got 'relay.i_ext' of a Parrot; connect"),
        ({"inputs": {"E.iext": StepCurrent([0], [1])}}, "expected 'E.i_ext' for a current"),
        ({"inputs": {"in": StepCurrent([0], [1])}}, "got a StepCurrent; currents drive"),
        ({"inputs": {"in": Poisson(2e3)}}, "'in': .*1/dt = 1000 Hz, got 2000 Hz; take a shorter"),
        ({"inputs": {"in": Poisson(1e9, counts=True)}}, "10000 events per tick .* use a current"),
        ({"inputs": {"in": 20.0}}, "'in': .*an array .*got 20.0; a rate is given as Poisson"),
        ({"inputs": {"in": np.full((3, 4), np.nan)}}, "'in': raster: expected .*encode"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_runs(net, options, message):
    chosen = {"inputs": DRIVE, "steps": 100} | options
    with pytest.raises(ValidationError, match=message):
        simulate(net, chosen.pop("inputs"), chosen.pop("steps"), **chosen)


def test_all_problems_come_at_once(net):
    with pytest.raises(ValidationError) as caught:
        simulate(net, {"inn": Poisson(5.0)}, 100, record="E.w", dtype="float16", seed=0)
    assert len(caught.value.problems) == 3
    assert all(word in str(caught.value) for word in ("'inn'", "'E.w'", "'float16'"))


@pytest.mark.parametrize(
    ("path", "message"),
    [("no/such/c", "folder .* does not exist; create it"), (".", "name of a file, got a folder")],
)
def test_a_place_for_checkpoints_is_tried_before_the_run(net, tmp_path, path, message):
    session = Simulator(net).start(DRIVE, 100)
    with pytest.raises(ValidationError, match=f"checkpoint file .*{message}"):
        session.advance(100, checkpoint=tmp_path / path)
    assert session.tick == 0
    session.advance(100)  # nothing is lost by the mistake
    assert session.finish().complete


def test_the_longest_run_is_read_back_and_no_session_goes_beyond(net, tmp_path):
    simulator = Simulator(net)
    session = simulator.start(DRIVE, 10**13, to=tmp_path / "long.h5", seed=2)
    session.advance(20)
    assert (20, False) == (session.finish().steps, Recording.open(tmp_path / "long.h5").complete)
    endless = simulator.start({})
    with pytest.raises(ValidationError, match=r"at most 10,000,000,000,000 ticks, .* got 1[0,]+1;"):
        endless.pause(10**13 + 1)
