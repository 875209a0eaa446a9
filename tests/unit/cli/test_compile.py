# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.cli.compile import compile_hint, core_config
from spikesim.data import Provenance
from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.program import Program
from spikesim.network import Network
from spikesim.neurons import LIF


def test_program_file_is_that_of_the_compiler(spikesim, files):
    call = spikesim("compile", files / "net.npz", "-o", files / "again.spk", "--json")
    assert 0 == call.code
    expected = Program.load(files / "prog.spk")
    assert expected == Program.load(files / "again.spk")
    assert expected.hash() == call.document["hash"]
    assert [16, 256] == call.document["memory"]["neurons"]


def test_report_for_people_names_the_memories(spikesim, files):
    call = spikesim("compile", files / "net.npz", "-o", files / "again.spk")
    assert "weight words" in call.out
    assert "spikesim run" in call.err
    assert "--steps TICKS" in call.err


@pytest.mark.parametrize(
    ("lines", "core"), [(64, ""), (256, ""), (257, " --config large"), (784, " --config large")]
)
def test_the_hint_names_the_core_that_takes_the_inputs(lines, core):
    made = Network(1e-3)
    made.add_input("in", lines)
    assert compile_hint(made, "n.npz") == f"spikesim compile n.npz -o prog.spk{core}"


def test_a_trained_network_says_what_an_image_costs_and_needs_no_data(spikesim, net, tmp_path):
    net.meta |= Provenance("digits", 10, "rate", split_seed=0, test_share=0.2).to_meta()
    net.save(tmp_path / "net.npz")
    call = spikesim("compile", tmp_path / "net.npz", "-o", tmp_path / "prog.spk")
    assert 0 == call.code, call.err
    assert "ms a run of 11 steps" in call.out  # one more for the second layer
    assert call.err.strip().endswith(f"spikesim run {tmp_path / 'prog.spk'}")


def test_a_file_that_exists_is_kept(spikesim, files):
    before = (files / "net.npz").read_bytes()
    for target, code in (("net.npz", 2), ("new.spk", 0), ("new.spk", 2)):
        call = spikesim("compile", files / "net.npz", "-o", files / target)
        assert code == call.code
        # Which would not help where the target is the source.
        assert ("--overwrite" in call.err) == (code == 2 and target != "net.npz")
    assert before == (files / "net.npz").read_bytes()
    call = spikesim("compile", files / "net.npz", "-o", files / "new.spk", "--overwrite")
    assert 0 == call.code


def test_network_that_does_not_fit_leaves_no_file_and_names_the_need(spikesim, tmp_path):
    net = Network(1e-3, "large")
    net.add_input("in", 4)
    net.add_population("out", 300, LIF(beta=0.9))
    net.connect("in", "out", np.ones((4, 300)))
    net.save(tmp_path / "net.npz")
    call = spikesim("compile", tmp_path / "net.npz", "-o", tmp_path / "prog.spk")
    assert 2 == call.code
    assert "need 38 groups" in call.err
    assert not (tmp_path / "prog.spk").exists()


def test_toml_file_changes_only_what_it_names(tmp_path):
    (tmp_path / "core.toml").write_text("n_axons = 128\ndelay_slots = 16\n")
    config = core_config(str(tmp_path / "core.toml"))
    defaults = CoreConfig.default().to_dict()
    assert {**defaults, "n_axons": 128, "delay_slots": 16} == config.to_dict()


@pytest.mark.parametrize(
    ("text", "message"),
    [("n_axons = ", "TOML"), ("axons = 3", "axons"), ("n_axons = 0", "1 to 1024")],
)
def test_wrong_core_file_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "core.toml").write_text(text)
    with pytest.raises(ValidationError, match=message):
        core_config(str(tmp_path / "core.toml"))


def test_unknown_core_names_the_known_ones():
    with pytest.raises(ValidationError, match="up5k, large"):
        core_config("huge")
