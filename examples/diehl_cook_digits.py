# SPDX-License-Identifier: Apache-2.0
"""A network that learns to tell digits apart without labels (Diehl & Cook 2015)."""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
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
    figure = Figure((12, 6.2), layout="constrained")
    places: dict[str, Axes] = figure.subplot_mosaic(
        [["fields", "curve"], ["fields", "confusion"]], width_ratios=(5, 4), height_ratios=(1, 2)
    )
    curve, confusion = places["curve"], places["confusion"]
    draw_fields(places["fields"], weights, shape, result.assigned)

    at, share = zip(*history, strict=True)
    curve.plot(at, 100 * np.array(share), "k.-", label="training images, before learned from")
    test = f"test images, at the end: {100 * result.accuracy:.1f} %"
    curve.axhline(100 * result.accuracy, linestyle="--", label=test)
    curve.set(xlabel="training images", ylabel="told apart (%)", ylim=(0, 100))
    curve.legend(loc="lower right", fontsize="small")

    percent = 100 * result.confusion / result.confusion.sum(axis=1, keepdims=True)
    confusion.imshow(percent, cmap="Greys", vmin=0, vmax=100)
    for (true, told), value in np.ndenumerate(percent):
        if value >= 0.5:
            color = "white" if value > 50 else "black"
            confusion.text(told, true, f"{value:.0f}", ha="center", va="center", color=color)
    confusion.set(xlabel="answer", ylabel="test image", title="% of the test images of a digit")
    confusion.set(xticks=range(10), yticks=range(10))
    figure.savefig(path, dpi=120)


def draw_fields(axes, weights, shape, assigned) -> None:
    """Weights onto each neuron, neurons sorted by the digit they are named for."""
    height, width = shape[0] + 1, shape[1] + 1
    across = int(np.ceil(np.sqrt(weights.shape[1])))
    sheet = np.full((-(-weights.shape[1] // across) * height, across * width), np.nan)
    for place, neuron in enumerate(np.argsort(assigned, kind="stable")):
        top, left = place // across * height, place % across * width
        # Strong where few pixels are bright: scaled so that a 0 is seen as well as a 1.
        field = weights[:, neuron].reshape(shape) / weights[:, neuron].max()
        sheet[top : top + shape[0], left : left + shape[1]] = field
        name = str(assigned[neuron]) if assigned[neuron] >= 0 else "-"
        axes.text(left, top, name, va="top", color="white", fontsize=80 / across)
    axes.imshow(sheet, cmap="viridis", interpolation="nearest")
    axes.set_axis_off()
    axes.set_title("weights onto each neuron (part of its largest), and its label")


if __name__ == "__main__":
    main()
