# SPDX-License-Identifier: Apache-2.0
"""STDP pushes weights to both ends and holds the output rate (Song, Miller & Abbott 2000)."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim.models.song_miller_abbott import SongMillerAbbott, follows, learn

SEED = 1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rates, 200 s each")
    parser.add_argument("--out", default="song_stdp.png", help="where the picture goes")
    options = parser.parse_args(argv)

    rates = (20.0, 40.0) if options.quick else (10.0, 15.0, 20.0, 30.0, 40.0)
    seconds = 200.0 if options.quick else 1000.0
    figure = Figure((11, 3.6), layout="constrained")
    weights, course, balance = figure.subplots(1, 3)
    late, early = [], []
    for rate in rates:
        outcome = learn(SongMillerAbbott(rate_exc=rate), seconds, seed=SEED)
        numbers = outcome.numbers()
        print(f"input {rate:g} Hz: " + ", ".join(f"{k} {v:.3g}" for k, v in numbers.items()))
        weights.hist(outcome.weights, np.linspace(0, 1, 31), histtype="step", label=f"{rate:g} Hz")
        course.plot((np.arange(10) + 0.5) * seconds / 10, outcome.rates_hz, label=f"{rate:g} Hz")
        late.append(outcome.rate_hz)
        # With weights that stay as they were drawn.
        frozen = SongMillerAbbott(rate_exc=rate, a_plus=1e-9)
        early.append(learn(frozen, 10.0, seed=SEED).rates_hz.mean())

    weights.set_xlabel("weight, part of the largest")
    weights.set_ylabel("synapses")
    weights.legend(title="input")
    course.set_xlabel("time (s)")
    course.set_ylabel("output (Hz)")
    course.set_yscale("log")
    balance.loglog(rates, early, "o--", color="gray", label="weights as drawn")
    balance.loglog(rates, late, "ko-", label="after learning")
    balance.set_xlabel("input (Hz)")
    balance.set_ylabel("output (Hz)")
    balance.legend()
    figure.savefig(options.out, dpi=120)

    slope = follows(rates, late)
    print(f"slope of log output over log input, {follows(rates, early):.1f} before: {slope:.2f}")
    return slope


if __name__ == "__main__":
    main()
