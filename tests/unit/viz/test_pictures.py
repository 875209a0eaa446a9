# SPDX-License-Identifier: Apache-2.0
import matplotlib as mpl
import numpy as np
import pytest

from spikesim.viz import PICTURES, agreement, confusion_matrix, memory_use, weight_word_owners


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_every_axis_has_a_name(picture, evidence):
    figure = picture.draw(evidence)
    for axes in figure.axes:
        categories = all(not _is_number(t.get_text()) for t in axes.get_xticklabels())
        hidden = not axes.xaxis.get_tick_params().get("labelbottom", True)
        assert axes.get_xlabel() or categories or hidden, axes.get_title()


def test_drawing_leaves_the_users_style_alone(evidence):
    before = dict(mpl.rcParams)
    PICTURES[0].draw(evidence)
    assert before == dict(mpl.rcParams)


def test_confusion_counts_pairs_of_true_and_predicted():
    matrix = confusion_matrix(np.array([[2, 2], [0, 1]]), np.array([[2, 0], [0, 2]]), 3)
    assert [[1, 0, 0], [0, 0, 1], [1, 0, 1]] == matrix.tolist()


def test_agreement_states_the_verdict():
    same = agreement(["spikes"], ["seed 0"], np.array([[0]]), np.array([[10]]))
    other = agreement(["spikes"], ["seed 0"], np.array([[3]]), np.array([[10]]))
    assert "0 mismatches in 10 values, equal" in same.axes[0].get_title(loc="left")
    assert "3 mismatches in 10 values, NOT equal" in other.axes[0].get_title(loc="left")


def test_weight_words_are_owned_by_their_projection(program):
    names, owner = weight_word_owners(program)
    assert ["in → layer0", "layer0 → layer1"] == names
    assert [64 * 20, 160 * 2] == [int((owner == k).sum()) for k in range(2)]


def test_memory_use_counts_entries(program):
    use = memory_use(program)
    assert ((64 * 20 + 160 * 2) * 8, 131072) == use["weights"]
    assert (64 + 160, 512) == use["row segments"]
    assert (170, 256) == use["neurons"]
    assert (64, 256) == use["axons"]


def _is_number(text):
    return text.replace("−", "-").replace(".", "").lstrip("-").isdigit()
