# SPDX-License-Identifier: Apache-2.0
"""What a core tells of itself, held against what a program needs."""

from dataclasses import replace

import pytest

from spikesim.hw.device import Device
from spikesim.hw.device.capabilities import IDENTITY_HALFWORDS, Capabilities
from spikesim.hw.generated import CORE_VERSION, MAGIC, REGISTERS, Window
from spikesim.hw.link import ProtocolVersionError
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from tests.equivalence.random_programs import SMALL, random_program


def registers(**changes):
    """Halfwords of the identity of a SMALL core, some values changed."""
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    halfwords = [int(value) for value in device.read(Window.REG, 0, IDENTITY_HALFWORDS)]
    for name, value in changes.items():
        register = REGISTERS[name]
        for k in range(register.halfwords):
            halfwords[register.address + k] = value >> (16 * k) & 0xFFFF
    return halfwords


def test_a_core_tells_what_it_was_built_with():
    found = Capabilities.from_registers(registers(BUILD_ID=0x12345678, CLK_HZ=25_000_000), "x")
    assert (SMALL, 0x12345678, 25_000_000) == (found.config, found.build_id, found.clk_hz)
    assert CORE_VERSION == found.core


@pytest.mark.parametrize("version", [CORE_VERSION - 1, CORE_VERSION + 1])
def test_an_older_or_newer_core_is_refused(version):
    with pytest.raises(ProtocolVersionError, match=f"architecture {CORE_VERSION}, got {version}"):
        Capabilities.from_registers(registers(CORE=version), "x")


@pytest.mark.parametrize("magic", [MAGIC ^ 1, MAGIC ^ 1 << 31])
def test_another_device_is_refused(magic):
    with pytest.raises(ProtocolVersionError, match="no spikesim core"):
        Capabilities.from_registers(registers(MAGIC=magic), "x")


PROGRAM = random_program(1, SMALL)
NEEDS = {
    "weight words": ("weight_words", PROGRAM.weights.shape[0]),
    "segments": ("n_segments", PROGRAM.segments.shape[0]),
    "neurons": ("n_neurons", SMALL.n_neurons),
    "population records": ("n_populations", PROGRAM.populations.shape[0]),
    "delay slots": ("delay_slots", SMALL.delay_slots),
}


def problems(**changes):
    """Problems of the program on a core that differs from its own, be such a core legal or not."""
    own = Capabilities.from_registers(registers(), "x")
    config = object.__new__(type(SMALL))
    for name in SMALL.__dataclass_fields__:
        object.__setattr__(config, name, changes.get(name, getattr(SMALL, name)))
    return replace(own, config=config).problems(PROGRAM)


@pytest.mark.parametrize("what", NEEDS)
def test_a_core_that_is_full_to_the_last_entry_is_large_enough(what):
    field, needed = NEEDS[what]
    assert problems(**{field: needed}) == []
    (problem,) = problems(**{field: needed - 1})
    assert f"expected {what} {needed}, got {needed - 1}" in problem


@pytest.mark.parametrize("field", ["n_axons", "lanes", "weight_bits", "state_bits", "acc_bits"])
@pytest.mark.parametrize("step", [-1, 1])
def test_what_a_program_is_made_for_must_be_equal(field, step):
    own = getattr(SMALL, field)
    (problem,) = problems(**{field: own + step})
    assert f"core parameter {field}: expected {own}, got {own + step}" in problem
