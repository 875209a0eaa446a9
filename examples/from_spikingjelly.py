# SPDX-License-Identifier: Apache-2.0
"""Train digits with SpikingJelly, then run the trained net on the Verilog core on a serial port.

python examples/from_spikingjelly.py
python examples/from_spikingjelly.py --quick
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from spikingjelly.activation_based import functional, layer, neuron

import spikesim
from spikesim import convert, nn
from spikesim.data import digits

STEPS = 16


def trained_with_spikingjelly(x: torch.Tensor, y: torch.Tensor, epochs: int) -> torch.nn.Module:
    """Net of SpikingJelly, trained in its own way: all steps at once."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        layer.Linear(64, 64, bias=False), neuron.LIFNode(tau=8.0, decay_input=False),
        layer.Linear(64, 10, bias=False), neuron.LIFNode(tau=8.0, decay_input=False),
    )  # fmt: skip
    functional.set_step_mode(net, "m")
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(96):
            counts = net(nn.encode.rate(x[batch], STEPS)).sum(0)
            loss = torch.nn.functional.cross_entropy(0.5 * counts, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            functional.reset_net(net)
    return net


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few epochs, a few images")
    options = parser.parse_args(argv)
    data = digits(seed=0)
    x, y = torch.from_numpy(data.x_train).flatten(1), torch.from_numpy(data.y_train)
    model = trained_with_spikingjelly(x, y, epochs=3 if options.quick else 20)
    images = slice(40 if options.quick else None)
    spikes = nn.encode.rate(torch.from_numpy(data.x_test[images]).flatten(1), STEPS)

    # board: begin
    net = convert.from_spikingjelly(model)
    network = nn.export(net)
    with spikesim.prepare(network, "virtual") as board:
        found = board.batch({"in": spikes.bool().numpy().transpose(1, 0, 2)}).labels
    # board: end

    with torch.no_grad():
        counts = model(spikes).sum(0)
        same = torch.equal(counts, net(spikes).sum(0))
    truth = data.y_test[images]
    print(f"spike counts of SpikingJelly and of the converted net are equal: {same}")
    print(f"SpikingJelly: {100 * np.mean(counts.argmax(1).numpy() == truth):.1f} %")
    accuracy = float(np.mean(found == truth))
    print(f"on the board: {100 * accuracy:.1f} % of {len(truth)} test images")
    return accuracy if same else 0.0


if __name__ == "__main__":
    main()
