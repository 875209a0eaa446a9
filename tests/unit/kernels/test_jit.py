# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikesim.kernels import clocked

SCRIPT = """
import numba, numpy as np
from spikesim.core import LIF
from spikesim.network import AllToAll, Network
from spikesim.sim import Poisson, simulate
net = Network(dt=1e-3)
net.add_input("in", 3)
net.add_population("a", 4, LIF(beta=0.9, alpha=0.5, v_th=0.6, refractory_ticks=1))
net.connect("in", "a", AllToAll(), weight=0.3, delay=2e-3)
net.connect("a", "a", AllToAll(), weight=lambda rng, k: rng.normal(0, 0.2, k))
for dtype in ("float64", "float32"):
    r = simulate(net, {"in": Poisson(300.0)}, 40, seed=5, record=("spikes", "a.v"), dtype=dtype)
    print(r.spikes["a"].ticks.tolist(), r.trace("a.v").astype(float).tobytes().hex())
"""


def test_kernels_give_the_same_bits_without_the_compiler():
    outcomes = []
    for disabled in ("0", "1"):
        environment = os.environ | {"NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": str(Path.cwd())}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outcomes.append(done.stdout)
    assert len(outcomes[0]) > 1000
    assert outcomes[0] == outcomes[1]


@pytest.mark.skipif(not hasattr(clocked.update_lif, "py_func"), reason="numba: JIT is disabled")
def test_flags_are_the_fixed_ones():
    options = clocked.advance.targetoptions
    assert not options.get("fastmath")
    assert options["nogil"]


def test_the_order_of_a_sum_is_the_order_of_the_row():
    # 2**24 + 1 is no float32: only the written order gives this sum.
    weights = np.array([2.0**24, 1.0, 1.0, -(2.0**24)], np.float32)
    due = np.zeros(1, np.float32)
    clocked.deliver_now(0, np.array([0, 4]), np.zeros(4, np.int32), weights, due)
    assert due[0] == 0.0
