# SPDX-License-Identifier: Apache-2.0
import tomllib
from dataclasses import replace
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


# Every parameter with a core in which its limits are legal, besides relations to others.
SMALL = CoreConfig(
    n_neurons=32, n_axons=1, lanes=2, delay_slots=1, n_segments=33, n_populations=1,
    weight_words=1, event_queue=4, spike_queue=64, rx_buffer=256, state_bits=16,
)  # fmt: skip
LARGE = CoreConfig(
    n_neurons=1024, n_axons=1024, lanes=16, weight_bits=16, delay_slots=16, n_segments=65535,
    n_populations=64, weight_words=65536, event_queue=32768, spike_queue=32768, rx_buffer=16384,
)  # fmt: skip


@pytest.mark.parametrize(
    ("core", "field", "legal", "illegal"),
    [
        (SMALL, "n_neurons", 32, 16), (LARGE, "n_neurons", 1024, 2048),
        (SMALL, "n_axons", 1, 0), (LARGE, "n_axons", 1024, 1025),
        (SMALL, "lanes", 2, 1), (LARGE, "lanes", 16, 32),
        (LARGE, "weight_bits", 4, 2), (LARGE, "weight_bits", 16, 32),
        (LARGE, "state_bits", 16, 15), (LARGE, "state_bits", 18, 19),
        (SMALL, "acc_bits", 16, 15), (SMALL, "acc_bits", 16, 17),
        (SMALL, "delay_slots", 1, 0), (LARGE, "delay_slots", 16, 32),
        (SMALL, "n_segments", 33, 32), (LARGE, "n_segments", 65535, 65536),
        (SMALL, "n_populations", 1, 0), (LARGE, "n_populations", 64, 65),
        (SMALL, "weight_words", 1, 0), (LARGE, "weight_words", 65536, 65537),
        (SMALL, "event_queue", 4, 2), (LARGE, "event_queue", 32768, 65536),
        (SMALL, "spike_queue", 64, 32), (LARGE, "spike_queue", 32768, 65536),
        (SMALL, "rx_buffer", 256, 128), (LARGE, "rx_buffer", 16384, 32768),
        (SMALL, "event_queue", 8, 12), (SMALL, "rx_buffer", 512, 384),
        (SMALL, "delay_slots", 4, 3), (SMALL, "n_neurons", 32, 48), (SMALL, "lanes", 8, 6),
    ],
)  # fmt: skip
def test_the_limit_of_a_parameter_is_accepted_and_the_next_value_refused(
    core, field, legal, illegal
):
    assert legal == getattr(replace(core, **{field: legal}), field)
    with pytest.raises(ValidationError, match=r"core: expected \w+"):
        replace(core, **{field: illegal})


@pytest.mark.parametrize(
    ("values", "field", "legal", "illegal"),
    [
        ({"n_axons": 256}, "n_segments", 512, 511),
        ({"n_neurons": 512, "n_segments": 1024}, "spike_queue", 1024, 512),
        ({"n_neurons": 1024, "n_segments": 2048, "spike_queue": 2048}, "lanes", 4, 2),
        ({"weight_bits": 4}, "lanes", 4, 2),
    ],
)
def test_a_relation_between_parameters_has_two_sides(values, field, legal, illegal):
    assert legal == getattr(CoreConfig(**values, **{field: legal}), field)
    with pytest.raises(ValidationError, match=rf"got .*{illegal}"):
        CoreConfig(**values, **{field: illegal})


@pytest.mark.parametrize("value", [True, 4.0, "8"])
def test_a_parameter_that_is_no_integer_is_refused(value):
    with pytest.raises(ValidationError, match="core: expected A as an integer"):
        CoreConfig(n_axons=value)


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
