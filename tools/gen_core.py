# SPDX-License-Identifier: Apache-2.0
"""Generate what Verilog, Python, C and the documents share from hdl/spec/core.toml.

``python tools/gen_core.py`` writes the files, ``--check`` only says whether they are up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core_emit import c_source, check_source, verilog_source
from core_emit_markdown import markdown_source
from core_emit_python import python_source
from core_spec import Spec, SpecError, load

ROOT = Path(__file__).resolve().parent.parent
SPEC = Path("hdl/spec/core.toml")
NOTICE = "generated from hdl/spec/core.toml by tools/gen_core.py; do not edit"


def outputs(spec: Spec) -> dict[Path, str]:
    """Give every generated file as (path relative to the root) -> text."""
    return {
        Path("hdl/rtl/generated/spk_core_defs.vh"): verilog_source(spec, NOTICE),
        Path("hdl/rtl/spk_core_check.v"): check_source(spec, NOTICE),
        Path("spikesim/hw/generated.py"): python_source(spec, NOTICE),
        Path("firmware/include/spk/spk_core_defs.h"): c_source(spec, NOTICE),
        Path("docs/reference/core.md"): markdown_source(spec, NOTICE),
    }


def stale(root: Path, files: dict[Path, str]) -> list[Path]:
    """Give the files under ``root`` that are missing or differ from ``files``."""
    return [
        path
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the generated files; 0 when they are up to date afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the checkout")
    args = parser.parse_args(argv)
    try:
        files = outputs(load(args.root / SPEC))
    except SpecError as error:
        print(f"gen_core: {error}", file=sys.stderr)
        return 2
    old = stale(args.root, files)
    if args.check:
        for path in old:
            print(f"gen_core: {path} is stale; run `make regs` and commit it", file=sys.stderr)
        return 1 if old else 0
    for path in old:
        (args.root / path).parent.mkdir(parents=True, exist_ok=True)
        (args.root / path).write_text(files[path], encoding="utf-8")
        print(f"gen_core: wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
