# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from spikesim.core import write_archive
from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.image import unpack_weights
from spikesim.hw.program import Program
from tests.equivalence.random_programs import SMALL, random_program


@pytest.fixture
def program():
    return random_program(5, SMALL)


def changed(table, entry, **values):
    copy = table.copy()
    for name, value in values.items():
        copy[name][entry] = value
    return copy


def head(program):
    return int(np.flatnonzero(program.segments["valid"])[0])


def test_saved_program_comes_back_equal(program, tmp_path):
    program.save(tmp_path / "net.program")
    loaded = Program.load(tmp_path / "net.program")
    assert program == loaded
    assert program.hash() == loaded.hash()
    assert (program.inputs, program.groups, program.meta) == (
        loaded.inputs, loaded.groups, loaded.meta,
    )  # fmt: skip
    np.testing.assert_array_equal(program.weights, loaded.weights)


def test_no_flipped_byte_gives_another_program(tmp_path):
    path = tmp_path / "net.program"
    program = random_program(6, SMALL)
    program.save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    places = {0, 1, len(data) - 1, len(data) - 20, *rng.integers(0, len(data), size=150).tolist()}
    refused = 0
    for at in sorted(places):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(damaged))
        try:
            # A byte the format does not use, such as a time stamp, may change without effect.
            assert program == Program.load(path)
        except ValidationError:
            refused += 1
    assert refused > 0.8 * len(places)


@pytest.mark.parametrize("keep", [0, 1, 50, -1, -100])
def test_a_truncated_file_is_refused(program, tmp_path, keep):
    path = tmp_path / "net.program"
    program.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValidationError, match="program file"):
        Program.load(path)


def test_an_absent_file_and_a_file_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="no such file"):
        Program.load(tmp_path / "none")
    write_archive(tmp_path / "other", "network", 1, {}, {})
    with pytest.raises(ValidationError, match="expected kind 'program'"):
        Program.load(tmp_path / "other")


def test_a_file_that_lacks_a_part_is_refused(tmp_path):
    write_archive(tmp_path / "hollow", "program", 1, {"config": SMALL.to_dict()}, {})
    with pytest.raises(
        ValidationError, match="hollow': header: expected 'groups', which is missing"
    ):
        Program.load(tmp_path / "hollow")


def test_hash_is_the_same_for_equal_content_and_on_every_machine():
    assert random_program(5, SMALL).hash() == random_program(5, SMALL).hash()
    other = random_program(5)
    empty = Program(
        config=CoreConfig.default(),
        weights=np.zeros((0, 8), np.int8),
        segments=other.segments[:0],
        params=np.zeros(256, other.params.dtype),
        populations=other.populations[:0],
        inputs={},
        groups={},
        outputs=(),
    )
    assert "b2cec373cd56fec2" == empty.hash()[:16]


def test_hash_changes_with_everything_that_matters(program):
    at = head(program)
    weights = program.weights.copy()
    weights[0, 0] ^= 1
    name = next(iter(program.groups))
    others = [
        replace(program, weights=weights),
        replace(program, segments=changed(program.segments, at, delay=int(
            program.segments["delay"][at]) ^ 1)),
        replace(program, params=changed(program.params, 0, bias=7)),
        replace(program, populations=changed(program.populations, 0, v_init=77)),
        replace(program, outputs=(name,) if program.outputs != (name,) else ()),
        replace(program, meta={"name": "another"}),
        replace(program, config=replace(program.config, event_queue=512)),
    ]  # fmt: skip
    hashes = {other.hash() for other in [program, *others]}
    assert len(others) + 1 == len(hashes)
    assert len({other.program_id for other in others}) == len(others)
    assert 0 not in {other.program_id for other in others}


def test_program_id_is_the_low_word_of_the_hash(program):
    assert int(program.hash(), 16) & 0xFFFF_FFFF == program.program_id


def test_image_holds_the_weights(program):
    image = program.image()
    assert {"WEIGHT", "SEG", "PARAM", "POP"} == set(image)
    words = unpack_weights(image["WEIGHT"], SMALL.lanes, SMALL.weight_bits)
    np.testing.assert_array_equal(program.weights, words)
    assert all(halfwords.dtype == np.uint16 for halfwords in image.values())


def test_a_float_has_no_place_in_a_program(program):
    with pytest.raises(ValidationError, match="holds no float"):
        replace(program, meta={"scale": 0.5})
    with pytest.raises(ValidationError, match="expected integer weights"):
        replace(program, weights=program.weights.astype(np.float32))


def test_arrays_cannot_be_changed_afterwards(program):
    with pytest.raises(ValueError, match="read-only"):
        program.weights[0, 0] = 1


def test_tick_and_latency_are_integers_underneath(program):
    assert 1e-3 == program.dt
    assert max(start for _, _, start in program.groups.values()) == program.latency


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base": 600}, "weight words that exist"),
        ({"first": 8}, "groups that exist"),
        ({"delay": 8}, "delay < 8"),
        ({"delay": 16}, "0 <= delay <= 15"),
        ({"more": 1, "next": 479}, "weight words"),
        ({"more": 1, "next": 480}, "next within the table"),
    ],
)
def test_a_segment_the_core_cannot_visit_is_refused(program, values, message):
    segments = np.zeros(480, program.segments.dtype)
    segments[: program.segments.size] = program.segments
    segments[479]["base"] = 5000
    with pytest.raises(ValidationError, match=message):
        replace(program, segments=changed(segments, head(program), **values))


def test_an_endless_chain_is_refused(program):
    at = head(program)
    segments = changed(program.segments, at, more=1, next=at)
    with pytest.raises(ValidationError, match="chain of at most 64"):
        replace(program, segments=segments)


@pytest.mark.parametrize(("length", "legal"), [(64, True), (65, False)])
def test_a_chain_may_have_64_segments(length, legal):
    program = random_program(5, SMALL)
    segments = np.zeros(480, program.segments.dtype)
    entries = [0, *range(200, 200 + length - 1)]
    for k, entry in enumerate(entries[:-1]):
        segments[entry]["more"], segments[entry]["next"] = 1, entries[k + 1]
    segments[0]["valid"] = 1
    if legal:
        assert replace(program, segments=segments).segments.size == 480
    else:
        with pytest.raises(ValidationError, match="chain"):
            replace(program, segments=segments)


def test_every_problem_is_reported_at_once(program):
    with pytest.raises(ValidationError) as caught:
        replace(
            program,
            populations=changed(program.populations, 0, alpha_v=4097),
            segments=changed(program.segments, head(program), delay=8),
            inputs={"in": (0, 1000)},
            outputs=("nobody",),
        )
    text = str(caught.value)
    for part in ("alpha_v", "delay < 8", "input 'in'", "'nobody'"):
        assert part in text


def test_overlapping_places_and_groups_are_refused(program):
    with pytest.raises(ValidationError, match=r"shares axons with \['a'\]"):
        replace(program, inputs={"a": (0, 4), "b": (3, 4)})
    with pytest.raises(ValidationError, match="ascending, disjoint"):
        replace(program, populations=np.concatenate([program.populations] * 2))


def test_report_names_memory_rows_and_cycles(program):
    text = program.report()
    for part in ("weight words", "row segments", "groups", "cycles of a step", "population p0"):
        assert part in text
