# SPDX-License-Identifier: Apache-2.0
"""From the start of a process to the first tick: ``python -m benchmarks.start``.

Each sample is a process of its own that makes a small network and runs it for one tick. "known"
finds all kernels on disk, "new" has a neuron model whose text no process has seen, "cold" an
empty cache of generated kernels. CPU seconds; the wall clock starts before the process does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

SCRIPT = """
import os, time
from spikesim import Network, Poisson, simulate
from spikesim.network import FixedInDegree, OneToOne
from spikesim.neurons import LIFDelta

class New(LIFDelta):
    def template(self):
        text = super().template()
        return text.replace("spike = ", f"spike = (h < {os.environ['BOUND']}) & ")

model = New if os.environ["BOUND"] else LIFDelta
net = Network(dt=1e-4, seed=1)
net.add_input("in", 100)
net.add_population("E", 100, model(v_rest=0.0, v_th=20e-3, v_reset=10e-3, t_ref=2e-3))
net.connect("in", "E", OneToOne(), weight=1e-3)
net.connect("E", "E", FixedInDegree(10), weight=1e-3, delay=1.5e-3)
simulate(net, {"in": Poisson(1500.0)}, 1)
print(time.process_time(), time.time() - float(os.environ["BEGAN"]))
"""


def sample(kind: str) -> tuple[float, float]:
    """CPU and wall seconds of one process."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"BOUND": str(1e3 + time.time()) if kind == "new" else ""}
        if kind == "cold":
            given["SPIKESIM_CACHE"] = folder
        given["BEGAN"] = str(time.time())
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | given, capture_output=True, text=True, check=True,
        )  # fmt: skip
    cpu, wall = map(float, done.stdout.split())
    return cpu, wall


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(argv)
    sample("known")  # compiles what is missing
    print(f"{'model':8}{'CPU s':>8}{'least':>8}{'wall s':>8}{'least':>8}")
    for kind in ("known", "new", "cold"):
        cpu, wall = zip(*(sample(kind) for _ in range(options.repeats)), strict=True)
        figures = statistics.median(cpu), min(cpu), statistics.median(wall), min(wall)
        print(f"{kind:8}" + "".join(f"{value:8.2f}" for value in figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
