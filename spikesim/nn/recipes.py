# SPDX-License-Identifier: Apache-2.0
"""Trained networks for the core, each by one call.

Every recipe trains in float first, goes on with the core's integers in the loop, and ends by
moving the float weights onto the values those integers stand for (`IntegerNet.snap_`). The result
is one network with two readings, float neurons and integer neurons; its accuracy before the
weights were rounded is kept beside them. Nets with convolutions keep their float weights, since
what pools are composed with has no weights of its own; the integers are the same. Settings were
chosen on a validation part of the training images (`Split.validation`); test images are looked at
once, at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from spikesim import data
from spikesim.core.decode import accuracy
from spikesim.core.random import LARGEST_SEED
from spikesim.data import Provenance, Shift, Split, Warp
from spikesim.errors import ValidationError
from spikesim.fixed.settings import STATE_BITS, WEIGHT_BITS, Quantization
from spikesim.network import Network
from spikesim.nn import encode
from spikesim.nn.arithmetic.surrogate import ATan
from spikesim.nn.graph.export import export
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.layers.network import SpikingNet
from spikesim.nn.layers.texts import Dense, Hidden, in_a_row
from spikesim.nn.loss import CountCrossEntropy
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.stateful import stateful
from spikesim.nn.training.evaluate import predict
from spikesim.nn.training.history import History
from spikesim.nn.training.loop import Log
from spikesim.nn.training.train import fit, reproducible

_DEFAULT_CORE = Quantization(weight_bits=WEIGHT_BITS, state_bits=STATE_BITS)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run but the seed.

    Attributes
    ----------
    hidden : int, or tuple of Dense, Conv, AveragePool
        Neurons of the hidden layer, or several as ``layers.parse_hidden`` gives them.
    steps : int
        Ticks per image.
    beta : float
        Membrane decay; a multiple of 1/4096, so that quantization leaves it alone.
    slope, loss_scale, init_scale : float
        Of the surrogate, of the loss in logits per spike, of the initial weights.
    epochs, integer_epochs : int
        Epochs in float, then with integers in the loop.
    lr, integer_lr : float
        Largest learning rate of either stage.
    batch_size : int
        Images per step.
    augment : Shift or Warp, optional
        Random changes of training images.
    quant : Quantization
        How floats become integers; with widths, so that a core of others is refused.
    validation : float, optional
        Share of the training images that is kept apart and measured after every epoch.
    patience : int, optional
        End the training in float after so many epochs without a better validation.
    """

    hidden: int | tuple[Hidden, ...]
    steps: int
    beta: float = 0.9375
    slope: float = 1.0
    loss_scale: float = 0.5
    init_scale: float = 2.0
    epochs: int = 45
    integer_epochs: int = 15
    lr: float = 1e-2
    integer_lr: float = 1e-3
    batch_size: int = 64
    augment: Shift | Warp | None = None
    quant: Quantization = _DEFAULT_CORE
    validation: float | None = None
    patience: int | None = None


#: 64-160-10 within 256 neurons and 256 axons.
DIGITS = Recipe(
    hidden=160, steps=16, loss_scale=0.25, epochs=60, augment=Shift(pixels=1, share=0.5)
)  # fmt: skip
#: 784-128-10; needs a core with 1,024 axons.
MNIST = Recipe(
    hidden=128, steps=10, epochs=8, integer_epochs=2, batch_size=256, lr=5e-3, integer_lr=5e-4,
    init_scale=1.0, loss_scale=0.5, augment=Shift(pixels=1, share=0.5),
)  # fmt: skip
#: For images of a user's own; where to begin.
OWN = Recipe(hidden=100, steps=25, init_scale=1.5, epochs=20, integer_epochs=5, lr=5e-3)


@dataclass
class TrainedModel:
    """A trained net with what is needed to run it anywhere.

    Attributes
    ----------
    name, seed, recipe
        What was trained.
    split : Split
        Training and test images.
    model : SpikingNet
        Float weights.
    accuracy_float, accuracy_quantized : float
        Share of test images, 0..1, by the float neurons and by the core's integers.
    accuracy_unrounded : float
        By float neurons with the full-precision weights, just before they were rounded.
    history, integer_history : History
        Loss of every epoch in float, and with integers in the loop.
    predicted_float, predicted_quantized : int64 arrays, shape (n_test,)
        Classes of the test images.
    seconds : float
        Wall time of training.
    source : str, optional
        File or folder of the images, where they are a user's own.
    """

    name: str
    seed: int
    recipe: Recipe
    split: Split
    model: SpikingNet
    accuracy_float: float
    accuracy_quantized: float
    accuracy_unrounded: float
    predicted_float: np.ndarray
    predicted_quantized: np.ndarray
    seconds: float
    history: History = field(default_factory=History)
    integer_history: History = field(default_factory=History)
    source: str | None = None

    @property
    def steps(self) -> int:
        """Ticks of input per image."""
        return self.recipe.steps

    @property
    def run_steps(self) -> int:
        """Ticks to run per image, so that the last layer sees its last input."""
        return self.recipe.steps + len(stateful(self.model)) - 1

    @property
    def quant(self) -> Quantization:
        """Settings the compiler must use to get the same integers."""
        return self.recipe.quant

    def network(self, dt: float = 1e-3) -> Network:
        """Give the net as a `Network` that knows what it was trained on; see `export`."""
        name = f"{self.name}-seed{self.seed}"
        net = export(self.model, dt, name=name, input_shape=(self.split.n_pixels,))
        net.meta |= self.provenance.to_meta()
        return net

    @property
    def provenance(self) -> Provenance:
        """Data set, split and encoding of the training."""
        return Provenance(
            self.source or self.split.name, self.steps, encode.RATE_CODE, self.split.seed,
            self.split.test_share, None if self.source is None else self.split.digest,
        )  # fmt: skip

    def integer_net(self) -> IntegerNet:
        """Give the net with the core's integers, sharing the weights."""
        return IntegerNet(self.model, self.quant, input_shape=(self.split.n_pixels,))

    def rasters(
        self, part: Literal["train", "test"] = "test", indices: Any = slice(None)
    ) -> np.ndarray:
        """Input spikes of images, silent in the ticks the deeper layers need to finish.

        Parameters
        ----------
        part : {"train", "test"}
            Which images.
        indices : index, slice or int array
            Which of them; all by default.

        Returns
        -------
        bool array, shape (n_images, run_steps, n_pixels)
        """
        images = np.atleast_1d(getattr(self.split, f"x_{part}")[indices])
        if images.ndim == self.split.x_test.ndim - 1:
            images = images[None]
        spikes = encode.rate(torch.from_numpy(images).flatten(1), self.steps, dtype=torch.bool)
        out = np.zeros((len(images), self.run_steps, self.split.n_pixels), dtype=bool)
        out[:, : self.steps] = spikes.numpy().transpose(1, 0, 2)
        return out


def digits(seed: int = 0, *, recipe: Recipe = DIGITS, progress: bool = False) -> TrainedModel:
    """Train 64-160-10 on the 8x8 digits; the seed also picks the 80/20 split."""
    return train("digits", data.digits(seed), seed, recipe, progress=progress)


def mnist(
    seed: int = 0, *, recipe: Recipe = MNIST, path: str | None = None, progress: bool = False
) -> TrainedModel:
    """Train 784-128-10 on MNIST, official split; ``path`` as in `data.mnist`."""
    return train("mnist", data.mnist(path), seed, recipe, progress=progress)


def build(split: Split, seed: int, recipe: Recipe) -> SpikingNet:
    """Untrained net for a data set: layers of soft-reset LIFLayer with learned bias."""
    neuron: Callable[[int | tuple[int, ...]], LIFLayer] = partial(
        LIFLayer, beta=recipe.beta, reset="soft", learn=("bias",), surrogate=ATan(recipe.slope)
    )
    # A generator of our own would have to be threaded through torch's layers; fork instead, so
    # that the caller's random state is left alone.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = (Dense(recipe.hidden),) if isinstance(recipe.hidden, int) else recipe.hidden
        return in_a_row(split.x_train.shape[1:], hidden, split.n_classes, neuron, recipe.init_scale)


def flat_rate(x: torch.Tensor, steps: int) -> torch.Tensor:
    """Rate code of images (B, ...) as rows of pixels (T, B, n)."""
    return encode.rate(x.flatten(1), steps)


def train(
    name: str,
    split: Split,
    seed: int,
    recipe: Recipe,
    *,
    progress: bool = False,
    source: str | None = None,
    checkpoint: Path | None = None,
    log: Sequence[Log] = (),
) -> TrainedModel:
    """Train by a recipe and measure both readings on the test part.

    Parameters
    ----------
    name : str
        For messages and the exported network.
    split : Split
        Images 0..1 and labels.
    seed : int
        Initial weights, order of images, shifts.
    recipe : Recipe
        Everything else.
    progress : bool
        Show progress bars.
    source : str, optional
        File or folder of the images, where they are a user's own.
    checkpoint : path, optional
        As of `fit`, for the training in float; that with integers has a file of its own beside it.
    log : sequence of callables
        As of `fit`, for the training in float.

    Returns
    -------
    TrainedModel
        The same for the same arguments, to the bit.

    Raises
    ------
    ValidationError
        If the seed is not one that torch takes, or as of `fit`.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ValidationError(f"train: expected a seed from 0 to {LARGEST_SEED}, got {seed!r}")
    start = time.perf_counter()
    model = build(split, seed, recipe)
    dense = isinstance(recipe.hidden, int) or all(isinstance(h, Dense) for h in recipe.hidden)
    integers = IntegerNet(model, recipe.quant, input_shape=(split.n_pixels,))
    encoder = partial(flat_rate, steps=recipe.steps)
    # Both stages keep the same images apart.
    part = split if recipe.validation is None else split.validation(recipe.validation, seed)
    stage: Callable[..., History] = partial(
        fit, x=part.x_train, y=part.y_train, encode=encoder, batch_size=recipe.batch_size,
        augment=recipe.augment, loss=CountCrossEntropy(recipe.loss_scale), progress=progress,
        validation=None if recipe.validation is None else (part.x_test, part.y_test),
    )  # fmt: skip
    history = stage(
        model, epochs=recipe.epochs, lr=recipe.lr, seed=seed, patience=recipe.patience,
        label=f"{name} seed {seed}, float", checkpoint=checkpoint, log=log,
    )  # fmt: skip
    integer_history = stage(
        integers, epochs=recipe.integer_epochs, lr=recipe.integer_lr, seed=seed + 1,
        label=f"{name} seed {seed}, integers",
        checkpoint=None if checkpoint is None else checkpoint.with_suffix(".integers.pt"),
    )  # fmt: skip
    seconds = time.perf_counter() - start
    with reproducible():
        unrounded = as_float = predict(model, split.x_test, encode=encoder)
        if dense:
            integers.snap_()
            as_float = predict(model, split.x_test, encode=encoder)
        as_integers = predict(integers, split.x_test, encode=encoder)

    return TrainedModel(
        name=name, seed=seed, recipe=recipe, split=split, model=model,
        accuracy_float=accuracy(as_float, split.y_test),
        accuracy_quantized=accuracy(as_integers, split.y_test),
        accuracy_unrounded=accuracy(unrounded, split.y_test),
        predicted_float=as_float, predicted_quantized=as_integers, seconds=seconds,
        history=history, integer_history=integer_history, source=source,
    )  # fmt: skip
