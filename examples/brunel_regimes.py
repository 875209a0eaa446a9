# SPDX-License-Identifier: Apache-2.0
"""Four regimes of one network (Brunel 2000): figure 8 of the paper, drawn again."""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from spikesim.analysis import mean_cv, mean_rates, population_rate
from spikesim.models import comparison
from spikesim.models.brunel import REGIMES, peak_frequency

SEED = 1
SHOWN_S = 0.1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the neurons")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="brunel_regimes.png", help="where the picture goes")
    options = parser.parse_args(argv)

    n = 2500 if options.quick else 12_500
    figure = Figure((10, 6), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, height_ratios=(2, 1))
    peak = 0.0
    for (regime, full), (raster, rate) in zip(REGIMES.items(), panels.T, strict=True):
        model = replace(full, n=n)
        run = comparison.run(model, 0.8, seed=SEED, threads=options.threads)
        trains = comparison.together(comparison.after(run, 0.2))
        hz, cv = mean_rates(trains, model.dt).mean(), mean_cv(trains)
        if regime == "SI fast":
            peak = peak_frequency(trains, model.dt)
        print(f"{regime:8} g = {model.g:g}, eta = {model.eta:g}: {hz:6.1f} Hz, CV {cv:.2f}")

        window = trains.window(trains.start, trains.start + round(SHOWN_S / model.dt))
        some = window.select(np.linspace(0, n - 1, 50).astype(int))
        raster.plot(1e3 * some.times(model.dt), some.index, "k.", markersize=2)
        raster.set_title(f"{regime}\ng = {model.g:g}, η = {model.eta:g}\n{hz:.1f} Hz, CV {cv:.2f}")
        times, activity = population_rate(window, model.dt, 0.5e-3)
        rate.step(1e3 * times, activity, where="post", linewidth=0.8)
        rate.axhline(hz, color="gray", linestyle="--", linewidth=0.8)
        rate.set_xlabel("time (ms)")
    panels[0, 0].set_ylabel("neuron (50 shown)")
    panels[1, 0].set_ylabel("global activity (Hz)")
    figure.savefig(options.out, dpi=120)

    print(f"fast oscillation: {peak:.0f} Hz (published: 180 Hz)")
    return peak


if __name__ == "__main__":
    main()
