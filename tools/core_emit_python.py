# SPDX-License-Identifier: Apache-2.0
"""Write the core specification as typed Python, laid out as `ruff format` would."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from core_spec import (
    Command,
    Crc,
    Field,
    Number,
    Parameter,
    Register,
    Relation,
    Spec,
    Status,
    Window,
    payload_fields,
)

COLUMNS = 100

_HEADER = '''\
# SPDX-License-Identifier: Apache-2.0
# {notice}
# long: generated, one line for each name of the specification
"""Numbers the core, the host and the documents share; meaning in docs/reference/core.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """One RTL parameter: its default, and which values the core can be built with."""

    default: int
    low: int
    high: int
    choices: tuple[int, ...]
    power_of_two: bool
    expected: str
    doc: str

    def legal(self, value: int) -> bool:
        """Whether the core can be built with it, relations apart."""
        if self.choices:
            return value in self.choices
        power = not self.power_of_two or value & (value - 1) == 0
        return self.low <= value <= self.high and power


@dataclass(frozen=True, slots=True)
class Relation:
    """What holds between the parameters of every core; ``of`` is the one to blame."""

    of: str
    parameters: tuple[str, ...]
    holds: str
    holds_for: Callable[[Mapping[str, int]], bool]
    text: str


@dataclass(frozen=True, slots=True)
class PayloadLayout:
    """Bytes of a payload: a fixed part, then ``least`` to ``most`` items of ``unit`` bytes."""

    fixed: int
    unit: int
    least: int
    most: int

    def fits(self, n_bytes: int) -> bool:
        """Whether a payload of this length is complete and whole."""
        items, rest = divmod(n_bytes - self.fixed, self.unit)
        return not rest and self.least <= items <= self.most


@dataclass(frozen=True, slots=True)
class Crc:
    """One CRC, in the notation of the usual catalogues."""

    width: int
    polynomial: int
    init: int
    reflected: bool
    xor_out: int
    check: int
    doc: str


@dataclass(frozen=True, slots=True)
class Register:
    """One register: ``address`` in halfwords, ``width`` in bits."""

    name: str
    address: int
    width: int
    writable: bool
    doc: str

    @property
    def halfwords(self) -> int:
        """Length in halfwords of 16 bits."""
        return -(-self.width // 16)


@dataclass(frozen=True, slots=True)
class Field:
    """One bit field of a memory entry, counted from the lowest bit of its first halfword."""

    name: str
    lsb: int
    width: int
    signed: bool
    doc: str


@dataclass(frozen=True, slots=True)
class WindowLayout:
    """How a memory window is addressed: ``stride`` halfwords per entry."""

    stride: int
    writable: bool
    doc: str
'''


def python_source(spec: Spec, notice: str) -> str:
    """Give the text of spikesim/hw/generated.py."""
    parts = [
        _HEADER.format(notice=notice),
        _constants(spec),
        _enum(
            "Command", "IntEnum", "Command byte of a request, without the fence bit.", spec.commands
        ),
        _enum("Status", "IntEnum", "Status byte of a reply.", spec.status),
        _enum("Window", "IntEnum", "Memory windows of READ, WRITE and CRC32.", spec.windows),
        _enum("Clear", "IntFlag", "Mask of the CLEAR command.", spec.clear),
        _enum("StatusBit", "IntFlag", "Bits of register STATUS.", spec.status_bits),
        _enum("CtrlBit", "IntFlag", "Bits of register CTRL.", spec.ctrl_bits),
        _enum("ResetMode", "IntEnum", "Field reset of a population record.", spec.reset_modes),
        _registers(spec.registers),
        _tables(spec),
    ]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def _constants(spec: Spec) -> str:
    lines = [f"{key.upper()}_VERSION: Final = {value}" for key, value in spec.format.items()]
    lines.append("")
    for number in (*spec.limits, *spec.frame, *spec.line, *spec.derived()):
        lines += [*_comment(number.doc, 0), f"{number.name}: Final = {_literal(number)}"]
    lines.append("")
    lines += [_crc(crc) for crc in spec.crc]
    lines += ["", "# Clock cycles of one step, see docs/reference/core.md."]
    lines += [f"CYCLES_{number.name}: Final = {number.value}" for number in spec.timing]
    lines += ["", "# RTL parameters, and what holds between them."]
    lines.append("PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(")
    lines += ["    {", *(_parameter(parameter) for parameter in spec.parameters), "    }", ")"]
    lines.append("RELATIONS: Final[tuple[Relation, ...]] = (")
    limits = {number.name for number in spec.limits}
    texts = {number.name: number.value for number in spec.limits}
    lines += [_relation(relation, limits, relation.text(texts)) for relation in spec.relations]
    return "\n".join([*lines, ")"])


def _parameter(p: Parameter) -> str:
    choices = f"({', '.join(map(str, p.choices))}{',' * (len(p.choices) == 1)})"
    arguments = [str(p.value), str(p.low), str(p.high), choices, str(p.power_of_two)]
    arguments += [_quote(p.expected), _quote(p.doc)]
    return _call(f'        "{p.name}": ', "Parameter", arguments, ",")


def _relation(relation: Relation, limits: set[str], text: str) -> str:
    def renamed(match: re.Match[str]) -> str:
        return match[0] if match[0] in limits else f'p["{match[0]}"]'

    body = re.sub(r"[A-Za-z_]\w*", renamed, relation.holds)
    names = ", ".join(_quote(name) for name in relation.names if name not in limits)
    arguments = [_quote(relation.of), f"({names})", _quote(relation.holds), f"lambda p: {body}"]
    arguments.append(_quote(text))
    return _call("    ", "Relation", arguments, ",")


def _crc(crc: Crc) -> str:
    digits = crc.width // 4
    polynomial, init, xor_out, check = (
        f"0x{value:0{digits}X}" for value in (crc.polynomial, crc.init, crc.xor_out, crc.check)
    )
    arguments = [str(crc.width), polynomial, init, str(crc.reflected), xor_out, check]
    return _call(f"{crc.name}: Final = ", "Crc", [*arguments, _quote(crc.doc)])


def _enum(
    name: str, kind: str, doc: str, entries: Iterable[Number | Command | Status | Window]
) -> str:
    lines = [f"class {name}({kind}):", f'    """{doc}"""', ""]
    for entry in entries:
        code = entry.value if isinstance(entry, Number) else entry.code
        value = str(1 << code) if kind == "IntFlag" else str(code)
        lines += [*_comment(entry.doc, 4), f"    {entry.name} = {value}"]
    return "\n".join(lines)


def _registers(registers: Sequence[Register]) -> str:
    lines = ["class Reg:", '    """Registers by name, in address order."""', ""]
    for reg in registers:
        arguments = [_quote(reg.name), str(reg.address), str(reg.width), str(reg.writable)]
        lines.append(_call(f"    {reg.name}: Final = ", "Register", [*arguments, _quote(reg.doc)]))
    lines += [
        "",
        "",
        "REGISTERS: Final[Mapping[str, Register]] = MappingProxyType(",
        "    {item.name: item for item in vars(Reg).values() if isinstance(item, Register)}",
        ")",
    ]
    return "\n".join(lines)


def _payloads(name: str, key: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"{name}: Final[Mapping[{key}, PayloadLayout]] = MappingProxyType(", "    {"]
    for entry, text in rows:
        fields = list(payload_fields(text))
        repeated = [field for field in fields if (field.least, field.most) != (1, 1)]
        fixed = sum(field.size for field in fields if field not in repeated)
        unit, least, most = (
            (repeated[0].size, repeated[0].least, repeated[0].most) if (repeated) else (1, 0, 0)
        )
        lines.append(f"        {key}.{entry}: PayloadLayout({fixed}, {unit}, {least}, {most}),")
    return [*lines, "    }", ")"]


def _tables(spec: Spec) -> str:
    lines = _payloads("REQUESTS", "Command", [(c.name, c.request) for c in spec.commands])
    lines += _payloads("REPLIES", "Command", [(c.name, c.reply) for c in spec.commands])
    lines += ["WINDOWS: Final[Mapping[Window, WindowLayout]] = MappingProxyType(", "    {"]
    lines += [_window(window) for window in spec.windows]
    lines += ["    }", ")"]
    for name, fields in spec.fields.items():
        lines.append(f"{name}_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(")
        lines += ["    {", *(_field(field) for field in fields), "    }", ")"]
    lines += ["FIELDS: Final[Mapping[Window, Mapping[str, Field]]] = MappingProxyType(", "    {"]
    lines += [f"        Window.{name}: {name}_FIELDS," for name in spec.fields]
    return "\n".join([*lines, "    }", ")"])


def _window(window: Window) -> str:
    arguments = [str(window.stride), str(window.writable), _quote(window.doc)]
    return _call(f"        Window.{window.name}: ", "WindowLayout", arguments, ",")


def _field(field: Field) -> str:
    arguments = [_quote(field.name), str(field.lsb), str(field.width), str(field.signed)]
    return _call(f'        "{field.name}": ', "Field", [*arguments, _quote(field.doc)], ",")


def _call(prefix: str, name: str, arguments: Sequence[str], suffix: str = "") -> str:
    """Lay out a call: on one line, else arguments on one line, else one argument a line."""
    indent = " " * (len(prefix) - len(prefix.lstrip()))
    flat = f"{prefix}{name}({', '.join(arguments)}){suffix}"
    if len(flat) <= COLUMNS:
        return flat
    inner = f"{indent}    {', '.join(arguments)}"
    if len(inner) <= COLUMNS:
        return f"{prefix}{name}(\n{inner}\n{indent}){suffix}"
    rows = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{prefix}{name}(\n{rows}{indent}){suffix}"


def _comment(text: str, indent: int) -> list[str]:
    lead = " " * indent + "# "
    return textwrap.wrap(text, COLUMNS, initial_indent=lead, subsequent_indent=lead)


def _quote(text: str) -> str:
    return f'"{text}"'


def _literal(number: Number) -> str:
    return f"0x{number.value:08X}" if number.name == "MAGIC" else str(number.value)
