# SPDX-License-Identifier: Apache-2.0
"""The code of a text does what Python does with the text, in the types of the run."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.core.text import OPERATIONS, Kind, Scope, Variable, read_text
from spikesim.kernels.generate.expressions import _CODE, code_lines, own

SCOPE = Scope(
    "template",
    (
        Variable("v", "a state", writable=True),
        Variable("k", "a counter", Kind.INT, writable=True),
        Variable("x", "a constant"),
        Variable("n", "a constant", Kind.INT),
        Variable("spike", "the result", Kind.BOOL, writable=True, given=False),
    ),
)
FUNCTIONS = {"exp": math.exp, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max}


def _number(parts):
    pairs = st.tuples(parts, parts)
    return st.one_of(
        st.tuples(st.sampled_from("+-*"), pairs).map(lambda t: f"({t[1][0]} {t[0]} {t[1][1]})"),
        pairs.map(lambda t: f"min({t[0]}, {t[1]})"),
        pairs.map(lambda t: f"max({t[0]}, {t[1]})"),
        st.tuples(pairs, _condition(parts)).map(lambda t: f"({t[0][0]} if {t[1]} else {t[0][1]})"),
        parts.map(lambda a: f"(-{a})"),
        parts.map(lambda a: f"abs({a}) / 3"),
        parts.map(lambda a: f"sqrt(abs({a}))"),
        parts.map(lambda a: f"({a} ** 2)"),
        parts.map(lambda a: f"({a} // 2 + {a} % 3)"),
        _condition(parts).map(lambda c: f"({c} + 1)"),
    )  # fmt: skip


def _condition(parts):
    compare = st.tuples(parts, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), parts)
    one = compare.map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    return st.one_of(
        one,
        st.tuples(one, st.sampled_from("&|"), one).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        one.map(lambda c: f"(not {c})"),
        st.tuples(parts, parts, parts).map(lambda t: f"({t[0]} < {t[1]} < {t[2]})"),
    )


LEAVES = st.sampled_from(["v", "x", "k", "n", "2", "0.25", "3.0", "1"])
NUMBERS = st.recursive(LEAVES, _number, max_leaves=6)


def run(text, dtype, v, k):
    """Variables after the code of a text, in plain Python."""
    real = np.dtype(dtype).type
    names = {"_v": real(v), "_k": np.int32(k), "_x": real(0.75), "_n": np.int32(3)}
    # The generated loops have an exponential of their own, judged in test_poisson and test_linear.
    allowed = {"np": np, "exp": lambda a: type(a)(math.exp(a)), "sqrt": np.sqrt}
    exec("\n".join(code_lines(read_text(text, SCOPE), dtype)), allowed, names)
    return names


@settings(max_examples=300, deadline=None)
@given(
    number=NUMBERS,
    condition=_condition(NUMBERS),
    v=st.sampled_from([-1.5, 0.0, 2.0]),
    k=st.integers(-2, 3),
)
def test_code_computes_what_the_text_says(number, condition, v, k):
    text = f"v = {number}\nspike = {condition}"
    expected = {"v": v, "k": k, "x": 0.75, "n": 3}
    with np.errstate(all="ignore"):
        exec(text, dict(FUNCTIONS), expected)
        got = run(text, "float64", v, k)
        short = run(text, "float32", v, k)
    assert float(expected["v"]) == pytest.approx(float(got["_v"]), rel=1e-12, abs=1e-12)
    assert bool(expected["spike"]) == bool(got["_spike"])
    # NumPy widens like the compiler: a missing cast would leave a float64.
    assert type(short["_v"]) is np.float32


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("v = 1", "_v = np.float32(1)"),
        ("v = k", "_v = np.float32(_k)"),
        ("v = k * 0.5", "_v = np.float32(_k) * np.float32(0.5)"),
        ("v = k + 1", "_v = np.float32(_k + np.int32(1))"),
        ("v = n / k", "_v = np.float32(_n) / np.float32(_k)"),
        ("v = v > 1", "_v = np.float32(_v > np.float32(1))"),
        ("k = k - 1 if k > 0 else 0", "_k = _k - np.int32(1) if _k > np.int32(0) else np.int32(0)"),
        ("v = x ** 2 * x ** -1", "_v = _x ** 2 * _x ** (-np.float32(1))"),
        ("v = min(v, 1, x)", "_v = (_v if _v < np.float32(1) else np.float32(1)) if (_v if _v < "
         "np.float32(1) else np.float32(1)) < _x else _x"),
    ],
)  # fmt: skip
def test_literals_and_ints_get_the_type_of_what_they_meet(line, code):
    assert code == code_lines(read_text(line + "\nspike = v > x", SCOPE), "float32")[0]


def test_every_operation_has_code():
    infix = {"+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=", "&", "|"}
    assert set(OPERATIONS) == infix | set(_CODE)


def test_what_belongs_to_a_variable_is_called_by_it():
    assert (own("v"), own("v", "all")) == ("_v", "all__v")
