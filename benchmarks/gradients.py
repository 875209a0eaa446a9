# SPDX-License-Identifier: Apache-2.0
"""Gradient methods side by side on scikit-learn's digits: ``python -m benchmarks.gradients``.

``images``: 64-100-10 `LIFLayer`, 16 ticks of rates. ``sums``: the same, but for its outputs, which
are the mean of the last sums. ``rows``: a row of pixels a tick, eight of them, into a loop of 64
adaptive neurons, and membranes as readout. Each method trains each net from the same weights. A
tenth of the training part decides between learning rates, for every seed by itself; the test part
is looked at once, with that one. Rows go to ``benchmarks/results/gradients.json``, the table to
standard output.
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

RESULTS = Path("benchmarks/results/gradients.json")
RATES, VALIDATION = (1e-2, 3e-2), 0.1
Make = Callable[[torch.nn.Module], torch.nn.Module]


@dataclass(frozen=True)
class Case:
    """A net, what it is shown, and the methods that take it."""

    make: Callable[[], torch.nn.Module]
    encode: Callable[[torch.Tensor], torch.Tensor]
    methods: dict[str, Make]
    loss: Any = None
    decode: Any = nn.decode.spike_count


def images() -> torch.nn.Module:
    """Two layers with spikes at both ends."""
    neuron = partial(nn.LIFLayer, reset="soft")
    return nn.SpikingNet(
        nn.Linear(64, 100, scale=2.0), neuron(100), nn.Linear(100, 10, scale=2.0), neuron(10)
    )


def sums() -> torch.nn.Module:
    """One layer of spikes, and sums of them."""
    return nn.SpikingNet(*list(images())[:-1])


def rows() -> torch.nn.Module:
    """Adaptive neurons in a loop, and membranes that no longer fire."""
    loop = nn.Recurrent(nn.ALIFLayer(64, beta=0.8, rho=0.9), nn.Linear(64, 64))
    return nn.SpikingNet(nn.Linear(8, 64, scale=2.0), loop, nn.Linear(64, 10), nn.LI(10))


def through_time(net: torch.nn.Module) -> torch.nn.Module:
    return net


EPROP: dict[str, Make] = {
    "e-prop, symmetric": nn.EProp,
    "e-prop, random": partial(nn.EProp, feedback="random"),
}
MEAN = nn.MembraneCrossEntropy(), nn.decode.mean_value


def sixteen(x: torch.Tensor) -> torch.Tensor:
    return nn.encode.rate(x.flatten(1), steps=16)


CASES = {
    "images": Case(
        images, sixteen, {"BPTT": through_time, "OTTT": nn.OTTT, **EPROP, "DSR": nn.DSR}
    ),
    "sums": Case(sums, sixteen, {"BPTT": through_time, "DSR": nn.DSR}, *MEAN),
    "rows": Case(
        rows, lambda x: x.reshape(-1, 8, 8).transpose(0, 1).contiguous(),
        {"BPTT": through_time, **EPROP}, *MEAN,
    ),
}  # fmt: skip


def measure(case: str, method: str, seed: int, epochs: int) -> dict[str, Any]:
    """One seed: train at every rate, choose by validation, test once."""
    it, split, start = CASES[case], data.digits(seed=seed), time.process_time()
    x, x_test = (part.reshape(len(part), -1) for part in (split.x_train, split.x_test))
    best: tuple[float, float, torch.nn.Module] | None = None
    for lr in RATES:
        torch.manual_seed(seed)
        net = it.make()
        history = nn.fit(
            it.methods[method](net), x, split.y_train, encode=it.encode, loss=it.loss,
            decode=it.decode, epochs=epochs, lr=lr, batch_size=64, seed=seed,
            validation=VALIDATION,
        )  # fmt: skip
        reached = history.validation_accuracy[-1]
        if best is None or reached > best[0]:
            best = reached, lr, net
    assert best is not None
    found = nn.evaluate(best[2], x_test, split.y_test, encode=it.encode, decode=it.decode)
    return {
        "net": case, "method": method, "seed": seed, "epochs": epochs, "lr": best[1],
        "accuracy_validation": best[0], "accuracy_test": found.accuracy,
        "cpu_s": round((time.process_time() - start) / len(RATES), 2),
    }  # fmt: skip


def table(found: Sequence[dict[str, Any]]) -> str:
    """Accuracy of the test part, mean and standard deviation over seeds, and time of a training."""
    lines = ["| net | method | test accuracy | CPU s of a training |", "|---|---|---|---|"]
    for case, it in CASES.items():
        for method in it.methods:
            mine = [row for row in found if (row["net"], row["method"]) == (case, method)]
            if not mine:
                continue
            right = [100 * row["accuracy_test"] for row in mine]
            spread = f" ± {np.std(right, ddof=1):.1f}" if len(right) > 1 else ""
            seconds = np.median([row["cpu_s"] for row in mine])
            lines.append(f"| {case} | {method} | {np.mean(right):.1f}{spread} % | {seconds:.1f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=CASES, help="this one only; other rows stay as they are")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="one seed and epoch, no file")
    options = parser.parse_args(argv)
    seeds, epochs = (1, 1) if options.quick else (options.seeds, options.epochs)
    chosen = {name: it for name, it in CASES.items() if options.net in (None, name)}
    kept = json.loads(RESULTS.read_text()) if options.net and RESULTS.exists() else []
    found = [row for row in kept if row["net"] not in chosen]
    for seed in range(seeds):
        for case, it in chosen.items():
            for method in it.methods:
                found.append(measure(case, method, seed, epochs))
                print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    if not options.quick:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
