# SPDX-License-Identifier: Apache-2.0
"""Write the core specification as a Verilog include, a Verilog check and a C header."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core_spec import Crc, Parameter, Relation, Spec, payload_fields

COLUMNS = 100


@dataclass(frozen=True)
class Constant:
    """One constant; ``bits`` = 0 is a plain number, else the width of a sized literal."""

    name: str
    value: int
    bits: int = 0
    hexadecimal: bool = False


def constants(spec: Spec) -> Iterator[tuple[str, list[Constant]]]:
    """Give (section title, constants), the same names for Verilog and C."""
    versions = [Constant(f"VERSION_{key.upper()}", v, 16) for key, v in spec.format.items()]
    yield "versions", versions
    yield (
        "parameters: default and range",
        [
            Constant(f"{kind}{p.name}{end}", value)
            for p in spec.parameters
            for kind, end, value in (
                ("DEFAULT_", "", p.value),
                ("", "_MIN", p.low),
                ("", "_MAX", p.high),
            )
        ],
    )
    limits = [
        Constant(n.name, n.value, 32 if n.name == "MAGIC" else 0, n.name == "MAGIC")
        for n in spec.limits
    ]
    yield "limits", limits
    yield "frame", [Constant(n.name, n.value) for n in spec.frame]
    yield "serial line", [Constant(n.name, n.value) for n in spec.line]
    yield "what follows from these", [Constant(n.name, n.value) for n in spec.derived()]
    yield "CRCs: polynomial in both bit orders", [c for crc in spec.crc for c in _crc(crc)]
    yield "commands", [Constant(f"CMD_{c.name}", c.code, 8) for c in spec.commands]
    yield "payloads, bytes", [c for who, text in _payloads(spec) for c in _payload(who, text)]
    yield "status codes of a reply", [Constant(f"ST_{s.name}", s.code, 8) for s in spec.status]
    yield "memory windows", [Constant(f"WIN_{w.name}", w.code, 8) for w in spec.windows]
    strides = [Constant(f"STRIDE_{w.name}", w.stride) for w in spec.windows]
    yield "halfwords per entry of a window", strides
    yield "bits of the CLEAR mask", [Constant(f"CLEAR_{c.name}_BIT", c.value) for c in spec.clear]
    registers = [Constant(f"REG_{r.name}", r.address, 16) for r in spec.registers]
    yield "register addresses, in halfwords", registers
    bits = [Constant(f"STATUS_{s.name}_BIT", s.value) for s in spec.status_bits]
    yield "bits of register STATUS", bits
    yield "bits of register CTRL", [Constant(f"CTRL_{c.name}_BIT", c.value) for c in spec.ctrl_bits]
    yield "field POP.reset", [Constant(f"RESET_{m.name}", m.value, 2) for m in spec.reset_modes]
    for window, fields in spec.fields.items():
        rows: list[Constant] = []
        for field in fields:
            rows.append(Constant(f"{window}_{field.name.upper()}_LSB", field.lsb))
            rows.append(Constant(f"{window}_{field.name.upper()}_WIDTH", field.width))
            rows.append(Constant(f"{window}_{field.name.upper()}_SIGNED", int(field.signed)))
        yield f"bit fields of one {window} entry", rows
    yield "clock cycles of one step", [Constant(f"CYCLES_{n.name}", n.value) for n in spec.timing]


def _crc(crc: Crc) -> Iterator[Constant]:
    mirrored = int(f"{crc.polynomial:0{crc.width}b}"[::-1], 2)
    for name, value in (
        ("POLYNOMIAL", crc.polynomial),
        ("POLYNOMIAL_REFLECTED", mirrored),
        ("INIT", crc.init),
        ("XOR_OUT", crc.xor_out),
        ("CHECK", crc.check),
    ):
        yield Constant(f"{crc.name}_{name}", value, crc.width, hexadecimal=True)


def _payloads(spec: Spec) -> Iterator[tuple[str, str]]:
    for command in spec.commands:
        yield f"{command.name}_REQUEST", command.request
        yield f"{command.name}_REPLY", command.reply
    for status in spec.status:
        if status.reply:
            yield f"{status.name}_REPLY", status.reply


def _payload(who: str, text: str) -> Iterator[Constant]:
    """Offset of each field, words of the repeated one, and the size of the whole."""
    fields = list(payload_fields(text))
    for field in fields:
        yield Constant(f"{who}_{field.name.upper()}_AT", field.at)
    if fields and fields[-1].most > 1:
        yield Constant(f"{who}_WORDS_MIN", fields[-1].least)
        yield Constant(f"{who}_WORDS_MAX", fields[-1].most)
    yield Constant(f"{who}_MIN", sum(field.size * field.least for field in fields))
    yield Constant(f"{who}_MAX", sum(field.size * field.most for field in fields))


def verilog_source(spec: Spec, notice: str) -> str:
    """Give the text of spk_core_defs.vh, to be included inside a module."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// {notice}",
        "// long: generated, one line for each constant",
        "// Include inside a module body. A module uses a few of the names, so the rest is unused.",
        "/* verilator lint_off UNUSEDPARAM */",
    ]
    for title, rows in constants(spec):
        lines += ["", f"// {title}"]
        lines += [_localparam(row) for row in rows]
    lines += ["", "// bits that exist in one entry of a window"]
    strides = {window.name: window.stride for window in spec.windows}
    for window, fields in spec.fields.items():
        mask = sum(((1 << field.width) - 1) << field.lsb for field in fields)
        lines += textwrap.wrap(
            _localparam(Constant(f"{window}_BITS", mask, 16 * strides[window], True)),
            COLUMNS,
            subsequent_indent="  ",
            break_long_words=False,
        )
    return "\n".join([*lines, "", "/* verilator lint_on UNUSEDPARAM */", ""])


def _localparam(constant: Constant) -> str:
    name, value, bits = constant.name, constant.value, constant.bits
    if constant.hexadecimal:
        return f"localparam [{bits - 1}:0] SPK_{name} = {bits}'h{value:0{-(-bits // 4)}X};"
    if bits:
        return f"localparam [{bits - 1}:0] SPK_{name} = {bits}'d{value};"
    return f"localparam integer SPK_{name} = {value};"


def check_source(spec: Spec, notice: str) -> str:
    """Give the text of spk_core_check.v: which parameters the core can be built with."""
    limits = {n.name: n.value for n in spec.limits}
    width = max(len(p.name) for p in spec.parameters)
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// {notice}",
        "// Legality of the core's parameters. An illegal value instantiates a module that does",
        "// not exist, so elaboration stops in every tool, with the parameter in the message.",
        "`default_nettype none",
        "",
        "module spk_core_check #(",
    ]
    ports = [f"    parameter integer {p.name:<{width}} = {p.value}" for p in spec.parameters]
    lines += [*(f"{port}," for port in ports[:-1]), ports[-1], ") ();", "", "  generate"]
    for p in spec.parameters:
        lines += _illegal(p.name, p.name, _verilog_wrong(p), p.expected)
    for r in spec.relations:
        wrong = f"!({_substituted(r, limits)})"
        lines += _illegal(r.of, r.name, wrong, r.text(limits))
    return "\n".join([*lines, "  endgenerate", "", "endmodule", "", "`default_nettype wire", ""])


def _illegal(parameter: str, label: str, wrong: str, expected: str) -> list[str]:
    words = re.sub(r"\W+", "_", expected.replace("/", "over").replace("+", "plus")
                   .replace("*", "times")).strip("_").lower()  # fmt: skip
    return [
        f"    if ({wrong}) begin : g_{label.lower()}",
        f"      spk_illegal_parameter_{parameter} u_expected_{words} ();",
        "    end",
    ]


def _verilog_wrong(p: Parameter) -> str:
    if p.choices:
        return " && ".join(f"{p.name} != {choice}" for choice in p.choices)
    power = f" || ({p.name} & ({p.name} - 1)) != 0" if p.power_of_two else ""
    return f"{p.name} < {p.low} || {p.name} > {p.high}{power}"


def _substituted(relation: Relation, limits: dict[str, int]) -> str:
    return _renamed(relation.holds, lambda name: str(limits.get(name, name)))


def _renamed(expression: str, rename: Callable[[str], str]) -> str:
    return re.sub(r"[A-Za-z_]\w*", lambda match: rename(match[0]), expression)


def c_source(spec: Spec, notice: str) -> str:
    """Give the text of spk_core_defs.h."""
    limits = {n.name for n in spec.limits}
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        f"/* {notice} */",
        "/* long: generated, one line for each constant */",
        "#ifndef SPK_CORE_DEFS_H",
        "#define SPK_CORE_DEFS_H",
    ]
    for title, rows in constants(spec):
        lines += ["", f"/* {title} */"]
        lines += [f"#define SPK_{row.name} {_c_literal(row)}" for row in rows]
    lines += ["", "/* relations between parameters, true in every core that can be built */"]
    for r in spec.relations:
        arguments = [name for name in r.names if name not in limits]
        body = _renamed(r.holds, lambda name: f"SPK_{name}" if name in limits else f"({name})")
        lines.append(f"#define SPK_FITS_{r.name}({', '.join(arguments)}) ({body})")
    return "\n".join([*lines, "", "#endif /* SPK_CORE_DEFS_H */", ""])


def _c_literal(constant: Constant) -> str:
    if constant.hexadecimal:
        return f"0x{constant.value:0{-(-constant.bits // 4)}X}u"
    return f"{constant.value}u"
