# SPDX-License-Identifier: Apache-2.0
"""Lint the Verilog with three front ends; each of them finds things the others accept.

verilator  every module as top, all warnings, language fixed to Verilog-2005; the whole device also
           at every corner of the parameter ranges in core.toml
slang      whole design, strict elaboration
verible    layout and naming, rules in verible.rules

``python hdl/lint/lint_rtl.py [tool ...]`` prints each finding once and exits 1 on any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from spikesim.hw.rtl.toolchain import verilator_command, verilator_env

HDL = Path(__file__).resolve().parents[1]
ROOT = HDL.parent
sys.path.append(str(ROOT / "tools"))

from core_corners import corners  # noqa: E402 - found through the path just added
from core_spec import load  # noqa: E402 - as above

RULES = HDL / "lint" / "verible.rules"
WAIVERS = HDL / "lint" / "waivers.vlt"
# Black boxes of vendor cells, so that board tops elaborate without vendor libraries.
VENDOR_CELLS = HDL / "lint" / "vendor_cells.v"
SPEC = HDL / "spec" / "core.toml"
# Modules that are linted at every corner of core.toml besides their defaults. Each of them holds
# all others, so every module is elaborated with the widths that the corner gives it.
CORNER_TOPS = ("spk_top",)


def rtl_files() -> list[Path]:
    """Give every hand-written RTL source, sorted."""
    return sorted(path for path in (HDL / "rtl").rglob("*.v") if "generated" not in path.parts)


def board_files() -> list[Path]:
    """Give every board top, sorted."""
    return sorted((HDL / "boards").glob("*/*.v"))


def include_dirs() -> list[Path]:
    """Give the folders that hold included or instantiated files."""
    folders = {path.parent for path in rtl_files()} | {HDL / "rtl" / "generated"}
    return sorted(folders)


def verilator_findings() -> list[str]:
    """Give what ``verilator --lint-only -Wall`` says about every module taken as top."""
    findings = []
    for path in [*rtl_files(), *board_files()]:
        findings += _verilator(path, {})
        if path.stem in CORNER_TOPS:
            for corner in corners(load(SPEC)):
                findings += [f"{line} [{corner}]" for line in _verilator(path, corner)]
    return findings


def _verilator(path: Path, parameters: dict[str, int]) -> list[str]:
    command = [verilator_command(), "--lint-only", "-Wall", "--default-language", "1364-2005"]
    command += ["--top-module", path.stem]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    for folder in include_dirs():
        command += ["-y", _relative(folder), f"+incdir+{_relative(folder)}"]
    command += [_relative(extra) for extra in (WAIVERS,) if extra.exists()]
    if "boards" in path.parts and VENDOR_CELLS.exists():
        command += ["-v", _relative(VENDOR_CELLS)]
    return _lines([*command, _relative(path)], env=verilator_env(), keep=r"^%(Warning|Error)")


def slang_findings() -> list[str]:
    """Give the errors and warnings of slang over the whole design."""
    from pyslang.driver import Driver

    files = [*rtl_files(), *board_files()]
    if not files:
        return []
    includes = " ".join(f"-I {folder}" for folder in include_dirs())
    cells = [VENDOR_CELLS] if VENDOR_CELLS.exists() else []
    driver = Driver()
    driver.addStandardArgs()
    sources = " ".join(str(path) for path in [*files, *cells])
    ok = driver.parseCommandLine(f"slang -Wno-unused {includes} {sources}")
    ok = ok and driver.processOptions() and driver.parseAllSources()
    ok = ok and driver.runFullCompilation(True)
    return [] if ok else ["slang: the design does not elaborate, see the messages above"]


def verible_findings() -> list[str]:
    """Give what verible's linter says, under the rules of verible.rules."""
    files = [*rtl_files(), *board_files()]
    if not files:
        return []
    tool = str(Path(sys.executable).parent / "verible-verilog-lint")
    command = [tool, f"--rules_config={_relative(RULES)}", *(_relative(path) for path in files)]
    return _lines(command, keep=r".")


def _lines(command: Sequence[str], keep: str, env: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    found = [line for line in said if re.search(keep, line) and "Exiting due to" not in line]
    if done.returncode and not found:
        found = said or [f"{command[0]}: exit status {done.returncode}"]
    return found if done.returncode else []


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


TOOLS = {"verilator": verilator_findings, "slang": slang_findings, "verible": verible_findings}


def main(argv: Iterable[str] | None = None) -> int:
    """Run the named tools, all by default; 1 when any of them found something."""
    names = list(sys.argv[1:] if argv is None else argv) or list(TOOLS)
    unknown = [name for name in names if name not in TOOLS]
    if unknown:
        print(f"lint_rtl: unknown tool {unknown}; expected one of {list(TOOLS)}", file=sys.stderr)
        return 2
    total = 0
    for name in names:
        findings = list(dict.fromkeys(TOOLS[name]()))
        for line in findings:
            print(line)
        total += len(findings)
    modules = len(rtl_files()) + len(board_files())
    print(f"lint_rtl: {modules} modules, {total} findings from {', '.join(names)}")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
