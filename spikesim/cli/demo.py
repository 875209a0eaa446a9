# SPDX-License-Identifier: Apache-2.0
"""``spikesim demo``: the whole path on handwritten digits, with proof that engines agree."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from spikesim.cli.output import Output, examples

if TYPE_CHECKING:
    from spikesim.cli.pipeline.evaluate import SeedEvaluation
    from spikesim.cli.pipeline.schedule import Workload

COMMAND = "demo"
QUICK_IMAGES = 40
UART_IMAGES = 3
EPILOG = examples(
    ("spikesim demo", "5 seeds, all 1,800 held-out images; minutes once, then under 90 s"),
    ("spikesim demo --quick", "1 seed, short training, 40 images"),
    ("spikesim demo --retrain", "train again although nothing changed"),
    ("spikesim demo --json > result.json", "the result for a script"),
)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("build/demo"),
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0 on.")] = 5,
    limit: Annotated[int | None, typer.Option(min=1, help="Images per seed; all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small, fast variant.")] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="Ignore trained networks.")] = False,
    pictures: Annotated[bool, typer.Option(help="Write report.html and PNG files.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Train, quantize, compile, program a virtual board, classify, and compare bit by bit.

    For each seed a 64-160-10 network is trained on 8×8 digits and compiled for the Verilog core,
    which runs as a board of its own process behind a serial port. Every held-out image runs on the
    float simulator, the integer golden model and the core. Every spike, every state word and
    the cycle count of core and golden model must be equal: otherwise the exit code is 1.
    """
    from spikesim.cli.pipeline.result import demo_evidence, demo_result
    from spikesim.cli.pipeline.schedule import Workload
    from spikesim.cli.pipeline.training import trained_files

    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    if quick:
        seeds, limit = 1, min(limit or QUICK_IMAGES, QUICK_IMAGES)
    files = [trained_files(out / "cache", seed, quick) for seed in range(seeds)]
    plan = Workload(files, quick, retrain, limit, UART_IMAGES)
    output = Output(as_json)
    outcomes = _execute(plan, output)
    result = demo_result(outcomes, round(time.perf_counter() - started, 1))
    evidence = demo_evidence(outcomes, result)
    evidence.save(out)
    for outcome in outcomes:
        outcome.program.save(out / f"seed{outcome.seed}.spk")
    written = [out / "result.json"]
    if pictures:
        from spikesim.viz import write_report

        with output.notes.status("drawing"):
            written += write_report(evidence, out / "report.html", out)[:1]
    output.result(result, _shown(result, written))
    if not result["ok"]:
        output.note(Text("RTL and golden model differ", style="bold red"))
        raise typer.Exit(1)


def _execute(plan: Workload, output: Output) -> list[SeedEvaluation]:
    from spikesim.cli.pipeline.schedule import Listener, execute
    from spikesim.cli.pipeline.training import HeldOut

    with output.progress() as progress:
        build = progress.add_task("compile the Verilog core", total=1)
        train = progress.add_task("train and quantize", total=len(plan.files))
        # Known exactly only when the first network is there; every seed holds out as many.
        board = progress.add_task("classify on the core", total=None)

        def trained(_: float) -> None:
            progress.advance(train)
            known = next(files for files in plan.files if files.present)
            images = len(HeldOut.load(known.samples).labels)
            progress.update(board, total=len(plan.files) * min(plan.limit or images, images))

        listener = Listener(
            built=lambda: progress.advance(build),
            trained=trained,
            classified=lambda n: progress.advance(board, n),
        )
        return execute(plan, listener)


def _shown(result: dict[str, Any], written: list[Path]) -> Group:
    table = Table(
        title="Handwritten digits, 64-160-10, held-out images",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    columns = ("seed", "float\n%", "golden\n%", "RTL\n%", "images", "wrong\nspikes", "wrong\nwords",
               "cycles\npredicted", "cycles\nmeasured")  # fmt: skip
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for seed in result["seeds"]:
        table.add_row(
            str(seed["seed"]), *(_percent(seed[f"accuracy_{e}"]) for e in _ENGINES),
            str(seed["images"]), str(seed["mismatching_spikes"]), str(seed["mismatching_words"]),
            f"{seed['cycles_predicted']:,}", f"{seed['cycles_measured']:,}",
        )  # fmt: skip
    if len(result["seeds"]) > 1:  # one seed has no spread
        table.add_section()
        for name, key in (("mean", "mean"), ("± std", "std")):
            table.add_row(name, *(_percent(result[key][f"accuracy_{e}"]) for e in _ENGINES))
    compared = sum(sum(seed["compared"].values()) for seed in result["seeds"])
    lines = [f"{compared:,} spikes, state words and cycle counts compared, RTL against golden"]
    if (uart := result["uart"]) is not None:
        differ = sum(uart[name] for name in uart if name.startswith("mismatching"))
        lines.append(
            f"{uart['images']} images of seed 0 again with every bit through the UART at "
            f"{uart['baud']:,} baud: {differ} mismatches"
        )
    lines.append(
        f"{result['link_bytes']:,} bytes over the link, {result['wall_s']:.0f} s; "
        f"{', '.join(str(path) for path in written)}"
    )
    return Group(table, *(Text(line) for line in lines))


_ENGINES = ("float", "golden", "rtl")


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
