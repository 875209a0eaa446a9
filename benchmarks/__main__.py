# SPDX-License-Identifier: Apache-2.0
"""All quick benchmarks, one after the other: ``python -m benchmarks`` or ``make bench``.

Accuracy trains networks and is run by name: ``python -m benchmarks.accuracy digits``.
"""

from __future__ import annotations

import sys

from benchmarks import board, golden, step_cost


def main() -> int:
    """Run every benchmark with its defaults; 1 when one of them fails."""
    failed = 0
    for module in (step_cost, golden, board):
        print(f"--- {module.__name__}")
        failed |= int(bool(module.main([])))
    return failed


if __name__ == "__main__":
    sys.exit(main())
