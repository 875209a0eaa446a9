# SPDX-License-Identifier: Apache-2.0
"""Sweep inhibition and drive of Brunel's network over processes; compare with mean-field theory."""

import argparse
import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim.analysis import mean_cv, mean_rates
from spikesim.models.brunel import Brunel, mean_field_rate
from spikesim.models.comparison import together
from spikesim.sim import simulate
from spikesim.sim.parallel.sweep import sweep

SEED = 2
CHECKED = 5.0, 2.0  # g, eta of the claimed number: the asynchronous irregular state
TRANSIENT_S = 0.1


def point(g: float, eta: float, n: int, seconds: float, seed: int) -> dict[str, float]:
    """One network; everything it needs comes in, everything it found goes out."""
    model = Brunel(n=n, k_exc=n // 10, j=0.1e-3 * 10_000 / n, g=g, eta=eta)
    steps = round(seconds / model.dt)
    run = simulate(model.network(seed), model.inputs(seed), steps, seed=seed)
    trains = together({
        name: spikes.window(round(TRANSIENT_S / model.dt), steps)
        for name, spikes in run.spikes.items()
    })  # fmt: skip
    return {
        "rate": mean_rates(trains, model.dt).mean(),
        "cv": mean_cv(trains),
        "theory": mean_field_rate(model),
    }


def picture(rows: list[dict[str, float]], path: str) -> None:
    etas = sorted({row["eta"] for row in rows})
    gs = sorted({row["g"] for row in rows})
    found = {(row["eta"], row["g"]): row for row in rows}
    figure = Figure((9, 3.6), layout="constrained")
    rates, irregular = figure.subplots(1, 2)
    for k, eta in enumerate(etas):
        line = [found[eta, g] for g in gs]
        color = f"C{k}"
        rates.plot(gs, [row["rate"] for row in line], "o", color=color, label=f"eta = {eta:g}")
        rates.plot(gs, [row["theory"] for row in line], "-", color=color, linewidth=1)
    rates.set_ylim(bottom=0)
    rates.set_xlabel("inhibition over excitation g")
    rates.set_ylabel("rate (Hz); lines: theory")
    rates.legend()
    grid = np.array([[found[eta, g]["cv"] for g in gs] for eta in etas])
    image = irregular.pcolormesh(gs, etas, grid, vmin=0, vmax=1, shading="nearest")
    irregular.set_xlabel("inhibition over excitation g")
    irregular.set_ylabel("drive eta")
    figure.colorbar(image, ax=irregular, label="CV of intervals")
    figure.savefig(path, dpi=120)


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, smaller, shorter networks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--out", default="sweep_brunel.png", help="where the picture goes")
    options = parser.parse_args(argv)

    grid = {
        "g": [4.5, 5.0, 6.0] if options.quick else [4.5, 5.0, 5.5, 6.0, 7.0, 8.0],
        "eta": [1.5, 2.0] if options.quick else [1.25, 1.5, 2.0, 3.0, 4.0],
        "n": [2_000 if options.quick else 10_000],
        "seconds": [0.4 if options.quick else 1.1],
    }
    done = sweep(point, grid, jobs=options.jobs, seed=SEED)
    for row in done.rows:
        if row["error"]:
            print(f"g {row['g']}, eta {row['eta']}: {row['error']}")
            continue
        print(
            f"g {row['g']:.1f}, eta {row['eta']:.2f}: {row['rate']:6.2f} Hz "
            f"(theory {row['theory']:6.2f}), CV {row['cv']:.2f}, {row['seconds']:.1f} s"
        )
    good = [row for row in done.rows if not row["error"]]
    picture(good, options.out)
    (row,) = (row for row in good if (row["g"], row["eta"]) == CHECKED)
    print(f"rate at g = 5, eta = 2: {row['rate']:.1f} Hz (mean-field theory: {row['theory']:.1f})")
    return float(row["rate"])


if __name__ == "__main__":
    main()
