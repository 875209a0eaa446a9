# SPDX-License-Identifier: Apache-2.0
"""The cortical microcircuit (Potjans & Diesmann 2014): a tenth of it, or with --scale 1 all."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim.analysis import mean_rates
from spikesim.models import comparison
from spikesim.models.potjans_diesmann import PotjansDiesmann
from spikesim.models.potjans_diesmann_data import POPULATIONS, RATES_HZ

SEED = 1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--scale", type=float, default=0.1, help="1 takes 1.4 GB and a minute")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="microcircuit.png", help="where the picture goes")
    options = parser.parse_args(argv)

    model = PotjansDiesmann(scale=options.scale)
    print(f"{sum(model.sizes.values())} neurons, {model.n_synapses} synapses")
    seconds = 0.6 if options.quick else 1.1
    run = comparison.run(model, seconds, seed=SEED, threads=options.threads)
    trains = comparison.after(run, 0.1)
    rates = np.array([mean_rates(trains[name], model.dt).mean() for name in POPULATIONS])

    figure = Figure((9, 5.5), layout="constrained")
    raster, bars = figure.subplots(1, 2, width_ratios=(3, 1))
    first, centers = 0, []
    for k, name in enumerate(POPULATIONS):
        start = trains[name].start
        train = trains[name].window(start, start + round(0.3 / model.dt))
        # The same part of every population, so that heights compare.
        part = train.select(range(0, train.n, max(1, round(40 * model.scale))))
        raster.plot(
            part.times(model.dt), first + part.index, ".", markersize=1.5,
            color="tab:red" if k % 2 else "tab:blue",
        )  # fmt: skip
        centers.append(first + part.n / 2)
        first += part.n
    raster.set_yticks(centers, POPULATIONS)
    raster.invert_yaxis()
    raster.set_xlabel("time (s)")
    raster.set_title(f"microcircuit, scale {model.scale:g}")
    where = np.arange(len(POPULATIONS))
    bars.barh(where - 0.2, rates, 0.4, label="here")
    bars.barh(where + 0.2, RATES_HZ, 0.4, color="lightgray", label="published, full scale")
    bars.set_yticks(where, POPULATIONS)
    bars.invert_yaxis()
    bars.set_xlabel("rate (Hz)")
    bars.legend(fontsize=8)
    figure.savefig(options.out, dpi=120)

    for name, hz, published in zip(POPULATIONS, rates, RATES_HZ, strict=True):
        print(f"{name:5} {hz:6.3f} Hz   published at full scale {published:6.3f} Hz")
    deviation = float(np.abs(rates / RATES_HZ - 1).max())
    print(f"largest deviation from the published rates: {100 * deviation:.0f} %")
    return deviation


if __name__ == "__main__":
    main()
