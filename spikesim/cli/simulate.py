# SPDX-License-Identifier: Apache-2.0
"""``spikesim simulate``: run a saved network in floating point, in one process or several."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from spikesim.cli.output import OVERWRITE, Output, check_target, examples, seed_option
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.network import Network
    from spikesim.recording import Recording
    from spikesim.sim.parallel.mpi import Ranks

COMMAND = "simulate"
EPILOG = examples(
    ("spikesim simulate net.npz --seconds 1 --poisson in=20Hz", "rates of all populations"),
    ("spikesim simulate net.npz --seconds 1 --to run.h5 --record E.v", "keep membranes"),
    ("spikesim simulate net.npz --seconds 10 --ranks 4 --threads 8", "four processes; same spikes"),
)
_INTERRUPTED = 130


def simulate(
    network: Annotated[Path, typer.Argument(help="Network file.")],
    seconds: Annotated[float, typer.Option(help="Time to simulate.")],
    poisson: Annotated[
        list[str] | None,
        typer.Option(metavar="<name=rate>", help="Random input such as in=20Hz; else silent."),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(metavar="<what>", help="spikes (default), E.spikes, E.v; may be repeated."),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="HDF5 file for the recording.")] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    seed: Annotated[int, seed_option("Seed of the random inputs.")] = 0,
    ranks: Annotated[int, typer.Option(min=1, help="Processes; more than 1 needs MPI.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process.")] = 1,
    dtype: Annotated[str, typer.Option(help="float32 (fast) or float64 (exact).")] = "float32",
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
    as_rank: Annotated[bool, typer.Option("--as-rank", hidden=True)] = False,
) -> None:
    """Simulate a network; the spikes are the same for any number of processes and threads.

    With `--ranks`, the processes are started through `mpiexec` on this machine. For
    several machines, start a script that calls `simulate(..., comm="world")`.
    """
    from spikesim.sim.parallel.mpi import Ranks

    check_threads(threads, ranks)
    if to is not None and not as_rank:
        check_target("--to", to, overwrite, network)
    if ranks > 1 and not as_rank:
        given = [f"--poisson={text}" for text in poisson or []]
        given += [f"--record={text}" for text in record or []]
        given += [f"--to={to}"] if to else []
        given += ["--json"] if as_json else []
        given += [f"--seed={seed}", f"--threads={threads}", f"--dtype={dtype}"]
        raise typer.Exit(_start_ranks(ranks, [str(network), f"--seconds={seconds!r}", *given]))
    together = Ranks.of("world" if as_rank else None)
    try:
        with together.together():
            began = time.perf_counter()
            recording, net = _run(
                network, seconds, poisson or [], together, record=record or ["spikes"],
                seed=seed, threads=threads, dtype=dtype, to=to, progress=together.rank == 0,
            )  # fmt: skip
    except Exception:  # raised again, or known to be raised by process 0
        if together.rank == 0:
            raise
        # Process 0 got the same message and reports it.
        raise typer.Exit(2) from None
    if together.rank == 0:
        _report(Output(as_json), net, recording, time.perf_counter() - began, to)
    if recording.steps < net.clock.ticks(seconds, "--seconds"):
        raise typer.Exit(_INTERRUPTED)


def check_threads(threads: int, ranks: int) -> None:
    """Refuse threads that could only wait for each other; results do not depend on them.

    Raises
    ------
    ValidationError
        If there are more than cores, or than a few where processes share the machine.
    """
    cores = len(os.sched_getaffinity(0))
    most = max(cores, 8)  # a few more than cores cost little, and scripts move between machines
    if threads > most or ranks > 8 * most:
        raise ValidationError(
            f"--threads {threads} --ranks {ranks}: expected at most {most} threads each and "
            f"{8 * most} processes on this machine of {cores} cores; more only wait for each other"
        )


def _run(
    path: Path, seconds: float, poisson: Sequence[str], ranks: Ranks, **options: Any
) -> tuple[Recording, Network]:
    from spikesim.network import Network
    from spikesim.sim import Poisson
    from spikesim.sim import simulate as run

    rates = _rates(poisson)
    net = Network.load(path)
    steps = net.clock.ticks(seconds, "--seconds")
    inputs = {name: Poisson(rate) for name, rate in rates.items()}
    return run(net, inputs, steps, comm=ranks, **options), net


def _rates(given: Sequence[str]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for text in given:
        name, rate = _rate(text)
        if name in rates:
            raise ValidationError(
                f"--poisson {text}: expected one rate for {name!r}, got another before it; add "
                "them up, or give each to a part such as 'in[:50]=20Hz'"
            )
        rates[name] = rate
    return rates


def _rate(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    number = value.strip().removesuffix("Hz")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise ValidationError(
            f"--poisson {text}: expected NAME=RATE with a rate in Hz, such as in=20Hz"
        ) from None


def _start_ranks(ranks: int, arguments: Sequence[str]) -> int:
    """Start this command in several processes and wait for them; gives their exit code."""
    from spikesim.sim.parallel.mpi import find_mpiexec

    command = [
        find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "spikesim.cli.main",
        COMMAND, *arguments, f"--ranks={ranks}", "--as-rank",
    ]  # fmt: skip
    # In a session of their own, so that an interrupt reaches them through mpiexec, once.
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while True:
        try:
            return started.wait()
        except KeyboardInterrupt:
            started.send_signal(signal.SIGINT)


def _report(
    output: Output, net: Network, recording: Recording, wall: float, to: Path | None
) -> None:
    simulated = recording.steps * net.dt
    table = Table("population", "neurons", "spikes", "rate", title=f"{net.name}, {simulated:g} s")
    rows = {}
    for name, trains in recording.spikes.items():
        n = trains.n
        rate = len(trains) / (n * simulated) if simulated else 0.0
        rows[name] = {"neurons": n, "spikes": len(trains), "rate_hz": rate}
        table.add_row(name, f"{n:,}", f"{len(trains):,}", f"{rate:.2f} Hz")
    document = {
        "network": net.name, "seconds": simulated, "complete": recording.complete,
        "populations": rows, "events": recording.meta["events"],
        "ranks": recording.meta.get("ranks", 1), "wall_seconds": round(wall, 3),
        "to": None if to is None else str(to),
    }  # fmt: skip
    output.result(document, table)
    if not recording.complete:
        output.note("interrupted: this is what was simulated until then")
    output.note(f"{wall:.1f} s with compiling and building; {document['ranks']} processes")
