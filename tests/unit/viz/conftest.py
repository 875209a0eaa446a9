# SPDX-License-Identifier: Apache-2.0
"""A small made-up result to draw pictures from."""

import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.hw.config import CoreConfig
from spikesim.hw.image import PARAM_DTYPE, POPULATION_DTYPE, SEGMENT_DTYPE
from spikesim.hw.program import Program
from spikesim.recording import Recording
from spikesim.viz import Evidence

N_IN, N_HIDDEN, N_OUT, STEPS = 64, 160, 10, 17


@pytest.fixture
def program():
    """64-160-10 on the default core, every row dense, weights all 1."""
    config = CoreConfig.default()
    segments = np.zeros(config.n_axons + N_HIDDEN, SEGMENT_DTYPE)
    base = 0
    places = dict.fromkeys(range(N_IN), (0, 20))
    places |= {config.n_axons + k: (20, 2) for k in range(N_HIDDEN)}
    for source, (first, groups) in places.items():
        segments[source] = (base, first, groups - 1, 0, 1, 0, 0)
        base += groups
    params = np.zeros(config.n_neurons, PARAM_DTYPE)
    params["v_th"] = 131071
    populations = np.zeros(2, POPULATION_DTYPE)
    populations["first"], populations["last"], populations["valid"] = (0, 20), (19, 21), 1
    return Program(
        config, np.ones((base, config.lanes), np.int8), segments, params, populations,
        inputs={"in": (0, N_IN)}, groups={"layer0": (0, 160, 0), "layer1": (160, 10, 1)},
        outputs=("layer1",), meta={"name": "made-up"},
    )  # fmt: skip


@pytest.fixture
def evidence(program):
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 10, (5, 360))
    predicted = labels.copy()
    flip = rng.random(labels.shape) < 0.012
    predicted[flip] = rng.integers(0, 10, int(flip.sum()))
    rasters = {"in": (N_IN, 0.3), "layer0": (N_HIDDEN, 0.12), "layer1": (N_OUT, 0.15)}
    spikes = {
        name: SpikeTrains.from_raster(rng.random((STEPS, n)) < rate)
        for name, (n, rate) in rasters.items()
    }
    record = Recording(spikes, {}, STEPS, 1e-3, "float", {"label": 3})
    v = np.cumsum(rng.normal(0.05, 0.2, (STEPS, N_OUT)), axis=0)
    per_step = rng.integers(700, 1500, STEPS)
    per_image = rng.normal(19000, 1500, (5, 360)).astype(np.int64)
    return Evidence(
        _result(labels, predicted, per_image), labels,
        {"float": predicted, "golden": predicted, "rtl": predicted},
        rng.random((8, 8)), record, record, v, v + rng.normal(0, 0.004, v.shape),
        per_step, per_step.copy(), per_image, per_image.copy(), program,
    )  # fmt: skip


def _result(labels, predicted, per_image):
    names = ("spikes", "v", "i", "refr", "acc", "count", "cycles")
    share = (labels == predicted).mean(axis=1)
    seeds = [
        {
            "seed": k, "accuracy_float": s, "accuracy_golden": s, "accuracy_rtl": s, "images": 360,
            "mismatching_spikes": 0, "mismatching_words": 0,
            "cycles_predicted": int(per_image[k].sum()), "cycles_measured": int(per_image[k].sum()),
            "mismatches": dict.fromkeys(names, 0), "compared": dict.fromkeys(names, 92160),
        }
        for k, s in enumerate(share)
    ]  # fmt: skip
    engines = ("accuracy_float", "accuracy_golden", "accuracy_rtl")
    return {
        "seeds": seeds, "ok": True, "device": "made-up device", "link_bytes": 123456,
        "wall_s": 1.5, "clock_hz": 12_000_000, "version": "0",
        "mean": dict.fromkeys(engines, float(share.mean())),
        "std": dict.fromkeys(engines, float(share.std(ddof=1))),
    }  # fmt: skip
