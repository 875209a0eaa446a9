# SPDX-License-Identifier: Apache-2.0
"""``spikesim train`` on a user's own images, up to a run on the held-out ones."""

import csv
import re

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spikesim import data
from spikesim.network import Network


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A part of the digits as bytes; a user would have them so."""
    split = data.digits(0)
    path = tmp_path_factory.mktemp("data") / "mine.npz"
    images = (split.x_train[:400] * 255).astype(np.uint8)
    np.savez(path, images=images, labels=split.y_train[:400])
    return path


@pytest.fixture
def train(spikesim, mine, tmp_path):
    def call(*arguments, out="net.npz"):
        quick = ("--epochs", 3, "--integer-epochs", 1, "--steps", 6, "--batch-size", 32)
        return spikesim("train", mine, "--out", tmp_path / out, *quick, *arguments, "--json")

    return call


def test_help_tells_what_own_images_are_trained_with(spikesim):
    from spikesim.nn.recipes import OWN

    text = " ".join(spikesim("train", "--help").out.split())
    told = dict(re.findall(r"--([a-z-]+) <[^>]*>(?:(?!--).)*?\[own images: ([^]]+)\]", text))
    assert 7 == len(told)
    for option, value in told.items():
        assert float(value) == getattr(OWN, option.replace("-", "_")), option


def test_own_images_are_trained_on_and_run_with_the_held_out_part(train, spikesim, mine, tmp_path):
    call = train("--hidden", "40,20", "--seed", 4, "--test-share", 0.25)
    assert 0 == call.code, call.err
    found = call.document
    assert (100, 6, 3, None) == tuple(
        found[key] for key in ("test_images", "steps", "epochs", "accuracy_validation")
    )
    assert found["accuracy_quantized"] > 0.3  # chance is 0.1
    net = Network.load(tmp_path / "net.npz")
    assert [40, 20, 10] == [p.n for p in net.populations.values()]
    assert 0 == spikesim("compile", tmp_path / "net.npz", "-o", tmp_path / "prog.spk").code
    run = spikesim("run", tmp_path / "prog.spk", "--json")
    assert 0 == run.code, run.err
    assert (100, found["accuracy_quantized"]) == (run.document["images"], run.document["accuracy"])
    # The same file by another name holds the same images out.
    link = tmp_path / "link.npz"
    link.symlink_to(mine)
    assert (
        100 == spikesim("run", tmp_path / "prog.spk", "--data", link, "--json").document["images"]
    )
    kept = mine.read_bytes()
    try:
        np.savez(mine, images=np.zeros((8, 8, 8), np.uint8), labels=np.arange(8) % 2)
        changed = spikesim("run", tmp_path / "prog.spk")
    finally:
        mine.write_bytes(kept)
    assert 2 == changed.code
    assert "that the network was trained on" in changed.err


def test_validation_log_and_checkpoint(train, tmp_path):
    options = ("--hidden", 16, "--validation", 0.2, "--log", tmp_path / "log.csv")
    options += ("--checkpoint", tmp_path / "run.pt")
    first = train(*options)
    assert 0 == first.code, first.err
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    best = max(float(row["validation_accuracy"]) for row in rows)
    assert (3, best) == (len(rows), first.document["accuracy_validation"])
    again = train(*options, out="again.npz")
    assert {"run.pt", "run.integers.pt"} <= {path.name for path in tmp_path.iterdir()}
    assert again.document["accuracy_quantized"] == first.document["accuracy_quantized"]
    other = train(*options, "--lr", 0.5, out="other.npz")
    assert 2 == other.code
    assert "lr is 0.005 in it and 0.5 here" in other.err
    assert not (tmp_path / "other.npz").exists()


def test_a_net_with_convolutions_is_trained_with_the_integers_that_are_compiled(
    train, spikesim, tmp_path
):
    call = train("--hidden", "2c3,p2,20", "--lr", 0.03)
    assert 0 == call.code, call.err
    found = call.document
    assert found["accuracy_quantized"] > 0.3  # chance is 0.1
    net = Network.load(tmp_path / "net.npz")
    assert [(2, 8, 8), (20,), (10,)] == [tuple(p.shape) for p in net.populations.values()]
    assert 0 == spikesim("compile", tmp_path / "net.npz", "-o", tmp_path / "prog.spk").code
    run = spikesim("run", tmp_path / "prog.spk", "--json")
    assert 0 == run.code, run.err
    assert (80, found["accuracy_quantized"]) == (run.document["images"], run.document["accuracy"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--hidden", "big"), "got 'big'"),
        (("--patience", 3), "expected --validation beside it"),
        (("--validation", 1.0, "--lr", 0), "(?s)--lr 0.*--validation 1"),
        (("--beta", 1.5), "--beta 1.5: expected 0 to 1"),
        (("--data", "x"), "says it all; leave it out"),
        (("--test-share", 0.0), "share must lie between 0 and 1"),
    ],
)
def test_options_that_mean_nothing_are_refused(train, arguments, says, tmp_path):
    import re

    call = train(*arguments)
    assert 2 == call.code
    assert re.search(says, call.err)
    assert not list(tmp_path.iterdir())


def test_what_is_nowhere_is_told(spikesim, tmp_path):
    call = spikesim("train", tmp_path / "absent.npz", "--out", tmp_path / "net.npz")
    assert 2 == call.code
    assert "which does not exist" in " ".join(call.err.split())
