# SPDX-License-Identifier: Apache-2.0
"""``spikesim train``: train a network on images and save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from spikesim.cli.compile import compile_hint
from spikesim.cli.output import OVERWRITE, Output, check_target, examples, seed_option
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.data import Split
    from spikesim.nn.recipes import Recipe, TrainedModel

COMMAND = "train"
EPILOG = examples(
    ("spikesim train digits --seed 0 --out net.npz", "64-160-10 on 8×8 digits, half a minute"),
    ("spikesim train mnist --out mnist.npz", "784-128-10; needs MNIST files, see SPIKESIM_DATA"),
    ("spikesim train digits --epochs 2 --json", "a quick look, result for a script"),
    ("spikesim train mine.npz --hidden 100,50 --steps 25", "your own images"),
    ("spikesim train mine.npz --validation 0.1 --patience 5", "until it gets no better"),
    ("spikesim train mine.npz --hidden 16c3,p2,100", "16 channels of 3×3, pooled 2×2, 100"),
    (
        "spikesim train mine.npz --checkpoint run.pt --log run.csv",
        "the same command again goes on where it was cut off",
    ),
)
SETS = ("digits", "mnist", "fashion_mnist")

# What is asked for over a recipe; that of a user's own images stands in the help.
HIDDEN = typer.Option(
    help="Layers between image and classes: 100 neurons, 16c3 convolution, p2 pooling. "
    "[own images: 100]"
)
STEPS = typer.Option(min=1, help="Ticks per image. [own images: 25]")
EPOCHS = typer.Option(min=0, help="Epochs in float. [own images: 20]")
INTEGER_EPOCHS = typer.Option(min=0, help="Then epochs with the core's integers. [own images: 5]")
BATCH_SIZE = typer.Option(min=1, help="Images per step. [own images: 64]")
LR = typer.Option(help="Largest learning rate. [own images: 0.005]")
BETA = typer.Option(
    help="Share of its membrane that a neuron keeps in a tick. [own images: 0.9375]"
)


def train(
    what: Annotated[
        str, typer.Argument(help="digits, mnist, fashion_mnist, or your own images, see above.")
    ],
    seed: Annotated[
        int,
        seed_option("Seed of weights, order and held-out images."),
    ] = 0,
    out: Annotated[Path, typer.Option(help="Network file to write.")] = Path("net.npz"),
    data: Annotated[
        Path | None, typer.Option(help="Folder or file of MNIST; looked for by default.")
    ] = None,
    hidden: Annotated[str | None, HIDDEN] = None,
    steps: Annotated[int | None, STEPS] = None,
    epochs: Annotated[int | None, EPOCHS] = None,
    integer_epochs: Annotated[int | None, INTEGER_EPOCHS] = None,
    batch_size: Annotated[int | None, BATCH_SIZE] = None,
    lr: Annotated[float | None, LR] = None,
    beta: Annotated[float | None, BETA] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the training images to choose settings by.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="End after so many epochs that were no better.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(help="Share held out of your own images without a test part.")
    ] = 0.2,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File to go on from, and to write after every epoch.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Table of all epochs to write (CSV).")] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Train in floating point, then with the core's 8-bit integers in the loop, and save.

    The file holds the float weights; `compile` turns them into exactly the integers that
    training saw.

    Your own images are an .npz file with arrays images and labels (a part is held out, see
    --test-share), or x_train, y_train, x_test and y_test; or a folder of IDX files. Images are
    uint8, or floats from 0 to 1, of any shape; labels are integers from 0. Each image becomes
    spikes for --steps ticks: the brighter a pixel, the more often it fires. The class is the output
    neuron that fires most often.

    If most samples are silent, give more --steps. If the loss jumps, lower --lr. Choose settings by
    the validation accuracy (--validation 0.1); the test images are looked at once, at the end.

    Then `spikesim compile net.npz -o prog.spk` makes a program of it, and `spikesim run prog.spk`
    shows it the held-out images. Pictures and the same in Python: docs/tutorials/train.md.
    """
    from spikesim.nn import CSVLog, recipes

    output = Output(as_json)
    check_target("--out", out, overwrite, None if what in SETS else Path(what))
    recipe, own = _recipe(
        what, hidden=hidden, steps=steps, epochs=epochs, integer_epochs=integer_epochs,
        batch_size=batch_size, lr=lr, beta=beta, validation=validation, patience=patience,
    )  # fmt: skip
    model = recipes.train(
        Path(what).stem, _images(what, data, seed, test_share), seed, recipe, progress=True,
        source=what if own else None, checkpoint=checkpoint,
        log=() if log is None else (CSVLog(log),),
    )  # fmt: skip
    net = model.network()
    net.save(out)
    output.result(_document(what, out, model), _table(f"{net.name} → {out}", model))
    output.note(f"{model.seconds:.1f} s of training; next: {compile_hint(net, out)}")


def _recipe(what: str, *, hidden: str | None, **given: Any) -> tuple[Recipe, bool]:
    """Give the recipe with what was asked for, and whether the images are a user's own."""
    from dataclasses import replace

    from spikesim.nn import recipes
    from spikesim.nn.layers.texts import parse_hidden

    known = {"digits": recipes.DIGITS, "mnist": recipes.MNIST, "fashion_mnist": recipes.MNIST}
    changes = {name: value for name, value in given.items() if value is not None}
    problems = []
    if not 0.0 < changes.get("lr", 1.0):
        problems.append(f"--lr {changes['lr']}: expected more than 0")
    if not 0.0 <= changes.get("beta", 0.0) <= 1.0:
        problems.append(f"--beta {changes['beta']}: expected 0 to 1")
    if not 0.0 < changes.get("validation", 0.5) < 1.0:
        problems.append(f"--validation {changes['validation']}: expected between 0 and 1")
    if "patience" in changes and "validation" not in changes:
        problems.append("--patience: expected --validation beside it, such as 0.1, to judge by")
    if problems:
        raise ValidationError(problems)
    if hidden is not None:
        changes["hidden"] = parse_hidden(hidden)
    return replace(known.get(what, recipes.OWN), **changes), what not in known


def _images(what: str, data: Path | None, seed: int, test_share: float) -> Split:
    from spikesim import data as sets

    if data is not None and what not in ("mnist", "fashion_mnist"):
        where = "the digits come with scikit-learn" if what == "digits" else f"{what} says it all"
        raise ValidationError(f"--data: {where}; leave it out")
    if what == "digits":
        return sets.digits(seed)
    if what in SETS:
        read = sets.mnist if what == "mnist" else sets.fashion_mnist
        return read(None if data is None else str(data))
    if not Path(what).exists():
        raise ValidationError(
            f"train: expected {', '.join(SETS)}, or a file or folder of images, got {what!r}, "
            "which does not exist"
        )
    return sets.load(what, seed=seed, test_share=test_share)


def _document(what: str, out: Path, model: TrainedModel) -> dict[str, Any]:
    best = model.history.best
    silent = model.history.silent[-1] if model.history.silent else None
    return {
        "recipe": what, "seed": model.seed, "out": str(out), "steps": model.steps,
        "accuracy_float": model.accuracy_float,
        "accuracy_quantized": model.accuracy_quantized,
        "accuracy_validation": None if best is None else model.history.validation_accuracy[best],
        "epochs": len(model.history.loss), "silent": silent,
        "test_images": len(model.split.y_test), "seconds": round(model.seconds, 3),
    }  # fmt: skip


def _table(title: str, model: TrainedModel) -> Table:
    table = Table("reading of the weights", "test accuracy", title=title)
    table.add_row("float", f"{100 * model.accuracy_float:.2f} %")
    table.add_row("8-bit integers of the core", f"{100 * model.accuracy_quantized:.2f} %")
    if model.history.best is not None:
        share = model.history.validation_accuracy[model.history.best]
        table.add_row(f"(validation, epoch {model.history.best + 1})", f"{100 * share:.2f} %")
    return table
