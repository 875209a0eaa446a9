# SPDX-License-Identifier: Apache-2.0
"""Read hdl/spec/core.toml into checked records; every problem is reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = (
    "format",
    "parameters",
    "limits",
    "commands",
    "status",
    "windows",
    "clear",
    "registers",
    "status_bits",
    "fields",
    "timing",
)
HALFWORD_BITS = 16
# The generated Python keeps a doc string on one line of 100 columns inside two brackets.
MAX_DOC = 86


class SpecError(Exception):
    """The specification contradicts itself; the message lists every problem."""


@dataclass(frozen=True)
class Number:
    """One named number: a parameter default, a limit, a cycle constant."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Command:
    """One request of the host link; ``request`` and ``reply`` name the payload fields."""

    name: str
    code: int
    request: str
    reply: str
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
    parameters: tuple[Number, ...]
    limits: tuple[Number, ...]
    commands: tuple[Command, ...]
    status: tuple[Number, ...]
    windows: tuple[Window, ...]
    clear: tuple[Number, ...]
    registers: tuple[Register, ...]
    status_bits: tuple[Number, ...]
    fields: Mapping[str, tuple[Field, ...]]
    timing: tuple[Number, ...]


def load(path: Path) -> Spec:
    """Give the checked specification.

    Parameters
    ----------
    path : Path
        The TOML file.

    Raises
    ------
    SpecError
        A table or key is missing, two codes are equal, or bits or addresses overlap.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    missing = [table for table in TABLES if table not in raw]
    unknown = [table for table in raw if table not in TABLES]
    if missing or unknown:
        raise SpecError(f"{path}: missing tables {missing}, unknown tables {unknown}")
    try:
        spec = _records(raw)
    except (KeyError, TypeError) as error:
        raise SpecError(f"{path}: an entry lacks or has a wrong key: {error}") from error
    problems = list(_problems(spec))
    if problems:
        raise SpecError(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return spec


def _records(raw: Mapping[str, Any]) -> Spec:
    def numbers(table: str, key: str) -> tuple[Number, ...]:
        return tuple(Number(n, e[key], e["doc"]) for n, e in raw[table].items())

    def register(name: str, entry: Mapping[str, Any]) -> Register:
        writable = {"ro": False, "rw": True}[entry["access"]]
        return Register(name, entry["address"], entry["width"], writable, entry["doc"])

    return Spec(
        format=dict(raw["format"]),
        parameters=numbers("parameters", "value"),
        limits=numbers("limits", "value"),
        commands=tuple(Command(name=n, **e) for n, e in raw["commands"].items()),
        status=numbers("status", "code"),
        windows=tuple(Window(name=n, **e) for n, e in raw["windows"].items()),
        clear=numbers("clear", "bit"),
        registers=tuple(register(n, e) for n, e in raw["registers"].items()),
        status_bits=numbers("status_bits", "bit"),
        fields={
            window: tuple(Field(name=n, **{"signed": False, **e}) for n, e in table.items())
            for window, table in raw["fields"].items()
        },
        timing=numbers("timing", "value"),
    )


def _problems(spec: Spec) -> Iterable[str]:
    yield from _range("commands", [(c.name, c.code, 1) for c in spec.commands], 0, 128)
    yield from _range("status", [(s.name, s.value, 1) for s in spec.status], 0, 256)
    yield from _range("windows", [(w.name, w.code, 1) for w in spec.windows], 0, 256)
    yield from _range("clear", [(c.name, c.value, 1) for c in spec.clear], 0, 16)
    yield from _range("status_bits", [(s.name, s.value, 1) for s in spec.status_bits], 0, 16)
    spans = [(r.name, r.address, -(-r.width // HALFWORD_BITS)) for r in spec.registers]
    yield from _range("registers", spans, 0, 256)
    windows = {window.name: window for window in spec.windows}
    for name, fields in spec.fields.items():
        if name not in windows:
            yield f"fields.{name}: no window of that name"
            continue
        bits = windows[name].stride * HALFWORD_BITS
        yield from _range(f"fields.{name}", [(f.name, f.lsb, f.width) for f in fields], 0, bits)
    for group in (spec.registers, spec.windows, *spec.fields.values()):
        for entry in group:
            if len(entry.doc) > MAX_DOC:
                yield f"{entry.name}: doc has {len(entry.doc)} characters, limit {MAX_DOC}"


def _range(table: str, spans: Iterable[tuple[str, int, int]], low: int, high: int) -> Iterable[str]:
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
