# SPDX-License-Identifier: Apache-2.0
"""Read hdl/spec/core.toml into checked records; every problem is reported at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HALFWORD_BITS = 16
_TABLES = (
    "format parameters relations limits frame line crc commands status windows clear registers "
    "status_bits ctrl_bits reset_modes fields timing"
)
TABLES = tuple(_TABLES.split())
_PAYLOAD_FIELD = re.compile(r"(\w+) u(8|16|24|32)(?:\[(\d+)\.\.(\d+)\])?")


class SpecError(Exception):
    """The specification contradicts itself; the message lists every problem."""


@dataclass(frozen=True)
class Number:
    """One named number: a limit, a code, a bit, a cycle constant."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Parameter:
    """One RTL parameter: default, range, and what else makes a value legal."""

    name: str
    value: int
    low: int
    high: int
    choices: tuple[int, ...]
    power_of_two: bool
    doc: str

    @property
    def expected(self) -> str:
        """Say what is legal, without relations."""
        if self.choices:
            *most, last = (str(choice) for choice in self.choices)
            return f"{', '.join(most)} or {last}" if most else last
        return f"{'a power of two, ' if self.power_of_two else ''}{self.low} to {self.high}"

    def legal(self, value: int) -> bool:
        """Whether the RTL can be built with it, relations apart."""
        if self.choices:
            return value in self.choices
        power = not self.power_of_two or value & (value - 1) == 0
        return self.low <= value <= self.high and power


@dataclass(frozen=True)
class Relation:
    """What must hold between parameters; ``of`` is the one that a message blames."""

    name: str
    of: str
    holds: str
    doc: str

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters and limits in the expression, in order of appearance."""
        return tuple(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", self.holds)))

    def text(self, limits: Mapping[str, int]) -> str:
        """Give the sentence with its numbers."""
        return self.doc.format(**limits)

    def true(self, values: Mapping[str, int]) -> bool:
        """Evaluate the expression, which ``core_check`` has found to be plain arithmetic."""
        return bool(eval(self.holds, {"__builtins__": {}}, dict(values)))


@dataclass(frozen=True)
class PayloadField:
    """One field of a payload: first byte, bytes, and how often it stands there."""

    name: str
    at: int
    size: int
    least: int
    most: int


@dataclass(frozen=True)
class Command:
    """One request of the host link; ``request`` and ``reply`` name the payload fields."""

    name: str
    code: int
    request: str
    reply: str
    doc: str


@dataclass(frozen=True)
class Status:
    """One status of a reply; ``reply`` names the fields of a refusal's payload."""

    name: str
    code: int
    doc: str
    reply: str = ""


@dataclass(frozen=True)
class Crc:
    """One CRC, in the notation of the usual catalogues."""

    name: str
    width: int
    polynomial: int
    init: int
    reflected: bool
    xor_out: int
    check: int
    doc: str


@dataclass(frozen=True)
class Window:
    """One memory window; ``stride`` is in halfwords per entry."""

    name: str
    code: int
    stride: int
    writable: bool
    doc: str


@dataclass(frozen=True)
class Register:
    """One register; ``address`` in halfwords, ``width`` in bits."""

    name: str
    address: int
    width: int
    writable: bool
    doc: str


@dataclass(frozen=True)
class Field:
    """One bit field of a window's entry."""

    name: str
    lsb: int
    width: int
    signed: bool
    doc: str


@dataclass(frozen=True)
class Spec:
    """The whole specification, in file order."""

    format: Mapping[str, int]
    parameters: tuple[Parameter, ...]
    relations: tuple[Relation, ...]
    limits: tuple[Number, ...]
    frame: tuple[Number, ...]
    line: tuple[Number, ...]
    crc: tuple[Crc, ...]
    commands: tuple[Command, ...]
    status: tuple[Status, ...]
    windows: tuple[Window, ...]
    clear: tuple[Number, ...]
    registers: tuple[Register, ...]
    status_bits: tuple[Number, ...]
    ctrl_bits: tuple[Number, ...]
    reset_modes: tuple[Number, ...]
    fields: Mapping[str, tuple[Field, ...]]
    timing: tuple[Number, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """Limits, frame and line numbers by name."""
        return {n.name: n.value for n in (*self.limits, *self.frame, *self.line)}

    def derived(self) -> tuple[Number, ...]:
        """Give the numbers that follow from others."""
        n = self.numbers
        most = n["HEADER_BYTES"] + n["MAX_PAYLOAD"] + n["CRC_BYTES"]
        marker = 1 << n["MARKER_BIT"]
        return (
            Number("FENCE", 1 << n["FENCE_BIT"], "mask of FENCE_BIT"),
            Number("MIN_FRAME", most - n["MAX_PAYLOAD"], "bytes of a frame without payload"),
            Number("MAX_FRAME", most, "bytes of the largest frame"),
            Number("MAX_LINE", most + 2, "line bytes of it: one COBS code byte, a delimiter"),
            Number("SEQUENCE_NUMBERS", 1 << n["SEQUENCE_BITS"], "they count modulo this"),
            Number("MAX_INCREMENT", (1 << n["PHASE_BITS"]) - 1, "largest that SET_BAUD takes"),
            Number("MARKER", marker, "mask of MARKER_BIT"),
            Number("STEP_MASK", marker - 1, "the bits below it"),
            Number("DECAY_ONE", 1 << n["DECAY_BITS"], "decay factor 1.0"),
            Number("MAX_COUNT", (1 << n["COUNT_BITS"]) - 1, "where a spike counter stays"),
            Number("CLEAR_ALL", sum(1 << c.value for c in self.clear), "every bit of CLEAR"),
            Number("CTRL_ALL", sum(1 << c.value for c in self.ctrl_bits), "every bit of CTRL"),
        )


def payload_fields(text: str) -> Iterator[PayloadField]:
    """Give the fields of ``"step u32, word u16[0..122]"``.

    Raises
    ------
    ValueError
        A field is not of this form, or one that repeats is not the last.
    """
    at, ended = 0, False
    for part in filter(None, text.split(", ")):
        match = _PAYLOAD_FIELD.fullmatch(part)
        if match is None or ended:
            raise ValueError(
                f"expected 'name u8|u16|u24|u32', the last [least..most], got {part!r}"
            )
        least, most = (1, 1) if match[3] is None else (int(match[3]), int(match[4]))
        ended = match[3] is not None
        field = PayloadField(match[1], at, int(match[2]) // 8, least, most)
        at += field.size
        yield field


def load(path: Path) -> Spec:
    """Give the checked specification.

    Parameters
    ----------
    path : Path
        The TOML file.

    Raises
    ------
    SpecError
        A table or key is missing, or the entries contradict each other (``core_check``).
    """
    from core_check import problems_of

    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    missing = [table for table in TABLES if table not in raw]
    unknown = [table for table in raw if table not in TABLES]
    if missing or unknown:
        raise SpecError(f"{path}: missing tables {missing}, unknown tables {unknown}")
    try:
        spec = _records(raw)
    except (KeyError, TypeError) as error:
        raise SpecError(f"{path}: an entry lacks or has a wrong key: {error}") from error
    try:
        problems = list(problems_of(spec))
    except KeyError as error:
        raise SpecError(f"{path}: expected an entry {error}, which others refer to") from error
    if problems:
        raise SpecError(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return spec


def _records(raw: Mapping[str, Any]) -> Spec:
    def numbers(table: str, key: str) -> tuple[Number, ...]:
        return tuple(Number(n, e[key], e["doc"]) for n, e in raw[table].items())

    return Spec(
        format=dict(raw["format"]),
        parameters=tuple(_parameter(n, e) for n, e in raw["parameters"].items()),
        relations=tuple(Relation(name=n, **e) for n, e in raw["relations"].items()),
        limits=numbers("limits", "value"),
        frame=numbers("frame", "value"),
        line=numbers("line", "value"),
        crc=tuple(Crc(name=n, **e) for n, e in raw["crc"].items()),
        commands=tuple(Command(name=n, **e) for n, e in raw["commands"].items()),
        status=tuple(Status(name=n, **e) for n, e in raw["status"].items()),
        windows=tuple(Window(name=n, **e) for n, e in raw["windows"].items()),
        clear=numbers("clear", "bit"),
        registers=tuple(_register(n, e) for n, e in raw["registers"].items()),
        status_bits=numbers("status_bits", "bit"),
        ctrl_bits=numbers("ctrl_bits", "bit"),
        reset_modes=numbers("reset_modes", "code"),
        fields={
            window: tuple(Field(name=n, **{"signed": False, **e}) for n, e in table.items())
            for window, table in raw["fields"].items()
        },
        timing=numbers("timing", "value"),
    )


def _parameter(name: str, entry: Mapping[str, Any]) -> Parameter:
    choices = tuple(entry.get("choices", ()))
    low, high = (min(choices), max(choices)) if choices else (entry["min"], entry["max"])
    power = entry.get("power_of_two", False)
    return Parameter(name, entry["value"], low, high, choices, power, entry["doc"])


def _register(name: str, entry: Mapping[str, Any]) -> Register:
    writable = {"ro": False, "rw": True}[entry["access"]]
    return Register(name, entry["address"], entry["width"], writable, entry["doc"])
