# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a model is said when it is made, or when a population takes it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from spikesim import Network, simulate
from spikesim.errors import ValidationError
from spikesim.neurons import LIFDelta, LIFExp, NeuronModel, ParametricModel

GOOD: dict[str, Any] = {
    "states": ("v",),
    "counters": ("refr",),
    "receptors": ("syn",),
    "constants": {"v_th": 1.0, "length": 3},
    "initial": {"v": 0.0, "refr": 0},
    "template": "v = v + in_0\n"
    "spike = (v >= v_th) & (refr == 0)\n"
    "v = 0.0 if spike else v\n"
    "refr = length if spike else (refr - 1 if refr > 0 else 0)",
}


def own(base=NeuronModel, **change):
    """A class as a user writes it, with the given things in place of good ones."""
    given = GOOD | change

    class Own(base):
        states: ClassVar[Any] = given["states"]
        counters: ClassVar[Any] = given["counters"]
        receptors = given["receptors"]

        def constants(self, dt, n):
            return given["constants"]

        def initial(self, dt, n):
            start = given["initial"]
            if not isinstance(start, dict):
                return start
            return {key: np.full(n, x) if np.isscalar(x) else x for key, x in start.items()}

        def template(self):
            return given["template"]

    return Own


BASES = {
    "plain class": lambda cls: cls,
    "dataclass": dataclass(frozen=True),
    "parametric": dataclass(frozen=True, eq=False, kw_only=True),
}


def made(kind="plain class", **change):
    base = ParametricModel if kind == "parametric" else NeuronModel
    return BASES[kind](own(base, **change))()


def add(model):
    return Network(dt=1e-3, units="own").add_population("E", 3, model)


@pytest.mark.parametrize("kind", BASES)
def test_a_good_model_is_taken(kind):
    assert add(made(kind)).n == 3


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": "v = v + q\nspike = v > v_th"}, "line 1: unknown name 'q'"),
        (
            {"template": "spike = v > v_th"},
            "template: expected it to read 'in_0', what arrives at receptor 'syn'",
        ),
        (
            {"template": "v = v + in_1\nspike = v > v_th"},
            "unknown name 'in_1'; did you mean 'in_0'",
        ),
        ({"template": "v = v + in_0"}, "assigns 'spike'"),
        ({"template": "length = 2\nspike = v > v_th"}, "'length' is a constant"),
        ({"template": "refr = 0.5 * refr\nspike = v > v_th"}, "an int for 'refr', a counter"),
        ({"template": None}, "template: expected a text, got NoneType"),
        ({"template": ["spike = v > v_th"]}, "template: expected a text, got list"),
        ({"constants": {"v_th": 1.0}}, "line 4: unknown name 'length'"),
        ({"constants": {"v_th": 1.0, "length": 3.0}}, "got a float, as 'length' is"),
        ({"constants": None}, "constants: expected a mapping of names to numbers, got a NoneType"),
        ({"constants": {"v_th": True, "length": 3}}, "'v_th' as a number, got True; write 1 or 0"),
        ({"constants": {"v_th": np.array([True]), "length": 3}}, "write 1 or 0"),
        ({"constants": {"v_th": "1", "length": 3}}, "'v_th' as a number, got '1'"),
        ({"constants": {"v_th": [[1], [1, 2]], "length": 3}}, "'v_th' as a number"),
        ({"constants": {"v_th": np.ones((3, 1)), "length": 3}}, r"shape \(n,\), got \(3, 1\)"),
        ({"constants": {"v_th": 1.0, "length": 2**31}}, r"'length' below 2\*\*31, got 2147483648"),
        ({"constants": {"v_th": 1.0, "length": -(2**31)}}, r"'length' below 2\*\*31"),
        ({"constants": {"v_th": 1.0, "length": 3, "lambda": 1.0}}, "'lambda', which is a word of"),
        ({"constants": {"v_th": 1.0, "length": 3, "in_9": 1.0}}, "'in_9', which is an input"),
        ({"constants": {"v_th": 1.0, "length": 3, "_a": 1.0}}, "underscore, got '_a'"),
        ({"constants": {"v_th": 1.0, "length": 3, "v": 1.0}}, "'v' for a constant and a state"),
        ({"constants": {"v_th": 1.0, "length": 3, 5: 1.0}}, "got 5"),
        ({"states": "v"}, "states as a tuple of names, got 'v'"),
        ({"states": ["v"]}, "states as a tuple of names"),
        ({"counters": ("refr", 1)}, "counters as a tuple of names"),
        ({"receptors": "syn"}, "receptors as a tuple of names"),
        ({"states": ("v", "spike")}, "'spike', which is the result"),
    ],
)
def test_a_wrong_model_cannot_be_made(kind, change, message):
    with pytest.raises(ValidationError, match=f"^Own: .*{message}"):
        made(kind, **change)


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"constants": {"v_th": np.ones(4), "length": 3}},
            r"scalar or of shape \(3,\), got \(4,\)",
        ),
        ({"constants": {"v_th": np.nan, "length": 3}}, "'v_th' as a number, got nan"),
        ({"constants": {"v_th": np.array([1, 2, np.nan]), "length": 3}}, "got nan"),
        ({"initial": {"v": 0.0}}, "initial: expected a value of 'refr', got none"),
        ({"initial": {"v": 0.0, "refr": 0, "u": 0.0}}, "got 'u'"),
        ({"initial": {"v": np.zeros(2), "refr": 0}}, r"'v' of shape \(3,\), got \(2,\)"),
        ({"initial": {"v": 0.0, "refr": 0.0}}, "'refr', a counter, as whole numbers"),
        ({"initial": {"v": np.nan, "refr": 0}}, "'v', a state, as numbers, got"),
        ({"initial": None}, "initial: expected a mapping"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_by_the_population(kind, change, message):
    model = made(kind, **change)
    with pytest.raises(ValidationError, match=f"^population 'E': Own: .*{message}"):
        add(model)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_scalars_and_arrays_of_the_right_length_fit(shape):
    constants = {"v_th": np.ones(shape, np.float32), "length": np.full(shape, 2**31 - 1)}
    assert add(made(constants=constants)).n == 3


def test_a_model_that_wants_a_certain_tick_is_looked_at_by_the_population():
    class Slow(own(template="spike = vv > v_th")):
        def constants(self, dt, n):
            if dt != 1e-3:
                raise ValueError("this model is for ticks of 1 ms")
            return {"v_th": 1.0}

    with pytest.raises(ValidationError, match="Slow: template, line 1: unknown name 'vv'"):
        add(Slow())
    with pytest.raises(ValidationError, match="'E': Slow: this model is for ticks of 1 ms"):
        Network(dt=1e-4, units="own").add_population("E", 3, Slow())


def test_what_a_model_makes_after_its_fields_is_there_when_it_is_looked_at():
    @dataclass(frozen=True, eq=False, kw_only=True)
    class Late(own(ParametricModel)):
        def __post_init__(self):
            super().__post_init__()
            object.__setattr__(self, "late", 3)

        def constants(self, dt, n):
            return {"v_th": 1.0, "length": self.late}

    assert add(Late()).n == 3


def test_a_tick_that_no_duration_fits_is_refused_when_the_population_is_added():
    net = Network(dt=1e-3)
    with pytest.raises(ValidationError, match="'E': LIFDelta: t_ref: expected a multiple of dt"):
        net.add_population("E", 1, LIFDelta(t_ref=1.5e-3))
    assert not net.populations


def test_a_membrane_that_follows_at_once_has_finite_constants():
    # 5,000 time constants in a tick: exp of their difference from those of the synapse overflows.
    model = LIFExp(tau_mem=20e-9, tau_syn=5e-3)
    constants = model.constants(1e-4, 1)
    # v(dt) = (exp(-dt/tau_syn) - exp(-dt/tau_mem)) / (1 - tau_mem/tau_syn)
    expected = np.exp(-1e-4 / 5e-3) / (1 - 20e-9 / 5e-3)
    assert expected == pytest.approx(constants["from_syn"], rel=1e-14)


def test_a_model_without_receptors_takes_no_input():
    net = Network(dt=1e-3, units="own")
    net.add_input("in", 2)
    net.add_population("E", 3, made(receptors=(), template="v = v + 0.25\nspike = v >= v_th"))
    assert simulate(net, {}, 5).counts("E").tolist() == [2, 2, 2]
    with pytest.raises(ValidationError, match="'E', whose model has no receptors"):
        net.connect("in", "E", np.ones((2, 3)))
    with pytest.raises(
        ValidationError, match=r"read 'in_1', .* receptor 'inh'; .* receptors = \(\)"
    ):
        made(receptors=("exc", "inh"))
