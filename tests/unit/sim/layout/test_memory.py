# SPDX-License-Identifier: Apache-2.0
"""What does not fit is refused before it is taken, with names and numbers."""

import logging

import numpy as np
import pytest

from spikesim import Network, Simulator
from spikesim.errors import ValidationError
from spikesim.network import AllToAll, FixedInDegree, Normal, Uniform
from spikesim.neurons import LIFDelta
from spikesim.sim.layout import settle
from spikesim.sim.layout.memory import check_memory, memory_needs
from spikesim.sim.layout.plan import plan_network

CELL = LIFDelta(v_rest=0.0, v_th=1.0, v_reset=0.0)


def net(n=300, delay_ticks=1, **given):
    made = Network(1e-4, seed=1)
    made.add_population("E", n, CELL)
    made.connect("E", "E", FixedInDegree(20), name="few", weight=1e-3)
    made.connect("E", "E", AllToAll(), name="many", **given or {"weight": 1e-3, "delay": 1e-3})
    if delay_ticks > 1:
        made.connect("E", "E", FixedInDegree(1), name="far", weight=1e-3, delay_ticks=delay_ticks)
    return made


def test_what_does_not_fit_is_refused_with_the_largest_projection():
    plan = plan_network(net())
    total = sum(need.nbytes for need in memory_needs(plan))
    check_memory(plan, int(total / 0.9) + 1)
    check_memory(plan, None)
    with pytest.raises(ValidationError, match=r"got about .* GB.*'many' \(90000 synapses, .*fewer"):
        check_memory(plan, int(total / 0.9) - 1)


def test_a_network_is_refused_before_its_rows_are_built(monkeypatch):
    monkeypatch.setattr(settle, "available_memory", lambda: 1000)
    monkeypatch.setattr(settle, "build_tables", None)
    with pytest.raises(ValidationError, match="'many'"):
        Simulator(net())


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"weight": 1e-3, "delay": 1e-3}, {}),
        ({"weight": Normal(1e-3, 1e-4), "delay": 1e-3}, {"blocks": 3}),
        ({"weight": Normal(1e-3, 1e-4), "delay": Uniform(1e-3, 2e-3)}, {"blocks": 2}),
        ({"weight": 1e-3, "delay": 1e-3}, {"dtype": "float64"}),
    ],
)
def test_the_estimate_covers_what_the_rows_take_and_not_much_more(given, options):
    simulator = Simulator(net(**given), **options)
    needs = memory_needs(simulator.plan)
    rows = sum(need.nbytes for need in needs if need.what.startswith("the rows"))
    assert simulator.nbytes <= rows + 4 * len(simulator.tables) * simulator.plan.n_blocks
    # Besides the rows only what FixedInDegree keeps while it draws, of all its synapses.
    assert rows <= 1.25 * simulator.nbytes + 4 * 20 * 300


@pytest.mark.parametrize(("ticks", "told"), [(10**7 - 10, False), (12 * 10**6, True)])
def test_long_delays_that_take_much_memory_are_told(caplog, ticks, told):
    # Two words per tick for the population, one for the inputs there are none of.
    with caplog.at_level(logging.WARNING, "spikesim"):
        check_memory(plan_network(net(delay_ticks=ticks)), None)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == told
    assert not told or "'far': delays up to 12000000 ticks" in messages[0]


def test_delays_no_machine_can_hold_are_refused_by_name():
    with pytest.raises(ValidationError, match=r"'far': delays up to 2000000000 ticks.*shorten"):
        check_memory(plan_network(net(delay_ticks=2 * 10**9)), 16 << 30)


def test_rows_with_delays_far_apart_take_little_more_than_their_synapses():
    """1,000 delays and 20 synapses a row: a place for each delay would take 50 times as much."""
    made = Network(1e-4, seed=1)
    made.add_population("E", 2000, CELL)
    made.connect("E", "E", FixedInDegree(20), weight=1e-3, delay=Uniform(1e-4, 0.1))
    simulator = Simulator(made)
    assert simulator.nbytes < 4 * 4 * 20 * 2000
    assert simulator.plan.slots * simulator.plan.stride < 128 * 2048 + 1
    assert np.isfinite(simulator.nbytes)
