# SPDX-License-Identifier: Apache-2.0
"""Run every static check, show what fails and what is warned of, and say which failed.

``python tools/lint.py`` runs all; ``python tools/lint.py ruff mypy`` runs the named ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Not resolved: a virtual environment's interpreter is a link, and its tools lie beside the link.
BIN = Path(sys.executable).parent
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "ruff": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "mypy": [str(BIN / "mypy")],
    "imports": [str(BIN / "lint-imports"), "--no-logo"],
    "generated": [PYTHON, "tools/gen_core.py", "--check"],
    "style": [PYTHON, "tools/check_style.py"],
    "structure": [PYTHON, "tools/check_structure.py"],
    "verilog": [PYTHON, "hdl/lint/lint_rtl.py"],
}


def main(argv: Iterable[str] | None = None) -> int:
    """Run the named checks, all by default; 1 when one of them fails."""
    names = list(sys.argv[1:] if argv is None else argv) or list(CHECKS)
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"lint: unknown check {unknown}; expected one of {list(CHECKS)}", file=sys.stderr)
        return 2
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    failed = []
    for name in names:
        start = time.perf_counter()
        done = subprocess.run(
            CHECKS[name], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        print(f"lint: {name:<10} {'failed' if done.returncode else 'ok':<7} {seconds:6.1f} s")
        for line in done.stdout.splitlines():
            if not done.returncode and ": warning: " in line:
                print(f"  {line}")
        if done.returncode:
            failed.append(name)
            print((done.stdout + done.stderr).rstrip())
    if failed:
        print(f"lint: {len(failed)} of {len(names)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
