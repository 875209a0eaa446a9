# SPDX-License-Identifier: Apache-2.0
"""Accuracy on Fashion-MNIST: ``python -m benchmarks.fashion mlp`` and ``... conv``.

All 60,000 images but a tenth of each class, which decides when training ends and which weights are
kept; the 10,000 test images are looked at once for each seed. A run that is cut off goes on from
its checkpoint in ``build/benchmarks``. Exit code 1 if the mean is below its target. The images are
looked for as ``spikesim.data.fashion_mnist`` says.
"""

from __future__ import annotations

import argparse
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

FOLDER = Path("build/benchmarks")
VALIDATION = 0.1


@dataclass(frozen=True)
class Case:
    """A net, how images reach it, and what it has to reach."""

    make: Callable[[], torch.nn.Module]
    encode: Callable[[torch.Tensor], torch.Tensor]
    loss: Any
    decode: Any
    epochs: int
    lr: float
    batch_size: int
    target: float


def mlp() -> torch.nn.Module:
    """784-500-10 with spikes at both ends."""
    neuron = partial(nn.LIFLayer, reset="soft", learn=("bias",))
    return nn.SpikingNet(nn.Linear(784, 500), neuron(500), nn.Linear(500, 10), neuron(10))


def conv() -> torch.nn.Module:
    """Two convolutions and a dense layer that spike, and a readout that adds up what they send."""
    neuron = partial(nn.LIFLayer, beta=0.75, reset="soft")
    per_channel = {"beta": "channel", "bias": "channel"}
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1), neuron((32, 28, 28), learn=per_channel),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), neuron((64, 14, 14), learn=per_channel),
        torch.nn.AvgPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(64 * 49, 256), neuron(256, learn=("bias",)), torch.nn.Dropout(0.3),
        torch.nn.Linear(256, 10),
    )  # fmt: skip


def rates(x: torch.Tensor) -> torch.Tensor:
    return nn.encode.rate(x.flatten(1), steps=10)


def values(x: torch.Tensor) -> torch.Tensor:
    return nn.encode.direct(x[:, None], steps=4)


CASES = {
    "mlp": Case(mlp, rates, nn.CountCrossEntropy(0.5), nn.decode.spike_count, 20, 3e-3, 128, 0.89),
    "conv": Case(
        conv, values, nn.MembraneCrossEntropy(), nn.decode.mean_value, 15, 2e-3, 128, 0.92
    ),
}


def measure(name: str, seed: int, split: data.Split, epochs: int, threads: int) -> dict[str, Any]:
    """One seed: train, stop by validation, test once."""
    case, start = CASES[name], time.process_time()
    torch.manual_seed(seed)
    model = case.make()
    FOLDER.mkdir(parents=True, exist_ok=True)
    stem = f"fashion_{name}_{len(split.y_train)}_{seed}"
    history = nn.fit(
        model, split.x_train, split.y_train, encode=case.encode, loss=case.loss,
        decode=case.decode, epochs=epochs, lr=case.lr, batch_size=case.batch_size, seed=seed,
        validation=VALIDATION, patience=4, augment=data.Shift(pixels=1, share=0.5),
        checkpoint=FOLDER / f"{stem}.pt", log=nn.CSVLog(FOLDER / f"{stem}.csv"), threads=threads,
        progress=True, label=f"{name} seed {seed}",
    )  # fmt: skip
    found = nn.evaluate(model, split.x_test, split.y_test, encode=case.encode, decode=case.decode)
    return {
        "net": name, "seed": seed, "epochs": len(history.loss), "best": history.best,
        "accuracy_validation": max(history.validation_accuracy), "accuracy_test": found.accuracy,
        "silent": found.silent, "training_images": len(split.y_train),
        "test_images": found.n, "cpu_s": round(time.process_time() - start, 1),
    }  # fmt: skip


def first(split: data.Split, n: int | None) -> data.Split:
    """Give a split of the first images only, for a quick look."""
    if n is None:
        return split
    return data.Split(
        f"{split.name}-{n}", split.x_train[:n], split.y_train[:n], split.x_test[:n],
        split.y_test[:n],
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=CASES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="at most; those of the case by default")
    parser.add_argument("--limit", type=int, help="so many images only, without a target")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", help="folder or file of Fashion-MNIST")
    options = parser.parse_args(argv)
    case = CASES[options.net]
    split = first(data.fashion_mnist(options.data), options.limit)
    rows = []
    for seed in range(options.seeds):
        rows.append(
            measure(options.net, seed, split, options.epochs or case.epochs, options.threads)
        )
        print(json.dumps(rows[-1]))
    found = [100 * row["accuracy_test"] for row in rows]
    spread = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
    ok = np.mean(found) >= 100 * case.target or options.limit is not None
    document = {"net": options.net, "mean_accuracy_test": float(np.mean(found)) / 100,
                "target": case.target, "ok": bool(ok), "seeds": rows}  # fmt: skip
    (FOLDER / f"fashion_{options.net}.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"mean {np.mean(found):.2f} %{spread}, target {100 * case.target:.0f} %")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
