# SPDX-License-Identifier: Apache-2.0
"""What of an artificial net can be converted, and what is refused."""

import copy
import re

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from spikesim.convert.ann.reading import read  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from spikesim.nn import QCFS, Linear  # noqa: E402
from tests.reference.traced_nets import Net, hooked  # noqa: E402

ROW = torch.nn.Sequential
SHAPE = (3, 4, 4)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(*shape, seed=0):
    return torch.randn(2, *shape, generator=dice(seed), dtype=torch.float64)


def conv(n_in=3, n_out=3, **options):
    return torch.nn.Conv2d(n_in, n_out, 3, padding=1, **options)


def reused(net, x):
    """One activation, and one convolution, in three places."""
    for _ in range(3):
        x = net.act(net.conv(x))
    return x


def written(net, x):
    """A sum and an activation that write into what a skip reads again."""
    y = net.conv(x)
    skip = y
    torch.relu_(y)
    z = net.other(y)
    z += skip
    return z.relu_() + skip


def written_by_position(net, x):
    """The same, told as the last argument of a function."""
    y = net.conv(x)
    functional.relu(y, True)
    z = net.other(y)
    functional.hardtanh(z, 0.0, 1.0, True)
    return z + y


def unused(net, x):
    net.conv(functional.max_pool2d(net.conv(x).relu(), 2)).relu()
    return net.conv(x).relu()


class OwnClamp(torch.nn.Module):
    def forward(self, x):
        return torch.clamp(x, min=0.0, max=1.5)


class Renamed(torch.nn.ReLU):
    """Derived, with nothing of its own."""


READ = {
    "function": (Net(lambda net, x: functional.relu(net.c(x)), c=conv()), 1),
    "method": (Net(lambda net, x: net.c(x).relu(), c=conv()), 1),
    "torch.relu": (Net(lambda net, x: torch.relu(net.c(x)), c=conv()), 1),
    "relu6 and hardtanh": (
        Net(lambda net, x: functional.hardtanh(functional.relu6(net.c(x)), 0.0, 2.0), c=conv()), 2,
    ),
    "clamp": (Net(lambda net, x: net.c(x).clamp(min=0) + x.clip(0, 1.5), c=conv()), 2),
    "clamp_min": (Net(lambda net, x: net.c(x).clamp_min(0), c=conv()), 1),
    "own class": (ROW(conv(), OwnClamp(), Renamed(), torch.nn.Hardtanh(0, 1)), 3),
    "reused": (Net(reused, act=torch.nn.ReLU(inplace=True), conv=conv()), 3),
    "in place": (Net(written, conv=conv(), other=conv()), 2),
    "in place by position": (Net(written_by_position, conv=conv(), other=conv()), 2),
    "unused": (Net(unused, conv=conv()), 1),
    "padded in other ways": (
        ROW(torch.nn.ReflectionPad2d(1), torch.nn.ConstantPad2d(1, 0.5), torch.nn.Conv2d(3, 2, 3),
            torch.nn.ReLU(), torch.nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")),
        1,
    ),
    "cast and detached": (Net(lambda net, x: net.c(x.double()).relu().detach(), c=conv()), 1),
    "flat": (
        Net(lambda net, x: net.f(net.c(x).relu().mean((2, 3))), c=conv(), f=torch.nn.Linear(3, 2)),
        1,
    ),
    "sizes": (
        Net(
            lambda net, x: net.f(torch.relu(x).view(x.size(0), x.shape[1] * 16)),
            f=torch.nn.Linear(48, 2),
        ),
        1,
    ),
    "split and joined": (
        Net(lambda net, x: torch.cat([net.c(x).relu(), x.relu().chunk(3, 1)[1]], 1), c=conv()), 2,
    ),
    "constants": (
        Net(lambda net, x: (0.5 * net.c(x) - 0.25).relu() / 2 + torch.ones(4), c=conv()), 1,
    ),
    "dropout": (
        ROW(conv(), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Identity(), torch.nn.Flatten()),
        1,
    ),
    "pool before activation": (ROW(conv(), torch.nn.MaxPool2d(2), torch.nn.ReLU()), 1),
    "pool function": (
        Net(lambda net, x: functional.max_pool2d(net.c(x).relu(), 2, 1, 1), c=conv()), 1,
    ),
    "weight norm": (
        ROW(torch.nn.utils.parametrizations.weight_norm(conv()), torch.nn.ReLU()), 1,
    ),
    "qcfs": (ROW(conv(), QCFS(4, 1.0)), 1),
    "alone": (torch.nn.ReLU(), 1),
}  # fmt: skip


@pytest.mark.parametrize(("net", "n"), READ.values(), ids=READ)
def test_what_is_read_is_the_same_function_with_an_activation_for_each_call(net, n):
    net, x = net.double().eval(), batch(*SHAPE)
    wanted, before = net(x.clone()), copy.deepcopy(net.state_dict())
    found = read(net, x)
    assert torch.allclose(wanted, found.module(x), rtol=0.0, atol=1e-12)
    assert n == len(found.activations) == len(found.ceilings)
    called = [str(node.target) for node in found.module.graph.nodes]
    assert all(called.count(path) == 1 for path in [*found.activations, *found.pools])
    after = net.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_dense_layers_of_ours_are_read_too():
    net = ROW(Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.ReLU()).eval()
    net[1].running_mean.fill_(0.5)
    x = batch(4).float()
    found = read(net, x).module
    # Their sums are rounded to a grid of float32, which a factor moves.
    assert torch.allclose(net(x), found(x), rtol=0.0, atol=1e-5)
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in found.modules())


def test_an_activation_is_told_by_its_place():
    net = Net(lambda net, x: net.block(functional.relu(x)).relu(), block=ROW(conv(), OwnClamp()))
    found = read(net.double().eval(), batch(*SHAPE))
    assert ["'' (Net), relu", "'block.1' (OwnClamp), clamp", "'' (Net), relu_1"] == list(
        found.activations.values()
    )
    assert [float("inf"), 1.5, float("inf")] == list(found.ceilings.values())


def test_a_softmax_at_the_end_is_taken_off():
    for head in (torch.nn.Softmax(1), Net(lambda _, x: functional.log_softmax(x, dim=1))):
        net, x = ROW(torch.nn.Linear(3, 2), torch.nn.ReLU(), head).double().eval(), batch(3)
        found = read(net, x)
        assert torch.equal(net(x), found.head(found.module(x)))
        assert torch.equal(net[:2](x), found.module(x))


def test_neurons_come_before_the_pooling_that_they_followed():
    found = read(ROW(conv(), torch.nn.MaxPool2d(2), torch.nn.ReLU()).double().eval(), batch(*SHAPE))
    order = [str(node.target) for node in found.module.graph.nodes if node.op == "call_module"]
    assert ["0", *found.activations, *found.pools] == order


class Branching(torch.nn.Module):
    def forward(self, x):
        return x.relu() if x.sum() > 0 else x


REFUSED = {
    "all at once": (
        Net(
            lambda net, x: net.norm(functional.gelu(net.leaky(x))) + net.block(x).sigmoid(),
            norm=torch.nn.GroupNorm(1, 3), leaky=torch.nn.LeakyReLU(),
            block=ROW(torch.nn.SiLU(), torch.nn.LayerNorm(4)),
        ),
        [
            r"'leaky' \(LeakyReLU\): LeakyReLU has no counterpart in spikes, .* train with ReLU",
            r"'' \(Net\), gelu: gelu has no counterpart in spikes, .* train with ReLU",
            r"'norm' \(GroupNorm\): GroupNorm has .* train with BatchNorm",
            r"'block.0' \(SiLU\): SiLU has .* train with ReLU",
            r"'block.1' \(LayerNorm\): LayerNorm has .* train with BatchNorm",
            r"'' \(Net\), sigmoid: sigmoid has .* leave one at the end",
        ],
    ),
    "attention": (
        Net(
            lambda net, x: net.a(x.flatten(2), x.flatten(2), x.flatten(2))[0].softmax(1) @ x,
            a=torch.nn.MultiheadAttention(16, 1),
        ),
        [
            r"'a' \(MultiheadAttention\): .* convert the net without attention",
            r"softmax: softmax has .* only at the very end",
            r"matmul: matmul has .* both operands vary",
        ],
    ),
    "negative": (
        ROW(conv(), torch.nn.Hardtanh(-1, 1), torch.nn.ReLU()),
        [r"'1' \(Hardtanh\): Hardtanh\(-1, 1\) has no counterpart .* from 0"],
    ),
    "open": (
        Net(lambda net, x: x.clamp(max=1.0)), [r"clamp: clamp\(None, 1.0\) has no counterpart"],
    ),
    "square": (Net(lambda net, x: x.relu() * x.relu()), [r"mul: mul has no .* operands vary"]),
    "same squared": (Net(lambda net, x: (y := x.relu()) * y), [r"mul: mul has no"]),
    "reciprocal": (Net(lambda net, x: 1 / (x.relu() + 1)), [r"truediv: truediv has no"]),
    "control flow": (
        ROW(conv(), Branching()), [r"'1' \(Branching\): expected a forward that does the same"],
    ),
    "drawn": (
        Net(lambda net, x: functional.dropout(x.relu())), [r"dropout: dropout draws in evaluation"],
    ),
    "rounded": (
        Net(lambda net, x: torch.div(x.relu(), 0.5, rounding_mode="floor").sum(1, dtype=torch.int)),
        [r"div: div\(rounding_mode=floor\) rounds", r"sum\(dtype=torch.int32\) rounds"],
    ),
    "nothing comes of it": (
        Net(lambda net, x: (x.relu(), x)[1]), [r"Net: expected at least one ReLU"],
    ),
    "indices": (
        Net(lambda net, x: net.p(x.relu())[0], p=torch.nn.MaxPool2d(2, return_indices=True)),
        [r"'p' \(MaxPool2d\): expected max-pooling without indices"],
    ),
    "hook": (ROW(hooked(conv()), torch.nn.ReLU()), [r"'0' \(Conv2d\): hooks may change"]),
    "hook on the net": (hooked(ROW(conv(), torch.nn.ReLU())), [r"'' \(Sequential\): hooks may"]),
    "two outputs": (Net(lambda net, x: (x.relu(), x)), [r"output: expected one tensor"]),
    "only linear": (ROW(conv(), conv()), [r"Sequential: expected at least one ReLU"]),
    "no statistics": (
        ROW(conv(), torch.nn.BatchNorm2d(3, track_running_stats=False), torch.nn.ReLU()),
        [r"'1' \(BatchNorm2d\): expected running statistics"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("net", "texts"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_refused_by_place_a_line_each(net, texts):
    net = net.double().eval()
    before = [dict(module.__dict__) for module in net.modules()]
    with pytest.raises(ConversionError) as caught:
        read(net, batch(*SHAPE))
    lines = str(caught.value).splitlines()
    assert len(texts) == len(lines)
    for text, line in zip(texts, lines, strict=True):
        assert line.startswith("convert: ")
        assert re.search(text, line), line
    assert before == [dict(module.__dict__) for module in net.modules()]
