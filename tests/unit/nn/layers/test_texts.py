# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.layers.texts import AveragePool, Conv, Dense, in_a_row, parse_hidden  # noqa: E402


def test_words_become_layers():
    assert (Dense(100), Dense(50)) == parse_hidden("100, 50")
    assert (Conv(16, 3), AveragePool(2), Conv(8, 5), Dense(10)) == parse_hidden("16c3,p2,8c5,10")
    assert () == parse_hidden("")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("100,x", "got 'x'"),
        ("0", "got '0'"),
        ("8c4", "odd kernel.*got '8c4'"),
        ("p0", "got 'p0'"),
        ("100,8c3", "dense layers behind dense ones, got '8c3'"),
        ("-5,c3", "(?s)got '-5'.*got 'c3'"),
    ],
)
def test_words_that_are_no_layers_are_refused_together(text, says):
    with pytest.raises(ValidationError, match=says):
        parse_hidden(text)


@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7)])
def test_a_net_is_that_of_its_parts(shape):
    torch.manual_seed(0)
    net = in_a_row(shape, parse_hidden("4c3,p2,5c1,11"), 6, nn.LIFLayer, scale=8.0)
    channels = shape[0] if len(shape) == 3 else 1
    x = (torch.rand(5, 2, channels * 63) < 0.5).float()
    one, two, three, last = (m for m in net if isinstance(m, nn.LIFLayer))
    first, second = (m for m in net if isinstance(m, torch.nn.Conv2d))
    dense, out = (m for m in net if isinstance(m, nn.Linear))
    # By time, with torch's own functions; 9x7 pools to 4x3.
    now = x.reshape(10, channels, 9, 7)
    now = torch.nn.functional.conv2d(now, first.weight, padding=1).reshape(5, 2, 4, 9, 7)
    now = torch.nn.functional.avg_pool2d(one(now).reshape(10, 4, 9, 7), 2)
    now = torch.nn.functional.conv2d(now, second.weight).reshape(5, 2, 5, 4, 3)
    expected = last(out(three(dense(two(now).flatten(2)))))
    assert ((5, 2, 6), 0) < (tuple(net(x).shape), int(expected.sum()))
    assert torch.equal(expected, net(x))
    assert nn.export(net, input_shape=(channels * 63,)).populations["layer1"].n == 60


def test_images_that_cannot_be_convolved_are_refused():
    with pytest.raises(ValidationError, match=r"got samples of shape \(20,\); give dense"):
        in_a_row((20,), parse_hidden("4c3"), 2, nn.LIFLayer)
    with pytest.raises(ValidationError, match="pooled to nothing"):
        in_a_row((4, 4), parse_hidden("4c3,p2,p3"), 2, nn.LIFLayer)
