# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

import numpy as np
import pytest

from spikesim.core import read_archive, write_archive
from spikesim.errors import ValidationError
from spikesim.network import AllToAll, Convolution, FixedInDegree, Network
from spikesim.network.description import describe, rebuild
from spikesim.network.file import VERSION
from spikesim.neurons import LIF, LIFExp, Parrot


@pytest.fixture
def parts(tmp_path):
    net = Network(dt=1e-3)
    net.add_input("in", 2)
    neuron = LIF(beta=[0.5, 0.25], reset="soft", strict=True)
    net.add_population("a", 2, neuron, start_tick=3)
    net.connect("in", "a", [[1.0, 1.0], [1.0, 1.0]])
    net.save(tmp_path / "net.npz")
    header, arrays = read_archive(tmp_path / "net.npz", "network", VERSION)
    return tmp_path / "forged.npz", header, arrays


def _load(path, header, arrays):
    write_archive(path, "network", VERSION, header, arrays)
    return Network.load(path)


def test_the_parts_as_saved_load(parts):
    net = _load(*parts)
    assert LIF(beta=[0.5, 0.25], reset="soft", strict=True) == net.populations["a"].neuron
    assert 3 == net.populations["a"].start_tick


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


def test_a_class_that_a_file_cannot_name_is_not_saved(tmp_path):
    @dataclass(frozen=True, eq=False)
    class Inner(LIF):
        """Stands within a function."""

    net = Network(dt=1e-3)
    net.add_population("a", 2, Inner(beta=0.5))
    with pytest.raises(ValidationError, match=r"at the top of a module, got .*Inner'"):
        net.save(tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def test_a_class_of_a_script_is_one_sentence_and_nothing_follows_from_it(parts):
    path, header, arrays = parts
    header["populations"][0]["neuron"]["class"] = "__main__.Mine"
    with pytest.raises(ValidationError) as raised:
        _load(path, header, arrays)
    (problem,) = raised.value.problems
    assert "'__main__.Mine'; it stood in the script that saved it; move it to a module" in problem


def test_files_of_version_3_load_with_the_same_meaning(tmp_path):
    """The start tick stood in the model then, and a Parrot merged what arrived in one tick."""
    net = Network(dt=1e-3)
    net.add_input("in", 3)
    net.add_population("a", 2, LIF(beta=0.5), start_tick=3)
    net.add_population("b", 2, LIFExp(t_ref=2e-3))
    net.add_population("c", 2, Parrot(merge=True), start_tick=1)
    net.connect("in", "c", AllToAll(), weight=0.5)
    net.save(tmp_path / "new")
    header, arrays = read_archive(tmp_path / "new", "network", VERSION)
    for entry in header["populations"]:
        fields = entry["neuron"]["fields"]
        fields["start_tick"] = entry.pop("start_tick")
        fields.pop("merge", None)
        fields.pop("dt", None)
    header["populations"][0]["neuron"]["class"] = "spikesim.core.neuron.LIF"
    write_archive(tmp_path / "old", "network", 3, header, arrays)
    assert net == Network.load(tmp_path / "old")
    write_archive(tmp_path / "older", "network", 2, header, arrays)
    with pytest.raises(ValidationError, match="format version 4, got 2"):
        Network.load(tmp_path / "older")


def test_shapes_are_kept_and_files_without_them_are_read(tmp_path):
    net = Network(dt=1e-3)
    net.add_input("in", (1, 2, 3))
    net.add_population("a", (2, 3), LIF(beta=0.5))
    net.add_population("b", 6, LIF(beta=0.5))
    net.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert net == again
    assert [(1, 2, 3), (2, 3), (6,)] == [
        part.shape for part in (*again.inputs.values(), *again.populations.values())
    ]
    header, arrays = read_archive(tmp_path / "net.npz", "network", VERSION)
    del header["shapes"]  # as written before there were shapes
    older = _load(tmp_path / "older.npz", header, arrays)
    assert [(6,)] * 3 == [p.shape for p in (*older.inputs.values(), *older.populations.values())]
    assert net != older


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("in", [2, 2], r"input 'in': expected a shape of 2 neurons, got \(2, 2\)"),
        ("a", [0, 2], r"population 'a': expected a shape of 2 neurons, got \(0, 2\)"),
        ("a", [1.5], r"header\.shapes\.a.0.: expected an integer >= 0, got 1\.5"),
        ("nobody", [2], r"header\.shapes: unknown populations \['nobody'\]"),
    ],
)
def test_a_forged_shape_is_refused(parts, name, shape, message):
    path, header, arrays = parts
    header["shapes"][name] = shape
    with pytest.raises(ValidationError, match=message):
        _load(path, header, arrays)


def test_a_forged_kernel_is_refused(parts):
    path, header, arrays = parts
    net = Network(dt=1e-3)
    net.add_input("in", (1, 2, 2))
    net.add_population("a", (1, 2, 2), LIF(beta=0.5))
    net.connect("in", "a", Convolution([[[[0.5]]]]))
    net.save(path)
    header, arrays = read_archive(path, "network", VERSION)
    kernel = "projection/0/synapses/rule/kernel"
    assert [kernel] == list(arrays)
    with pytest.raises(ValidationError, match="finite float32 weights, got nan"):
        _load(path, header, {kernel: arrays[kernel] * np.nan})
    fields = header["projections"][0]["synapses"]["fields"]
    fields["weights"] = {"float": (0.5).hex()}
    with pytest.raises(ValidationError, match=r"none beside a convolution, got 0\.5"):
        _load(path, header, arrays)
    fields["weights"] = None
    fields["rule"]["object"]["fields"]["size"]["tuple"] = [2, 3]
    with pytest.raises(ValidationError, match="expected 6 sources and 6 targets"):
        _load(path, header, arrays)
