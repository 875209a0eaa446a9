# SPDX-License-Identifier: Apache-2.0
"""From outcomes of seeds to ``result.json`` and the evidence behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import spikesim
from spikesim.cli.pipeline.evaluate import SeedEvaluation
from spikesim.core.decode import accuracy
from spikesim.errors import ValidationError
from spikesim.viz import Evidence

ENGINES = ("float", "golden", "rtl")


def seed_result(outcome: SeedEvaluation) -> dict[str, Any]:
    """One entry of ``seeds`` in ``result.json``."""
    shares = {name: accuracy(outcome.predicted[name], outcome.labels) for name in ENGINES}
    return {
        "seed": outcome.seed,
        **{f"accuracy_{name}": share for name, share in shares.items()},
        "images": len(outcome.labels),
        "mismatching_spikes": outcome.tally.spikes,
        "mismatching_words": outcome.tally.words,
        "cycles_predicted": int(outcome.cycles_predicted.sum()),
        "cycles_measured": int(outcome.cycles_measured.sum()),
        "images_with_other_cycles": outcome.tally.mismatches["cycles"],
        "images_read_word_by_word": outcome.tally.words_read,
        "mismatches": outcome.tally.mismatches,
        "compared": outcome.tally.compared,
        "program": outcome.program.hash(),
    }


def demo_result(outcomes: Sequence[SeedEvaluation], wall_s: float) -> dict[str, Any]:
    """Give the content of ``result.json``."""
    seeds = [seed_result(outcome) for outcome in outcomes]
    names = [f"accuracy_{name}" for name in ENGINES]
    values = {name: np.array([seed[name] for seed in seeds]) for name in names}
    config = outcomes[0].program.config
    uart = next((o.uart for o in outcomes if o.uart is not None), None)
    return {
        "version": spikesim.__version__,
        "ok": all(o.tally.clean for o in outcomes) and (uart is None or _clean(uart)),
        "seeds": seeds,
        "mean": {name: float(values[name].mean()) for name in names},
        "std": {name: float(values[name].std(ddof=1)) if len(seeds) > 1 else 0.0 for name in names},
        "device": (
            f"Verilated core behind a pseudo-terminal: {config.n_neurons} neurons, "
            f"{config.n_axons} axons, {config.weight_words * config.lanes:,} synapses of "
            f"{config.weight_bits} bits"
        ),
        "clock_hz": outcomes[0].clock_hz,
        "link_bytes": sum(o.link_bytes for o in outcomes),
        "uart": uart,
        "wall_s": wall_s,
    }


def demo_evidence(outcomes: Sequence[SeedEvaluation], result: dict[str, Any]) -> Evidence:
    """Give everything the report shows."""
    example = next((o.example for o in outcomes if o.example is not None), None)
    if example is None:
        raise ValidationError("demo: expected one seed with an example image, got none")
    return Evidence(
        result=result,
        labels=np.stack([o.labels for o in outcomes]),
        predicted={name: np.stack([o.predicted[name] for o in outcomes]) for name in ENGINES},
        image=example.image,
        example_float=example.as_float,
        example_rtl=example.as_rtl,
        trace_float=example.trace_float,
        trace_fixed=example.trace_fixed,
        step_predicted=example.step_predicted,
        step_measured=example.step_measured,
        image_predicted=np.stack([o.cycles_predicted for o in outcomes]),
        image_measured=np.stack([o.cycles_measured for o in outcomes]),
        program=outcomes[0].program,
    )


def _clean(uart: dict[str, Any]) -> bool:
    return not any(uart[name] for name in uart if name.startswith("mismatching"))
