# SPDX-License-Identifier: Apache-2.0
"""Clocks of one step, predicted and measured: ``python -m benchmarks.step_cost``.

Dense means that every event reaches every neuron. Predicted by the golden model, measured by the
core's own counter on the Verilated RTL. NeuroCoreX spends 96,000 clocks on any step of its 90
neurons (0.96 ms at 100 MHz, from the constants of its VHDL).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.golden.fast import run_batch
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel
from spikesim.network import Network
from spikesim.neurons import LIF

#: (neurons, dense events in the step, most clocks allowed)
CASES = ((90, 0, 400), (90, 10, 400), (256, 0, 1000), (256, 20, 1000))
NEUROCOREX_CLOCKS = 96_000


def dense_program(neurons: int, axons: int) -> Program:
    """All axons to all neurons, delay 0, no spike ever: the cost is that of the input alone."""
    net = Network(1e-3, f"{axons} axons to {neurons} neurons")
    net.add_input("in", axons)
    net.add_population("out", neurons, LIF(beta=0.5, v_th=1000.0))
    net.connect("in", "out", np.ones((axons, neurons)))
    return compile_network(net).program


def measure(neurons: int, events: int) -> tuple[int, int]:
    """Clocks of a step with ``events`` dense events: predicted, measured."""
    program = dense_program(neurons, max(events, 1))
    raster = np.zeros((1, max(events, 1)), dtype=bool)
    raster[:, :events] = True
    golden = run_batch(program, raster[None], record=("cycles",))
    assert golden.cycles is not None
    with Device.open(InProcessTransport(RtlModel(program.config))) as device:
        device.load(program)
        device.run({"in": raster}, 1)
        return int(golden.cycles[0, 0]), device.register("LAST_CYCLES")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows = []
    for neurons, events, limit in CASES:
        predicted, measured = measure(neurons, events)
        ok = predicted == measured <= limit
        rows.append({"neurons": neurons, "events": events, "predicted": predicted,
                     "measured": measured, "limit": limit, "ok": ok})  # fmt: skip
    if options.json:
        print(json.dumps(rows))
    else:
        print("neurons  dense events  clocks predicted  measured on RTL   limit  NeuroCoreX / ours")
        for row in rows:
            share = f"{NEUROCOREX_CLOCKS / row['measured']:>18,.0f}" if row["neurons"] == 90 else ""
            print(
                f"{row['neurons']:>7}{row['events']:>14}{row['predicted']:>18,}"
                f"{row['measured']:>17,}{row['limit']:>8,}{share}"
            )
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
