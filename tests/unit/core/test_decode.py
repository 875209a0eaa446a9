# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesim.core.decode import accuracy, classify
from spikesim.errors import ValidationError
from spikesim.hw.generated import Command
from spikesim.hw.link.framing import decode_frame, encode_frame
from spikesim.hw.protocol_model import GoldenDevice
from tests.equivalence.random_programs import SMALL

TABLES = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=8)
)


@given(TABLES)
def test_a_class_is_the_first_of_the_largest_counts(rows):
    expected = [row.index(max(row)) for row in rows]
    assert expected == classify(np.array(rows)).tolist()
    assert expected == classify(np.array(rows, np.float32)).tolist()


@given(st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_the_core_tells_the_same_class(counts):
    device = GoldenDevice(SMALL)
    device.core.count[3:8] = counts
    device.push(encode_frame(0, Command.PING, bytes(4)))
    device.push(encode_frame(1, Command.ARGMAX, bytes((3, 0, 7, 0))))
    reply = decode_frame(device.pull().split(b"\0")[1]).payload
    assert classify([counts])[0] == int.from_bytes(reply[:2], "little") - 3


def test_torch_decides_ties_alike():
    torch = pytest.importorskip("torch")
    from spikesim.nn.decode import arg_max

    counts = torch.randint(0, 3, (200, 6), generator=torch.Generator().manual_seed(0))
    assert classify(counts.numpy()).tolist() == arg_max(counts).tolist()
    assert torch.int64 == arg_max(counts.float().requires_grad_()).dtype


def test_no_samples_have_no_classes():
    assert [] == classify(np.zeros((0, 3))).tolist()


@pytest.mark.parametrize(
    "counts",
    [[1, 2], np.zeros((2, 0)), [[0.0, np.nan]], [["a", "b"]], np.zeros((1, 2, 3))],
)
def test_what_is_no_table_of_counts_is_refused(counts):
    with pytest.raises(ValidationError, match="classify: expected spike counts"):
        classify(counts)


def test_accuracy_is_the_share_of_equal_labels():
    assert 0.75 == accuracy([0, 1, 2, 2], np.array([0, 1, 2, 1]))
    assert (0.0, 1.0) == (accuracy([1], [0]), accuracy([1], [1]))


@pytest.mark.parametrize(
    ("predicted", "labels"), [([], []), ([1], [1, 1]), ([1, 2], [1]), ([[1]], [[1]]), (1, 1)]
)
def test_accuracy_of_samples_that_do_not_pair_up_is_refused(predicted, labels):
    with pytest.raises(ValidationError, match="as many predictions as labels"):
        accuracy(predicted, labels)
