# SPDX-License-Identifier: Apache-2.0
"""Write the core specification as a Verilog include, a C header and a reference page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core_spec import Number, Spec

# (name, value, unit of the value: "" plain number, "8" or "16" width of a sized literal)
Constant = tuple[str, int, str]


def constants(spec: Spec) -> Iterator[tuple[str, list[Constant]]]:
    """Give (section title, constants), the same names for Verilog and C."""
    yield "versions", [(f"VERSION_{key.upper()}", v, "16") for key, v in spec.format.items()]
    yield "parameter defaults", [(f"DEFAULT_{n.name}", n.value, "") for n in spec.parameters]
    yield "limits", [(n.name, n.value, "") for n in spec.limits]
    yield "commands", [(f"CMD_{c.name}", c.code, "8") for c in spec.commands]
    yield "status codes of a reply", [(f"ST_{s.name}", s.value, "8") for s in spec.status]
    yield "memory windows", [(f"WIN_{w.name}", w.code, "8") for w in spec.windows]
    strides = [(f"STRIDE_{w.name}", w.stride, "") for w in spec.windows]
    yield "halfwords per entry of a window", strides
    yield "bits of the CLEAR mask", [(f"CLEAR_{c.name}_BIT", c.value, "") for c in spec.clear]
    yield (
        "register addresses, in halfwords",
        [(f"REG_{r.name}", r.address, "16") for r in spec.registers],
    )
    bits = [(f"STATUS_{s.name}_BIT", s.value, "") for s in spec.status_bits]
    yield "bits of register STATUS", bits
    for window, fields in spec.fields.items():
        rows: list[Constant] = []
        for field in fields:
            rows.append((f"{window}_{field.name.upper()}_LSB", field.lsb, ""))
            rows.append((f"{window}_{field.name.upper()}_WIDTH", field.width, ""))
        yield f"bit fields of one {window} entry", rows
    yield "clock cycles of one step", [(f"CYCLES_{n.name}", n.value, "") for n in spec.timing]


def verilog_source(spec: Spec, notice: str) -> str:
    """Give the text of spk_core_defs.vh, to be included inside a module."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// {notice}",
        "// Include inside a module body. A module uses a few of the names, so the rest is unused.",
        "/* verilator lint_off UNUSEDPARAM */",
    ]
    for title, rows in constants(spec):
        lines += ["", f"// {title}"]
        lines += [_localparam(name, value, size) for name, value, size in rows]
    return "\n".join([*lines, "", "/* verilator lint_on UNUSEDPARAM */", ""])


def _localparam(name: str, value: int, size: str) -> str:
    if name == "MAGIC":
        return f"localparam [31:0] SPK_{name} = 32'h{value:08X};"
    if size:
        return f"localparam [{int(size) - 1}:0] SPK_{name} = {size}'d{value};"
    return f"localparam integer SPK_{name} = {value};"


def c_source(spec: Spec, notice: str) -> str:
    """Give the text of spk_core_defs.h."""
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        f"/* {notice} */",
        "#ifndef SPK_CORE_DEFS_H",
        "#define SPK_CORE_DEFS_H",
    ]
    for title, rows in constants(spec):
        lines += ["", f"/* {title} */"]
        lines += [f"#define SPK_{name} {_c_literal(name, value)}" for name, value, _ in rows]
    return "\n".join([*lines, "", "#endif /* SPK_CORE_DEFS_H */", ""])


def _c_literal(name: str, value: int) -> str:
    return f"0x{value:08X}u" if name == "MAGIC" else f"{value}u"


def markdown_source(spec: Spec, notice: str) -> str:
    """Give the text of docs/reference/core.md."""
    versions = [(key, str(value)) for key, value in spec.format.items()]
    parts = [
        f"<!-- {notice} -->\n\n# Core reference: registers, commands, memory\n\n"
        "Numbers only. What they mean in time and arithmetic: [tick](../design/tick.md),\n"
        "[arithmetic](../design/arithmetic.md), [image](../design/image.md),\n"
        "[link](../design/link.md). Addresses count halfwords of 16 bits; multi-byte values are\n"
        "little-endian. The same numbers: `hdl/rtl/generated/spk_core_defs.vh`,\n"
        "`spikesim/hw/generated.py`, `firmware/include/spk/spk_core_defs.h`.",
        _section("Format versions", ("format", "version"), versions),
        _section("Parameters", ("name", "default", "meaning"), _numbers(spec.parameters)),
        _section("Limits", ("name", "value", "meaning"), _numbers(spec.limits)),
        _section(
            "Commands",
            ("name", "code", "request payload", "reply payload", "meaning"),
            [(f"`{c.name}`", str(c.code), c.request, c.reply, c.doc) for c in spec.commands],
        ),
        _section("Status codes", ("name", "code", "meaning"), _numbers(spec.status)),
        _section(
            "Windows",
            ("name", "code", "halfwords per entry", "access", "meaning"),
            [
                (f"`{w.name}`", str(w.code), str(w.stride), _access(w.writable), w.doc)
                for w in spec.windows
            ],
        ),
        _section("CLEAR mask", ("name", "bit", "clears"), _numbers(spec.clear)),
        _section(
            "Registers (window REG)",
            ("name", "address", "bits", "access", "meaning"),
            [
                (f"`{r.name}`", str(r.address), str(r.width), _access(r.writable), r.doc)
                for r in spec.registers
            ],
        ),
        _section("Bits of STATUS", ("name", "bit", "meaning"), _numbers(spec.status_bits)),
    ]
    for window, fields in spec.fields.items():
        rows = [
            (f"`{f.name}`", f"{f.lsb + f.width - 1}:{f.lsb}", "yes" if f.signed else "no", f.doc)
            for f in fields
        ]
        parts.append(_section(f"Entry of {window}", ("field", "bits", "signed", "meaning"), rows))
    timing = _section(
        "Clock cycles of one step", ("name", "cycles", "meaning"), _numbers(spec.timing)
    )
    parts.append(timing + "\n\n" + _CYCLES)
    return "\n\n".join(parts) + "\n"


_CYCLES = """\
`T = STEP + SOURCE * sources + sum over segments visited (SEGMENT + groups)
+ sum over valid populations (POP + L * groups)`.

The golden model predicts this number exactly; tests compare it with the counter in the core."""


def _numbers(entries: Iterable[Number]) -> list[tuple[str, str, str]]:
    rows = []
    for entry in entries:
        value = entry.value
        text = f"0x{value:08X}" if value > 0xFFFFFF else str(value)
        rows.append((f"`{entry.name}`", text, entry.doc))
    return rows


def _access(writable: bool) -> str:
    return "read, write" if writable else "read"


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"## {title}", "", _row(head), _row(["---"] * len(head))]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
