# SPDX-License-Identifier: Apache-2.0
"""Entry point of ``spikesim``: verbs, exit codes, and errors in one line."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

import spikesim
from spikesim.cli import board, compile, demo, report, run, simulate, train
from spikesim.cli.output import summary
from spikesim.errors import SpikesimError

# 1 is a verb's own: the run worked and its result is bad.
EXIT_OK, EXIT_BAD_INPUT, EXIT_DEFECT, EXIT_INTERRUPTED = 0, 2, 3, 130

app = typer.Typer(
    name="spikesim",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text wraps at every width, and is the same in a pipe
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb in (demo, train, simulate, compile, run, report):
    _name = _verb.__name__.rsplit(".", 1)[1]
    _function = getattr(_verb, _verb.COMMAND)
    app.command(name=_name, epilog=_verb.EPILOG, short_help=summary(_function))(_function)
app.add_typer(board.app, name="board", short_help=summary(board.board))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"spikesim {spikesim.__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 the result failed a check, 2 bad input or no device, "
    "3 a defect of spikesim, 130 interrupted.\n\n"
    "First steps: `spikesim demo` does everything once; `spikesim VERB --help` shows examples."
)
def spikesim_command(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """One spiking network, many engines: train it, quantize it, run it on an FPGA, bit for bit.

    From a network to a board: `train` writes a network file, `simulate` runs it in floating point,
    `compile` makes a program of it (integers only), `run` runs the program on the golden model,
    the Verilog core or a board, `board` puts the Verilog core behind a serial port.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_outcome(given))


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    """Show the log, and with it how far a run is, where no bar can be drawn."""
    if sys.stderr.isatty():
        yield
        return
    log, handler = logging.getLogger("spikesim"), logging.StreamHandler(sys.stderr)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _outcome(given: list[str]) -> int:
    try:
        with _log_lines():
            app(given, prog_name="spikesim")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_OK
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (SpikesimError, OSError) as error:
        if "--debug" in given:
            raise
        _complain(error)
        return EXIT_BAD_INPUT
    except Exception as error:  # whatever it is, a user gets one line and a way to report it
        if "--debug" in given:
            raise
        _complain(error, f"defect of spikesim, {type(error).__name__}: ")
        Console(stderr=True).print("run again as `spikesim --debug ...` and report the traceback")
        return EXIT_DEFECT
    return EXIT_OK


def _complain(error: Exception, kind: str = "") -> None:
    message = Text.assemble(("error: ", "bold red"), kind, str(error))
    Console(stderr=True, soft_wrap=True).print(message)


if __name__ == "__main__":
    main()
