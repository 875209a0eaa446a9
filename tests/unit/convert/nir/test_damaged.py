# SPDX-License-Identifier: Apache-2.0
"""Files that are no whole NIR graphs end in one clear error, and soon."""

import io
import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.convert import from_nir
from spikesim.errors import ConversionError, ValidationError
from tests.unit.convert.nir.graphs import affine, chain, lif, linear

FOLDER = Path(__file__).parents[3] / "reference" / "nir"
WHOLE = (FOLDER / "snntorch_recurrent.nir").read_bytes()


def read(content):
    return from_nir(io.BytesIO(content), reset="zero")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_is_refused(length):
    with pytest.raises(ConversionError, match="cut, damaged or of another kind"):
        read(WHOLE[:length])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6))
def test_bytes_that_changed_give_a_net_or_one_error(changes):
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    logging.disable(logging.WARNING)
    try:
        found = read(bytes(content)).report.nodes
    except ConversionError as error:
        found = error.problems
    finally:
        logging.disable(logging.NOTSET)
    assert found


@pytest.mark.parametrize("reserved", [0, 255])
def test_words_without_size_do_not_hang_the_library_of_hdf5(reserved):
    at = WHOLE.index(b"GCOL")
    here = at + 16
    while int.from_bytes(WHOLE[here : here + 2], "little"):  # words; the last is what is free
        here += 16 + -(-int.from_bytes(WHOLE[here + 8 : here + 16], "little") // 8) * 8
    with pytest.raises(ConversionError, match="words of no size"):
        read(
            WHOLE[: at + 5]
            + bytes([reserved])
            + WHOLE[at + 6 : here + 8]
            + bytes(8)
            + WHOLE[here + 16 :]
        )


def test_other_files_are_told_apart(tmp_path):
    with pytest.raises(ValidationError, match="got none there"):
        from_nir(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("nir", encoding="utf-8")
    with pytest.raises(ConversionError, match="of another kind"):
        from_nir(tmp_path / "text.nir")
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(ConversionError, match=r"got \['weights'\]"):
        from_nir(tmp_path / "other.nir")
    with pytest.raises(ValidationError, match="got int"):
        from_nir(3)


def test_a_dataset_that_claims_more_than_its_file_can_hold_is_refused(tmp_path):
    with h5py.File(tmp_path / "huge.nir", "w") as file:
        file.create_dataset("node/nodes/a/weight", shape=(2**40,), dtype="f4", chunks=(1024,))
    with pytest.raises(ConversionError, match="claims"):
        from_nir(tmp_path / "huge.nir")


def test_what_is_neither_numbers_nor_words_is_not_read(tmp_path):
    with h5py.File(tmp_path / "lists.nir", "w") as file:
        file.create_dataset("node/type", shape=(), dtype=h5py.vlen_dtype(np.int32))
    with pytest.raises(ConversionError, match="/node/type holds neither numbers nor words"):
        from_nir(tmp_path / "lists.nir")


def edges(graph, *edges):
    return graph | {"edges": list(edges)}


BAD = {
    "unknown node": (chain({"type": "Sigmoid"}), "got Sigmoid"),
    "node of nothing": (chain(None), "got None"),
    "no edge": (edges(chain(lif()), ("in", "out")), "'n0'.*expected an edge to it"),
    "edge to nowhere": (edges(chain(lif()), ("in", "n7"), ("n0", "out")), r"got \['n7'\]"),
    "edge twice": (edges(chain(lif()), *[("in", "n0")] * 2, ("n0", "out")), "got it twice"),
    "loop": (
        edges(chain(linear([[1.0]]), linear([[1.0]]), lif()), ("in", "n0"), ("n0", "n1"),
              ("n1", "n0"), ("n1", "n2"), ("n2", "out")),
        r"\['n0', 'n1'\]: expected a neuron or a Delay in every loop",
    ),
    "tau of 0": (chain(lif(tau=0.0)), "tau above 0"),
    "tau below a tick": (chain(lif(tau=1e-4, r=2.0)), "two readings.*Euler"),
    "NaN": (chain(affine([[1.0]], [np.nan])), "bias: expected finite numbers"),
    "words": (chain(lif(tau="long")), "expected numbers, got 'long'"),
    "off the tick": (chain({"type": "Delay", "delay": [1.5e-3]}), "got 1.5 ticks"),
    "axes": (chain(linear(np.ones((2, 3))), lif(tau=[2e-3] * 5), shape=(3,)), r"\(2,\) and \(5,\)"),
    "axes of the input": (chain(linear(np.eye(3)), shape=(4,), out=(3,)), r"\(3,\), got \(4,"),
    "axes of the output": (chain(linear(np.ones((2, 3))), shape=(3,)), r"\(2,\), got \(3,"),
    "a stack of weights": (chain(linear(np.ones((2, 3, 4)))), "a weight of 2 axes"),
    "a bias of another": (chain(affine(np.ones((2, 1)), [1.0] * 3), out=(2,)), r"\(2,\), got \(3,"),
    "no axes": (chain(lif(), shape=()), "give the Input its shape"),
    "two inputs": (
        {
            "nodes": {"a": {"type": "Input", "shape": [1]}, "b": {"type": "Input", "shape": [1]},
                      "out": {"type": "Output", "shape": [1]}},
            "edges": [("a", "out"), ("b", "out")],
        },
        "one Input",
    ),
    "v_reset of an integrator": (
        chain({"type": "IF", "r": [9.0], "v_threshold": [1.0], "v_reset": [0.5]}),
        "give v_init",
    ),
    "r of 1": (chain({"type": "IF", "r": [1.0], "v_threshold": [1.0]}), "two readings.*norse"),
    "stride": (
        chain({"type": "Conv1d", "weight": np.ones((1, 1, 3)), "stride": 1.5, "bias": [0.0]},
              shape=(1, 5)),
        "whole number",
    ),
    "same and stride": (
        chain({"type": "Conv1d", "weight": np.ones((1, 1, 3)), "stride": 2, "padding": "same",
               "bias": [0.0]}, shape=(1, 5)),
        "'n0'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_graph_that_has_no_equal_is_refused_by_name(case):
    graph, text = BAD[case]
    with pytest.raises(ConversionError, match=f"(?s){text}"):
        from_nir(graph, dt=1e-3)
