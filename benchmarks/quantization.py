# SPDX-License-Identifier: Apache-2.0
"""Accuracy with few bits: ``python -m benchmarks.quantization``, some 20 minutes of one core.

Trains dense and convolutional nets on digits and on all of Fashion-MNIST in float. Then each is
tuned for the same few epochs three times: in float, and with the core's integers of 8 and of 4
bits in the loop (float master weights), 4 bits both with the range of the largest weight and with
ranges that calibration finds. Beside these stand the integers that either gives for the float net
as it was before, without training. All test images are looked at once for each of
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


def conv(size: int, kernel: int, stride: int, channels: int = 12) -> nn.SpikingNet:
    """Two convolutions with strides, so small that a core of 1,024 neurons holds all of it."""
    first = (size + 2 - kernel) // stride + 1
    second = (first + 1) // 2
    learned = {"bias": "channel"}
    net = nn.SpikingNet(
        torch.nn.Unflatten(1, (1, size, size)),
        torch.nn.Conv2d(1, channels, kernel, stride=stride, padding=1, bias=False),
        NEURON((channels, first, first), learn=learned),
        torch.nn.Conv2d(channels, 16, 3, stride=2, padding=1, bias=False),
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
    "digits conv": Case(partial(conv, 8, 3, 1, channels=8), _digits, 12, 30, 5, batch_size=64),
    "fashion mlp": Case(partial(mlp, 784), _fashion, 6, 6, 1),
    "fashion conv": Case(partial(conv, 28, 6, 4), _fashion, 6, 4, 1),
}
#: Points that the mean over seeds may lie below the float net that was tuned alike.
MAY_LOSE = {"QAT 8": 0.5, "QAT 4, calibrated": 1.5}


def trained(name: str, seed: int, split: data.Split) -> dict[str, torch.nn.Module]:
    """Give the float net, and what tuning made of it in float and with integers."""
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

    nets["float"] = fit(net, "float", case.epochs, case.lr)
    tuned = copy.deepcopy(net)
    nets["float, tuned"] = fit(tuned, "float tuned", case.tuning, case.lr / 5)
    for bits in (8, 4):
        integers = _integers(copy.deepcopy(net), bits, split)
        nets[f"QAT {bits}"] = fit(integers, f"QAT {bits}", case.tuning, case.lr / 5)
    found = _calibrated(copy.deepcopy(net), 4, split, case)
    nets["QAT 4, calibrated"] = fit(found, "QAT 4 calibrated", case.tuning, case.lr / 5)
    return nets


def _integers(net: torch.nn.Module, bits: int, split: data.Split) -> nn.IntegerNet:
    return nn.IntegerNet(net, nn.Quantization(weight_bits=bits), input_shape=(split.n_pixels,))


def _calibrated(net: torch.nn.Module, bits: int, split: data.Split, case: Case) -> nn.IntegerNet:
    x = case.encode(torch.from_numpy(split.x_train[:CALIBRATION]))
    settings = nn.Quantization(weight_bits=bits)
    return nn.calibrate(net, x, settings, input_shape=(split.n_pixels,))


def rows_of(name: str, seed: int, path: str | None) -> list[dict[str, Any]]:
    """Train one net, make integers of it in every way, and measure each."""
    case, split = CASES[name], CASES[name].load(seed, path)
    nets = trained(name, seed, split)
    for bits in (8, 4):
        nets[f"PTQ {bits}"] = _calibrated(nets["float"], bits, split, case)
        nets[f"largest weight {bits}"] = _integers(nets["float"], bits, split)
    x, y = split.x_test, split.y_test
    right = {
        method: nn.evaluate(net, x, y, encode=case.encode).accuracy for method, net in nets.items()
    }
    rows = []
    for method, net in nets.items():
        row = {
            "data": name.split()[0], "net": name.split()[1], "method": method, "seed": seed,
            "accuracy": right[method],
            "accuracy_float": right["float, tuned" if "QAT" in method else "float"],
            "training_images": len(split.y_train), "test_images": len(y),
        }  # fmt: skip
        if isinstance(net, nn.IntegerNet):
            row |= on_golden(net, case.encode(torch.from_numpy(x[:GOLDEN])))
        rows.append(row)
        print(line(row), flush=True)
    return rows


def on_golden(net: nn.IntegerNet, x: torch.Tensor) -> dict[str, Any]:
    """Compare every spike with the golden model, and tell how far both are from the floats."""
    network = nn.export(net.model, input_shape=net.input_shape)
    program = compile_network(network, CORE, quantization=net.settings).program
    steps = len(x)
    rasters = x.bool().numpy().transpose(1, 0, 2)
    golden = run_batch(program, rasters, steps + program.latency, record=("spikes",))
    differ = 0
    with torch.no_grad():
        layers = net.layer_spikes(x)
    for spikes, (first, n, start) in zip(layers, program.groups.values(), strict=True):
        own = golden.spikes[:, start : start + steps, first : first + n]
        differ += int((spikes.transpose(0, 1).flatten(2).bool().numpy() != own).sum())
    error = nn.trajectory_error(net, x)
    return {
        "golden_images": len(rasters), "golden_mismatches": differ,
        "membrane_error": [one.membrane for one in error.layers],
        "spikes_that_differ": [one.disagreement for one in error.layers],
        "rate_error": [one.rate_error for one in error.layers],
    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """Give a row of the log."""
    golden = ""
    if "golden_images" in row:
        golden = (
            f"; {row['golden_mismatches']} spikes differ on golden, {row['golden_images']} images"
        )
    return (
        f"{row['data']:8} {row['net']:5} seed {row['seed']} {row['method']:17} "
        f"{100 * row['accuracy']:.2f} %, {lost(row):+.2f} points lost{golden}"
    )


def lost(row: dict[str, Any]) -> float:
    """Points of accuracy below the float net."""
    return 100.0 * (row["accuracy_float"] - row["accuracy"])


def table(rows: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Means over seeds as the table of docs/training.md, and how many of them miss their goal."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["method"], f"{row['data']}, {row['net']}"), []).append(row)
    nets = list(dict.fromkeys(net for _, net in groups))
    lines = [f"| | {' | '.join(nets)} |", "|---" * (len(nets) + 1) + "|"]
    for method in dict.fromkeys(method for method, _ in groups):
        cells = [_cell(groups.get((method, net), [])) for net in nets]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    missed = [
        float(np.mean(list(map(lost, of)))) > MAY_LOSE[method]
        for (method, _), of in groups.items()
        if method in MAY_LOSE
    ]
    return "\n".join(lines), sum(missed)


def _cell(rows: Sequence[dict[str, Any]]) -> str:
    """Mean accuracy, its spread over seeds, and the mean of what it loses."""
    if not rows:
        return ""
    shares = [100.0 * row["accuracy"] for row in rows]
    spread = f" ± {np.std(shares, ddof=1):.2f}" if len(shares) > 1 else ""
    points = "" if "float" in rows[0]["method"] else f" ({np.mean(list(map(lost, rows))):+.2f})"
    return f"{np.mean(shares):.2f}{spread}{points}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an .npz file or a folder with Fashion-MNIST")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows, start = [], time.process_time()
    for seed in range(options.seeds):
        for name in options.cases:
            rows += rows_of(name, seed, options.data)
    rows.sort(key=lambda row: (row["data"], row["net"] != "mlp", row["seed"]))
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")
    text, missed = table(rows)
    differ = sum(row.get("golden_mismatches", 0) for row in rows)
    print(text)
    print(
        f"{missed} of the means miss their goal, {differ} spikes differ on the golden model; "
        f"{time.process_time() - start:.0f} s; rows in {RESULT}"
    )
    return int(missed > 0 or differ > 0)


if __name__ == "__main__":
    sys.exit(main())
