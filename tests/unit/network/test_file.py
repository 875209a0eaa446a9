# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

import pytest

from spikesim.core import read_archive, write_archive
from spikesim.errors import ValidationError
from spikesim.network import FixedInDegree, Network
from spikesim.network.description import describe, rebuild
from spikesim.network.file import VERSION
from spikesim.neurons import LIF


@pytest.fixture
def parts(tmp_path):
    net = Network(dt=1e-3)
    net.add_input("in", 2)
    net.add_population("a", 2, LIF(beta=[0.5, 0.25], reset="soft", strict=True, start_tick=3))
    net.connect("in", "a", [[1.0, 1.0], [1.0, 1.0]])
    net.save(tmp_path / "net.npz")
    header, arrays = read_archive(tmp_path / "net.npz", "network", VERSION)
    return tmp_path / "forged.npz", header, arrays


def _load(path, header, arrays):
    write_archive(path, "network", VERSION, header, arrays)
    return Network.load(path)


def test_the_parts_as_saved_load(parts):
    net = _load(*parts)
    assert (
        LIF(beta=[0.5, 0.25], reset="soft", strict=True, start_tick=3)
        == net.populations["a"].neuron
    )


@pytest.mark.parametrize("missing", ["dt", "inputs", "populations", "projections", "outputs"])
def test_a_missing_part_is_refused(parts, missing):
    path, header, arrays = parts
    del header[missing]
    with pytest.raises(ValidationError, match="network file"):
        _load(path, header, arrays)


def test_a_missing_column_is_refused(parts):
    path, header, arrays = parts
    del arrays["projection/0/weights"]
    with pytest.raises(ValidationError, match="weights"):
        _load(path, header, arrays)


def test_every_problem_of_a_sound_file_with_unsound_content_is_named(parts):
    path, header, arrays = parts
    arrays["projection/0/targets"] = arrays["projection/0/targets"] + 5
    stranger = {"class": "os.Neuron", "fields": {}}
    header["populations"].append({"name": "b", "n": 1, "neuron": stranger})
    header["projections"].append({"name": "p", "pre": "in", "post": "nobody"})
    with pytest.raises(ValidationError) as caught:
        _load(path, header, arrays)
    assert len(caught.value.problems) == 3
    assert all(text.startswith("network file") for text in caught.value.problems)


@dataclass(frozen=True)
class Rate:
    tau: float
    signs: tuple[int, ...] = (1, -1)


def test_a_rule_of_plasticity_is_kept_if_its_class_is_known(tmp_path):
    net = Network(dt=1e-3)
    net.add_input("in", 2)
    net.add_population("a", 2, LIF(beta=0.5))
    # Only classes that a module holds by name can be found again.
    from spikesim.learning import PairSTDP

    rule = PairSTDP(w_max=2.0, a_plus=0.125)
    net.connect("in", "a", [[1.0, 1.0], [1.0, 1.0]], plasticity=rule)
    net.save(tmp_path / "net.npz")
    assert net == Network.load(tmp_path / "net.npz")


def test_what_a_file_cannot_hold_is_refused():
    for thing, message in ((Rate(lambda: 0), "Rate.tau as number"), (print, "a dataclass object")):
        with pytest.raises(ValidationError, match=message):
            describe(thing, "", {})


def test_a_file_makes_python_import_nothing():
    for name in ("antigravity.Fly", "os.system", "nothing"):
        with pytest.raises(ValidationError, match="import the module that defines it first"):
            rebuild({"class": name, "fields": {}}, "", {})


def test_a_forged_rule_is_refused(parts):
    path, header, arrays = parts
    net = Network(dt=1e-3)
    net.add_population("a", 2, LIF(beta=0.5))
    net.connect("a", "a", FixedInDegree(1), weight=1.0)
    net.save(path)
    header, arrays = read_archive(path, "network", VERSION)
    header["projections"][0]["synapses"]["fields"]["rule"]["object"]["fields"]["k"] = 5
    with pytest.raises(ValidationError, match=r"network file .* distinct partners, got k = 5"):
        _load(path, header, arrays)
