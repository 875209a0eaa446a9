# SPDX-License-Identifier: Apache-2.0
"""The parameters of one built core: what a program is compiled for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from spikesim.errors import ValidationError
from spikesim.hw.generated import PARAMETERS, RELATIONS

# field of CoreConfig -> RTL parameter
_PARAMETERS = {
    "n_neurons": "N",
    "n_axons": "A",
    "lanes": "L",
    "weight_bits": "WB",
    "state_bits": "VB",
    "acc_bits": "AB",
    "delay_slots": "D",
    "n_segments": "NSEG",
    "n_populations": "NPOP",
    "weight_words": "WWORDS",
    "event_queue": "EVQ",
    "spike_queue": "SPKQ",
    "rx_buffer": "RXBUF",
}
DEFAULT_CLK_HZ = 12_000_000
"""Clock of a core unless its build says otherwise: that of the iCE40 UP5K board."""


@dataclass(frozen=True)
class CoreConfig:
    """Sizes and widths of a core; the defaults are the iCE40 UP5K build of ``core.toml``.

    Parameters
    ----------
    n_neurons, n_axons : int
        Neurons and external axons.
    lanes : int
        Weights per memory word.
    weight_bits, state_bits, acc_bits : int
        Signed widths of a weight, of v and i, of an accumulator.
    delay_slots : int
        Slots of the accumulator ring, ticks.
    n_segments, n_populations, weight_words : int
        Entries of the segment table, the population table and the weight memory.
    event_queue, spike_queue : int
        Queue lengths in words of 16 bits.
    rx_buffer : int
        Bytes of received, unanswered frames the device can hold, power of two, 256 to 16384.

    Raises
    ------
    ValidationError
        With every parameter that cannot be built.

    Notes
    -----
    Legal values are in ``docs/reference/core.md``; the RTL stops at the same ones.

    Examples
    --------
    >>> CoreConfig.default().n_groups, CoreConfig.default().n_sources
    (32, 512)
    """

    n_neurons: int = PARAMETERS["N"].default
    n_axons: int = PARAMETERS["A"].default
    lanes: int = PARAMETERS["L"].default
    weight_bits: int = PARAMETERS["WB"].default
    state_bits: int = PARAMETERS["VB"].default
    acc_bits: int = PARAMETERS["AB"].default
    delay_slots: int = PARAMETERS["D"].default
    n_segments: int = PARAMETERS["NSEG"].default
    n_populations: int = PARAMETERS["NPOP"].default
    weight_words: int = PARAMETERS["WWORDS"].default
    event_queue: int = PARAMETERS["EVQ"].default
    spike_queue: int = PARAMETERS["SPKQ"].default
    rx_buffer: int = PARAMETERS["RXBUF"].default

    def __post_init__(self) -> None:
        problems = self.problems()
        if problems:
            raise ValidationError(problems)

    @classmethod
    def default(cls) -> CoreConfig:
        """Give the iCE40 UP5K build: 256 neurons, 256 axons, 131,072 8-bit synapses."""
        return cls()

    @classmethod
    def large(cls) -> CoreConfig:
        """Give a core for 28 x 28 images: 1024 axons (one per pixel), 256 neurons."""
        return cls(n_axons=1024, n_segments=2048, weight_words=32768, event_queue=2048)

    @classmethod
    def of(cls, config: CoreConfig | str | None) -> CoreConfig:
        """Give a core as it is, by its name in ``NAMED_CORES``, or the default for None.

        Raises
        ------
        ValidationError
            If there is no core of this name, or it is something else.

        Examples
        --------
        >>> CoreConfig.of("large").n_axons
        1024
        """
        if config is None:
            return cls()
        if isinstance(config, cls):
            return config
        if isinstance(config, str) and config in NAMED_CORES:
            return NAMED_CORES[config]()
        got = repr(config) if isinstance(config, str) else type(config).__name__
        raise ValidationError(
            f"core: expected a CoreConfig or one of {', '.join(map(repr, NAMED_CORES))}, got {got}"
        )

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, int]) -> CoreConfig:
        """Make a configuration from RTL parameter names, such as those a device reports.

        Raises
        ------
        ValidationError
            If a parameter is missing or cannot be built.
        """
        missing = [name for name in _PARAMETERS.values() if name not in parameters]
        if missing:
            raise ValidationError(f"core: expected parameters {missing}, which are missing")
        return cls(**{field: int(parameters[name]) for field, name in _PARAMETERS.items()})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CoreConfig:
        """Rebuild what ``to_dict`` gave.

        Raises
        ------
        ValidationError
            If a field is unknown, missing or illegal.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise ValidationError(
                f"core: expected the fields {sorted(known)}, got {sorted(map(str, values))}"
            )
        return cls(**dict(values))

    def to_dict(self) -> dict[str, int]:
        """Field name to value; JSON can hold it."""
        return asdict(self)

    def parameters(self) -> dict[str, int]:
        """RTL parameter name to value."""
        return {name: getattr(self, field) for field, name in _PARAMETERS.items()}

    @property
    def n_groups(self) -> int:
        """Groups of ``lanes`` neurons."""
        return self.n_neurons // self.lanes

    @property
    def n_sources(self) -> int:
        """Axons and neurons together."""
        return self.n_axons + self.n_neurons

    @property
    def weight_stride(self) -> int:
        """Halfwords of one weight word."""
        return self.lanes * self.weight_bits // 16

    @property
    def max_weight(self) -> int:
        """Largest weight the compiler uses; codes are symmetric."""
        return (1 << (self.weight_bits - 1)) - 1

    @property
    def max_state(self) -> int:
        """Largest value of v, i, threshold and bias."""
        return (1 << (self.state_bits - 1)) - 1

    def problems(self) -> list[str]:
        """Why this core cannot be built; empty when it can."""
        values = {name: getattr(self, field) for field, name in _PARAMETERS.items()}
        wrong = [
            f"core: expected {name} as an integer, got {value!r}"
            for name, value in values.items()
            if isinstance(value, bool) or not isinstance(value, int)
        ]
        if wrong:
            return wrong
        wrong = [
            f"core: expected {name} {PARAMETERS[name].expected}, got {value}"
            for name, value in values.items()
            if not PARAMETERS[name].legal(value)
        ]
        wrong += [
            f"core: expected {relation.of} {relation.text} ({relation.holds}), got "
            + ", ".join(f"{name} = {values[name]}" for name in relation.parameters)
            for relation in RELATIONS
            if not relation.holds_for(values)
        ]
        return wrong


NAMED_CORES: dict[str, Callable[[], CoreConfig]] = {
    "up5k": CoreConfig.default,
    "large": CoreConfig.large,
}
"""Cores that have a name, smallest first."""


def way_out(field: str, need: int, among: Iterable[str] = tuple(NAMED_CORES)) -> str:
    """Where there is room for ``need``: a named core, or one to be built.

    Parameters
    ----------
    field : str
        Field of ``CoreConfig`` that is too small.
    need : int
    among : iterable of str
        Named cores that may be advised: those that have room for all the rest.

    Examples
    --------
    >>> way_out("n_axons", 784)
    "compile for config='large' (n_axons 1024) or build the core with a larger A"
    >>> way_out("delay_slots", 12)
    'build the core with a larger D'
    """
    build = f"build the core with a larger {_PARAMETERS[field]}"
    for name in among:
        size = getattr(NAMED_CORES[name](), field)
        if size >= need:
            return f"compile for config={name!r} ({field} {size}) or {build}"
    return build
