# SPDX-License-Identifier: Apache-2.0
"""A network that learns to tell digits apart without labels (Diehl & Cook 2015)."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spikesim.data import digits, mnist
from spikesim.models.diehl_cook import DigitNetwork, Training, evaluate

SEED = 1


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images, seconds")
    parser.add_argument("--n", type=int, default=100, help="neurons that learn")
    parser.add_argument("--images", type=int, default=20_000, help="MNIST images to learn from")
    parser.add_argument("--rule", default="exponential")
    parser.add_argument("--data", help="folder with MNIST")
    parser.add_argument("--out", default="diehl_cook_digits.png", help="where the picture goes")
    options = parser.parse_args(argv)

    if options.quick:
        # 8x8 pixels, brighter ones: a sum of 20 excites as much as 78 over 28x28.
        data, n_images, labelled = digits(seed=SEED), 1400, 600
        model = DigitNetwork(n=40, n_in=64, norm=20.0, rule=options.rule)
    else:
        data, n_images, labelled = mnist(options.data), options.images, 10_000
        model = DigitNetwork(n=options.n, rule=options.rule)

    training = Training(
        model, data.x_train, data.y_train, seed=SEED, block=200 if options.quick else 1000
    )
    training.run(n_images, progress=lambda at, share: print(f"{at:6} images: {100 * share:.0f} %"))
    learned = training.learned()
    # Labels come from training images; the network has seen no test image.
    known = data.x_train[:labelled], data.y_train[:labelled]
    result = evaluate(model, learned, known, (data.x_test, data.y_test), seed=SEED)

    draw(learned.weights, data.x_train.shape[1:], training.history, result, options.out)
    print(f"accuracy on {len(data.y_test)} test images: {100 * result.accuracy:.1f} %")
    return result.accuracy


def draw(weights, shape, history, result, path) -> None:
    figure = Figure((11, 5.5), layout="constrained")
    fields, side = figure.subplots(1, 2, width_ratios=(1.2, 1))
    n = weights.shape[1]
    across = int(np.ceil(np.sqrt(n)))
    order = np.argsort(result.assigned, kind="stable")
    sheet = np.full((-(-n // across) * (shape[0] + 1), across * (shape[1] + 1)), np.nan)
    for place, neuron in enumerate(order):
        top, left = place // across * (shape[0] + 1), place % across * (shape[1] + 1)
        field = weights[:, neuron].reshape(shape)
        sheet[top : top + shape[0], left : left + shape[1]] = field
    image = fields.imshow(sheet, cmap="viridis")
    fields.set_axis_off()
    fields.set_title("what each neuron answers to, sorted by its label")
    figure.colorbar(image, ax=fields, label="weight", shrink=0.7)
    at, share = zip(*history, strict=True)
    side.plot(at, 100 * np.array(share), "k.-", label="images not yet learned from")
    side.axhline(100 * result.accuracy, linestyle="--", label="test images, at the end")
    side.set_xlabel("training images")
    side.set_ylabel("told apart (%)")
    side.set_ylim(0, 100)
    side.legend(loc="lower right")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
