# SPDX-License-Identifier: Apache-2.0
"""Data for a conversion that are no good, and forms of data that are."""

import pytest

torch = pytest.importorskip("torch")

from spikesim.convert.ann.conversion import convert  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, RELU, LINEAR = torch.nn.Sequential, torch.nn.ReLU, torch.nn.Linear
pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def images(n=24, shape=(2, 6, 6)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0))


def dense():
    torch.manual_seed(0)
    return ROW(torch.nn.Flatten(), LINEAR(72, 8), RELU(), LINEAR(8, 3)).eval()


def pooled():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(2, 4, 3)
    return ROW(conv, RELU(), torch.nn.MaxPool2d(4), torch.nn.Flatten(), LINEAR(4, 3)).eval()


def viewed(_, x):
    """What writes into a view changes what is viewed."""
    y = x * 2 - 1
    z = y.flatten(1)
    z.relu_()
    return y.flatten(1) + z


class Sequence(torch.nn.Module):
    """Pixels along the first axis, samples along the second."""

    def __init__(self):
        super().__init__()
        self.dense = LINEAR(2, 3)

    def forward(self, x):
        by_pixel = x.flatten(2).permute(2, 0, 1)
        return self.dense(by_pixel).relu().permute(1, 2, 0)


NAN = images().index_fill(0, torch.tensor([3]), float("nan"))
BAD = {
    "training": ({"ann": ROW(LINEAR(2, 2), RELU())}, "got 'Sequential' in training; call ann.eval"),
    "samples second": (
        {"ann": Sequence().eval()},
        r"'' \(Sequence\), relu: .* got \(36, 2, 3\) for 2 samples .* along the first axis",
    ),
    "no channels": (
        {"ann": Net(lambda net, x: x.mean((1, 2, 3)).relu()[:, None]).eval()},
        r"expected an activation \(B, channels, ...\), got \(2,\) for 2 samples",
    ),
    "a number of samples": (
        {"ann": Net(lambda net, x: x.view(24, 72).relu()).eval()},
        "expected a net that takes any number of samples, got one that fails for 2 ",
    ),
    "empty": ({"calibration": images()[:0]}, "calibration: expected at least one sample, got none"),
    "no batches": ({"calibration": []}, "calibration: expected at least one sample"),
    "shape": ({"calibration": images(shape=(3, 6, 6))}, r"expected samples as Seq.* \(3, 6, 6\)"),
    "one axis": ({"calibration": torch.ones(4)}, r"along the first axis, .* got shape \(4,\)"),
    "NaN": ({"calibration": NAN}, "calibration: expected finite values, got NaN"),
    "bytes": ({"calibration": images().byte()}, "expected floats, .* got torch.uint8"),
    "a word": ({"calibration": "images"}, "calibration: expected images .* got str"),
    "batches of words": ({"calibration": ["a"]}, "expected a batch as a tensor, .* got str"),
    "labels": (
        {"calibration": (images(), torch.zeros(3, dtype=torch.int64))},
        r"expected an integer label for each of 24 samples, got torch.int64 of shape \(3,\)",
    ),
    "no labels": ({"test": images()}, "test: expected labels with the samples"),
    "some labels": (
        {"calibration": [(images(), torch.zeros(24, dtype=torch.int64)), images()]},
        "expected labels with all samples or with none",
    ),
    "options": (
        {"steps": 0, "neuron": "lif", "thresholds": "max", "output": "x"},
        "(?s)steps .* got 0.*got 'lif'.*got 'x'.*got 'max'",
    ),
    "percent": ({"thresholds": 100.1}, "got 100.1"),
    "no scores": (
        {"ann": ROW(torch.nn.Flatten(0), RELU()).eval()}, r"expected one tensor .* \(1728,\)",
    ),
    "infinite": (
        {"ann": Net(lambda _, x: x.relu().flatten(1) / 0.0).eval()}, "expected finite scores",
    ),
    "views written": ({"ann": Net(viewed).eval()}, "its graph gives other scores"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "text"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(given, text):
    given = {"ann": pooled(), "calibration": images(), **given}
    with pytest.raises(ValidationError, match=text):
        convert(**given)


def test_batches_arrays_and_tensors_are_the_same_calibration():
    ann, x = dense(), images()
    labels = torch.zeros(24, dtype=torch.int64)
    reports = [
        str(convert(ann, given, steps=4, thresholds=99.9).report)
        for given in (x, x.numpy(), [x[:12], x[12:]], iter([x[:12].numpy(), x[12:]]))
    ]
    assert reports[0] == reports[1]
    assert len(set(reports)) <= 2  # means of two batches are summed in another order
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, labels), batch_size=8)
    judged = convert(ann, loader, steps=4)
    assert judged.report.accuracy_ann == int((ann(x).argmax(1) == 0).sum()) / 24


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_net_of_torchscript_is_refused():
    with pytest.raises(ValidationError, match=r"of Python modules, .* before torch.jit"):
        convert(torch.jit.script(dense()), images())


@pytest.mark.slow  # the compiler takes seconds to load
def test_a_compiled_net_is_converted_as_the_net_that_it_was():
    ann, x = dense(), images()
    made = convert(torch.compile(ann), x, steps=4)
    assert torch.equal(convert(ann, x, steps=4).scores(x), made.scores(x))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_nets_of_other_floats_are_converted_in_them(kind):
    ann, x = pooled().to(kind), images().to(kind)
    found = convert(ann, x, steps=64, thresholds=100.0).scores(x)
    assert kind is found.dtype
    with torch.no_grad():
        apart = (ann(x) - found).abs().max() / ann(x).abs().max()
    assert float(apart) < 2 / 64  # a level of the activation, and roundings of 16 bits
