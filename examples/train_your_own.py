# SPDX-License-Identifier: Apache-2.0
"""Train a spiking net on digits, and run it on the integer core and its model.

python examples/train_your_own.py
python examples/train_your_own.py --epochs 2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

import spikesim
from spikesim import nn
from spikesim.data import digits


def encode(images: torch.Tensor) -> torch.Tensor:
    return nn.encode.rate(images.flatten(1), steps=16)  # the brighter, the more spikes


def main(argv: Sequence[str] | None = None) -> tuple[float, bool]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args(argv)
    data = digits(seed=0)

    # readme: begin
    torch.manual_seed(0)
    net = nn.SpikingNet(
        nn.Linear(64, 100, scale=2.0),
        nn.LIFLayer(100, beta=0.9375, reset="soft"),
        nn.Linear(100, 10, scale=2.0),
        nn.LIFLayer(10, beta=0.9375, reset="soft"),
    )
    integers = nn.IntegerNet(net)  # 8-bit weights in the loop; the parameters are those of net
    x, y = data.x_train, data.y_train
    history = nn.fit(integers, x, y, encode=encode, epochs=options.epochs, validation=0.1)
    network = nn.export(net)  # the same spikes in every engine
    # readme: end

    print(history)
    accuracy = nn.accuracy(integers, data.x_test, data.y_test, encode=encode)
    print(f"held-out images: {100 * accuracy:.1f} %")
    spikes = encode(torch.from_numpy(data.x_test[:1]))
    with torch.no_grad():
        expected = integers(spikes).sum(0)[0].int().tolist()
    # One tick more, since the output layer starts a tick after the first.
    raster = torch.nn.functional.pad(spikes[:, 0], (0, 0, 0, 1)).bool().numpy()
    run = spikesim.run(network, {"in": raster}, len(raster), engine="golden")
    counts = run.counts("layer1").tolist()
    print(f"first image: {counts} spikes on the golden model, {expected} in training")
    return accuracy, counts == expected


if __name__ == "__main__":
    main()
