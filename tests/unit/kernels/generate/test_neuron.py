# SPDX-License-Identifier: Apache-2.0
import numba
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.kernels.generate import update_kernel, update_text

STATES, COUNTERS = ("v",), ("refr",)
TEMPLATE = """
h = 0.5 * v + in_0 - (2 * in_1 if v > 1 else 0)
spike = (h >= v_th) & (refr == 0)
v = max(0, h - 1) if spike else min(h, 10)
refr = 2 if spike else (refr - 1 if refr > 0 else 0)
"""


def _run(dtype, v_th, n=37):
    rng = np.random.default_rng(0)
    kernel = update_kernel(TEMPLATE, STATES, COUNTERS, 2, {"v_th": v_th}, dtype)
    slots, stride = 4, 128
    acc = rng.integers(-8, 8, slots * stride).astype(np.int32)
    v, refr = rng.uniform(-2, 3, n).astype(dtype), rng.integers(0, 3, n).astype(np.int32)
    before = acc.copy(), v.copy(), refr.copy()
    flags = np.zeros(n, np.uint8)
    one, half = np.dtype(dtype).type(1.0), np.dtype(dtype).type(0.5)
    kernel(6, 0, slots, stride, acc, flags, 3, half, 60, one, v, refr, v_th)
    return before, (acc, v, refr, flags), n, 2 * stride


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("per_neuron", [False, True])
def test_the_loop_does_what_the_text_says_for_each_neuron(dtype, per_neuron):
    real = np.dtype(dtype).type
    v_th = np.linspace(0.5, 2, 37).astype(dtype) if per_neuron else real(1.0)
    (acc, v, refr), got, n, shift = _run(dtype, v_th)
    expected = acc.copy()
    for k in range(n):
        in_0, in_1 = real(acc[shift + 3 + k]) * real(0.5), real(acc[shift + 60 + k])
        h = real(0.5) * v[k] + in_0 - (real(2) * in_1 if v[k] > 1 else real(0))
        spike = h >= (v_th[k] if per_neuron else v_th) and refr[k] == 0
        after = max(real(0), h - real(1)) if spike else min(h, real(10))
        assert after == got[1][k]
        assert got[2][k] == (2 if spike else max(refr[k] - 1, 0))
        assert got[3][k] == spike
        expected[[shift + 3 + k, shift + 60 + k]] = 0
    assert np.array_equal(expected, got[0])


def test_before_the_start_tick_input_is_dropped_and_nothing_moves():
    kernel = update_kernel(TEMPLATE, STATES, COUNTERS, 2, {"v_th": np.float32(1)}, "float32")
    acc, v = np.ones(16, np.int32), np.full(4, 5, np.float32)
    refr, flags = np.zeros(4, np.int32), np.ones(4, np.uint8)
    one = np.float32(1)
    kernel(2, 3, 1, 0, acc, flags, 0, one, 8, one, v, refr, one)
    assert acc.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]
    assert v.tolist() == [5] * 4
    assert not flags.any()


def test_no_literal_widens_a_float32_loop():
    text = update_text(TEMPLATE, STATES, COUNTERS, 2, {"v_th": np.float32(1)}, "float32")
    assert "np.float32(0.5) * _v" in text
    assert "_refr - np.int32(1)" in text
    assert "float64" not in text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("spike = w > 1", "unknown name 'w'"),
        ("if v > 1:\n    v = 0\nspike = v > 1", "not allowed"),
        ("for k in range(3):\n    v = v + 1", "not allowed"),
        ("spike = (v > 1) == __import__('os')", "no function '__import__'"),
        ("v = open(v)", "no function 'open'"),
        ("v, refr = 1, 2", "not allowed"),
        ("v[0] = 1", "not allowed"),
    ],
)
def test_a_template_beyond_the_language_is_refused(template, message):
    with pytest.raises(ValidationError, match=message):
        update_text(template, STATES, COUNTERS, 1, {}, "float32")


def test_the_float32_update_is_vector_code():
    template = "v = 0.9 * v + in_0\nspike = (v >= v_th) & (refr == 0)\nv = 0.0 if spike else v\n"
    template += "refr = 2 if spike else (refr - 1 if refr > 0 else 0)"
    kernel = update_kernel(template, STATES, COUNTERS, 1, {"v_th": np.float32(1)}, "float32")
    one, n = np.float32(1), 64
    arrays = np.zeros(n, np.float32), np.zeros(n, np.int32)
    kernel(0, 0, 1, 0, np.zeros(n, np.int32), np.zeros(n, np.uint8), 0, one, *arrays, one)
    # Compiled once more: a kernel that comes out of the cache has no text.
    fresh = numba.njit(kernel.signatures[0], nogil=True, error_model="numpy")(kernel.py_func)
    (assembly,) = fresh.inspect_asm().values()
    # Packed single precision, of SSE, AVX or NEON, and nothing in double.
    assert any(word in assembly for word in ("mulps", "fmul\tv"))
    assert "mulpd" not in assembly
    assert "cvtps2pd" not in assembly


MIXED = """
h = v + n * in_0 + (v > 1) * 0.5 + length / 4 + refr
half = min(h, 4, 2.5) // 2
spike = not ((h < v_th) | (0 < refr))
v = length if spike else half ** 2
refr = length + spike if spike else max(refr - 1, 0)
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ints_and_bools_in_arithmetic_are_floats_of_the_run(dtype):
    real = np.dtype(dtype).type
    constants = {"v_th": real(1.5), "n": 2, "length": 3}
    text = update_text(MIXED, STATES, COUNTERS, 1, constants, dtype)
    assert {"float32": "float64", "float64": "float32"}[dtype] not in text
    kernel = update_kernel(MIXED, STATES, COUNTERS, 1, constants, dtype)
    v, refr = np.array([0.25, 1.5, -2.0, 0.5], dtype), np.array([0, 0, 2, 1], np.int16)
    acc, flags = np.array([1, -1, 3, 0], np.int32), np.zeros(4, np.uint8)
    kernel(0, 0, 1, 0, acc, flags, 0, real(0.5), v, refr, real(1.5), np.int32(2), np.int32(3))
    # h = v + arrivals + 0.5 (v > 1) + 0.75 + refr: 2, 1.75, 3.75, 2.25
    assert flags.tolist() == [1, 1, 0, 0]
    assert v.tolist() == [3.0, 3.0, 1.0, 1.0]
    assert refr.tolist() == [4, 4, 1, 0]
