# SPDX-License-Identifier: Apache-2.0
"""Compile a Brian2 network to a stand-alone binary once, run the binary any number of times.

The binary builds the synapses and then runs, so it is told to write down its own CPU and wall
clock around the run: what Python measures from outside would include the build.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brian2
import numpy as np

from benchmarks.peers.measure import Stopwatch, peak_rss_mb

_CLOCKS = """
{{ std::ofstream out(brian::results_dir + "clock_{name}.txt");
  struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now);
  out.precision(17); out << double(std::clock()) / CLOCKS_PER_SEC << " "
      << double(now.tv_sec) + 1e-9 * double(now.tv_nsec) << std::endl; }}
"""
_MEMORY = """
{ std::ofstream out(brian::results_dir + "memory.txt");
  out << std::ifstream("/proc/self/status").rdbuf(); }
"""
_SEED = 'brian::_random_generators[0].seed(std::strtoul(std::getenv("BENCH_SEED"), nullptr, 10));'


def compile_network(
    folder: Path, build: Callable[[], dict[str, Any]], seconds: float, tick: float
) -> float:
    """Generate and compile into ``folder`` unless that has been done; wall seconds it took.

    Parameters
    ----------
    folder : Path
        One per network and size.
    build : callable
        Makes the Brian2 objects and returns them by name, a spike monitor ``"spikes"`` among
        them; what else is called ``"w"`` is a synaptic variable to read after the run.
    seconds, tick : float
        Length of the run and dt, in seconds.
    """
    stamp = folder / "compiled.json"
    if stamp.exists():
        return float(json.loads(stamp.read_text())["compile_s"])
    begin = time.perf_counter()
    brian2.set_device("cpp_standalone", build_on_run=False)
    device = brian2.get_device()
    brian2.defaultclock.dt = tick * brian2.second
    device.insert_code("after_start", _SEED)
    device.insert_code("main", _CLOCKS.format(name="begin"))
    parts = build()
    network = brian2.Network([part for name, part in parts.items() if name != "w"])
    device.insert_code("main", _CLOCKS.format(name="built"))
    network.run(seconds * brian2.second)
    device.insert_code("main", _CLOCKS.format(name="done"))
    device.insert_code("main", _MEMORY)
    device.build(directory=str(folder), compile=True, run=False)
    spikes = parts["spikes"]
    files = {key: device.get_array_filename(spikes.variables[key]) for key in ("i", "t")}
    if "w" in parts:
        files["w"] = device.get_array_filename(parts["w"])
    took = time.perf_counter() - begin
    stamp.write_text(json.dumps({"compile_s": took, "files": files}))
    return took


def run_binary(folder: Path, seed: int, watch: Stopwatch) -> dict[str, Any]:
    """Run the binary with a seed; spike times, neurons, resident memory, weights if any."""
    results = folder / "results"
    results.mkdir(exist_ok=True)
    command = ["./main", "--results_dir", f"{results.resolve()}/"]
    environment = {**os.environ, "BENCH_SEED": str(seed)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"Brian2 binary in {folder} failed: {done.stderr[-500:]}")
    begin, built, end = (
        np.loadtxt(results / f"clock_{name}.txt") for name in ("begin", "built", "done")
    )
    watch.cpu["build"] = float(built[0] - begin[0])
    watch.cpu["run"], watch.wall["run"] = (float(value) for value in end - built)
    files = json.loads((folder / "compiled.json").read_text())["files"]
    kinds = {"i": np.int32, "t": np.float64, "w": np.float64}
    out: dict[str, Any] = {
        key: np.fromfile(results / Path(name).name, kinds[key]) for key, name in files.items()
    }
    return {**out, "rss_mb": peak_rss_mb(results / "memory.txt")}
