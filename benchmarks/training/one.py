# SPDX-License-Identifier: Apache-2.0
"""Measure one engine in this process: ``python -m benchmarks.training.one lif spikesim``.

Prints one line of JSON. Time is CPU time of the process, one thread. Memory is the peak of the
resident memory less what was resident before the first step of full size; compiling is done before,
with a step of small size.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from pathlib import Path

import torch

from benchmarks.peers.measure import peak_rss_mb
from benchmarks.training.cases import ALONE, CASES, FLOAT32, OWN, SNNTORCH, SPIKINGJELLY
from benchmarks.training.steps import build


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("case", choices=[case.name for case in CASES])
    alone = [OWN + ALONE, FLOAT32 + ALONE]
    parser.add_argument("engine", choices=[OWN, SNNTORCH, SPIKINGJELLY, *alone])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    build(options.case, options.engine, quick=True)()
    step = build(options.case, options.engine, options.quick)
    gc.collect()
    before = _resident_mb()
    step()
    once = _timed(step, 1)
    calls = max(1, int(0.05 / max(once, 1e-6)))
    times = [_timed(step, calls) * 1e3 for _ in range(options.repeats)]
    middle = statistics.median(times)
    row = {
        "cpu_ms": middle,
        "delta_rss_mb": peak_rss_mb() - before,
        "repeats": options.repeats,
        "spread": (max(times) - min(times)) / middle,
    }
    print(json.dumps(row))


def _timed(step: object, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        step()  # type: ignore[operator]
    return (time.process_time() - start) / calls


def _resident_mb() -> float:
    """Resident memory now; the peak so far is set back to it, where the system lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS line in /proc/self/status")


if __name__ == "__main__":
    main()
