# SPDX-License-Identifier: Apache-2.0
"""What a device says it is, and whether a program suits it."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import CORE_VERSION, MAGIC, REGISTERS, Reg
from spikesim.hw.link.errors import CoreTooSmallError, ProtocolVersionError
from spikesim.hw.program import Program

# Generous: clocks of a busy step for each neuron, and how many times slower than its clock says a
# simulated board may be.
_STEP_CYCLES = 20
_SLOWNESS = 20
IDENTITY_HALFWORDS = Reg.CLK_HZ.address + Reg.CLK_HZ.halfwords


@dataclass(frozen=True)
class Capabilities:
    """Identity of a device.

    Parameters
    ----------
    config : CoreConfig
        Sizes and widths of the core.
    protocol, core : int
        Versions of link and architecture.
    build_id : int
        CRC-32 of the RTL sources; 0 when not set.
    features : int
        Feature bits.
    clk_hz : int
        Clock, hertz.
    """

    config: CoreConfig
    protocol: int
    core: int
    build_id: int
    features: int
    clk_hz: int

    @classmethod
    def from_registers(cls, halfwords: list[int], name: str) -> Capabilities:
        """Read registers MAGIC to CLK_HZ, given as halfwords from address 0.

        Raises
        ------
        ProtocolVersionError
            If this is no spikesim core, or one of another architecture.
        """
        values = {
            register.name: sum(
                halfwords[register.address + k] << (16 * k) for k in range(register.halfwords)
            )
            for register in REGISTERS.values()
            if register.address + register.halfwords <= len(halfwords)
        }
        if values["MAGIC"] != MAGIC:
            raise ProtocolVersionError(
                f"device {name}: expected magic {MAGIC:#010x}, got {values['MAGIC']:#010x}; this "
                "is no spikesim core"
            )
        if values["CORE"] != CORE_VERSION:
            raise ProtocolVersionError(
                f"device {name}: expected core architecture {CORE_VERSION}, got {values['CORE']}; "
                "load a bitstream built from this version of spikesim"
            )
        try:
            config = CoreConfig.from_parameters(values)
        except ValidationError as error:
            raise ProtocolVersionError(
                f"device {name}: expected a legal core, got {'; '.join(error.problems)}; load a "
                "bitstream built from this version of spikesim"
            ) from error
        return cls(
            config=config,
            protocol=values["PROTOCOL"],
            core=values["CORE"],
            build_id=values["BUILD_ID"],
            features=values["FEATURES"],
            clk_hz=values["CLK_HZ"],
        )

    def patience(self, steps: int) -> float:
        """Seconds to wait for ``steps`` before thinking that a reply is lost."""
        cycles = steps * _STEP_CYCLES * self.config.n_neurons
        return _SLOWNESS * cycles / max(self.clk_hz, 1)

    def problems(self, program: Program) -> list[str]:
        """Why a program cannot run on this core; empty when it can."""
        need, have = program.config, self.config
        exact = ("n_axons", "lanes", "weight_bits", "state_bits", "acc_bits")
        problems = [
            f"core parameter {field}: expected {getattr(need, field)}, got {getattr(have, field)};"
            " compile the program for this core"
            for field in exact
            if getattr(need, field) != getattr(have, field)
        ]
        used = (
            ("weight words", program.weights.shape[0], have.weight_words),
            ("segments", program.segments.shape[0], have.n_segments),
            ("neurons", need.n_neurons, have.n_neurons),
            ("population records", program.populations.shape[0], have.n_populations),
            ("delay slots", need.delay_slots, have.delay_slots),
        )
        problems += [
            f"core too small: expected {what} {needed}, got {limit}; load the bitstream of a "
            "larger core, such as 'large', or use a smaller network"
            for what, needed, limit in used
            if needed > limit
        ]
        return problems

    def require(self, program: Program, name: str) -> None:
        """Raise CoreTooSmallError with every problem if a program cannot run here."""
        problems = self.problems(program)
        if problems:
            raise CoreTooSmallError([f"device {name}: {problem}" for problem in problems])
