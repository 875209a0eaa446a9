# SPDX-License-Identifier: Apache-2.0
"""A model and a rule are added from the pages alone, as files of a user, touching nothing else."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import spikesim
from spikesim import LIF, Network, Simulator, ValidationError, simulate
from spikesim.network import AllToAll

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
REFERENCE = ROOT / "docs" / "reference"


def block(page, heading):
    """The first code below a heading."""
    section = page.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.search(r"^```python\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)[1]


def user_file(tmp_path, page, heading):
    """A module with what a user copies from the page."""
    path = tmp_path / "mine.py"
    path.write_text(block(page, heading))
    spec = importlib.util.spec_from_file_location("mine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_neuron_from_the_page_fires_as_its_equation_says(tmp_path):
    mine = user_file(tmp_path, CONTRIBUTING, "How to add a neuron to the simulator")
    net = Network(dt=1e-3)
    drives = np.array([0.5, 1.0, 4.0])
    net.add_input("in", 2)
    net.add_population("E", 3, mine.QuadraticIF(drive=drives))
    net.connect("in", "E", AllToAll(), weight=0.25)
    raster = np.random.default_rng(2).random((400, 2)) < 0.05
    run = simulate(net, {"in": raster}, 400, record=("spikes", "E.v"), dtype="float64")
    v, fired = np.full(3, -10.0), []
    for tick in range(400):
        h = v + 1e-3 / 10e-3 * (v**2 + drives) + 0.25 * raster[tick].sum()
        fired += [(tick, k) for k in np.flatnonzero(h >= 10.0)]
        v = np.where(h >= 10.0, -10.0, h)
        assert v.tolist() == run.trace("E.v")[tick].tolist()
    assert len(fired) > 20
    spikes = run.spikes["E"]
    assert fired == list(zip(spikes.ticks.tolist(), spikes.index.tolist(), strict=True))


@pytest.mark.parametrize("updates", [None, "immediate", "deferred"])
def test_a_rule_from_the_page_learns_as_its_equation_says(tmp_path, updates):
    mine = user_file(tmp_path, CONTRIBUTING, "How to add a plasticity rule")
    neuron = user_file(tmp_path, CONTRIBUTING, "How to add a neuron to the simulator")
    net = Network(dt=1e-3)
    net.add_input("in", 2)
    net.add_population("E", 1, neuron.QuadraticIF(drive=30.0))
    net.connect("in", "E", AllToAll(), weight=0.25, delay=1e-3, name="l",
                plasticity=mine.Follow(w_max=0.5))  # fmt: skip
    raster = np.random.default_rng(2).random((200, 2)) < 0.1
    simulator = Simulator(net, dtype="float64", updates=updates)
    session = simulator.start({"in": raster}, 200, record="spikes")
    session.advance(200)
    learned = session.weights("l").weights
    w, last = np.full(2, 0.25), np.full(2, -np.inf)
    ticks = set(session.finish().spikes["E"].ticks.tolist())
    for tick in range(200):
        last[raster[tick - 1] if tick else np.zeros(2, bool)] = tick
        if tick in ticks:
            w += 0.1 * (0.5 * np.exp(-(tick - last) / 20) - w)
    assert len(ticks) > 5
    assert w == pytest.approx(learned, rel=1e-13)


@pytest.mark.parametrize(
    ("page", "heading"),
    [("neurons.md", "A model of your own"), ("learning.md", "A rule of your own")],
)
def test_the_example_of_the_reference_runs_as_it_stands(page, heading, capsys):
    names = {"__name__": "example"}
    exec(block(REFERENCE / page, heading), names)
    printed = capsys.readouterr().out
    if page == "neurons.md":
        assert names["run"].counts("sums").min() > 10
    else:
        # It fires by the second of three arrivals, which the trace counts with the first.
        expected = (0.81 + 0.01 * (1 + np.exp(-1 / 20))) * 0.9
        assert names["session"].weights("learns").weights.tolist() == pytest.approx([expected])
    assert printed


def test_the_message_of_the_reference_is_the_one_that_comes(capsys):
    names = {"__name__": "example"}
    source = block(REFERENCE / "neurons.md", "A model of your own").partition("net = ")[0]
    exec(source.replace("h >= v_th", "h >= vth") + "\n", names)
    with pytest.raises(ValidationError) as raised:
        names["Integrator"]()
    assert str(raised.value) in (REFERENCE / "neurons.md").read_text()


def test_an_engine_from_the_page_is_run_by_the_one_call(tmp_path):
    mine = user_file(tmp_path, CONTRIBUTING, "How to add an engine")
    net = Network(dt=1e-3, units="own")
    net.add_input("in", 12)
    net.add_population("out", 5, LIF(beta=0.9))
    net.connect("in", "out", np.random.default_rng(1).normal(0.3, 0.3, (12, 5)))
    raster = np.random.default_rng(2).random((60, 12)) < 0.3
    ticks, lines = np.nonzero(raster)
    heard = raster.copy()
    heard[ticks[9::10], lines[9::10]] = False
    lossy = spikesim.run(net, {"in": raster}, 60, engine=mine.engine)
    assert "lossy" == lossy.engine
    assert lossy.same_spikes(spikesim.run(net, {"in": heard}, 60, engine="golden"))
    assert not lossy.same_spikes(spikesim.run(net, {"in": raster}, 60, engine="golden"))
    with spikesim.prepare(net, mine.engine) as ready:
        assert (
            lossy.counts("out").tolist()
            == ready.batch({"in": raster[None]}).counts["out"][0].tolist()
        )
