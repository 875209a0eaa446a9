# SPDX-License-Identifier: Apache-2.0
"""Irregular activity that keeps itself alive, with current and with conductance synapses."""

import argparse
from collections.abc import Sequence

from matplotlib.figure import Figure

from spikesim.analysis import cv, mean_rates
from spikesim.models import comparison
from spikesim.models.vogels_abbott import MODELS

SEED = 1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="cuba_coba.png", help="where the picture goes")
    options = parser.parse_args(argv)

    figure = Figure((9, 5.5), layout="constrained")
    panels = figure.subplots(2, 2, width_ratios=(3, 1))
    rates = {}
    for (title, kind), (raster, irregular) in zip(MODELS.items(), panels, strict=True):
        model = kind()
        seconds = 0.8 if options.quick else 2.2
        run = comparison.run(model, seconds, seed=SEED, threads=options.threads)
        shown = comparison.together(comparison.after(run, 0.0, 0.5)).select(range(0, model.n, 20))
        raster.plot(shown.times(model.dt), shown.index, "k.", markersize=1)
        raster.set_ylabel("neuron (200 of 4,000)")
        trains = comparison.together(comparison.after(run, 0.2))
        values = cv(trains)
        rates[title] = mean_rates(trains, model.dt).mean()
        raster.set_title(f"{title}: {rates[title]:.1f} Hz")
        # A neuron with fewer than two intervals has no CV.
        irregular.hist(values[values == values], bins=40, range=(0, 3))
        irregular.set_title("CV of intervals")
        print(f"{title}: {rates[title]:.2f} Hz, mean CV {comparison.mean_cv(trains):.2f}")
    panels[1, 0].set_xlabel("time (s)")
    figure.savefig(options.out, dpi=120)

    print(f"CUBA rate: {rates['CUBA']:.1f} Hz (NEST: 5.7 Hz)")
    return float(rates["CUBA"])


if __name__ == "__main__":
    main()
