# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim.convert.ann.reading import read  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, RELU = torch.nn.Sequential, torch.nn.ReLU
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)


def trained(net, shift=True):
    """Give batch normalizations statistics, and factors of both signs."""
    dice = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, NORMS):
            for name, low, high in (("running_mean", -1, 1), ("running_var", 0.5, 2)):
                value = getattr(module, name)
                value.copy_(torch.rand(value.shape, generator=dice) * (high - low) + low)
            if module.affine:
                module.weight.data.copy_(torch.randn(module.weight.shape, generator=dice))
                module.bias.data.copy_(torch.randn(module.bias.shape, generator=dice))
            if not shift:
                module.running_mean.zero_()
                module.bias.data.zero_()
    return net.double().eval()


def twice(net, x):
    return net.second(net.conv(net.first(net.conv(x)).relu())).relu()


def conv(n_in=4, n_out=4, **options):
    return torch.nn.Conv2d(n_in, n_out, 3, **options)


NORM = torch.nn.BatchNorm2d
# The net, and whether constants are left of its batch normalization.
NETS = {
    "behind a convolution": (ROW(conv(), NORM(4), RELU()), False),
    "without a bias": (ROW(conv(bias=False), NORM(4), RELU()), False),
    "without factors": (ROW(conv(), NORM(4, affine=False), RELU()), False),
    "depthwise": (ROW(conv(groups=4, padding=1), NORM(4), RELU()), False),
    "behind an activation": (ROW(RELU(), NORM(4), conv()), False),
    "before groups": (ROW(RELU(), NORM(4), conv(4, 6, groups=2)), False),
    "before a padding": (ROW(RELU(), NORM(4), conv(padding=1)), True),
    "before a same padding": (ROW(RELU(), NORM(4), conv(padding="same")), True),
    "between activations": (ROW(RELU(), NORM(4), RELU()), True),
    "at the input": (ROW(NORM(4), RELU(), conv()), True),
    "dense": (
        ROW(torch.nn.Flatten(), torch.nn.Linear(144, 5), torch.nn.BatchNorm1d(5), RELU()), False,
    ),
    "before dense": (
        ROW(torch.nn.Flatten(), RELU(), torch.nn.BatchNorm1d(144), torch.nn.Linear(144, 5)), False,
    ),
    "dense on rows": (  # four rows are the channels, not the six values that Linear gives
        ROW(torch.nn.Flatten(2), torch.nn.Linear(36, 4), torch.nn.BatchNorm1d(4), RELU()), True,
    ),
    "before dense on rows": (
        ROW(torch.nn.Flatten(2), RELU(), torch.nn.BatchNorm1d(4), torch.nn.Linear(36, 4)), True,
    ),
    "one dimension": (
        ROW(torch.nn.Flatten(2), torch.nn.Conv1d(4, 5, 3), torch.nn.BatchNorm1d(5), RELU()), False,
    ),
    "one convolution, two norms": (
        Net(twice, conv=conv(padding=1), first=NORM(4), second=NORM(4)), False,
    ),
    "of what is used twice": (
        Net(lambda net, x: (y := net.conv(x)) + net.norm(y).relu(), conv=conv(), norm=NORM(4)),
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("net", "left"), NETS.values(), ids=NETS)
def test_batch_normalization_is_folded_where_the_function_stays(net, left):
    net, x = trained(net), torch.randn(3, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    found = read(net, x.double()).module
    # Two orders of a product of a hundred terms in float64.
    assert torch.allclose(net(x.double()), found(x.double()), rtol=0.0, atol=1e-11)
    assert not any(isinstance(module, NORMS) for module in found.modules())
    assert left == any(node.target is torch.mul for node in found.graph.nodes)


def test_a_norm_without_a_shift_goes_into_a_padded_convolution():
    net = trained(ROW(RELU(), NORM(4), conv(padding=1)), shift=False)
    x = torch.randn(3, 4, 6, 6, generator=torch.Generator().manual_seed(1)).double()
    found = read(net, x).module
    assert torch.allclose(net(x), found(x), rtol=0.0, atol=1e-11)
    assert not any(node.target is torch.mul for node in found.graph.nodes)
