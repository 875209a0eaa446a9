# SPDX-License-Identifier: Apache-2.0
"""A virtual board as a process of its own: ``python -m spikesim.hw.board``.

Writes one line of JSON with its addresses, then serves until its standard input ends.
``spikesim board serve`` is the command for people; this one is for programs.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence

from spikesim.errors import SpikesimError
from spikesim.hw.board.server import BoardAddress, serve
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import DEFAULT_BAUD


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; give the exit code."""
    parser = argparse.ArgumentParser(prog="spikesim.hw.board", description=__doc__)
    parser.add_argument("--config", help="JSON of CoreConfig.to_dict()")
    parser.add_argument("--mode", choices=("bypass", "uart"), default="bypass")
    parser.add_argument("--clk-hz", type=int, default=DEFAULT_CLK_HZ)
    parser.add_argument("--baud", type=int, default=DEFAULT_BAUD)
    parser.add_argument("--tcp", type=int, help="loopback port, 0 for any")
    parser.add_argument("--no-pty", action="store_true")
    parser.add_argument("--idle-timeout", type=float)
    options = parser.parse_args(arguments)
    config = CoreConfig.from_dict(json.loads(options.config)) if options.config else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(
            config,
            pty=not options.no_pty,
            tcp=options.tcp,
            mode=options.mode,
            clk_hz=options.clk_hz,
            baud=options.baud,
            idle_timeout=options.idle_timeout,
            watch=sys.stdin.fileno(),
            announce=_announce,
        )
    except SpikesimError as error:
        _line({"error": str(error)})
        return 1
    return 0


def _announce(address: BoardAddress) -> None:
    _line({"port": address.port, "tcp": address.tcp})


def _line(content: dict[str, str | None]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
