# SPDX-License-Identifier: Apache-2.0
"""Scales of the integer sums, one for each receptor, and which projections share a table."""

import numpy as np
import pytest

from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, Network
from spikesim.neurons import LIFExp
from spikesim.sim.layout.channels import make_channels, weight_bound
from spikesim.sim.layout.groups import integer_groups

BITS = 16


def net():
    made = Network(dt=1e-3, seed=1, units="own")
    made.add_input("in", 4)
    made.add_population("e", 5, LIFExp(tau_syn={"ex": 5e-3, "in": 8e-3}))
    made.connect("in", "e", np.array([[0.7, 0, 0, 0.2, 0]] * 4), name="weak", receptor="ex")
    made.connect("in", "e", np.array([[0, 900.0, 0, 0, -30.0]] * 4), name="strong", receptor="in")
    return made


def test_each_receptor_has_the_finest_scale_that_holds_its_largest_weight():
    channels = make_channels(net(), False, BITS, 0, set())
    assert [("e", 0), ("e", 1)] == [(c.population, c.receptor) for c in channels]
    top = 2 ** (BITS - 1) - 1
    for channel, largest in zip(channels, (0.7, 900.0), strict=True):
        assert channel.scale * top >= np.float32(largest) > channel.scale / 2 * top


@pytest.mark.parametrize(("low", "high"), [(-3.0, 1.0), (-1.0, 3.0), (0.0, 3.0)])
def test_a_weight_that_learns_is_bounded_by_its_rule_on_either_side(low, high):
    made = net()
    rule = PairSTDP(w_min=low, w_max=high)
    learned = made.connect("e", "e", np.full((5, 5), 0.25), receptor="ex", plasticity=rule)
    assert weight_bound(learned) == 3.0


def test_inputs_and_populations_never_share_a_table():
    made = net()
    for pre in ("in", "e"):
        for name in ("a", "b"):
            made.connect(pre, "e", AllToAll(), weight=0.5, name=f"{pre} {name}", receptor="ex")
    groups = integer_groups(made, make_channels(made, False, BITS, 0, set()), set())
    sides = [{projection.pre.is_input for projection in group} for _, group in groups]
    assert all(len(side) == 1 for side in sides)
    assert [True, False] == list(dict.fromkeys(side.pop() for side in sides))
