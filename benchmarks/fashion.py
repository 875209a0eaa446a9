# SPDX-License-Identifier: Apache-2.0
"""Accuracy on Fashion-MNIST: ``python -m benchmarks.fashion``.

All 60,000 images but a tenth of each class, which decides when training ends and which weights are
kept; the 10,000 test images are looked at once for each seed. ``python -m benchmarks.fashion mlp``
trains one of the nets. The images are looked for as ``spikesim.data.fashion_mnist`` says, or where
``--data`` says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import torch

from benchmarks import held_out
from benchmarks.held_out import Benchmark, Case
from spikesim import data, nn


def mlp() -> torch.nn.Module:
    """784-800-10 with spikes at both ends."""
    return nn.SpikingNet(
        nn.Linear(784, 800), nn.BatchNorm(800), nn.LIFLayer(800, reset="soft"), nn.Dropout(0.2),
        nn.Linear(800, 10), nn.LIFLayer(10, reset="soft", learn=("bias",)),
    )  # fmt: skip


def conv() -> torch.nn.Module:
    """Two convolutions and a dense layer that spike, and a readout that adds up what they send."""
    neuron = partial(nn.LIFLayer, beta=0.75, reset="soft")
    learn = {"beta": "channel"}
    return torch.nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, pool=2, bias=False), nn.BatchNorm(32),
        neuron((32, 14, 14), learn=learn),
        nn.Conv2d(32, 64, 3, padding=1, pool=2, bias=False), nn.BatchNorm(64),
        neuron((64, 7, 7), learn=learn), torch.nn.Flatten(),
        torch.nn.Linear(64 * 49, 256), neuron(256, learn=("bias",)), torch.nn.Dropout(0.3),
        torch.nn.Linear(256, 10),
    )  # fmt: skip


def rates(x: torch.Tensor) -> torch.Tensor:
    return nn.encode.rate(x.flatten(1), steps=10)


def values(x: torch.Tensor) -> torch.Tensor:
    return nn.encode.direct(x[:, None], steps=4)


def split(path: str | None, part: str) -> data.Split:
    return data.fashion_mnist(path)


CASES = (
    Case(
        "mlp", mlp, {
            "encode": rates, "loss": nn.CountCrossEntropy(0.5), "decode": nn.decode.spike_count,
            "epochs": 14, "lr": 3e-3, "batch_size": 128, "patience": 4,
        }, target=0.89,
    ),
    Case(
        "conv", conv, {
            "encode": values, "loss": nn.MembraneCrossEntropy(), "decode": nn.decode.mean_value,
            "epochs": 7, "lr": 3e-3, "batch_size": 128, "patience": 4,
            "augment": data.Shift(pixels=1, share=0.5),
        }, target=0.92,
    ),
)  # fmt: skip
BENCHMARK = Benchmark("fashion", CASES, split, needs_path=False)


def main(argv: Sequence[str] | None = None) -> int:
    return held_out.main(BENCHMARK, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
