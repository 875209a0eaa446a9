# SPDX-License-Identifier: Apache-2.0
"""All quick benchmarks, one after the other: ``python -m benchmarks`` or ``make bench``.

Each runs in a process of its own, so that first calls are first calls. Accuracy trains networks
and is run by name: ``python -m benchmarks.accuracy digits``.
"""

from __future__ import annotations

import subprocess
import sys

MODULES = ("benchmarks.step_cost", "benchmarks.golden", "benchmarks.board")


def main() -> int:
    """Run every benchmark with its defaults; 1 when one of them fails."""
    failed = 0
    for module in MODULES:
        print(f"--- {module}", flush=True)
        failed |= int(subprocess.run([sys.executable, "-m", module], check=False).returncode != 0)
    return failed


if __name__ == "__main__":
    sys.exit(main())
