# SPDX-License-Identifier: Apache-2.0
"""``spikesim run``: a program on images, on any integer engine."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from spikesim.cli.output import Output, examples
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.hw.program import Program

COMMAND = "run"
EPILOG = examples(
    ("spikesim run prog.spk --data digits", "all held-out digits on the golden model"),
    ("spikesim run prog.spk --data digits --engine rtl --limit 50", "on the Verilog core"),
    ("spikesim run prog.spk --data digits --engine board --port /dev/ttyUSB0", "on a board"),
    ("spikesim run prog.spk --data mine.npz --json", "arrays images (0..1) and labels"),
    ("spikesim run prog.spk --data digits --min-accuracy 0.98", "exit code 1 if below"),
)


class Engine(StrEnum):
    """Where a program can run."""

    golden = "golden"
    readable = "golden-readable"
    rtl = "rtl"
    board = "board"


def run(
    program: Annotated[Path, typer.Argument(help="Program file made by `spikesim compile`.")],
    data: Annotated[str, typer.Option(help="digits, mnist, fashion_mnist, or an npz file.")],
    engine: Annotated[Engine, typer.Option(help="Where to run.")] = Engine.golden,
    port: Annotated[
        str | None, typer.Option(help="Of the board: serial port or tcp://host:port.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which digits are held out; that of training.")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Ticks of input per image; as trained by default.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images.")] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Fail below this share.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Classify images with a program and count spikes, hits and clock cycles.

    All engines give the same spikes and the same cycles, bit for bit; they differ in speed.
    """
    from spikesim.cli.samples import load_samples
    from spikesim.core import decode
    from spikesim.hw.program import Program

    if (engine is Engine.board) != (port is not None):
        raise ValidationError(
            "run: expected --port with --engine board, and only then; for example "
            "--engine board --port /dev/ttyUSB0"
        )
    compiled = Program.load(program)
    samples = load_samples(data, seed=seed, steps=steps, latency=compiled.latency, limit=limit)
    if min_accuracy is not None and samples.labels is None:
        raise ValidationError(f"--min-accuracy: {data} has no labels to compare with")
    output = Output(as_json)
    started = time.perf_counter()
    counts, cycles = classify(
        compiled, samples.rasters, engine, port, progress=output.notes.is_terminal
    )
    seconds = time.perf_counter() - started
    predicted = decode.classify(counts)
    document: dict[str, Any] = {
        "program": str(program), "engine": engine.value, "data": data, "images": len(predicted),
        "steps": samples.rasters.shape[1], "accuracy": None, "predicted": predicted.tolist(),
        "cycles_total": int(cycles.sum()), "cycles_per_image": float(cycles.mean()),
        "seconds": round(seconds, 3), "images_per_second": len(predicted) / seconds,
    }  # fmt: skip
    if samples.labels is not None:
        document["accuracy"] = decode.accuracy(predicted, samples.labels)
    output.result(document, _table(document))
    if min_accuracy is not None and document["accuracy"] < min_accuracy:
        output.note(f"accuracy {document['accuracy']:.4f} is below {min_accuracy}")
        raise typer.Exit(1)


def classify(
    program: Program, rasters: np.ndarray, engine: Engine, port: str | None, progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Run every raster from a fresh state.

    Returns
    -------
    counts : int array, shape (n_images, n_outputs)
        Spikes of the first output population.
    cycles : int64 array, shape (n_images,)
        Clock cycles per image.
    """
    if not program.inputs or len(program.inputs) > 1:
        raise ValidationError(
            f"run: expected a program with one input for images, got {list(program.inputs)}; use "
            "spikesim.run from Python"
        )
    ((name, (first_axon, n_axons)),) = program.inputs.items()
    if rasters.shape[2] != n_axons:
        raise ValidationError(
            f"run: expected images of {n_axons} pixels, as input {name!r} has, got "
            f"{rasters.shape[2]}; was the program trained on other data?"
        )
    if engine is Engine.golden:
        from spikesim.hw.golden.fast import run_batch

        axons = np.zeros((*rasters.shape[:2], first_axon + n_axons), dtype=bool)
        axons[:, :, first_axon:] = rasters
        batch = run_batch(program, axons)
        return batch.counts[:, program.neurons(program.outputs[0])], batch.total_cycles
    if engine is Engine.readable:
        from spikesim.engines import run as run_on

        runs = [
            run_on(program, {name: raster}, len(raster), "golden-readable") for raster in rasters
        ]
        counts = np.stack([record.counts(program.outputs[0]) for record in runs])
        return counts, np.array([sum(record.meta["cycles"]) for record in runs])
    return _on_device(program, rasters, port, progress)


def _on_device(
    program: Program, rasters: np.ndarray, port: str | None, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    from spikesim.hw.device import Device
    from spikesim.hw.link.transport import InProcessTransport, Transport

    target: str | Transport
    if port is None:
        from spikesim.hw.rtl.model import RtlModel

        target = InProcessTransport(RtlModel(program.config), "Verilated core")
    else:
        target = port
    with Device.open(target) as device:
        device.load(program, progress=progress)
        batch = device.classify(rasters, steps=rasters.shape[1], progress=progress)
    n = program.groups[program.outputs[0]][1]
    return batch.counts[:, :n], batch.cycles


def _table(document: dict[str, Any]) -> Table:
    table = Table(title=f"{document['program']} on {document['engine']}", show_header=False)
    if document["accuracy"] is not None:
        table.add_row("accuracy", f"{100 * document['accuracy']:.2f} %")
    table.add_row("images", f"{document['images']:,} of {document['data']}")
    table.add_row("steps per image", str(document["steps"]))
    table.add_row("clock cycles per image", f"{document['cycles_per_image']:,.0f}")
    table.add_row("speed", f"{document['images_per_second']:,.1f} images/s")
    return table
