# SPDX-License-Identifier: Apache-2.0
"""Nets of spiking layers in a row, by a short text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from spikesim.errors import ValidationError
from spikesim.nn.layers.network import Linear, SpikingNet
from spikesim.nn.neurons.lif import LIFLayer

_WORD = re.compile(r"(?P<dense>\d+)|(?P<channels>\d+)c(?P<kernel>\d+)|p(?P<pool>\d+)")


@dataclass(frozen=True)
class Dense:
    """Neurons that each see all of the layer before."""

    n: int


@dataclass(frozen=True)
class Conv:
    """Channels of neurons behind a convolution that keeps height and width."""

    channels: int
    kernel: int


@dataclass(frozen=True)
class AveragePool:
    """Average over squares."""

    size: int


Hidden = Dense | Conv | AveragePool


def parse_hidden(text: str) -> tuple[Hidden, ...]:
    """Read hidden layers: ``100`` is dense, ``16c3`` sixteen channels of 3x3, ``p2`` pools 2x2.

    Raises
    ------
    ValidationError
        If a word is none of these, a size is 0, or a convolution stands behind a dense layer.

    Examples
    --------
    >>> parse_hidden("16c3,p2,100")
    (Conv(channels=16, kernel=3), AveragePool(size=2), Dense(n=100))
    """
    layers: list[Hidden] = []
    problems = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        match = _WORD.fullmatch(word)
        sizes = [int(n) for n in re.findall(r"\d+", word)]
        if match is None or 0 in sizes or (match["kernel"] and sizes[1] % 2 == 0):
            problems.append(
                f"hidden layers: expected words such as 100 (neurons), 16c3 (channels, odd kernel) "
                f"or p2 (pooling), got {word!r}"
            )
        elif match["dense"]:
            layers.append(Dense(sizes[0]))
        elif layers and isinstance(layers[-1], Dense):
            problems.append(f"hidden layers: expected dense layers behind dense ones, got {word!r}")
        else:
            layers.append(AveragePool(sizes[0]) if match["pool"] else Conv(*sizes))
    if problems:
        raise ValidationError(problems)
    return tuple(layers)


def in_a_row(
    shape: Sequence[int],
    hidden: Sequence[Hidden],
    classes: int,
    neuron: Callable[[int | tuple[int, ...]], LIFLayer],
    scale: float = 1.0,
) -> SpikingNet:
    """Net from pixels in a row (T, B, n) to one neuron for each class.

    Parameters
    ----------
    shape : sequence of int
        Of an image: (height, width) or (channels, height, width) where it is convolved.
    hidden : sequence of Dense, Conv, AveragePool
    classes : int
        Output neurons.
    neuron : callable
        Gives the neurons of a shape.
    scale : float
        Factor on PyTorch's uniform initial weights.

    Raises
    ------
    ValidationError
        If images are convolved that are none, or pooled to nothing.

    Examples
    --------
    >>> net = in_a_row((8, 8), parse_hidden("4c3,p2"), 10, LIFLayer)
    >>> net(torch.ones(5, 2, 64)).shape
    torch.Size([5, 2, 10])
    """
    n, layers = int(torch.Size(shape).numel()), list[torch.nn.Module]()
    if any(not isinstance(layer, Dense) for layer in hidden):
        if len(shape) not in (2, 3):
            raise ValidationError(
                "hidden layers: expected images (height, width) or (channels, height, width) to "
                f"convolve, got samples of shape {tuple(shape)}; give dense layers"
            )
        now = tuple(shape) if len(shape) == 3 else (1, *shape)
        layers.append(torch.nn.Unflatten(1, now))
        for layer in hidden:
            if isinstance(layer, Conv):
                layers.append(_convolution(now[0], layer, scale))
                now = (layer.channels, *now[1:])
                layers.append(neuron(now))
            elif isinstance(layer, AveragePool):
                layers.append(torch.nn.AvgPool2d(layer.size))
                now = (now[0], now[1] // layer.size, now[2] // layer.size)
        if min(now) < 1:
            raise ValidationError(
                f"hidden layers: images of shape {tuple(shape)} are pooled to nothing; give fewer "
                "or smaller pools"
            )
        layers.append(torch.nn.Flatten())
        n = int(torch.Size(now).numel())
    for size in [layer.n for layer in hidden if isinstance(layer, Dense)] + [classes]:
        layers += [Linear(n, size, scale=scale), neuron(size)]
        n = size
    return SpikingNet(*layers)


def _convolution(channels: int, layer: Conv, scale: float) -> torch.nn.Conv2d:
    conv = torch.nn.Conv2d(
        channels, layer.channels, layer.kernel, padding=layer.kernel // 2, bias=False
    )
    with torch.no_grad():
        conv.weight.mul_(scale)
    return conv
