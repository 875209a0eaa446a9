# SPDX-License-Identifier: Apache-2.0
"""Train 64-160-10 on the 8x8 digits and compare float neurons with the core's integers.

python examples/train_digits.py --seeds 5
python examples/train_digits.py --quick
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikesim import nn


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many splits and trainings")
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    options = parser.parse_args(argv)
    recipe = nn.recipes.DIGITS
    if options.quick:
        recipe = replace(recipe, epochs=8, integer_epochs=2)
    results = []
    for seed in range(options.seeds):
        trained = nn.recipes.digits(seed, recipe=recipe)
        results.append((100 * trained.accuracy_float, 100 * trained.accuracy_quantized))
        print(
            f"seed {seed}: float {results[-1][0]:.2f} %, integers {results[-1][1]:.2f} % "
            f"of {len(trained.split.y_test)} test images, {trained.seconds:.1f} s"
        )
    print(trained.network().summary())
    mean = np.mean(results, axis=0)
    print(f"mean of {options.seeds}: float {mean[0]:.2f} %, integers {mean[1]:.2f} %")
    return float(mean[1])


if __name__ == "__main__":
    main()
