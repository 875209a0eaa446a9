# SPDX-License-Identifier: Apache-2.0
"""Diehl & Cook's network in BindsNET, the model class it ships, learning on, one thread."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.peers import measure
from benchmarks.peers.images import strokes
from benchmarks.peers.parameters import DiehlCook

# BindsNET imports torchvision for its pictures. The package that the registry has is built for
# another torch, so its compiled part does not load; the two operators it then misses are declared.
_missing = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _missing.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def main(argv: Sequence[str] | None = None) -> int:
    """Present images, print one row."""
    parser = measure.arguments(__doc__, seconds=3.5)
    parser.add_argument("--size", type=float, default=400, help="excitatory neurons")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    from bindsnet.models import DiehlAndCook2015
    from bindsnet.network.monitors import Monitor

    q = DiehlCook(int(options.size))
    count = max(1, round(options.seconds / (q.steps * q.dt)))
    images = torch.from_numpy(strokes(count).astype(np.float32) / 255 * q.max_rate_hz * q.dt)
    watch = measure.Stopwatch()
    with watch("build"):
        net = DiehlAndCook2015(n_inpt=q.n_in, n_neurons=q.n, inpt_shape=(1, q.n_in))
        monitor = Monitor(net.layers["Ae"], ["s"], time=q.steps)
        net.add_monitor(monitor, "spikes")
    steps = torch.arange(count)
    net.run({"X": torch.zeros(2, 1, 1, q.n_in)}, time=2)  # first call
    spikes, n_input = 0, 0
    with watch("run"):
        for k in steps.tolist():
            net.reset_state_variables()
            raster = torch.bernoulli(images[k].expand(q.steps, 1, 1, q.n_in))
            net.run({"X": raster}, time=q.steps)
            spikes += int(monitor.get("s").sum())
            n_input += int(raster.sum())
    import bindsnet

    seconds = count * q.steps * q.dt
    measure.print_row(
        "BindsNET", watch=watch, seconds=seconds, rate_hz=spikes / q.n / seconds, cv_isi=None,
        syn_events=n_input * q.n + spikes * q.n, presentations=count, input_spikes=n_input,
        output_spikes=spikes, version=getattr(bindsnet, "__version__", "0.3.4"),
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
