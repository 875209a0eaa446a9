# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from spikesim.errors import ValidationError
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
    for figure, verdict in ((same, "equal to the last bit\n0"), (other, "NOT equal\n3")):
        title = figure.axes[0].get_title(loc="left")
        assert f"golden model: {verdict} mismatches in 10 values" in title


@pytest.fixture
def one_seed(evidence):
    parts = {name: values[:1] for name, values in evidence.predicted.items()}
    return replace(
        evidence,
        result=evidence.result | {"seeds": evidence.result["seeds"][:1]},
        labels=evidence.labels[:1], predicted=parts,
        image_predicted=evidence.image_predicted[:1], image_measured=evidence.image_measured[:1],
    )  # fmt: skip


@pytest.mark.parametrize("seeds", ["one_seed", "evidence"])
@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_no_text_is_cut_off(picture, seeds, request):
    figure = picture.draw(request.getfixturevalue(seeds))
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    # Labels of ticks beyond the axes exist, but are not drawn.
    ticks = {t for axes in figure.axes for a in (axes.xaxis, axes.yaxis) for t in _labels(a)}
    for text in figure.findobj(mpl.text.Text):
        if text.get_visible() and text.get_text() and text not in ticks:
            box = text.get_window_extent()
            assert -1 <= box.x0 <= box.x1 <= width + 1, text
            assert -1 <= box.y0 <= box.y1 <= height + 1, text


def test_one_seed_has_no_spread_and_is_no_plural(one_seed):
    (axes,) = PICTURES[0].draw(one_seed).axes
    texts = [text.get_text() for text in axes.texts] + [axes.get_xlabel()]
    assert "1 seed × 360" in axes.get_title(loc="left")
    assert not any("±" in text for text in texts)
    assert not axes.containers  # no error bar
    figure = PICTURES[[p.name for p in PICTURES].index("confusion")].draw(one_seed)
    assert "all seeds" not in figure.axes[0].get_title(loc="left")


def test_a_class_that_no_image_shows_can_be_predicted(one_seed):
    labels = np.minimum(one_seed.labels, 8)
    predicted = labels.copy()
    predicted[0, 0] = 9
    evidence = replace(one_seed, labels=labels, predicted={"rtl": predicted})
    figure = PICTURES[[p.name for p in PICTURES].index("confusion")].draw(evidence)
    assert "359 of 360" in figure.axes[0].get_title(loc="left")
    assert 10 == len(figure.axes[0].get_xticks())


@pytest.mark.parametrize(
    ("labels", "predicted"), [([0, 3], [0, 1]), ([0, 1], [0, 3]), ([-1], [0]), ([0, 1], [0])]
)
def test_classes_out_of_range_are_refused(labels, predicted):
    with pytest.raises(ValidationError, match="confusion: expected"):
        confusion_matrix(np.array(labels), np.array(predicted), 3)


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


def _labels(axis):
    return [label for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)]


def _is_number(text):
    return text.replace("−", "-").replace(".", "").lstrip("-").isdigit()
