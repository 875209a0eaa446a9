# SPDX-License-Identifier: Apache-2.0
"""What the net makes of values in a tick is what its exported sum makes of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.graph.linear import linear_map  # noqa: E402
from spikesim.nn.graph.spikemap import SpikeMap  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

F = torch.nn.functional
SHAPE = (2, 4)
#: Everything is a multiple of 1/16 here, so that float32 holds every weight.
CALLS = {
    "sum": lambda net, x: x + torch.add(x, x, alpha=2) + 0.5,
    "python sum": lambda net, x: sum([x, x, 2.0 * x]),
    "difference": lambda net, x: 1.0 - x - torch.sub(x, 2.0, alpha=0.5),
    "method difference": lambda net, x: x.mul(4.0).sub(x, alpha=2),
    "quotient": lambda net, x: -(x / 4.0) - torch.div(x, 2.0),
    "negative": lambda net, x: torch.neg(x) + x.neg(),
    "constant per neuron": lambda net, x: x * torch.tensor([[1.0], [0.5]]) + torch.arange(4.0),
    "shape": lambda net, x: x.reshape(x.shape[0], -1) + x.view(x.size(0), x.shape[1] * 4),
    "shape from behind": lambda net, x: torch.reshape(x, (-1, 8)),
    "flatten": lambda net, x: torch.flatten(x, 1) + x.flatten(start_dim=-2),
    "unflatten": lambda net, x: net.part(x.flatten(1)),
    "selection": lambda net, x: x[:, 1] + x[..., 1, :],
    "reversed": lambda net, x: x[:, [1, 0], 1:],
    "cat": lambda net, x: torch.cat([x, x[:, :1], 0.5 * x], dim=-2),
    "concat": lambda net, x: torch.concat((x, x), 2),
    "dropout": lambda net, x: F.dropout(net.part(x), 0.5, net.training),
    "pool": lambda net, x: F.avg_pool1d(x, 2),
    "pool module": lambda net, x: net.part(x),
    "strided convolution": lambda net, x: net.part(x),
    "linear": lambda net, x: F.linear(x.flatten(1), net.part.weight, net.part.bias),
    "norm": lambda net, x: net.part(x),
    "plain norm": lambda net, x: net.part(x),
}
PARTS = {
    "unflatten": lambda: torch.nn.Unflatten(1, (4, 2)),
    "dropout": torch.nn.Dropout,
    "pool module": lambda: torch.nn.AvgPool1d(2, stride=1, padding=1, count_include_pad=False),
    "strided convolution": lambda: torch.nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
    "linear": lambda: torch.nn.Linear(8, 3),
    "norm": lambda: torch.nn.BatchNorm1d(2, eps=0.0),
    "plain norm": lambda: torch.nn.BatchNorm1d(2, eps=0.0, affine=False),
}


def part_of(name):
    torch.manual_seed(0)
    part = PARTS.get(name, torch.nn.Identity)()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.copy_(torch.randint(-4, 5, parameter.shape) / 4.0)
        for key, buffer in part.named_buffers():
            buffer.copy_(torch.randint(-4, 5, buffer.shape) / 4.0 if key == "running_mean" else 4.0)
    return part


@pytest.mark.parametrize("name", CALLS)
def test_the_drive_of_neurons_is_what_the_net_computes(name):
    net = Net(CALLS[name], part=part_of(name)).eval()
    x = torch.randint(0, 2, (5, *SHAPE), generator=torch.manual_seed(1)).double()
    drive = net.double()(x)
    whole = torch.nn.Sequential(net, nn.LIFLayer(drive.shape[1:]))
    network = nn.export(whole, input_shape=SHAPE)
    (projection,) = network.projections.values()
    found = x.flatten(1).numpy() @ projection.rows.to_dense().astype(float)
    found = found + network.populations["layer0"].neuron.bias
    assert drive.any()
    assert (drive.flatten(1).detach().numpy() == found).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (torch.relu, "whose parts do not add up"),
        (torch.nn.MaxPool1d(2), "whose parts do not add up"),
        (torch.nn.Conv1d(2, 2, 1), "makes something of zeros"),
    ],
)
def test_what_is_not_linear_is_no_linear_map(call, text):
    with pytest.raises(ValidationError, match=text):
        linear_map(call, SpikeMap.of("in", SHAPE))


def test_neurons_keep_the_bias_and_the_order_of_their_axes():
    conv = torch.nn.Conv2d(1, 2, 2)
    net = torch.nn.Sequential(conv, nn.LIFLayer((2, 1, 2), bias=[0.5, -0.5]))
    neuron = nn.export(net, input_shape=(1, 2, 3)).populations["layer0"].neuron
    b = conv.bias.detach().double().numpy()
    np.testing.assert_array_equal(np.repeat(b + np.array([0.5, -0.5]), 2), neuron.bias)
