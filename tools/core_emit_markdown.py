# SPDX-License-Identifier: Apache-2.0
"""Write the core specification as the reference page docs/reference/core.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core_spec import Command, Crc, Number, Spec, payload_fields


def markdown_source(spec: Spec, notice: str) -> str:
    """Give the text of docs/reference/core.md."""
    versions = [(key, str(value)) for key, value in spec.format.items()]
    parts = [
        f"<!-- {notice} -->\n\n# Core reference: registers, commands, memory\n\n"
        "Numbers only. What they mean in time and arithmetic: [tick](../design/tick.md), "
        "[arithmetic](../design/arithmetic.md),\n[image](../design/image.md), "
        "[link](../design/link.md). Addresses count halfwords of 16 bits; multi-byte values are\n"
        "little-endian. The same numbers: `hdl/rtl/generated/spk_core_defs.vh`, "
        "`spikesim/hw/generated.py`,\n`firmware/include/spk/spk_core_defs.h`.",
        _section("Format versions", ("format", "version"), versions),
        *_parameters(spec),
        _section("Limits", ("name", "value", "meaning"), _numbers(spec.limits)),
        _section("Frame", ("name", "value", "meaning"), _numbers(spec.frame)),
        _section("Serial line", ("name", "value", "meaning"), _numbers(spec.line)),
        _section("What follows from these", ("name", "value", "meaning"), _numbers(spec.derived())),
        _section(
            "CRCs",
            ("name", "bits", "polynomial", "start", "reflected", "final XOR", "check", "meaning"),
            [_crc(crc) for crc in spec.crc],
        ),
        _section(
            "Commands",
            ("name", "code", "request payload", "bytes", "reply payload", "bytes", "meaning"),
            [_command(c) for c in spec.commands],
        ),
        _section(
            "Status codes",
            ("name", "code", "reply payload", "meaning"),
            [(f"`{s.name}`", str(s.code), s.reply, s.doc) for s in spec.status],
        ),
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
        _section("Bits of CTRL", ("name", "bit", "meaning"), _numbers(spec.ctrl_bits)),
        _section(
            "Reset modes (POP.reset)", ("name", "code", "meaning"), _numbers(spec.reset_modes)
        ),
    ]
    parts += _entries(spec)
    timing = _section(
        "Clock cycles of one step", ("name", "cycles", "meaning"), _numbers(spec.timing)
    )
    parts.append(timing + "\n\n" + _CYCLES)
    return "\n\n".join(parts) + "\n"


_CYCLES = """\
`T = STEP + SOURCE * sources + sum over segments visited (SEGMENT + groups)
+ sum over valid populations (POP + L * groups)`.

The golden model predicts this number exactly; tests compare it with the counter in the core."""


def _entries(spec: Spec) -> Iterator[str]:
    for window, fields in spec.fields.items():
        rows = [
            (f"`{f.name}`", f"{f.lsb + f.width - 1}:{f.lsb}", "yes" if f.signed else "no", f.doc)
            for f in fields
        ]
        yield _section(f"Entry of {window}", ("field", "bits", "signed", "meaning"), rows)


def _parameters(spec: Spec) -> Iterator[str]:
    rows = [(f"`{p.name}`", str(p.value), p.expected, p.doc) for p in spec.parameters]
    yield _section("Parameters", ("name", "default", "legal", "meaning"), rows)
    limits = {n.name: n.value for n in spec.limits}
    relations = [(f"`{r.of}`", f"`{r.holds}`", r.text(limits)) for r in spec.relations]
    yield _section("Relations between parameters", ("parameter", "holds", "meaning"), relations)


def _command(command: Command) -> tuple[str, ...]:
    request, reply = (_bytes(text) for text in (command.request, command.reply))
    name, code = f"`{command.name}`", str(command.code)
    return name, code, command.request, request, command.reply, reply, command.doc


def _bytes(text: str) -> str:
    fields = list(payload_fields(text))
    least = sum(field.size * field.least for field in fields)
    most = sum(field.size * field.most for field in fields)
    return str(least) if least == most else f"{least} to {most}"


def _crc(crc: Crc) -> tuple[str, ...]:
    values = [
        f"0x{v:0{crc.width // 4}X}" for v in (crc.polynomial, crc.init, crc.xor_out, crc.check)
    ]
    polynomial, init, xor_out, check = values
    reflected = "yes" if crc.reflected else "no"
    return f"`{crc.name}`", str(crc.width), polynomial, init, reflected, xor_out, check, crc.doc


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
