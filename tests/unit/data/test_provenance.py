# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.data import Provenance, digits
from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.program import Program
from spikesim.network import Network
from spikesim.network import file as network_file
from spikesim.neurons import LIF

FULL = Provenance("digits", 12, "rate", split_seed=3, test_share=0.2)
OFFICIAL = Provenance("mnist", 10, "rate")


@pytest.fixture
def net():
    net = Network(1e-3, "one")
    net.add_input("in", 2)
    net.add_population("out", 2, LIF(beta=0.9))
    net.connect("in", "out", [[0.5, 0.0], [0.0, 0.7]])
    return net


@pytest.mark.parametrize("known", [FULL, OFFICIAL])
def test_network_file_and_program_file_keep_it(net, known, tmp_path):
    net.meta |= known.to_meta()
    net.save(tmp_path / "net.npz")
    loaded = Network.load(tmp_path / "net.npz")
    assert net.meta == loaded.meta
    program = compile_network(loaded).program
    assert "one" == program.name
    program.save(tmp_path / "prog.spk")
    assert known == Provenance.from_meta(Program.load(tmp_path / "prog.spk").meta)


def test_nothing_in_meta_takes_the_place_of_name_or_tick(net):
    net.meta |= {"name": "other", "tick_fs": 7}
    program = compile_network(net).program
    assert ("one", 1e-3) == (program.name, program.dt)


def test_a_network_file_without_meta_still_loads(net, tmp_path, monkeypatch):
    write = network_file.write_archive

    def older(path, kind, version, header, arrays):
        write(path, kind, version, {k: v for k, v in header.items() if k != "meta"}, arrays)

    monkeypatch.setattr(network_file, "write_archive", older)
    net.save(tmp_path / "net.npz")
    loaded = Network.load(tmp_path / "net.npz")
    assert {} == loaded.meta
    assert Provenance.from_meta(loaded.meta) is None


@pytest.mark.parametrize(
    "broken",
    [{"trained_data": "digits"}, FULL.to_meta() | {"trained_steps": "many"}],
    ids=["incomplete", "no number"],
)
def test_a_damaged_record_is_refused(broken):
    with pytest.raises(ValidationError, match="expected data, steps and encoding"):
        Provenance.from_meta(broken)


def test_a_split_knows_its_seed_and_share():
    pytest.importorskip("sklearn")
    split = digits(4, 0.3)
    assert (4, 0.3) == (split.seed, split.test_share)
    inner = split.validation(0.25, 9)
    assert ("digits-validation", 9, 0.25) == (inner.name, inner.seed, inner.test_share)
