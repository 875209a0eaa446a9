# SPDX-License-Identifier: Apache-2.0
"""The way of learned delays to whole ticks, for all of a net."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch

from spikesim.errors import ValidationError
from spikesim.nn.layers.delayed import Delayed


class DelayScores(NamedTuple):
    """What a net scores with delays as they are, and with whole ones."""

    soft: float
    rounded: float


def narrow_delays(net: torch.nn.Module, progress: float) -> None:
    """Set how far all learned delays of a net are on their way to whole ticks.

    Parameters
    ----------
    net : torch.nn.Module
        With `DelayedLinear` or `DelayedConv` at any depth.
    progress : float
        0, as made, to 1: Gauss and triangle as narrow as they get, pruned to one.

    Raises
    ------
    ValidationError
        If progress is not between 0 and 1.
    """
    if not 0.0 <= progress <= 1.0:
        raise ValidationError(f"narrow_delays: expected progress between 0 and 1, got {progress}")
    for module in net.modules():
        if isinstance(module, Delayed) and not module.synapses.hard:
            module.synapses.narrow(progress)


def harden_delays(net: torch.nn.Module) -> None:
    """Give every weight of a net a whole delay, for good; weights can be trained on."""
    for module in net.modules():
        if isinstance(module, Delayed):
            module.harden()


def delay_scores(net: torch.nn.Module, measure: Callable[[torch.nn.Module], float]) -> DelayScores:
    """Score a net with its delays as they are and rounded: what runs on a core is the latter.

    Parameters
    ----------
    net : torch.nn.Module
        Left as it is.
    measure : callable
        Gives the score of a net, such as ``lambda net: nn.accuracy(net, x, labels)``.

    Returns
    -------
    DelayScores
        ``soft`` and ``rounded``.

    Examples
    --------
    >>> from spikesim.nn import DelayedLinear
    >>> layer = DelayedLinear(2, 2, max_delay=8)
    >>> delay_scores(layer, lambda net: float((net.delays() % 1 == 0).all()))
    DelayScores(soft=0.0, rounded=1.0)
    """
    rounded = copy.deepcopy(net)
    harden_delays(rounded)
    return DelayScores(measure(net), measure(rounded))
