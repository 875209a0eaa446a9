# SPDX-License-Identifier: Apache-2.0
"""Convolutions of spikes are exported by their kernels, and drive what they drive in the net.

All numbers are multiples of 1/64 and small, so that neither float32 nor any sum rounds.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.network import Convolution, Network  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

F, SHAPE = torch.nn.functional, (2, 6, 5)


def quarters(net, seed=0):
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randint(-3, 4, parameter.shape, generator=rng) / 4.0)
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.running_mean.copy_(
                    torch.randint(-3, 4, module.running_mean.shape, generator=rng) / 4.0
                )
                module.running_var.fill_(4.0)
                module.eps = 0.0
    return net.eval()


def conv(n_in=2, n_out=4, k=3, padding=1, **options):
    return torch.nn.Conv2d(n_in, n_out, k, padding=padding, **options)


def norm(n):
    return torch.nn.BatchNorm2d(n)


def row(*layers):
    return lambda: torch.nn.Sequential(*layers)


def fun(forward, **parts):
    return lambda: Net(forward, **parts)


#: A net from (2, 6, 5) to what drives the neurons, and the kernel that its synapses keep.
KEPT = {
    "convolution": (row(conv()), (4, 2, 3, 3)),
    "without bias": (row(conv(bias=False)), (4, 2, 3, 3)),
    "groups": (row(conv(groups=2)), (4, 1, 3, 3)),
    "strides and dilations": (
        row(conv(k=(3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2))),
        (4, 2, 3, 2),
    ),
    "same": (row(conv(padding="same", dilation=2)), (4, 2, 3, 3)),
    "valid": (row(conv(padding="valid")), (4, 2, 3, 3)),
    "one dimension": (
        row(torch.nn.Conv1d(2, 3, 4, stride=2, padding=2), torch.nn.AvgPool1d(1)), (3, 2, 4),
    ),
    "norm behind": (row(conv(), norm(4)), (4, 2, 3, 3)),
    "norm before": (row(norm(2), conv()), (4, 2, 3, 3)),
    "norm of the input": (row(norm(2)), (2, 1, 1, 1)),
    "depthwise, norm, pointwise": (
        row(conv(2, 2, groups=2), norm(2), conv(2, 3, 1, 0)), (3, 2, 3, 3),
    ),
    "pointwise, depthwise": (row(conv(2, 4, 1, 0), conv(4, 4, groups=4)), (4, 2, 3, 3)),
    "strided pointwise behind": (row(conv(), conv(4, 2, 1, 0, stride=2)), (2, 2, 3, 3)),
    "strided pointwise before": (row(conv(2, 4, 1, 0, stride=2), conv(4, 2)), (2, 2, 3, 3)),
    "average": (row(torch.nn.AvgPool2d(2)), (2, 1, 2, 2)),
    "average function": (fun(lambda net, x: F.avg_pool2d(x, (2, 1), padding=(1, 0))), (2, 1, 2, 1)),
    "adaptive average": (row(torch.nn.AdaptiveAvgPool2d((3, None))), (2, 1, 2, 1)),
    "adaptive average function": (
        fun(lambda net, x: F.adaptive_avg_pool2d(x, (3, None))), (2, 1, 2, 1),
    ),
    "convolution function": (
        fun(lambda net, x: F.conv2d(x, net.a.weight, net.a.bias, 2, padding=(0, 1), groups=2),
            a=conv(groups=2)),
        (4, 1, 3, 3),
    ),
    "convolution function that keeps the size": (
        fun(lambda net, x: F.conv2d(x, net.a.weight, padding="same", dilation=2), a=conv()),
        (4, 2, 3, 3),
    ),
    "one dimension, function": (
        fun(lambda net, x: F.conv1d(x, net.a.weight, None, (3,), 1),
            a=torch.nn.Conv1d(2, 3, 4)),
        (3, 2, 4),
    ),
    "average behind": (row(conv(), torch.nn.AvgPool2d(2)), (4, 2, 4, 4)),
    "average before": (row(torch.nn.AvgPool2d((2, 1)), conv()), (4, 2, 6, 3)),
    "average of a part before": (
        row(torch.nn.AvgPool2d(2), conv(k=2, padding=0)), (4, 2, 4, 4),
    ),
    "average of an average": (row(torch.nn.AvgPool2d(2), torch.nn.AvgPool2d((1, 2))), (2, 1, 2, 4)),
    "windows without padding": (row(conv(), conv(4, 2, padding=0)), (2, 2, 5, 5)),
    "average of a pointwise": (row(conv(2, 3, 1, 0), torch.nn.AvgPool2d(2)), (3, 2, 2, 2)),
    "product": (
        fun(lambda net, x: -0.5 * net.a(x) * torch.tensor([1.0, 2.0, 0.5, 0.25]).view(4, 1, 1),
            a=conv()),
        (4, 2, 3, 3),
    ),
    "sum with its input": (fun(lambda net, x: net.a(x) + x, a=conv(2, 2, groups=2)), (2, 1, 3, 3)),
    "sum of other windows": (
        fun(lambda net, x: net.a(x) - net.b(x), a=conv(k=3), b=conv(k=5, padding=2)), (4, 2, 5, 5),
    ),
    "sum of strided": (
        fun(lambda net, x: net.a(x) + net.b(x), a=conv(stride=2), b=conv(k=1, padding=0, stride=2)),
        (4, 2, 3, 3),
    ),
    "concatenation of windows": (
        fun(lambda net, x: torch.cat([net.a(x), x, net.b(x)], 1), a=conv(), b=conv(2, 1, 1, 0)),
        (7, 2, 3, 3),
    ),
    "convolution of a concatenation": (
        fun(lambda net, x: net.b(torch.cat([x, net.a(x)], 1)), a=conv(2, 2, 1, 0), b=conv(4, 3)),
        (3, 2, 3, 3),
    ),
    "channels": (fun(lambda net, x: net.a(x)[:, [3, 0]], a=conv(groups=2)), (2, 2, 3, 3)),
    "convolution of a channel": (fun(lambda net, x: net.a(x[:, 1:]), a=conv(1)), (4, 2, 3, 3)),
    "flat neurons": (row(conv(), torch.nn.Flatten()), (4, 2, 3, 3)),
    "dropout": (row(torch.nn.Dropout(), conv(), torch.nn.Dropout2d()), (4, 2, 3, 3)),
}  # fmt: skip
#: What is no single kernel becomes a matrix.
DENSE = {
    "two windows": row(conv(), conv(4, 2)),
    "average of a part": row(torch.nn.AvgPool2d(2), conv()),
    "circular": row(conv(padding_mode="circular")),
    "same by half": row(conv(k=2, padding="same")),
    "average of what is there": row(torch.nn.AvgPool2d(2, padding=1, count_include_pad=False)),
    "average up to the end": row(torch.nn.AvgPool2d(2, ceil_mode=True)),
    "other divisor": row(torch.nn.AvgPool2d(2, divisor_override=1)),
    "other divisor, function": fun(lambda net, x: F.avg_pool2d(x, 2, divisor_override=1)),
    "uneven average": row(torch.nn.AdaptiveAvgPool2d(4)),
    "axes apart": fun(lambda net, x: torch.cat([net.a(x), x], 2), a=conv(2, 2)),
    "each by itself": fun(
        lambda net, x: net.a(x) * (torch.arange(30.0).reshape(1, 6, 5) / 4.0), a=conv()
    ),
    "other axes": row(conv(), torch.nn.Flatten(), torch.nn.Unflatten(1, (8, 15))),
    "same by half, function": fun(
        lambda net, x: F.conv2d(x, net.a.weight, net.a.bias, padding="same"), a=conv(k=2)
    ),
    "convolution function of three axes": fun(
        lambda net, x: F.conv3d(x[:, None], net.a.weight, net.a.bias, (1, 2, 1)),
        a=torch.nn.Conv3d(1, 2, 2),
    ),
    "three dimensions": row(
        torch.nn.Unflatten(1, (1, 2)), torch.nn.Conv3d(1, 2, 2, padding=1)
    ),
}  # fmt: skip


def exported(make, tmp_path, shape=SHAPE):
    """The only projection of a net onto neurons; the drive is seen to be that in the net."""
    net = quarters(make())
    x = torch.randint(0, 2, (4, *shape), generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        drive = net.double()(x)
    whole = torch.nn.Sequential(net.float(), nn.LIFLayer(drive.shape[1:]))
    network = nn.export(whole, input_shape=shape)
    network.save(tmp_path / "net")
    (projection,) = Network.load(tmp_path / "net").projections.values()
    found = x.flatten(1).numpy() @ projection.rows.to_dense().astype(float)
    found = found + network.populations["layer0"].neuron.bias
    assert drive.any()
    np.testing.assert_array_equal(drive.flatten(1).numpy(), found)
    return projection


@pytest.mark.parametrize("name", KEPT)
def test_a_convolution_stays_its_kernel(name, tmp_path):
    make, shape = KEPT[name]
    projection = exported(make, tmp_path, (2, 30) if "one dimension" in name else SHAPE)
    assert isinstance(projection.synapses.rule, Convolution)
    assert shape == projection.synapses.rule.kernel.shape


@pytest.mark.parametrize("name", DENSE)
def test_what_is_no_kernel_is_a_matrix(name, tmp_path):
    assert not hasattr(exported(DENSE[name], tmp_path).synapses, "rule")


def test_every_source_of_a_sum_has_the_kernel():
    net = Net(
        lambda net, x: net.c(net.conv(net.a(x) + net.b(x))),
        a=nn.LIFLayer(SHAPE), b=nn.LIFLayer(SHAPE), conv=conv(), c=nn.LIFLayer((4, 6, 5)),
    )  # fmt: skip
    network = nn.export(net)
    first, second = network.incoming("layer2")
    assert first.synapses.rule == second.synapses.rule
    assert (net.conv.weight.detach().numpy() == first.synapses.rule.kernel).all()
    assert "Convolution" in repr(first)
    assert 2 == network.summary().count(", Convolution(4 x 2 x 3 x 3, size=(6, 5), ")


def test_a_file_holds_kernels_only(tmp_path):
    net = torch.nn.Sequential(
        conv(2, 8), nn.LIFLayer((8, 32, 32)), conv(8, 4), nn.LIFLayer((4, 32, 32))
    )
    network = nn.export(net, input_shape=(2, 32, 32))
    network.save(tmp_path / "net")
    assert network.n_synapses > 400_000
    # Kernels and a bias per neuron in float64, before they are compressed.
    assert (tmp_path / "net").stat().st_size < 4 * (8 * 2 + 4 * 8) * 9 + 8 * 12 * 32 * 32


def test_neurons_of_other_axes_are_reached_by_a_matrix():
    net = torch.nn.Sequential(
        nn.LIFLayer((4, 15)), torch.nn.Flatten(), torch.nn.Unflatten(1, SHAPE), conv(),
        nn.LIFLayer((4, 6, 5)),
    )  # fmt: skip
    (_, projection) = nn.export(net).projections.values()
    expected = nn.export(net[3:], input_shape=SHAPE).projections["in->layer0"]
    assert (expected.rows.to_dense() == projection.rows.to_dense()).all()


@pytest.mark.parametrize("shape", [(3, 6, 5), (2, 30)])
def test_input_of_other_channels_or_axes_is_refused(shape):
    with pytest.raises(ValidationError, match=r"2 channels and 2 axes"):
        nn.export(torch.nn.Sequential(conv(), nn.LIFLayer((4, 6, 5))), input_shape=shape)
