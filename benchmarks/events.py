# SPDX-License-Identifier: Apache-2.0
"""Accuracy on recordings of an event camera: ``python -m benchmarks.events``.

A part of N-MNIST (Orchard et al., Front. Neurosci. 9:437, 2015), digits of 34 by 34 pixels and two
polarities, as ten binary frames each. With the first 1,000 training and 100 test recordings, one of
the latter is a percent. ``--data`` is an .npz file with arrays x, y, t (microseconds), p, one
recording after another, and offsets, label, is_test and sensor_size.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from benchmarks import held_out
from benchmarks.held_out import Benchmark, Case
from spikesim import data, nn
from spikesim.core.npz import read_npz

FRAMES = 10
neuron = partial(nn.LIFLayer, beta=0.7, reset="soft", surrogate=nn.ATan(5.0))


class Recordings:
    """Events and labels of a file, as the data sets of tonic give them."""

    def __init__(self, path: str) -> None:
        self.arrays = read_npz(path, path)
        width, height, polarities = self.arrays["sensor_size"].tolist()
        self.sensor_size = width, height, polarities

    def __len__(self) -> int:
        """Give how many recordings."""
        return len(self.arrays["label"])

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Give events, and label."""
        here = slice(*self.arrays["offsets"][index : index + 2])
        columns = {name: self.arrays[name][here] for name in "txyp"}
        events = np.zeros(len(columns["t"]), [(name, of.dtype) for name, of in columns.items()])
        for name, values in columns.items():
            events[name] = values
        return events, int(self.arrays["label"][index])


def dense() -> torch.nn.Module:
    """2312-200-10: one layer of neurons, and a readout that adds up what they send."""
    return torch.nn.Sequential(
        torch.nn.Flatten(), nn.Linear(2 * 34 * 34, 200), nn.BatchNorm(200), neuron(200),
        nn.Dropout(0.3), nn.Linear(200, 10, bias=True),
    )  # fmt: skip


def conv() -> torch.nn.Module:
    """Two convolutions of 12 and 32 channels with max-pooling, and such a readout."""
    return torch.nn.Sequential(
        nn.Conv2d(2, 12, 5, padding=1, pool=2, bias=False), nn.BatchNorm(12), neuron((12, 16, 16)),
        nn.Conv2d(12, 32, 3, padding=1, pool=2, bias=False), nn.BatchNorm(32), neuron((32, 8, 8)),
        torch.nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 64, 10, bias=True),
    )  # fmt: skip


def split(path: str | None, part: str) -> data.Split:
    """Give frames (n, T, polarities, height, width) of both parts."""
    recordings = Recordings(str(path))
    frames = data.EventFrames(recordings, unit="us", frames=FRAMES)
    x, y = zip(*(frames[k] for k in range(len(frames))), strict=True)
    images, labels = np.stack(x), np.array(y)
    test = recordings.arrays["is_test"].astype(bool)
    return data.Split("n-mnist", images[~test], labels[~test], images[test], labels[test])


TRAINING = {
    "epochs": 12, "lr": 5e-3, "batch_size": 50, "loss": nn.CountCrossEntropy(0.5),
    "augment": data.Shift(pixels=2),
}  # fmt: skip
CASES = (Case("dense", dense, TRAINING), Case("conv", conv, TRAINING))
BENCHMARK = Benchmark("events", CASES, split)


def main(argv: Sequence[str] | None = None) -> int:
    return held_out.main(BENCHMARK, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
