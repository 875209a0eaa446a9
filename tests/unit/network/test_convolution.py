# SPDX-License-Identifier: Apache-2.0
import tracemalloc

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Convolution, DrawnSynapses, Network, Normal, Shape
from spikesim.network.synapses import rows_of
from spikesim.neurons import LIF
from tests.reference.convolution import convolved

ONES = np.ones((1, 1, 1, 1))
CASES = [
    ((2, 3, 3, 3), {}),
    ((1, 1, 2, 4), {"stride": 3}),
    ((3, 2, 1, 1), {"stride": (1, 2), "padding": (2, 1)}),
    ((2, 2, 3, 2), {"stride": 2, "padding": 2}),
    ((2, 1, 2, 3), {"dilation": (2, 3)}),
    ((2, 2, 3, 2), {"dilation": 2, "stride": (2, 1), "padding": (1, 2)}),
    ((4, 1, 2, 2), {"groups": 2}),
    ((6, 2, 3, 3), {"groups": 3, "padding": 1, "stride": 2, "dilation": (1, 2)}),
    ((1, 1, 3, 3), {"padding": (5, 0)}),
]


def _net(source, target):
    net = Network(dt=1e-3)
    net.add_input("in", source)
    net.add_population("out", target, LIF(beta=0.9))
    return net


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def _integers(shape, seed):
    """Small integers, so that sums are exact."""
    return np.random.default_rng(seed).integers(-3, 4, shape)


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_a_convolution_is_that_of_the_textbook(shape, options):
    kernel = _integers(shape, 0)
    image = _integers((shape[1] * options.get("groups", 1), 6, 7), 1)
    textbook = {k: v if k == "groups" else _pair(v) for k, v in options.items()}
    expected = convolved(kernel, image, **textbook)
    conv = Convolution(kernel, **options)
    net = _net(image.shape, expected.shape)
    made = net.connect("in", "out", conv)
    assert np.array_equal(image.reshape(-1) @ made.rows.to_dense(), expected.reshape(-1))
    assert np.count_nonzero(made.rows.weights) == made.rows.nnz == made.nnz
    used = made.rows.weights
    assert (used.min(), used.max()) == made.synapses.weight_limits()
    assert np.abs(used).max() == made.synapses.weight_bound()


def test_one_dimension_is_two_with_one_row():
    kernel, image = _integers((4, 2, 3), 0), _integers((4, 9), 1)
    conv = Convolution(kernel, 9, stride=2, padding=3, dilation=2, groups=2)
    expected = convolved(kernel[:, :, None], image[:, None], (1, 2), (0, 3), (1, 2), 2)
    assert expected.shape == (4, 1, conv.out_shape[1])
    rows = _net(36, conv.out_shape).connect("in", "out", conv).rows
    assert np.array_equal(image.reshape(-1) @ rows.to_dense(), expected.reshape(-1))


def test_a_convolution_agrees_with_scipy():
    signal = pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(1)
    kernel, image = rng.normal(size=(3, 5)), rng.normal(size=(8, 9))
    rows = _net((1, 8, 9), 30).connect("in", "out", Convolution(kernel[None, None])).rows
    expected = signal.correlate2d(image, kernel, mode="valid")
    # float32 weights, sums of 15 values of order one.
    np.testing.assert_allclose(image.reshape(-1) @ rows.to_dense(), expected.ravel(), atol=1e-5)


@pytest.mark.parametrize(
    ("window", "size", "stride", "expected"),
    [
        (2, (4, 6), None, (3, 2, 3)),
        ((2, 3), (4, 6), None, (3, 2, 2)),
        ((3,), 8, 2, (3, 3)),
        (3, (5, 5), 1, (3, 3, 3)),
    ],
)
def test_average_pooling_is_the_mean_of_each_window(window, size, stride, expected):
    pool = Convolution.average(3, window, size, stride)
    image = _integers(pool.in_shape, 2) * 36  # thirds of it are integers
    rows = _net(pool.in_shape, expected).connect("in", "out", pool).rows
    sides = pool.kernel.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(image, sides, tuple(range(1, image.ndim)))
    steps = tuple(slice(None, None, step) for step in pool.stride)
    means = windows[(slice(None), *steps)].mean(tuple(range(-len(sides), 0)))
    assert expected == pool.out_shape == means.shape
    # A ninth in float32 is wrong by 3e-8 of itself; sums of 9 values below 108.
    np.testing.assert_allclose(image.reshape(-1) @ rows.to_dense(), means.ravel(), atol=1e-4)


def test_pooling_has_one_weight_and_a_kernel_its_own():
    pool = Convolution.average(2, 2, (4, 4))
    made = _net((2, 4, 4), (2, 2, 2)).connect("in", "out", pool).synapses
    assert 0.25 == made.weight
    assert made.filler().fill(0, 32).weights is None
    edges = Convolution([[[[1.0, -1.0]]]], (4, 4))
    assert _net(16, (1, 4, 3)).connect("in", "out", edges).synapses.weight is None


def test_weights_that_reach_nothing_do_not_count():
    kernel = np.array([[[[9.0, 1.0, -9.0]]]])  # one column: only the middle lies on it
    made = _net((1, 1, 1), (1, 1, 1)).connect("in", "out", Convolution(kernel, padding=(0, 1)))
    assert (1, 1.0, 1.0) == (made.nnz, made.synapses.weight, made.synapses.weight_bound())
    none = _net((1, 2, 2), (1, 2, 2)).connect("in", "out", Convolution(ONES * 0))
    assert (0, 0.0, 0.0) == (none.nnz, none.synapses.weight_bound(), none.synapses.weight)


def test_rows_in_parts_are_the_rows():
    conv = Convolution(_integers((4, 2, 3, 3), 0), (5, 6), stride=(1, 2), padding=1, groups=2)
    made = DrawnSynapses(conv, Shape(120, 60, False), 1, None, 1, 1e-3, 1)
    rows, filler = rows_of(made), made.filler()
    for lo, hi in ((0, 40), (40, 41), (41, 120)):
        for within in (None, (0, 60), (7, 33), (59, 60), (5, 5)):
            part = filler.fill(lo, hi, within)
            span = slice(int(rows.indptr[lo]), int(rows.indptr[hi]))
            first, last = within or (0, 60)
            inside = (first <= rows.targets[span]) & (rows.targets[span] < last)
            assert np.array_equal(rows.targets[span][inside], part.targets)
            assert np.array_equal(rows.weights[span][inside], part.weights)


def test_nothing_is_written_where_no_synapse_is_wanted():
    conv, out = Convolution(ONES, (3, 3)), np.full(9, 7, np.float32)
    conv.fill_weights(0, np.zeros(10, np.int64), out)
    assert [7.0] * 9 == out.tolist()
    conv.fill_weights(0, np.array([0] * 5 + [1] * 5), out, np.zeros(1, np.int32))
    assert [1.0] + [7.0] * 8 == out.tolist()


def test_targets_ascend_and_a_kernel_as_large_as_the_image_is_a_matrix():
    rows = _net((2, 4, 5), (3, 2, 3)).connect("in", "out", Convolution(np.ones((3, 2, 3, 3)))).rows
    ends = np.split(rows.targets, rows.indptr[1:-1])
    assert all((np.diff(row) > 0).all() for row in ends)
    whole = _net((2, 2, 2), (3, 1, 1)).connect("in", "out", Convolution(np.ones((3, 2, 2, 2))))
    assert whole.synapses.is_matrix


def test_delays_of_every_kind_go_with_a_convolution():
    kernel, delays = _integers((2, 1, 2, 2), 3), np.arange(9 * 8).reshape(9, 8)
    conv = Convolution(kernel, (3, 3))
    plain = _net(9, 8).connect("in", "out", conv).rows
    drawn = _net(9, 8).connect("in", "out", conv, delay=Normal(5e-3, 2e-3)).rows
    given = _net(9, 8).connect("in", "out", conv, delay_ticks=delays).rows
    for other in (drawn, given):
        assert np.array_equal(plain.targets, other.targets)
        assert np.array_equal(plain.weights, other.weights)
    assert np.array_equal(delays[given.sources, given.targets], given.delays)
    assert np.unique(drawn.delays).size > 3
    pool = Convolution.average(1, 2, (4, 4))
    apart = _net(16, 4).connect("in", "out", pool, delay_ticks=np.ones((16, 4), int)).rows
    assert np.array_equal(_net(16, 4).connect("in", "out", pool).rows.to_dense(), apart.to_dense())


def test_a_slice_takes_a_convolution_of_its_size():
    net = _net((2, 3, 3), 8)
    conv = Convolution(_integers((1, 1, 2, 2), 4), (3, 3))
    dense = net.connect(net.inputs["in"][9:], net.populations["out"][::2], conv).rows.to_dense()
    inner = _net(9, 4).connect("in", "out", conv).rows.to_dense()
    assert np.array_equal(inner, dense[9:, ::2])
    assert np.count_nonzero(dense) == np.count_nonzero(inner)


def test_memory_of_a_convolution_does_not_grow_with_the_image():
    net = _net((16, 256, 256), (16, 256, 256))
    conv = Convolution(np.ones((16, 16, 3, 3)) * np.linspace(-1, 1, 9).reshape(3, 3), padding=1)
    tracemalloc.start()
    made = net.connect("in", "out", conv)
    net.validate()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The middle of nine weights is 0, and a border of one line and column is missing.
    assert 256 * (4 * 256 * 255 + 4 * 255**2) == made.nnz
    assert peak < 1 << 20  # bytes; the synapses would take 1.6 GB


def test_equal_convolutions_are_equal():
    one = Convolution(ONES, 3, padding=(1, 1))
    assert one == Convolution(ONES.astype(np.float32), (3, 3), padding=1)
    assert hash(one) == hash(Convolution(ONES, (3, 3), padding=1))
    for other in (
        Convolution(2 * ONES, 3, padding=1),
        Convolution(ONES, 3),
        Convolution(ONES, 4, padding=1),
    ):
        assert one != other
    with pytest.raises(ValueError, match="read-only"):
        one.kernel[0] = 2
    shown = "Convolution(1 x 1 x 1 x 1, size=(3, 3), stride=(1, 1), padding=(1, 1), "
    assert shown + "dilation=(1, 1), groups=1)" == repr(one)


def _join(rule, source=3, target=2, **options):
    return _net(source, target).connect("in", "out", rule, **options)


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        (lambda: Convolution(np.ones((2, 2))), r"shape \(out_channels, in_channels / groups"),
        (lambda: Convolution(5.0), r"got float64, shape \(\)"),
        (lambda: Convolution([[[1.0], [1.0, 2.0]]]), "a kernel as an array"),
        (lambda: Convolution(np.full((1, 1, 1, 2), [1, np.nan])), r"got nan at \[0, 0, 0, 1\]"),
        (lambda: Convolution(ONES * 1e39), "finite float32 weights, got 1e"),
        (lambda: Convolution(np.ones((1, 1, 4, 4)), 3), "no larger than the padded input"),
        (lambda: Convolution(np.ones((1, 1, 2, 2)), 3, dilation=3), "no larger .*dilation"),
        (lambda: Convolution(ONES, stride=0), "stride as an integer >= 1 or 2 of them, got 0"),
        (lambda: Convolution(ONES, padding=(1, -1)), r"padding as .*>= 0 .*got \(1, -1\)"),
        (lambda: Convolution(ONES, dilation=(1, 1, 1)), r"dilation .*got \(1, 1, 1\)"),
        (lambda: Convolution(ONES, size=2.5), "size as an integer >= 1 or 2 of them, got 2.5"),
        (lambda: Convolution(ONES[0], padding=True), "padding as an integer >= 0, got True"),
        (lambda: Convolution(np.ones((3, 1, 1, 1)), groups=2), "divide 3 output channels, got 2"),
        (lambda: Convolution(ONES, groups=0), "groups >= 1 .*got 0"),
        (lambda: Convolution.average(2, 0), "integers >= 1, .*got 2 and 0"),
        (lambda: Convolution.average(2, (2, 2, 2)), r"got 2 and \(2, 2, 2\)"),
        (lambda: Convolution(ONES).out_shape, "size of the input; pass size="),
        (lambda: _join(Convolution(ONES)), r"shape \(channels, height, width\), got \(3,\); pass"),
        (lambda: _join(Convolution(ONES[0])), r"shape \(channels, length\), got \(3,\)"),
        (
            lambda: _join(Convolution(ONES, 2)),
            r"source of shape \(1, 2, 2\), or 4 neurons .*\(3,\)",
        ),
        (lambda: _join(Convolution(ONES, 2), 4), r"target of shape \(1, 2, 2\), or 4 .*got \(2,\)"),
        (lambda: _join(Convolution(ONES, 2), 4, 4, weight=1.0), "beside a convolution"),
        (lambda: _join(Convolution(ONES), (2, 3, 3), 9), r"\(1, 3, 3\), .*got \(2, 3, 3\)"),
        # As many neurons, in another order.
        (lambda: _join(Convolution(ONES, (2, 3)), (1, 3, 2), 6), r"source .*got \(1, 3, 2\)"),
        (
            lambda: _join(Convolution(ONES), (1, 2, 3), (2, 3)),
            r"target .*\(1, 2, 3\).*got \(2, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(connect, message):
    with pytest.raises(ValidationError, match=message):
        connect()


def test_both_ends_that_do_not_fit_are_named_with_the_projection():
    with pytest.raises(ValidationError) as caught:
        _join(Convolution(ONES, 2), delay=0.5e-3)
    assert len(caught.value.problems) == 3
    assert all(text.startswith("projection 'in->out': ") for text in caught.value.problems)


def test_synapses_without_weights_are_refused():
    with pytest.raises(ValidationError, match=r"none beside a convolution, got 1\.0"):
        DrawnSynapses(Convolution(ONES, 2), Shape(4, 4, False), 0, 1.0, 1, 1e-3, 1)
    with pytest.raises(ValidationError, match="expected the size of the input, got None"):
        DrawnSynapses(Convolution(ONES), Shape(4, 4, False), 0, None, 1, 1e-3, 1)
    with pytest.raises(ValidationError, match="expected 4 sources and 4 targets"):
        DrawnSynapses(Convolution(ONES, 2), Shape(4, 5, False), 0, None, 1, 1e-3, 1)


def test_a_file_holds_each_kernel_once(tmp_path):
    sizes = []
    for side in (8, 128):
        net = _net((2, side, side), (3, side, side))
        rng = np.random.default_rng(0)
        net.connect("in", "out", Convolution(rng.normal(size=(3, 2, 5, 5)), padding=2))
        net.add_population("pooled", (3, side // 2, side // 2), LIF(beta=0.5))
        net.connect("out", "pooled", Convolution.average(3, 2), delay_ticks=2)
        path = tmp_path / f"{side}.npz"
        net.save(path)
        again = Network.load(path)
        assert net == again
        assert (3, side, side) == again.populations["out"].shape
        if side == 8:
            assert net.projections["in->out"].rows == again.projections["in->out"].rows
        sizes.append(path.stat().st_size)
    # Longer numbers of the sizes; the synapses are 2,508,576 and 49,152 more.
    assert abs(sizes[1] - sizes[0]) < 100


def test_a_file_holds_a_kernel_of_several_projections_once(tmp_path):
    net = _net((2, 8, 8), (3, 8, 8))
    net.add_input("more", (2, 8, 8))
    kernel = np.random.default_rng(0).normal(size=(3, 2, 5, 5)).astype(np.float32)
    for source, own in (("in", kernel), ("more", kernel.copy()), ("more", -kernel)):
        net.connect(source, "out", Convolution(own, padding=2))
    net.save(tmp_path / "net")
    with np.load(tmp_path / "net") as file:
        found = [file[name] for name in file.files if file[name].shape == kernel.shape]
    assert [kernel.tolist(), (-kernel).tolist()] == [one.tolist() for one in found]
    again = Network.load(tmp_path / "net")
    assert net == again
    again.save(tmp_path / "again")
    assert (tmp_path / "net").read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2}])
def test_each_synapse_finds_its_place_in_the_kernel(options):
    rng = np.random.default_rng(0)
    kernel = rng.integers(1, 10**6, (4, 4 // options.get("groups", 1), 2, 3)).astype(np.float32)
    kernel[1, 0, 0, 1] = 0.0  # no synapse
    conv = Convolution(kernel, (4, 5), **options)
    net = Network(dt=1e-3)
    net.add_input("in", conv.in_shape)
    net.add_population("out", conv.out_shape, LIF(beta=0.9))
    rows = net.connect("in", "out", conv).rows
    assert rows.weights.tolist() == conv.by_synapse(kernel).tolist()
    assert (-rows.weights).tolist() == conv.by_synapse(-kernel).tolist()
