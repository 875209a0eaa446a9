# SPDX-License-Identifier: Apache-2.0
"""A program runs on what its network has not seen, unless this is asked for in so many words."""

import numpy as np
import pytest

from spikesim.cli.presentation import Presentation, choose_presentation
from spikesim.data import Provenance, digits
from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network

DIGITS = Provenance("digits", 10, "rate", split_seed=2, test_share=0.2).to_meta()
MNIST = Provenance("mnist", 10, "rate").to_meta()


def choose(meta, **asked):
    return choose_presentation(meta, "prog.spk", **asked)


@pytest.mark.parametrize(
    ("meta", "asked", "expected"),
    [
        (DIGITS, {}, ("digits", 2, 10)),
        (DIGITS, {"data": "digits", "seed": 2, "steps": 10}, ("digits", 2, 10)),
        (DIGITS, {"data": "mine.npz"}, ("mine.npz", 0, 10)),
        (DIGITS, {"seed": 3, "steps": 16, "anyway": True}, ("digits", 3, 16)),
        (DIGITS, {"data": "mnist", "anyway": True}, ("mnist", 0, 10)),
        (MNIST, {}, ("mnist", 0, 10)),
        (MNIST, {"data": "digits", "seed": 1, "anyway": True}, ("digits", 1, 10)),
        ({}, {"data": "digits", "steps": 4}, ("digits", 0, 4)),
        ({}, {"data": "digits", "seed": 5, "steps": 4}, ("digits", 5, 4)),
    ],
)
def test_what_is_not_asked_for_is_that_of_training(meta, asked, expected):
    assert Presentation(*expected) == choose(meta, **asked)


@pytest.mark.parametrize(
    ("meta", "asked", "messages"),
    [
        (DIGITS, {"seed": 3}, ["--seed 3", "seed 2"]),
        (DIGITS, {"seed": 0}, ["--seed 0", "seed 2"]),
        (DIGITS, {"data": "digits", "seed": 3}, ["--seed 3"]),
        (DIGITS, {"steps": 16}, ["--steps 16", "10 ticks"]),
        (DIGITS, {"data": "fashion_mnist"}, ["--data fashion_mnist", "on digits"]),
        (DIGITS, {"seed": 3, "steps": 9}, ["--seed 3", "--steps 9"]),
        (DIGITS, {"data": "mine.npz", "seed": 2}, ["--seed 2", "only with digits"]),
        (MNIST, {"seed": 3}, ["--seed 3", "only with digits"]),
        ({}, {}, ["give --data", "give --steps"]),
        ({}, {"data": "digits"}, ["give --steps"]),
    ],
)
def test_contradictions_and_gaps_are_all_named(meta, asked, messages):
    with pytest.raises(ValidationError) as caught:
        choose(meta, **asked)
    for message in messages:
        assert message in str(caught.value)


@pytest.fixture
def trained(tmp_path):
    recipes = pytest.importorskip("spikesim.nn.recipes")
    from dataclasses import replace

    recipe = replace(recipes.DIGITS, hidden=16, steps=6, epochs=1, integer_epochs=0)
    model = recipes.digits(2, recipe=recipe)
    net = model.network()
    compile_network(net).program.save(tmp_path / "prog.spk")
    return model, tmp_path / "prog.spk"


def test_the_command_tests_on_the_held_out_images_of_training(spikesim, trained):
    model, program = trained
    call = spikesim("run", program, "--json")
    assert 0 == call.code, call.err
    document = call.document
    assert ("digits", 2, 7) == tuple(document[k] for k in ("data", "split_seed", "steps"))
    np.testing.assert_array_equal(model.predicted_quantized, document["predicted"])
    assert model.accuracy_quantized == document["accuracy"]
    refused = spikesim("run", program, "--seed", 3)
    assert 2 == refused.code
    assert "training images" in refused.err
    other = spikesim("run", program, "--seed", 3, "--anyway", "--json").document
    np.testing.assert_array_equal(len(digits(3).y_test), other["images"])
    assert document["predicted"] != other["predicted"]
