# SPDX-License-Identifier: Apache-2.0
"""Projections that would do something else than is meant are refused, with the way out."""

import numpy as np
import pytest

from spikesim import Network, ValidationError
from spikesim.core import CsrRows
from spikesim.learning import PairSTDP, TsodyksMarkram
from spikesim.network import (
    AllToAll,
    Exponential,
    FixedProbability,
    LogNormal,
    Normal,
    OneToOne,
    PairList,
    Uniform,
)
from spikesim.neurons import AdEx, LIFCond, LIFExp

TAUS, REVERSALS = {"exc": 5e-3, "inh": 10e-3}, {"exc": 0.0, "inh": -80e-3}
CONDUCTANCES = (
    LIFCond(tau_syn=TAUS, e_rev=REVERSALS),
    LIFCond(tau_syn=TAUS, e_rev=REVERSALS, method="euler"),
    AdEx(tau_syn=TAUS, e_rev=REVERSALS),
)
CURRENTS = (LIFExp(tau_syn=TAUS), AdEx(tau_syn=TAUS))
TINY = 1e-12


def network(cell, units="own"):  # tiny weights are in order
    net = Network(1e-4, units=units)
    net.add_input("in", 4)
    net.add_population("cells", 4, cell)
    return net


def connections(size):
    """Every way to give weights of about that size, and its sign, to 4 neurons by 4."""
    some = np.full((4, 4), TINY)
    some[2, 1] = size
    rows = CsrRows.from_dense(some, delay=1)
    low, high = min(0.0, size), max(0.0, size)
    return {
        "one": (OneToOne(), {"weight": size}),
        "matrix": (some, {}),
        "rows": (rows, {}),
        "list": (PairList([0, 1], [2, 3]), {"weight": [TINY, size]}),
        "callable": (AllToAll(), {"weight": lambda rng, k: np.append(np.full(k - 1, TINY), size)}),
        "uniform": (FixedProbability(0.5), {"weight": Uniform(low, high)}),
        "normal": (AllToAll(), {"weight": Normal(size, abs(size) / 10, low=low, high=high)}),
    }


@pytest.mark.parametrize("how", connections(1.0))
@pytest.mark.parametrize("receptor", ["exc", "inh"])
@pytest.mark.parametrize("cell", CONDUCTANCES)
def test_a_negative_conductance_is_refused_and_its_magnitude_taken(cell, receptor, how):
    net = network(cell)
    for pre in ("in", "cells"):
        rule, weight = connections(-TINY)[how]
        message = f"weights >= 0 onto '{receptor}', a conductance, got -.*up to the reversal"
        with pytest.raises(ValidationError, match=message):
            net.connect(pre, "cells", rule, receptor=receptor, **weight)
        rule, weight = connections(TINY)[how]
        assert net.connect(pre, "cells", rule, receptor=receptor, **weight).nnz
    assert len(net.projections) == 2


@pytest.mark.parametrize("how", connections(1.0))
@pytest.mark.parametrize("cell", CURRENTS)
def test_currents_take_either_sign(cell, how):
    for size in (-TINY, TINY):
        rule, weight = connections(size)[how]
        assert network(cell).connect("in", "cells", rule, receptor="inh", **weight).nnz


@pytest.mark.parametrize("cell", CONDUCTANCES)
def test_no_conductance_at_all_is_in_order(cell):
    net = network(cell)
    assert net.connect("in", "cells", OneToOne(), weight=0.0).nnz == 4
    assert net.connect("in", "cells", OneToOne(), weight=-0.0).nnz == 4
    assert net.connect("in", "cells", FixedProbability(0.0), weight=-1.0).nnz == 0


@pytest.mark.parametrize(
    ("weight", "way_out"),
    [
        (Normal(TINY, TINY / 10, low=-TINY), "give the distribution low=0.0"),
        (Normal(TINY, TINY), "give the distribution low=0.0"),
        (Uniform(-TINY, TINY), "give the distribution low=0.0"),
        (Uniform(-TINY, 0.0), "take the weight without its sign"),
        (-TINY, "take the weight without its sign"),
    ],
)
def test_the_way_out_fits_the_weights(weight, way_out):
    with pytest.raises(ValidationError, match=way_out):
        network(CONDUCTANCES[0]).connect("in", "cells", AllToAll(), weight=weight)


@pytest.mark.parametrize(
    "weight", [Normal(TINY, TINY, low=0.0), LogNormal(TINY, TINY), Exponential(TINY)]
)
def test_distributions_that_stay_above_zero_pass(weight):
    assert network(CONDUCTANCES[0]).connect("in", "cells", AllToAll(), weight=weight).nnz


def test_a_rule_may_not_lead_a_conductance_below_zero():
    net = network(CONDUCTANCES[0])

    def learning(w_min):
        rule = PairSTDP(w_max=2 * TINY, w_min=w_min)
        return net.connect("in", "cells", AllToAll(), weight=TINY, plasticity=rule)

    with pytest.raises(ValidationError, match=r"got w_min = -1e-12 of PairSTDP; .*: w_min=0.0"):
        learning(-TINY)
    assert learning(0.0).nnz == 16
    assert net.connect("in", "cells", AllToAll(), weight=TINY, plasticity=TsodyksMarkram()).nnz
    currents = network(CURRENTS[0])
    rule = PairSTDP(w_max=TINY, w_min=-TINY)
    assert currents.connect("in", "cells", AllToAll(), weight=0.0, plasticity=rule).nnz


def test_a_sign_is_named_before_a_size():
    with pytest.raises(ValidationError, match="a conductance, got -6;"):
        network(CONDUCTANCES[0], "SI").connect("in", "cells", OneToOne(), weight=-6.0)


def test_a_quantity_is_looked_at_as_a_number():
    quantities = pytest.importorskip("quantities")
    with pytest.raises(ValidationError, match="a conductance, got -6e-09"):
        network(CONDUCTANCES[2]).connect(
            "in", "cells", OneToOne(), weight=-6 * quantities.UnitQuantity("nS", quantities.S / 1e9)
        )


def test_a_file_with_a_negative_conductance_is_refused(tmp_path):
    net = network(CONDUCTANCES[0])
    net.connect("in", "cells", OneToOne(), weight=TINY, name="p")
    object.__setattr__(net.projections["p"].synapses, "weights", -TINY)
    with pytest.raises(ValidationError, match="projection 'p': expected weights >= 0"):
        net.save(tmp_path / "net")
