# SPDX-License-Identifier: Apache-2.0
"""Accuracy of a recipe in float and on the core: ``python -m benchmarks.accuracy mnist``.

Trains, compiles, runs all test images on the golden model, and the first ones on the Verilated
RTL, where every spike, state word and cycle count is compared. Exit code 1 if an accuracy is
below its target or anything differs. MNIST is looked for as ``spikesim.data.mnist`` says.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikesim.cli.pipeline.board import run_images
from spikesim.cli.pipeline.compare import Tally, add_image
from spikesim.core.decode import accuracy, classify
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.device import Device
from spikesim.hw.golden.fast import BatchResult, run_batch
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel
from spikesim.nn import recipes


@dataclass(frozen=True)
class Case:
    """A recipe, the core it is made for, and what it has to reach on that core."""

    train: Any
    config: CoreConfig
    seeds: int
    target: float


CASES = {
    "digits": Case(recipes.digits, CoreConfig.default(), 5, 0.983),
    "mnist": Case(recipes.mnist, CoreConfig.large(), 1, 0.976),
}
FOLDER = Path("build/benchmarks")


def measure(case: Case, seed: int, rtl_images: int) -> dict[str, Any]:
    """One seed: train, compile, golden on everything, RTL on the first images."""
    model = case.train(seed)
    compiled = compile_network(model.network(), case.config, quantization=model.quant)
    program, labels = compiled.program, model.split.y_test
    rasters = model.rasters("test")
    start = time.perf_counter()
    golden = run_batch(program, rasters, record=("spikes",))
    golden_s = time.perf_counter() - start
    classes = classify(golden.counts[:, program.neurons(program.outputs[0])])
    tally = compare(program, golden, rasters[:rtl_images]) if rtl_images else Tally()
    return {
        "seed": seed, "test_images": len(labels), "accuracy_float": model.accuracy_float,
        "accuracy_full_precision": model.accuracy_unrounded,
        "accuracy_golden": accuracy(classes, labels), "training_s": model.seconds,
        "golden_images_per_s": len(labels) / golden_s,
        "clocks_per_image": float(golden.total_cycles.mean()), "rtl_images": rtl_images,
        "mismatching_spikes": tally.spikes, "mismatching_words": tally.words,
        "mismatching_cycles": tally.mismatches["cycles"],
    }  # fmt: skip


def compare(program: Program, golden: BatchResult, rasters: np.ndarray) -> Tally:
    """Run images on the Verilated core and compare all that the link can read."""
    tally = Tally()
    with Device.open(InProcessTransport(RtlModel(program.config))) as device:
        device.load(program)
        for k, run in enumerate(run_images(device, rasters, golden, len(rasters))):
            spikes = {name: run.record.raster(name) for name in program.groups}
            add_image(tally, program, golden, k, spikes, run.words, run.cycles)
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=CASES)
    parser.add_argument("--seeds", type=int, help="how many; 5 for digits, 1 for mnist")
    parser.add_argument("--rtl", type=int, default=200, help="images on the RTL, per seed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    case = CASES[options.recipe]
    rows = []
    for seed in range(options.seeds or case.seeds):
        rows.append(measure(case, seed, options.rtl))
        if not options.json:
            print(_line(rows[-1]))
    mean = float(np.mean([row["accuracy_golden"] for row in rows]))
    full = [100 * row["accuracy_full_precision"] for row in rows]
    differ = sum(row[name] for row in rows for name in row if name.startswith("mismatching"))
    ok = mean >= case.target and differ == 0
    document = {"recipe": options.recipe, "mean_accuracy_golden": mean, "target": case.target,
                "ok": ok, "seeds": rows}  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"accuracy_{options.recipe}.json").write_text(json.dumps(document, indent=2) + "\n")
    # One seed has no spread to speak of.
    spread = f" ± {np.std(full, ddof=1):.2f}" if len(full) > 1 else ""
    if options.json:
        print(json.dumps(document))
    else:
        print(
            f"mean on the core {100 * mean:.2f} %, target {100 * case.target:.1f} %; in full "
            f"precision {np.mean(full):.2f} %{spread}"
        )
    return 0 if ok else 1


def _line(row: dict[str, Any]) -> str:
    differ = sum(row[name] for name in row if name.startswith("mismatching"))
    return (
        f"seed {row['seed']}: float {100 * row['accuracy_float']:.2f} % (in full precision "
        f"{100 * row['accuracy_full_precision']:.2f} %), core "
        f"{100 * row['accuracy_golden']:.2f} % of {row['test_images']:,} test images, "
        f"{row['clocks_per_image']:,.0f} clocks an image; {row['rtl_images']} images on the RTL: "
        f"{differ} mismatches; trained in {row['training_s']:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
