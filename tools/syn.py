# SPDX-License-Identifier: Apache-2.0
"""Synthesize, place and pack every board; keep the resource table and its baseline up to date."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from spikesim.hw.bitstream import boards, build_board, differences, over_budget, table

ROOT = Path(__file__).resolve().parents[1]
_BEGIN, _END = "<!-- resources: begin -->", "<!-- resources: end -->"


def main(argv: list[str] | None = None) -> int:
    """Build the boards and update (or check) the committed figures."""
    parser = argparse.ArgumentParser(prog="make syn", description=__doc__)
    parser.add_argument("--board", action="append", help="folder name in hdl/boards (default: all)")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    args = parser.parse_args(argv)
    os.environ.setdefault("YOWASP_CACHE_DIR", str(ROOT / "build/yowasp"))
    chosen = [b for b in boards(ROOT) if not args.board or b.folder.name in args.board]
    if not chosen:
        names = ", ".join(b.folder.name for b in boards(ROOT))
        parser.error(f"no board named {args.board}: expected one of {names}")
    baseline_file = ROOT / "hdl/syn/baseline.json"
    baseline = json.loads(baseline_file.read_text()) if baseline_file.exists() else {}
    results = {board.folder.name: build_board(ROOT, board) for board in chosen}
    print(table(results))
    for line in differences(baseline, results):
        print(line)
    problems = over_budget(results)
    for line in problems:
        print(line, file=sys.stderr)
    if not args.check:
        merged = {**baseline, **results}
        baseline_file.parent.mkdir(parents=True, exist_ok=True)
        baseline_file.write_text(json.dumps(merged, indent=2, sort_keys=True) + "\n")
        readme = ROOT / "hdl/README.md"
        head, rest = readme.read_text().split(_BEGIN)
        tail = rest.split(_END)[1]
        readme.write_text(f"{head}{_BEGIN}\n{table(merged)}\n{_END}{tail}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
