# SPDX-License-Identifier: Apache-2.0
"""Spike counts against quantized activations, layer by layer, for every kind of net with QCFS.

What the neurons count is told by a loop over ticks in float64; what the report says of it is
compared with that loop.
"""

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.convert.ann.conversion import convert  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, LINEAR = torch.nn.Sequential, torch.nn.Linear
T = 4
pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def conv(n_in, n_out, **options):
    return torch.nn.Conv2d(n_in, n_out, 3, padding=1, **options)


def skip(net, x):
    y = net.act(net.first(x))
    return net.head(net.act2(net.second(y) + net.short(y)))


def shared(net, x):
    """One activation behind three convolutions, of which two see the input."""
    both = net.act(net.first(x)) + net.act(net.short(x))
    return net.head(net.act(net.second(both)))


def head():
    return ROW(torch.nn.AvgPool2d(2), torch.nn.Flatten(), LINEAR(16, 3))


def qcfs():
    return nn.QCFS(T, 0.5)


def wide(net):
    """Let activations go through all of their levels."""
    for p in net.parameters():
        p.data *= 3.0 if p.ndim > 1 else 1.0
    return net.eval()


NETS = {
    "dense": lambda: ROW(torch.nn.Flatten(), LINEAR(16, 8), qcfs(), LINEAR(8, 8), qcfs()),
    "conv": lambda: ROW(conv(1, 4), qcfs(), conv(4, 4, groups=4), qcfs(), head()),
    "pooled": lambda: ROW(
        conv(1, 4), torch.nn.BatchNorm2d(4), qcfs(), torch.nn.MaxPool2d(2), conv(4, 4), qcfs(),
        torch.nn.Flatten(), LINEAR(16, 3),
    ),
    "skip": lambda: Net(
        skip, first=conv(1, 4), second=conv(4, 4), short=conv(4, 4), act=qcfs(), act2=qcfs(),
        head=head(),
    ),
    "shared": lambda: Net(
        shared, first=conv(1, 4), second=conv(4, 4), short=conv(1, 4), act=qcfs(), head=head()
    ),
}  # fmt: skip
FIRST = {"shared": 2}
"""Activations that see the input alone, where it is not one."""


def counted(drive, threshold):
    """Count spikes of neurons that start at half their threshold, given their input by tick."""
    v, n = torch.full_like(drive[0], threshold / 2), torch.zeros_like(drive[0])
    for given in drive:
        v = v + given
        spike = v >= threshold
        n, v = n + spike, v - threshold * spike
    return n


@pytest.mark.parametrize("name", NETS)
def test_counts_are_quantized_activations_where_input_comes_evenly(name):
    torch.manual_seed(0)
    ann = wide(NETS[name]()).double()
    x = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = convert(ann, x, correct=False)
    layers, n_first = made.report.layers, FIRST.get(name, 1)
    drives, wanted = {layer.path: [] for layer in layers}, []
    for path, seen in drives.items():
        made.net.get_submodule(path).register_forward_hook(
            lambda module, given, out, seen=seen: seen.append(given[0])
        )
    for module in ann.modules():
        if isinstance(module, nn.QCFS):
            module.register_forward_hook(lambda module, given, out: wanted.append(out))
    with torch.no_grad():
        nn.run(made.net, x.expand(T, *x.shape))
        ann(x)
    assert T == made.steps
    assert len(wanted) == len(layers) == len(drives)
    for k, (layer, activation) in enumerate(zip(layers, wanted, strict=True)):
        counts = counted(drives[layer.path], 0.5)
        same = (counts == (activation * T / 0.5).round()).double().mean()
        assert float(same) == pytest.approx(layer.exact)
        if k < n_first:
            assert layer.exact == 1.0
            assert {0.0, 0.125, 0.25, 0.375, 0.5} == set(activation.unique().tolist())
        else:
            assert 0.5 < layer.exact < 1.0


def test_a_second_run_makes_counts_exact_that_were_not():
    torch.manual_seed(0)
    ann, x = wide(NETS["conv"]()), torch.rand(40, 1, 4, 4)
    once, twice = (convert(ann, x, correct=False, refine=how) for how in (None, "offset"))
    assert once.report.layers[1].exact < twice.report.layers[1].exact
