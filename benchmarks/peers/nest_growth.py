# SPDX-License-Identifier: Apache-2.0
"""Many small populations in NEST: ``python -m benchmarks.peers.nest_growth --size 1000``.

Prints one row; see ``benchmarks.growth.populations``. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time

os.environ["PYNEST_QUIET"] = "1"  # the banner would come before the row

import nest

from benchmarks.peers.parameters import Growth

MS, MV = 1e3, 1e3
"""From SI to the units of NEST."""
TICKS = 1000


def main() -> None:
    """Build and run; prints CPU seconds of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True)
    size, q = parser.parse_args().size, Growth()
    nest.set_verbosity("M_ERROR")
    nest.resolution = q.dt * MS
    began = time.process_time()
    cell = {
        "tau_m": q.tau_mem * MS, "E_L": 0.0, "V_m": 0.0, "V_th": q.v_th * MV,
        "V_reset": q.v_reset * MV, "t_ref": q.t_ref * MS,
    }  # fmt: skip
    parts = [
        nest.Create("iaf_psc_delta", q.n // size + (k < q.n % size), cell) for k in range(size)
    ]
    drive = nest.Create("poisson_generator", params={"rate": q.drive_hz})
    for part in parts:
        nest.Connect(drive, part, syn_spec={"weight": q.w_drive * MV, "delay": q.dt * MS})
    rule = {"rule": "fixed_total_number", "N": q.synapses // q.count(size)}
    for pre, post, weight, delay in q.projections(size):
        nest.Connect(parts[pre], parts[post], rule, {"weight": weight * MV, "delay": delay * MS})
    nest.Prepare()
    built = time.process_time()
    nest.Run(2 * q.dt * MS)
    start = time.process_time()
    nest.Run(TICKS * q.dt * MS)
    print(json.dumps({
        "build_s": built - began,
        "cpu_s_per_bio_s": (time.process_time() - start) / (TICKS * q.dt),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
