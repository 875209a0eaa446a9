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

from spikesim.cli.output import Output, examples, seed_option
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.cli.samples import Samples
    from spikesim.hw.program import Program

COMMAND = "run"
EPILOG = examples(
    ("spikesim run prog.spk", "the images held out in training, on the golden model"),
    ("spikesim run prog.spk --engine rtl --limit 50", "on the Verilog core"),
    ("spikesim run prog.spk --engine board --port /dev/ttyUSB0", "on a board"),
    ("spikesim run prog.spk --data mine.npz --json", "arrays images (0..1) and labels"),
    ("spikesim run prog.spk --min-accuracy 0.98", "exit code 1 if below"),
)


class EngineName(StrEnum):
    """Where a program can run."""

    golden = "golden"
    readable = "golden-readable"
    rtl = "rtl"
    board = "board"
    virtual = "virtual"


def run(
    program: Annotated[Path, typer.Argument(help="Program file made by `spikesim compile`.")],
    data: Annotated[
        str | None,
        typer.Option(help="digits, mnist, fashion_mnist, or an npz file; that of training."),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option(metavar="<name>", help=f"Where to run: {', '.join(EngineName)}.")
    ] = EngineName.golden,
    port: Annotated[
        str | None, typer.Option(help="Of the board: serial port or tcp://host:port.")
    ] = None,
    seed: Annotated[
        int | None,
        seed_option("Which digits are held out; as in training."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Ticks of input per image; as in training.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Run although data, seed or steps contradict training.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images.")] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Fail below this share.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Classify images with a program and count spikes, hits and clock cycles.

    All engines give the same spikes and the same cycles, bit for bit; they differ in speed.
    """
    from spikesim.cli.presentation import choose_presentation
    from spikesim.cli.samples import load_samples
    from spikesim.hw.program import Program

    if (engine is EngineName.board) != (port is not None):
        raise ValidationError(
            "run: expected --port with --engine board, and only then; for example --engine board "
            "--port /dev/ttyUSB0; --engine virtual starts a virtual board"
        )
    compiled = Program.load(program)
    wanted = choose_presentation(
        compiled.meta, str(program), data=data, seed=seed, steps=steps, anyway=anyway
    )
    samples = load_samples(wanted, latency=compiled.latency, limit=limit)
    if min_accuracy is not None and samples.labels is None:
        raise ValidationError(f"--min-accuracy: {wanted.data} has no labels to compare with")
    output = Output(as_json)
    started = time.perf_counter()
    counts, cycles = classify(compiled, samples.rasters, engine, port, progress=True)
    seconds = time.perf_counter() - started
    document = {
        "program": str(program), "engine": engine.value,
        "split_seed": wanted.seed if wanted.data == "digits" else None,
        "seconds": round(seconds, 3), "images_per_second": len(counts) / seconds,
        **_figures(compiled, samples, counts, cycles),
    }  # fmt: skip
    output.result(document, _table(document))
    if min_accuracy is not None and document["accuracy"] < min_accuracy:
        output.note(f"accuracy {document['accuracy']:.4f} is below {min_accuracy}")
        raise typer.Exit(1)


def classify(
    program: Program,
    rasters: np.ndarray,
    engine: EngineName,
    port: str | None,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Run every raster from a fresh state.

    Returns
    -------
    counts : int array, shape (n_images, n_outputs)
        Spikes of the first output population.
    cycles : int64 array, shape (n_images,)
        Clock cycles per image.
    """
    from spikesim.engines import prepare

    if not program.inputs or len(program.inputs) > 1:
        raise ValidationError(
            f"run: expected a program with one input for images, got {list(program.inputs)}; use "
            "spikesim.run from Python"
        )
    ((name, (_, n_axons)),) = program.inputs.items()
    if rasters.shape[2] != n_axons:
        raise ValidationError(
            f"run: expected images of {n_axons} pixels, as input {name!r} has, got "
            f"{rasters.shape[2]}; was the program trained on other data?"
        )
    options = {} if port is None else {"port": port}
    with prepare(program, engine.value, **options) as ready:
        batch = ready.batch({name: rasters}, rasters.shape[1], progress=progress)
    assert batch.cycles is not None  # an integer engine has a clock
    return batch.counts[program.outputs[0]], batch.cycles


def _figures(
    program: Program, samples: Samples, counts: np.ndarray, cycles: np.ndarray
) -> dict[str, Any]:
    """Hits, clock cycles and times of a batch, in a form that JSON can hold."""
    from spikesim.core import decode
    from spikesim.hw.timing import RunTime

    predicted, ticks = decode.classify(counts), samples.rasters.shape[1]
    labels = samples.labels
    spent = RunTime.expected(
        program, ticks, cycles_per_step=float(cycles.mean()) / ticks,
        events_per_step=float(samples.rasters.sum(2).mean()),
    )  # fmt: skip
    return {
        "data": samples.name, "images": len(predicted), "steps": ticks,
        "accuracy": None if labels is None else decode.accuracy(predicted, labels),
        "predicted": predicted.tolist(), "cycles_total": int(cycles.sum()),
        "cycles_per_image": float(cycles.mean()), "time": spent.to_dict(),
    }  # fmt: skip


def _table(document: dict[str, Any]) -> Table:
    table = Table(title=f"{document['program']} on {document['engine']}", show_header=False)
    if document["accuracy"] is not None:
        table.add_row("accuracy", f"{100 * document['accuracy']:.2f} %")
    table.add_row("images", f"{document['images']:,} of {document['data']}")
    table.add_row("steps per image", str(document["steps"]))
    cycles, spent = document["cycles_per_image"], document["time"]
    table.add_row("clock cycles per image", f"{cycles:,.0f}")
    table.add_row(f"at {spent['clk_hz'] / 1e6:g} MHz", f"{spent['run_ms']:.3g} ms per image")
    table.add_row(f"on the line, {spent['baud']:,} baud", f"{spent['line_ms']:.3g} ms per image")
    table.add_row("speed here", f"{document['images_per_second']:,.1f} images/s")
    return table
