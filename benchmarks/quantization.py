# SPDX-License-Identifier: Apache-2.0
"""Accuracy with few bits: ``python -m benchmarks.quantization``, some 20 minutes of one core.

Trains dense and convolutional nets on digits and on all of Fashion-MNIST in float. Then each is
tuned for the same few epochs three times: in float, and with the core's integers of 8 and of 4
bits in the loop (float master weights). Beside these stand the integers that calibration finds for
the float net as it was before, without training. All test images are looked at once for each of
them, and the first ones run on the golden model, where every spike is compared. A run that is cut
off goes on from its checkpoints in ``build/benchmarks``. Writes
``benchmarks/results/quantization.json``; exit code 1 if a mean over seeds misses its goal, or a
spike differs. Images are looked for as ``spikesim.data.fashion_mnist`` says.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikesim import data, nn
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.golden.fast import run_batch

RESULT = Path(__file__).parent / "results" / "quantization.json"
FOLDER = Path("build/benchmarks")
CORE = CoreConfig(
    n_neurons=1024, n_axons=1024, lanes=16, weight_words=65536, n_segments=65535,
    event_queue=2048, spike_queue=2048,
)  # fmt: skip
GOLDEN, CALIBRATION = 200, 512
"""Test images on the golden model, training images to calibrate by."""

NEURON = partial(nn.LIFLayer, beta=0.875, reset="soft")


@dataclass(frozen=True)
class Case:
    """A net, its data, and how it is trained; settings were chosen without test images."""

    make: Callable[[], nn.SpikingNet]
    load: Callable[[int, str | None], data.Split]
    steps: int
    epochs: int
    tuning: int
    lr: float = 1e-2
    batch_size: int = 128

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Rate code of images as rows of pixels."""
        return nn.encode.rate(x.flatten(1), self.steps)


def mlp(n_in: int) -> nn.SpikingNet:
    """Give one hidden layer of 100."""
    learned = partial(NEURON, learn=("bias",))
    return nn.SpikingNet(
        nn.Linear(n_in, 100, scale=2.0), learned(100), nn.Linear(100, 10, scale=2.0), learned(10)
    )


def conv(size: int, kernel: int, stride: int) -> nn.SpikingNet:
    """Two convolutions with strides, so small that a core of 1,024 neurons holds all of it."""
    first = (size + 2 - kernel) // stride + 1
    second = (first + 1) // 2
    learned = {"bias": "channel"}
    net = nn.SpikingNet(
        torch.nn.Unflatten(1, (1, size, size)),
        torch.nn.Conv2d(1, 12, kernel, stride=stride, padding=1, bias=False),
        NEURON((12, first, first), learn=learned),
        torch.nn.Conv2d(12, 16, 3, stride=2, padding=1, bias=False),
        NEURON((16, second, second), learn=learned),
        torch.nn.Flatten(),
        nn.Linear(16 * second**2, 10, scale=2.0),
        NEURON(10, learn=("bias",)),
    )
    with torch.no_grad():
        net[1].weight.mul_(2.0)
        net[3].weight.mul_(2.0)
    return net


def _digits(seed: int, path: str | None) -> data.Split:
    return data.digits(seed)


def _fashion(seed: int, path: str | None) -> data.Split:
    return data.fashion_mnist(path)


CASES = {
    "digits mlp": Case(partial(mlp, 64), _digits, 12, 30, 5, batch_size=64),
    "digits conv": Case(partial(conv, 8, 3, 1), _digits, 12, 30, 5, batch_size=64),
    "fashion mlp": Case(partial(mlp, 784), _fashion, 6, 6, 1),
    "fashion conv": Case(partial(conv, 28, 6, 4), _fashion, 6, 4, 1),
}
#: Points that the mean over seeds may lie below the float net that was tuned alike.
MAY_LOSE = {"QAT 8": 0.5, "QAT 4": 1.5}


def trained(name: str, seed: int, split: data.Split) -> dict[str, torch.nn.Module]:
    """The float net, and what tuning made of it in float and with integers."""
    case, nets = CASES[name], dict[str, torch.nn.Module]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = case.make()

    def fit(net: torch.nn.Module, method: str, epochs: int, lr: float) -> torch.nn.Module:
        start = time.process_time()
        stem = f"quantization {name} {len(split.y_train)} {method} {seed}".replace(" ", "_")
        nn.fit(
            net, split.x_train, split.y_train, encode=case.encode, epochs=epochs, lr=lr, seed=seed,
            batch_size=case.batch_size, loss=nn.CountCrossEntropy(0.5),
            augment=data.Shift(pixels=1, share=0.5), checkpoint=FOLDER / f"{stem}.pt",
        )  # fmt: skip
        took = time.process_time() - start
        print(f"{name}, seed {seed}, {method}: {took:.0f} s of training", flush=True)
        return net

    nets["float, before"] = fit(net, "float", case.epochs, case.lr)
    tuned = copy.deepcopy(net)
    nets["float"] = fit(tuned, "float tuned", case.tuning, case.lr / 5)
    for bits in (8, 4):
        integers = _integers(copy.deepcopy(net), bits, split)
        nets[f"QAT {bits}"] = fit(integers, f"QAT {bits}", case.tuning, case.lr / 5)
    return nets


def _integers(net: torch.nn.Module, bits: int, split: data.Split) -> nn.IntegerNet:
    return nn.IntegerNet(net, nn.Quantization(weight_bits=bits), input_shape=(split.n_pixels,))
