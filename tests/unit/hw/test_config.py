# SPDX-License-Identifier: Apache-2.0
import tomllib
from pathlib import Path

import pytest

from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig

SPEC = Path(__file__).parents[3] / "hdl" / "spec" / "core.toml"


def test_defaults_are_those_of_the_specification():
    spec = tomllib.loads(SPEC.read_text())["parameters"]
    expected = {name: entry["value"] for name, entry in spec.items()}
    assert expected == CoreConfig.default().parameters()


def test_default_core_has_131072_synapses_of_8_bits():
    core = CoreConfig.default()
    assert 131_072 == core.weight_words * core.lanes
    assert (32, 512, 4, 127, 131_071) == (
        core.n_groups, core.n_sources, core.weight_stride, core.max_weight, core.max_state,
    )  # fmt: skip


def test_large_core_has_an_axon_for_every_pixel_of_28_x_28():
    core = CoreConfig.large()
    assert core.n_axons >= 28 * 28
    assert core.n_segments >= core.n_sources
    assert core.event_queue > core.n_axons


def test_every_wrong_parameter_is_reported_at_once():
    with pytest.raises(ValidationError) as caught:
        CoreConfig(n_neurons=100, n_axons=0, lanes=3, weight_bits=5, delay_slots=32)
    named = [problem.split()[2] for problem in caught.value.problems]
    assert {"N", "A", "L", "WB", "D"} <= set(named)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_neurons", 2048),
        ("n_axons", 1025),
        ("state_bits", 24),
        ("acc_bits", 18),
        ("n_segments", 511),
        ("n_populations", 65),
        ("weight_words", 65537),
        ("event_queue", 500),
        ("spike_queue", 256),
        ("rx_buffer", 100),
        ("n_axons", True),
        ("n_axons", 4.0),
    ],
)
def test_a_core_that_cannot_be_built_is_refused(field, value):
    with pytest.raises(ValidationError, match=r"core: expected \w+"):
        CoreConfig(**{field: value})


def test_more_groups_than_image_fields_can_name_are_refused():
    with pytest.raises(ValidationError, match="at most 256 groups"):
        CoreConfig(n_neurons=1024, lanes=2, n_segments=2048, spike_queue=2048)


def test_dictionary_and_parameter_forms_give_the_same_core_back():
    core = CoreConfig.large()
    assert core == CoreConfig.from_dict(core.to_dict())
    assert core == CoreConfig.from_parameters(core.parameters())


def test_unknown_and_missing_fields_are_refused():
    values = CoreConfig.default().to_dict()
    with pytest.raises(ValidationError, match="expected the fields"):
        CoreConfig.from_dict(values | {"depth": 3})
    with pytest.raises(ValidationError, match=r"missing"):
        CoreConfig.from_parameters({"N": 256})
