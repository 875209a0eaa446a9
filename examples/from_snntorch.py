# SPDX-License-Identifier: Apache-2.0
"""Train digits with snnTorch, then run the trained net on the Verilog core behind a serial port.

python examples/from_snntorch.py
python examples/from_snntorch.py --quick
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import snntorch as snn
import torch
from snntorch import utils

import spikesim
from spikesim import convert, nn
from spikesim.data import digits

STEPS = 16


def trained_with_snntorch(x: torch.Tensor, y: torch.Tensor, epochs: int) -> torch.nn.Module:
    """Net of snnTorch, trained in its own way: a loop over ticks and epochs."""
    torch.manual_seed(0)
    hidden = {"beta": 0.9375, "init_hidden": True}
    net = torch.nn.Sequential(
        torch.nn.Linear(64, 64, bias=False), snn.Leaky(**hidden),
        torch.nn.Linear(64, 10, bias=False), snn.Leaky(**hidden, output=True),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(96):
            utils.reset(net)
            counts = sum(net(tick)[0] for tick in nn.encode.rate(x[batch], STEPS))
            loss = torch.nn.functional.cross_entropy(0.5 * counts, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few epochs, a few images")
    options = parser.parse_args(argv)
    data = digits(seed=0)
    x, y = torch.from_numpy(data.x_train).flatten(1), torch.from_numpy(data.y_train)
    model = trained_with_snntorch(x, y, epochs=3 if options.quick else 20)
    images = slice(40 if options.quick else None)
    spikes = nn.encode.rate(torch.from_numpy(data.x_test[images]).flatten(1), STEPS)

    # board: begin
    net = convert.from_snntorch(model)
    network = nn.export(net)
    with spikesim.prepare(network, "virtual") as board:
        found = board.batch({"in": spikes.bool().numpy().transpose(1, 0, 2)}).labels
    # board: end

    with torch.no_grad():
        utils.reset(model)
        counts = sum(model(tick)[0] for tick in spikes)
        same = torch.equal(counts, net(spikes).sum(0))
    truth = data.y_test[images]
    print(f"spike counts of snnTorch and of the converted net are equal: {same}")
    print(f"snnTorch: {100 * np.mean(counts.argmax(1).numpy() == truth):.1f} %")
    accuracy = float(np.mean(found == truth))
    print(f"on the board: {100 * accuracy:.1f} % of {len(truth)} test images")
    return accuracy if same else 0.0


if __name__ == "__main__":
    main()
