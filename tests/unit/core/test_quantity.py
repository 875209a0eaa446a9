# SPDX-License-Identifier: Apache-2.0
"""Numbers with units of other packages, and numbers that look like those of another unit."""

import numpy as np
import pytest

from spikesim import LIF, Clock, Network, Poisson, StepCurrent, ValidationError
from spikesim.core.quantity import CURRENT, PURE, TIME_CONSTANT, WEIGHT, Quantity
from spikesim.learning import PairSTDP
from spikesim.network import OneToOne
from spikesim.neurons import LIFDelta, LIFExp

MILLI = {"s": 1e-3, "V": 1e-3, "F": 1e-3}


class LikePint:
    """A number of milli-units, with the three things that pint's quantities are known by."""

    def __init__(self, number, unit):
        self.magnitude, self.unit, self.dimensionality = number, unit, f"[{unit}]"

    def to(self, unit):
        if unit != self.unit:
            raise TypeError(f"cannot convert m{self.unit} to {unit}")
        return LikePint(np.asarray(self.magnitude)[()] * MILLI[unit], unit)

    def __str__(self):
        return f"{self.magnitude} milli{self.unit}"

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.magnitude, dtype)  # pint drops its unit here, with a warning


class LikeAstropy(LikePint):
    """The same for astropy."""

    def to_value(self, unit):
        return super().to(unit).magnitude


class LikeBrian(float):
    """A Brian2 quantity keeps its number in SI units beside the exponents of its dimension."""

    def __new__(cls, number, unit):
        made = super().__new__(cls, number * MILLI[unit])
        made.dim, made.unit = cls, unit
        made.dim = _Dimension(unit)
        return made

    def __str__(self):
        return f"{float(self)} {self.unit}"


EXPONENTS = {
    "s": {"time": 1},
    "V": {"length": 2, "mass": 1, "time": -3, "current": -1},
    "F": {"length": -2, "mass": -1, "time": 4, "current": 2},
}


class _Dimension:
    def __init__(self, unit):
        self.unit = unit

    def get_dimension(self, name):
        return EXPONENTS[self.unit].get(name, 0)


def like_quantities(number, unit):
    return pytest.importorskip("quantities").Quantity(number, f"m{unit}")


KINDS = [LikePint, LikeAstropy, LikeBrian, like_quantities]


@pytest.mark.parametrize("made", KINDS)
def test_a_value_of_the_right_dimension_becomes_si(made):
    assert TIME_CONSTANT.plain("tau", made(20.0, "s")) == pytest.approx(20e-3, rel=1e-15)
    assert WEIGHT.plain("weight", made(0.5, "V")) == pytest.approx(0.5e-3, rel=1e-15)
    several = TIME_CONSTANT.plain("tau", [made(20.0, "s"), made(10.0, "s")])
    np.testing.assert_allclose([20e-3, 10e-3], several, rtol=1e-15)


@pytest.mark.parametrize("made", KINDS)
def test_a_value_of_another_dimension_is_refused(made):
    with pytest.raises(ValidationError, match=r"expected tau in s, got .*2.*; convert it"):
        TIME_CONSTANT.plain("tau", made(20.0, "F"))
    with pytest.raises(ValidationError, match="expected weight in V or A or S or V/s, got"):
        WEIGHT.plain("weight", made(20.0, "s"))
    with pytest.raises(ValidationError, match="expected d without unit, got"):
        PURE.plain("d", made(8.0, "V"))


@pytest.mark.parametrize("made", KINDS)
def test_units_are_understood_wherever_numbers_are_given(made):
    net = Network(dt=made(1.0, "s"))
    assert net.dt == pytest.approx(1e-3, rel=1e-15)
    cell = LIFExp(tau_mem=made(20.0, "s"), tau_syn={"e": made(5.0, "s")}, v_th=made(-50.0, "V"))
    assert cell == LIFExp(tau_mem=cell.tau_mem, tau_syn={"e": 5e-3}, v_th=-50e-3)
    net.add_population("a", 2, cell)
    made_one = net.connect("a", "a", OneToOne(), weight=made(1.0, "V"), delay=made(2.0, "s"))
    assert (made_one.synapses.weight, made_one.synapses.delay) == (pytest.approx(1e-3), 3)
    assert LIF.from_time_constants(made(1.0, "s"), made(20.0, "s")).beta == pytest.approx(
        np.exp(-1 / 20)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: Clock(x),
        lambda x: LIFExp(tau_mem=x),
        lambda x: LIFExp(tau_syn={"e": x}),
        lambda x: LIFExp(tau_mem=[x, x]),
        lambda x: LIF(beta=x),
        lambda x: Poisson(x),
        lambda x: StepCurrent([0.0], x),
        lambda x: PairSTDP(w_max=1.0, tau_plus=x),
    ],
)
@pytest.mark.parametrize("made", KINDS)
def test_a_wrong_dimension_is_refused_wherever_numbers_are_given(made, wrong):
    with pytest.raises(ValidationError, match=r"expected .*, got .*; convert it"):
        wrong(made(1.0, "F"))


def test_plain_values_are_handed_back_as_they_are():
    given = np.array([1.0, 2.0])
    assert TIME_CONSTANT.plain("tau", given) is given
    assert TIME_CONSTANT.plain("tau", None) is None
    assert TIME_CONSTANT.plain("tau", "20 ms") == "20 ms"  # refused as no number later


def test_zero_and_infinity_are_never_odd():
    assert TIME_CONSTANT.doubt("tau", [0.0, np.inf, 20e-3]) == ""
    assert "got 300e" not in CURRENT.doubt("current", 1e-9)
    assert "did you mean 300e-12 (300 pA)?" in CURRENT.doubt("current", [0.0, 300.0])


@pytest.mark.parametrize(
    ("given", "meant"), [(20.0, "20e-3 (20 ms)"), (2000.0, "2000e-6 (2000 us)")]
)
def test_the_first_unit_that_makes_a_usual_value_is_asked_for(given, meant):
    unit = Quantity(("s",), 1e-6, 1.0, ("ms", "us"))
    assert f"did you mean {meant}?" in unit.doubt("tau", given)


def test_a_threshold_of_one_has_no_unit():
    assert LIFDelta(v_rest=0.0, v_th=1.0, v_reset=0.01).doubts(1e-3) == []
    assert LIFDelta(v_rest=-65.0, v_th=-50.0, v_reset=-65.0).doubts(1e-3) == []
