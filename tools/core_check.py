# SPDX-License-Identifier: Apache-2.0
"""Contradictions within the core specification; each function gives all of them as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from core_spec import HALFWORD_BITS, Crc, Field, Spec, payload_fields

# The generated Python keeps a doc string on one line of 100 columns inside two brackets.
MAX_DOC = 86
# What Verilog, Python and C read alike.
_ARITHMETIC = re.compile(r"(?:[A-Z_]\w*|\d+|==|<=|>=|[-+*%<>()]|\s)+")
# field -> parameter whose largest value less one it has to hold
_INDEX_FIELDS = {
    "SEG.base": "WWORDS",
    "SEG.delay": "D",
    "SEG.next": "NSEG",
}
_GROUP_FIELDS = ("SEG.first", "SEG.count", "POP.first", "POP.last")
_DECAY_FIELDS = ("POP.alpha_v", "POP.alpha_i")


def problems_of(spec: Spec) -> Iterator[str]:
    """Give every contradiction of the specification."""
    yield from _places(spec)
    yield from _parameters(spec)
    yield from _relations(spec)
    yield from _payloads(spec)
    yield from _frame(spec)
    for crc in spec.crc:
        got = crc_of(crc, b"123456789")
        if got != crc.check:
            yield f"crc.{crc.name}: check {crc.check:#x}, but these parameters give {got:#x}"
    yield from _widths(spec)


def crc_of(crc: Crc, data: bytes) -> int:
    """CRC of ``data``, bit by bit.

    Examples
    --------
    >>> hex(crc_of(Crc("", 16, 0x1021, 0xFFFF, False, 0, 0, ""), b"123456789"))
    '0x29b1'
    """
    top, register = 1 << (crc.width - 1), crc.init
    for byte in data:
        bits = range(8) if crc.reflected else range(7, -1, -1)
        for bit in bits:
            feedback = bool(register & top) != bool(byte >> bit & 1)
            register = (register << 1) & (2 * top - 1)
            register ^= crc.polynomial if feedback else 0
    if crc.reflected:
        register = int(f"{register:0{crc.width}b}"[::-1], 2)
    return register ^ crc.xor_out


def _places(spec: Spec) -> Iterator[str]:
    """Codes, bits and addresses that are taken twice or leave their range."""
    numbers = spec.numbers
    codes = 1 << numbers["FENCE_BIT"]
    yield from _range("commands", [(c.name, c.code, 1) for c in spec.commands], 0, codes)
    yield from _range("status", [(s.name, s.code, 1) for s in spec.status], 0, 256)
    yield from _range("windows", [(w.name, w.code, 1) for w in spec.windows], 0, 256)
    for table in ("clear", "status_bits", "ctrl_bits"):
        spans = [(n.name, n.value, 1) for n in getattr(spec, table)]
        yield from _range(table, spans, 0, HALFWORD_BITS)
    spans = [(r.name, r.address, -(-r.width // HALFWORD_BITS)) for r in spec.registers]
    yield from _range("registers", spans, 0, numbers["REG_HALFWORDS"])
    windows = {window.name: window for window in spec.windows}
    for name, fields in spec.fields.items():
        if name not in windows:
            yield f"fields.{name}: no window of that name"
            continue
        bits = windows[name].stride * HALFWORD_BITS
        yield from _range(f"fields.{name}", [(f.name, f.lsb, f.width) for f in fields], 0, bits)
    reset = [f for f in spec.fields.get("POP", ()) if f.name == "reset"]
    if reset:
        modes = [(m.name, m.value, 1) for m in spec.reset_modes]
        yield from _range("reset_modes", modes, 0, 1 << reset[0].width)
    for group in (spec.registers, spec.windows, *spec.fields.values()):
        for entry in group:
            if len(entry.doc) > MAX_DOC:
                yield f"{entry.name}: doc has {len(entry.doc)} characters, limit {MAX_DOC}"


def _parameters(spec: Spec) -> Iterator[str]:
    registers = {r.name: r for r in spec.registers}
    for p in spec.parameters:
        for what, value in (("default", p.value), ("min", p.low), ("max", p.high)):
            if not p.legal(value):
                yield f"parameters.{p.name}: {what} {value} is not legal: {p.expected}"
        register = registers.get(p.name)
        if register is None:
            yield f"parameters.{p.name}: no register tells it to the host"
        elif p.high >= 1 << register.width:
            yield f"parameters.{p.name}: {p.high} does not fit its register, {register.width} bits"


def _relations(spec: Spec) -> Iterator[str]:
    defaults = {p.name: p.value for p in spec.parameters}
    known = defaults | {n.name: n.value for n in spec.limits}
    for relation in spec.relations:
        who = f"relations.{relation.name}"
        if not _ARITHMETIC.fullmatch(relation.holds):
            yield f"{who}: {relation.holds!r} is not plain arithmetic"
        elif unknown := [name for name in (relation.of, *relation.names) if name not in known]:
            yield f"{who}: no parameter or limit {', '.join(unknown)}"
        elif not relation.true(known):
            yield f"{who}: the defaults break {relation.holds}"


def _payloads(spec: Spec) -> Iterator[str]:
    limit = spec.numbers["MAX_PAYLOAD"]
    texts = [(f"commands.{c.name}.request", c.request) for c in spec.commands]
    texts += [(f"commands.{c.name}.reply", c.reply) for c in spec.commands]
    texts += [(f"status.{s.name}.reply", s.reply) for s in spec.status]
    for who, text in texts:
        try:
            fields = list(payload_fields(text))
        except ValueError as error:
            yield f"{who}: {error}"
            continue
        size = sum(field.size * field.most for field in fields)
        if size > limit:
            yield f"{who}: {size} bytes, MAX_PAYLOAD is {limit}"
        if fields and fields[-1].least > fields[-1].most:
            yield f"{who}: {fields[-1].name} repeats {fields[-1].least} to {fields[-1].most} times"


def _frame(spec: Spec) -> Iterator[str]:
    n = spec.numbers
    crcs = {crc.name: crc for crc in spec.crc}
    largest = n["HEADER_BYTES"] + n["MAX_PAYLOAD"] + n["CRC_BYTES"]
    if largest >= n["COBS_BLOCK"]:
        yield f"frame.MAX_PAYLOAD: a frame of {largest} bytes takes more than one COBS code byte"
    if n["MAX_PAYLOAD"] % 2:
        yield f"frame.MAX_PAYLOAD: {n['MAX_PAYLOAD']} is no number of halfwords"
    if crcs["CRC16"].width != 8 * n["CRC_BYTES"]:
        yield f"crc.CRC16: {crcs['CRC16'].width} bits, frame.CRC_BYTES is {n['CRC_BYTES']}"
    buffer = {p.name: p.low for p in spec.parameters}["RXBUF"]
    if buffer < largest + 2:
        yield f"parameters.RXBUF: min {buffer}, a frame takes {largest + 2} line bytes"
    if n["EVENT_HORIZON"] >= 1 << n["MARKER_BIT"]:
        yield f"limits.EVENT_HORIZON: {n['EVENT_HORIZON']} does not fit below bit MARKER_BIT"
    if n["MIN_INCREMENT"] >= 1 << n["PHASE_BITS"]:
        yield f"line.MIN_INCREMENT: {n['MIN_INCREMENT']} does not fit PHASE_BITS"
    if n["MIN_INCREMENT"] & (n["MIN_INCREMENT"] - 1):
        yield f"line.MIN_INCREMENT: {n['MIN_INCREMENT']} is no power of two"


def _widths(spec: Spec) -> Iterator[str]:
    """Fields too narrow for the largest core, or wider than any core makes use of."""
    fields: dict[str, Field] = {
        f"{window}.{field.name}": field for window, row in spec.fields.items() for field in row
    }
    highest = {p.name: p.high for p in spec.parameters}
    numbers = spec.numbers
    needs = {field: highest[name] - 1 for field, name in _INDEX_FIELDS.items()}
    needs |= dict.fromkeys(_GROUP_FIELDS, numbers["MAX_GROUPS"] - 1)
    needs |= dict.fromkeys(_DECAY_FIELDS, 1 << numbers["DECAY_BITS"])
    for name, largest in needs.items():
        if name in fields and fields[name].width != largest.bit_length():
            yield f"fields.{name}: {fields[name].width} bits, but the largest value is {largest}"
    for name, field in fields.items():
        if field.signed and field.width != highest["VB"]:
            yield f"fields.{name}: {field.width} bits, but parameters.VB is at most {highest['VB']}"


def _range(table: str, spans: Iterable[tuple[str, int, int]], low: int, high: int) -> Iterator[str]:
    """Report spans (name, first, length) that overlap or leave low <= x < high."""
    owner: dict[int, str] = {}
    for name, first, length in spans:
        if first < low or first + length > high:
            yield f"{table}.{name}: {first} to {first + length - 1} leaves {low} to {high - 1}"
        for place in range(first, first + length):
            if place in owner:
                yield f"{table}.{name}: {place} is taken by {owner[place]}"
                break
            owner[place] = name
