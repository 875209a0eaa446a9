# SPDX-License-Identifier: Apache-2.0
import os
import platform
import subprocess
import sys

import numpy as np

from spikesim.kernels.bind import Literal, bind, program
from spikesim.kernels.generated import load_generated
from spikesim.kernels.loop import LINE, advance

KERNEL = """
import numpy as np
from spikesim.kernels.jit import kernel


@kernel
def keep(tick, shape, whole, short, real, single, flag, literal, table, out):
    out[0] = tick
    out[1] = shape.shape[0] * 100 + shape.shape[1]
    out[2] = whole
    out[3] = short
    out[4] = real
    out[5] = single
    out[6] = flag
    out[7] = literal
    out[8] = table[2, 1]
"""


def _step(items, tick):
    progress = np.full(LINE, tick)
    advance(tick, 1, program(items), 0, 0, 0, progress, np.zeros(LINE, np.int64))
    return progress[0]


def test_every_kind_of_argument_arrives_as_it_was_given():
    keep = load_generated(KERNEL).keep
    out, table = np.zeros(9), np.arange(6, dtype=np.uint16).reshape(3, 2)
    bound = bind(
        keep, np.zeros((7, 5), np.float32), -3, np.int32(-4), 0.1, np.float32(0.1), True,
        Literal(12), table, out,
    )  # fmt: skip
    assert _step([bound], 41) == 42
    expected = [41, 705, -3, -4, 0.1, float(np.float32(0.1)), 1, 12, 5]
    assert expected == out.tolist()
    out[:] = 0
    bound(41)  # the way taken without a compiler
    assert expected == out.tolist()


def test_arrays_are_shared_not_copied():
    keep = load_generated(KERNEL).keep
    table, out = np.zeros((3, 2), np.uint16), np.zeros(9)
    bound = bind(keep, np.zeros((1, 1)), 0, np.int32(0), 0.0, np.float32(0), False, 0, table, out)
    table[2, 1] = 77
    _step([bound], 0)
    assert out[8] == 77


def test_kernels_run_in_the_order_of_the_program():
    text = KERNEL.replace("out[0] = tick", "out[0] = out[0] * 10 + literal")
    keep = load_generated(text).keep
    out = np.zeros(9)
    rest = (np.zeros((1, 1)), 0, np.int32(0), 0.0, np.float32(0), False)
    items = [bind(keep, *rest, k, np.zeros((3, 2)), out) for k in (3, 1, 2)]
    _step(items, 0)
    assert out[0] == 312


def test_a_second_process_compiles_nothing_anew(tmp_path):
    script = (
        "import numpy as np, numba\n"
        "from spikesim import LIF, Network, simulate\n"
        "net = Network(dt=1e-3); net.add_population('a', 9, LIF(beta=0.9, bias=0.2))\n"
        "simulate(net, {}, 5)\n"
        "from spikesim.kernels import loop\n"
        "print(sum(loop.advance.stats.cache_hits.values()), "
        "sum(loop.advance.stats.cache_misses.values()))"
    )
    environment = os.environ | {"SPIKESIM_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.code")}
    assert files
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1", "0"]
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.code")}


def test_denormal_numbers_are_zero_inside_a_run_and_back_after_it():
    text = KERNEL.replace("out[0] = tick", "out[0] = real * 0.5\n    out[1] = real")
    keep = load_generated(text).keep
    out, tiny = np.zeros(9), np.finfo(np.float64).tiny
    items = [bind(keep, np.zeros((1, 1)), 0, np.int32(0), tiny, np.float32(0), False, 0,
                  np.zeros((3, 2)), out)]  # fmt: skip
    _step(items, 0)
    if platform.machine().lower() in ("x86_64", "amd64"):
        assert out[0] == 0.0
    assert np.float64(tiny) * 0.5 > 0.0
