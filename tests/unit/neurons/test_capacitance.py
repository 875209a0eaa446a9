# SPDX-License-Identifier: Apache-2.0
"""A capacitance in place of the resistance: tau_mem = resistance * capacitance."""

from dataclasses import replace

import numpy as np
import pytest

from spikesim import Network, Simulator, ValidationError
from spikesim.network import OneToOne
from spikesim.neurons import LIFAlpha, LIFDelta, LIFExp


def test_a_capacitance_stands_in_for_the_resistance():
    for model in (LIFExp, LIFAlpha, LIFDelta):
        made = model(tau_mem=10e-3, capacitance=250e-12)
        assert made.resistance == 10e-3 / 250e-12  # 40 Mohm
        assert made.constants(1e-4, 1) == model(tau_mem=10e-3, resistance=40e6).constants(1e-4, 1)
        assert replace(made, v_th=-40e-3).resistance == made.resistance
        each = model(tau_mem=10e-3, capacitance=[250e-12, 500e-12])
        assert [40e6, 20e6] == pytest.approx(each.resistance.tolist())
        assert model(tau_mem=10e-3, resistance=40e6, capacitance=250e-12) == made
        with pytest.raises(
            ValidationError, match=r"tau_mem = resistance \* capacitance, got 0\.02"
        ):
            model(resistance=40e6, capacitance=250e-12)
        with pytest.raises(ValidationError, match="capacitance as a finite number > 0, got 0"):
            model(capacitance=0.0)
        with pytest.raises(
            ValidationError, match=r"capacitance in F, got 250; did you mean 250e-1"
        ):
            Network(1e-4).add_population("E", 1, model(tau_mem=10e-3, capacitance=250.0))


@pytest.mark.parametrize("model", [LIFExp, LIFAlpha, LIFDelta])
def test_of_a_model_with_a_capacitance_each_of_the_three_can_be_changed(model):
    made = model(tau_mem=10e-3, capacitance=250e-12)
    for change, (tau_mem, resistance, capacitance) in (
        ({"capacitance": 500e-12}, (10e-3, 20e6, 500e-12)),
        ({"tau_mem": 20e-3}, (20e-3, 80e6, 250e-12)),
        ({"resistance": 80e6}, (10e-3, 80e6, 125e-12)),
        ({"resistance": 80e6, "tau_mem": 20e-3}, (20e-3, 80e6, 250e-12)),
        ({"v_th": -40e-3}, (10e-3, 40e6, 250e-12)),
        ({"capacitance": [250e-12, 500e-12]}, (10e-3, [40e6, 20e6], [250e-12, 500e-12])),
    ):
        changed = made.changed(**change)
        assert changed.tau_mem == pytest.approx(tau_mem)
        np.testing.assert_allclose(changed.resistance, resistance, rtol=1e-15)
        np.testing.assert_allclose(changed.capacitance, capacitance, rtol=1e-15)
    with pytest.raises(ValidationError, match=r"tau_mem = resistance \* capacitance, got 0\.01"):
        made.changed(resistance=80e6, capacitance=500e-12)
    for wrong in ({"capacitance": 0.0}, {"resistance": 0.0}, {"resistance": -1.0}):
        with pytest.raises(ValidationError):
            made.changed(**wrong)
    assert model(tau_mem=10e-3, resistance=40e6).changed(capacitance=500e-12).resistance == 20e6
    assert model(resistance=40e6).changed(tau_mem=30e-3).resistance == 40e6


def test_a_capacitance_is_kept_in_files(tmp_path):
    net = Network(1e-4)
    net.add_input("in", 5)
    net.add_population("E", 5, LIFExp(tau_mem=10e-3, capacitance=250e-12))
    net.connect("in", "E", OneToOne(), weight=88e-12)
    net.save(tmp_path / "n")
    assert Network.load(tmp_path / "n") == net


@pytest.mark.parametrize(
    "change", [{"capacitance": 500e-12}, {"tau_mem": 20e-3}, {"resistance": 80e6}]
)
def test_in_a_session_each_of_the_three_can_be_set(change, tmp_path):
    cell = LIFExp(tau_mem=10e-3, capacitance=250e-12, current=450e-12)

    def started(cell, **options):
        net = Network(1e-4)
        net.add_population("E", 3, cell)
        return Simulator(net, dtype="float64").start({}, 2000, **options)

    session = started(cell)
    for name, value in change.items():
        session.neurons["E"][name] = value
    expected = cell.changed(**change)
    for name in ("tau_mem", "resistance", "capacitance"):
        assert getattr(expected, name) == session.neurons["E"][name]
    session.advance(1000)
    session.save(tmp_path / "half")
    session.advance(1000)
    whole = started(expected)
    whole.advance(2000)
    assert whole.counts("E").tolist() == session.counts("E").tolist()
    np.testing.assert_array_equal(whole.neurons["E"]["v"], session.neurons["E"]["v"])
    resumed = started(cell, resume=tmp_path / "half")
    resumed.advance(1000)
    np.testing.assert_array_equal(whole.neurons["E"]["v"], resumed.neurons["E"]["v"])
