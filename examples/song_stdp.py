# SPDX-License-Identifier: Apache-2.0
"""STDP pushes weights to both ends and holds the output rate (Song, Miller & Abbott 2000)."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from spikesim.models.song_miller_abbott import SongMillerAbbott, follows, learn

SEED = 1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rates, 200 s each")
    parser.add_argument("--out", default="song_stdp.png", help="where the picture goes")
    options = parser.parse_args(argv)

    rates = (20.0, 40.0) if options.quick else (10.0, 15.0, 20.0, 30.0, 40.0)
    seconds = 200.0 if options.quick else 1000.0
    outcomes, early = [], []
    for rate in rates:
        outcomes.append(learn(SongMillerAbbott(rate_exc=rate), seconds, seed=SEED))
        numbers = outcomes[-1].numbers()
        print(f"input {rate:g} Hz: " + ", ".join(f"{k} {v:.3g}" for k, v in numbers.items()))
        # With weights that stay as they were drawn.
        frozen = SongMillerAbbott(rate_exc=rate, a_plus=1e-9)
        early.append(learn(frozen, 10.0, seed=SEED).rates_hz.mean())
    late = [outcome.rate_hz for outcome in outcomes]
    draw(rates, seconds, outcomes, early, late, options.out)

    slope = follows(rates, late)
    print(f"slope of log output over log input, {follows(rates, early):.1f} before: {slope:.2f}")
    return slope


def draw(rates, seconds, outcomes, early, late, path) -> None:
    figure = Figure((12, 3.8), layout="constrained")
    weights, course, balance = figure.subplots(1, 3)
    colors = colormaps["viridis_r"](np.linspace(0.1, 1.0, len(rates)))
    for rate, outcome, color in zip(rates, outcomes, colors, strict=True):
        ordered = np.sort(outcome.weights)
        share = 100 * np.arange(1, ordered.size + 1) / ordered.size
        weights.plot(share, ordered, color=color, label=f"{rate:g} Hz")
        middle = (np.arange(len(outcome.rates_hz)) + 0.5) * seconds / len(outcome.rates_hz)
        course.plot(middle, outcome.rates_hz, color=color, label=f"{rate:g} Hz")

    weights.set(xlabel="synapses, weakest first (%)", ylabel="weight, part of the largest")
    weights.set_title("weights go to both ends")
    weights.legend(title="input")
    course.set(xlabel="time (s)", ylabel="output (Hz)", ylim=(0, None))
    course.set_title("rates come together")
    balance.loglog(rates, early, "o--", color="gray", label="weights as drawn")
    balance.loglog(rates, late, "ko-", label="after learning")
    balance.set_ylim(1, 1000)
    balance.set(xlabel="input (Hz)", ylabel="output (Hz)", title="output hardly follows input")
    balance.set_xticks(rates, [f"{rate:g}" for rate in rates])
    balance.set_xticks([], minor=True)
    balance.yaxis.set_major_formatter("{x:g}")
    balance.yaxis.set_minor_formatter(NullFormatter())
    balance.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
