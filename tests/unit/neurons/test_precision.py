# SPDX-License-Identifier: Apache-2.0
"""What float32 costs in accuracy, and that it is bought with vector code."""

import re

import numba
import numpy as np
import pytest

from tests.unit.neurons.populations import compiled, drive
from tests.unit.neurons.zoo import FIRING, QUIET, arrivals

DT = 0.1e-3
# Rounding the decay per tick by 2^-25 shifts what lasts tau/dt = 200 ticks by 6e-6 of itself;
# the roundings of the ticks add less. Models on a scale of volts stay 10 mV around rest.
RELATIVE = 1e-5


@pytest.mark.parametrize("name", QUIET)
def test_float32_stays_within_the_rounding_of_its_constants(name):
    model, weights = QUIET[name]
    given = arrivals(weights, 2000, 8)
    exact = drive(model, DT, 2000, n=8, arrivals=given).state["v"]
    short = drive(model, DT, 2000, n=8, arrivals=given, dtype="float32").state["v"]
    assert np.ptp(exact) > 1e-3  # it did move
    assert np.abs(short - exact).max() < RELATIVE * np.abs(exact).max()


@pytest.mark.parametrize("name", [name for name in FIRING if name != "Parrot"])
def test_float32_fires_as_often_as_float64(name):
    exact = drive(FIRING[name], DT, 3000).times()
    short = drive(FIRING[name], DT, 3000, dtype="float32").times()
    assert len(exact) >= 5
    assert abs(len(short) - len(exact)) <= 1
    # A threshold crossing within rounding of the end of a tick may move by that tick.
    assert np.abs(np.array(short[:5]) - np.array(exact[:5])).max() <= 1


@pytest.mark.parametrize("name", FIRING)
def test_the_update_is_vector_code(name):
    update, _ = compiled(FIRING[name], DT, 8, "float32")
    drive(FIRING[name], DT, 1, n=8, dtype="float32")
    # Compiled once more: a kernel that comes out of the cache has no text.
    fresh = numba.njit(update.signatures[0], nogil=True, error_model="numpy")(update.py_func)
    text = "".join(fresh.inspect_asm().values())
    if len(re.findall(r"\bv?(?:mul|add|fmadd\d*)ps\b", text)) < 2:
        pytest.fail(f"no packed arithmetic in the update of {name}")


@pytest.mark.parametrize("name", FIRING)
def test_templates_speak_only_of_what_the_model_declares(name):
    # The generator refuses unknown names; here the reverse: nothing is declared in vain.
    model = FIRING[name]
    words = set(re.findall(r"[A-Za-z_]\w*", model.template()))
    declared = {*model.states, *model.counters, *model.constants(DT, 1)}
    declared |= {f"in_{r}" for r in range(len(model.receptors))}
    assert set() == declared - words
    assert set(model.initial(DT, 3)) == {*model.states, *model.counters}
