# SPDX-License-Identifier: Apache-2.0
"""``spikesim board``: the Verilog core behind a serial port of this machine."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from spikesim.cli.compile import core_config
from spikesim.cli.output import Output, examples
from spikesim.errors import ValidationError
from spikesim.hw.generated import DEFAULT_BAUD

if TYPE_CHECKING:
    from spikesim.hw.board import BoardAddress

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Virtual board: the Verilog core behind a port.",
)
EPILOG = examples(
    (
        "spikesim board serve --pty /tmp/spk",
        "then: spikesim run prog.spk --engine board --port /tmp/spk",
    ),
    ("spikesim board serve --tcp 7625", "reached as tcp://127.0.0.1:7625"),
    ("spikesim board serve --mode uart --baud 115200", "every bit through the core's UART"),
    ("spikesim board serve --config large --idle-timeout 600", "stops after 10 quiet minutes"),
)


class Mode(StrEnum):
    """How bytes reach the core."""

    bypass = "bypass"
    uart = "uart"


@app.callback()
def board() -> None:
    """Virtual board: the Verilog core behind a port."""


@app.command(epilog=EPILOG, short_help="Run the Verilog core until stopped, as a serial device.")
def serve(
    pty: Annotated[
        Path | None, typer.Option(help="Make this path a link to the serial port.")
    ] = None,
    tcp: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Also listen there; 0 picks a port.")
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="bypass: bytes, fast. uart: every bit, as slow as the line.")
    ] = Mode.bypass,
    baud: Annotated[int, typer.Option(help="Line rate after reset, bit/s.")] = DEFAULT_BAUD,
    config: Annotated[str, typer.Option(help="Core: up5k, large, or a TOML file.")] = "up5k",
    idle_timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds without a byte.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Addresses as one line of JSON on stdout.")
    ] = False,
) -> None:
    """Run the Verilog core until stopped (Ctrl-C), as a device that pyserial can open.

    The first start compiles the core, some seconds; later ones are immediate.
    """
    from spikesim.hw.board import serve as serve_board

    output = Output(as_json)
    core = core_config(config)
    # Also a plain `kill` has to remove the link.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output.note("starting the core (compiled on first use) ...")
    with contextlib.ExitStack() as stack:

        def announce(address: BoardAddress) -> None:
            if pty is not None:
                assert address.port is not None
                stack.enter_context(_link(pty, address.port))
            port = address.port if pty is None else str(pty)
            if as_json:
                print(json.dumps({"port": port, "tcp": address.tcp}), flush=True)
                return
            reached = " and ".join(name for name in (port, address.tcp) if name)
            output.result({}, Text(f"board at {reached}; stop with Ctrl-C"))

        serve_board(
            core, tcp=tcp, mode=mode.value, baud=baud, idle_timeout=idle_timeout, announce=announce
        )


@contextlib.contextmanager
def _link(path: Path, target: str) -> Iterator[None]:
    """Keep a symbolic link while the board runs; never replace something else."""
    if path.is_symlink() and not path.exists():
        path.unlink()  # left by a board that was killed
    try:
        path.symlink_to(target)
    except FileExistsError:
        raise ValidationError(
            f"--pty {path}: expected a free name, got one that exists; choose another or stop "
            "the board that uses it"
        ) from None
    except FileNotFoundError:
        raise ValidationError(
            f"--pty {path}: folder {path.parent} does not exist; create it"
        ) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
