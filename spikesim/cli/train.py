# SPDX-License-Identifier: Apache-2.0
"""``spikesim train``: train a network on images and save it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from spikesim.cli.compile import compile_hint
from spikesim.cli.output import OVERWRITE, Output, check_target, examples, seed_option

COMMAND = "train"
EPILOG = examples(
    ("spikesim train digits --seed 0 --out net.npz", "64-160-10 on 8×8 digits, half a minute"),
    ("spikesim train mnist --out mnist.npz", "784-128-10; needs MNIST files, see SPIKESIM_DATA"),
    ("spikesim train digits --epochs 2 --json", "a quick look, result for a script"),
)


class RecipeName(StrEnum):
    """What can be trained."""

    digits = "digits"
    mnist = "mnist"


def train(
    recipe: Annotated[RecipeName, typer.Argument(help="Data set and network.")],
    seed: Annotated[
        int,
        seed_option("Seed of weights, order and held-out images."),
    ] = 0,
    out: Annotated[Path, typer.Option(help="Network file to write.")] = Path("net.npz"),
    data: Annotated[
        Path | None, typer.Option(help="Folder or file of MNIST; looked for by default.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Float epochs; those of the recipe by default.")
    ] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Train in floating point, then with the core's 8-bit integers in the loop, and save.

    The file holds the float weights; `compile` turns them into exactly the integers that
    training saw.
    """
    from dataclasses import replace

    from spikesim.errors import ValidationError
    from spikesim.nn import recipes

    output = Output(as_json)
    check_target("--out", out, overwrite)
    settings = recipes.DIGITS if recipe is RecipeName.digits else recipes.MNIST
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    if recipe is RecipeName.digits:
        if data is not None:
            raise ValidationError("--data: the digits come with scikit-learn; leave it out")
        model = recipes.digits(seed, recipe=settings, progress=True)
    else:
        path = None if data is None else str(data)
        model = recipes.mnist(seed, recipe=settings, path=path, progress=True)
    net = model.network()
    net.save(out)
    document = {
        "recipe": recipe.value, "seed": seed, "out": str(out), "steps": model.steps,
        "accuracy_float": model.accuracy_float, "accuracy_quantized": model.accuracy_quantized,
        "test_images": len(model.split.y_test), "seconds": round(model.seconds, 3),
    }  # fmt: skip
    table = Table("reading of the weights", "test accuracy", title=f"{net.name} → {out}")
    table.add_row("float", f"{100 * model.accuracy_float:.2f} %")
    table.add_row("8-bit integers of the core", f"{100 * model.accuracy_quantized:.2f} %")
    output.result(document, table)
    output.note(f"{model.seconds:.1f} s of training; next: {compile_hint(net, out)}")
