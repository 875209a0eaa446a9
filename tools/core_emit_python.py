# SPDX-License-Identifier: Apache-2.0
"""Write the core specification as typed Python, laid out as `ruff format` would."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from core_spec import Command, Field, Number, Register, Spec, Window

COLUMNS = 100

_HEADER = '''\
# SPDX-License-Identifier: Apache-2.0
# {notice}
"""Numbers the core, the host and the documents share; meaning in docs/reference/core.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final


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
        _registers(spec.registers),
        _tables(spec),
    ]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def _constants(spec: Spec) -> str:
    lines = [f"{key.upper()}_VERSION: Final = {value}" for key, value in spec.format.items()]
    lines.append("")
    for number in spec.limits:
        lines += [*_comment(number.doc, 0), f"{number.name}: Final = {_literal(number)}"]
    lines += ["", "# Clock cycles of one step, see docs/reference/core.md."]
    lines += [f"CYCLES_{number.name}: Final = {number.value}" for number in spec.timing]
    lines += ["", "# RTL parameters and their defaults."]
    lines.append("DEFAULT_PARAMETERS: Final[Mapping[str, int]] = MappingProxyType(")
    lines.append("    {")
    for number in spec.parameters:
        lines += [*_comment(number.doc, 8), f'        "{number.name}": {number.value},']
    return "\n".join([*lines, "    }", ")"])


def _enum(name: str, kind: str, doc: str, entries: Iterable[Number | Command | Window]) -> str:
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


def _tables(spec: Spec) -> str:
    lines = ["WINDOWS: Final[Mapping[Window, WindowLayout]] = MappingProxyType(", "    {"]
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
