# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim import engines
from spikesim.cli.samples import encode_images
from spikesim.hw.program import Program

pytest.importorskip("torch", reason="needs torch, to encode images")


def run(spikesim, files, *options):
    given = ("--data", files / "images.npz", "--steps", 12, "--json")
    call = spikesim("run", files / "prog.spk", *given, *options)
    assert 0 == call.code, call.err
    return call.document


def test_classes_are_those_of_the_readable_golden_model(spikesim, files):
    document = run(spikesim, files)
    program = Program.load(files / "prog.spk")
    images = np.load(files / "images.npz")["images"]
    records = [
        engines.run(program, {"in": raster}, 13, "golden-readable")
        for raster in encode_images(images, 12, 1)
    ]
    assert [int(np.argmax(r.counts("layer1"))) for r in records] == document["predicted"]
    assert sum(sum(r.meta["cycles"]) for r in records) == document["cycles_total"]
    assert 13 == document["steps"]


def test_all_engines_give_the_same(spikesim, files):
    fast = run(spikesim, files, "--limit", 3)
    slow = run(spikesim, files, "--limit", 3, "--engine", "golden-readable")
    same = ("predicted", "cycles_total", "accuracy", "images")
    assert [fast[key] for key in same] == [slow[key] for key in same]


@pytest.mark.rtl
def test_rtl_gives_the_same(spikesim, files):
    fast = run(spikesim, files)
    rtl = run(spikesim, files, "--engine", "rtl")
    same = ("predicted", "cycles_total", "accuracy", "images")
    assert [fast[key] for key in same] == [rtl[key] for key in same]


def test_accuracy_below_the_wanted_one_is_exit_code_1(spikesim, files):
    images = files / "images.npz"
    arguments = ("run", files / "prog.spk", "--data", images, "--steps", 9, "--json")
    predicted = spikesim(*arguments).document["predicted"]
    stored = np.load(images)["images"]
    np.savez(images, images=stored, labels=np.array(predicted))
    assert 0 == spikesim(*arguments, "--min-accuracy", 1.0).code
    np.savez(images, images=stored, labels=(np.array(predicted) + 1) % 4)
    call = spikesim(*arguments, "--min-accuracy", 0.5)
    assert 1 == call.code
    assert 0.0 == call.document["accuracy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "board"], "--port"),
        (["--port", "/dev/ttyUSB0"], "--engine board"),
        (["--steps", "0"], "greater than or equal to 1"),
        (["--steps", "100000000000000000000"], "GB of spikes"),
        (["--seed", "99999999999999999999999"], "9223372036854775807"),
        ([], "give --steps"),
        (["--engine", "board", "--port", "/dev/none"], "/dev/none"),
    ],
    ids=["no port", "no board", "no steps", "too many", "seed", "unknown", "no device"],
)
def test_options_that_do_not_fit_are_refused(spikesim, files, options, message):
    if "--steps" not in options and message != "give --steps":
        options = [*options, "--steps", 5]
    call = spikesim("run", files / "prog.spk", "--data", files / "images.npz", *options)
    assert 2 == call.code
    assert message in call.err


def test_images_of_another_size_are_refused(spikesim, files):
    np.savez(files / "wide.npz", images=np.zeros((2, 5, 5), np.float32))
    call = spikesim("run", files / "prog.spk", "--data", files / "wide.npz", "--steps", 3)
    assert 2 == call.code
    assert "16 pixels" in call.err
    assert "25" in call.err


@pytest.mark.parametrize("content", [b"not an archive", b"PK\x03\x04 cut"])
def test_damaged_files_are_refused(spikesim, files, content):
    (files / "bad.npz").write_bytes(content)
    as_data = spikesim("run", files / "prog.spk", "--data", files / "bad.npz", "--steps", 3)
    as_program = spikesim("run", files / "bad.npz", "--data", files / "images.npz")
    assert [2, 2] == [as_data.code, as_program.code]
    assert "bad.npz" in as_data.err
    assert "bad.npz" in as_program.err


@pytest.mark.rtl
def test_a_virtual_board_gives_the_same(spikesim, files):
    same = ("predicted", "cycles_total", "accuracy", "images")
    virtual = run(spikesim, files, "--engine", "virtual", "--limit", 2)
    fast = run(spikesim, files, "--limit", 2)
    assert [fast[key] for key in same] == [virtual[key] for key in same]


def test_time_of_an_image_is_that_of_its_cycles_and_bytes(spikesim, files):
    document = run(spikesim, files)
    spent = document["time"]
    assert pytest.approx(document["cycles_per_image"] / 12e3) == spent["run_ms"]  # at 12 MHz
    assert pytest.approx(spent["run_bytes"] * 10 / 115.2) == spent["line_ms"]  # 10 bits a byte
    call = spikesim("run", files / "prog.spk", "--data", files / "images.npz", "--steps", 12)
    assert call.out.count("ms per image") == 2


def test_labels_that_are_no_whole_numbers_are_refused(spikesim, files):
    images = np.load(files / "images.npz")["images"]
    np.savez(files / "images.npz", images=images, labels=np.zeros(6))
    call = spikesim("run", files / "prog.spk", "--data", files / "images.npz", "--steps", 3)
    assert 2 == call.code
    assert "6 integer labels" in call.err
    assert "float64" in call.err


def test_readable_model_says_in_a_log_how_far_it_is(spikesim, files):
    call = spikesim(
        "run", files / "prog.spk", "--data", files / "images.npz", "--steps", 3,
        "--engine", "golden-readable",
    )  # fmt: skip
    assert "samples: 6 of 6" in call.err
