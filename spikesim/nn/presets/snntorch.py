# SPDX-License-Identifier: Apache-2.0
"""Layers that spike as those of snnTorch, from the arguments of these.

Numbers are kept as snnTorch keeps them, in torch's default type: 0.9 is 0.89999998.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from torch.nn import Parameter

from spikesim.errors import ConversionError
from spikesim.neurons.firing import Reset
from spikesim.nn.arithmetic.surrogate import ATan
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.presets.constants import (
    Number,
    SnntorchConstants,
    as_parameter,
    as_tensor,
    lapicque,
    least,
    number,
    over,
    plain,
)
from spikesim.nn.presets.surrogates import surrogate_of

ResetMechanism = Literal["subtract", "zero", "none"]
SnntorchKind = Literal["Leaky", "Lapicque", "Synaptic", "RLeaky", "RSynaptic"]

_RESETS: dict[str, Reset] = {"subtract": "soft", "zero": "hard", "none": "none"}
#: What snnTorch has by default, and what to do instead of anything else.
_DEFAULTS = {
    "reset_delay": (
        True,
        "False resets at once, but for neurons that reset before; leave it out, or train anew with "
        "LIFLayer(reset='soft' or 'hard')",
    ),
    "inhibition": (False, "inhibit by the projection of a Recurrent"),
    "state_quant": (False, "train with nn.IntegerNet"),
    "graded_spikes_factor": (1.0, "scale the weights behind"),
}


def like_snntorch(
    shape: int | Sequence[int] | None = None,
    *,
    beta: Number | None = None,
    alpha: Number | None = None,
    threshold: Number = 1.0,
    spike_grad: Any = None,
    reset_mechanism: ResetMechanism = "subtract",
    learn_beta: bool = False,
    learn_alpha: bool = False,
    learn_threshold: bool = False,
    R: Number | None = None,
    C: Number | None = None,
    time_step: Number = 1,
    reset_delay: bool = True,
    inhibition: bool = False,
    state_quant: Any = False,
    graded_spikes_factor: Number = 1.0,
    kind: SnntorchKind | None = None,
) -> LIFLayer:
    """Layer that spikes as one of snnTorch 1.0; arguments that are left out are those of snnTorch.

    snnTorch resets in the tick after a spike. "subtract" then takes ``threshold`` off a membrane
    that has decayed: here a soft reset at once by ``threshold / beta``. "zero" of Leaky zeroes the
    membrane before the input comes in: a hard reset. "zero" of every other neuron zeroes what
    the input has made of it: a hard reset, and the membrane stands still for a tick.

    Gradients are those of snnTorch, but for a learned threshold of a neuron that stands still:
    there snnTorch has a share of the surrogate at a membrane of 0, and none is here.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`. Arrays stand for the last axes of a shape, as in torch.
    beta, alpha, threshold, spike_grad, reset_mechanism, learn_beta, learn_alpha, learn_threshold,
    R, C, time_step
        As of snnTorch. What is learned is clamped where it is used: decays to 0..1, as there, and
        the threshold above 0.
    reset_delay, inhibition, state_quant, graded_spikes_factor
        Only what snnTorch has by default.
    kind : str, optional
        Which neuron; Synaptic where alpha is given, Lapicque where C or R is, else Leaky. The
        recurrent ones are these neurons inside of `Recurrent`.

    Raises
    ------
    ConversionError
        With every argument that has no equal here.

    Examples
    --------
    >>> layer = like_snntorch(1, beta=0.5, threshold=1.0)
    >>> layer.reset, layer.canonical().reset_amount
    ('soft', 2.0)
    """
    chosen = kind or _kind(alpha, R, C)
    problems = _problems(
        reset_mechanism, threshold, reset_delay=reset_delay, inhibition=inhibition,
        state_quant=state_quant, graded_spikes_factor=plain(graded_spikes_factor),
    )  # fmt: skip
    gain: Any = 1.0
    if chosen == "Lapicque":
        beta, gain = lapicque(beta, R, C, time_step, problems)
    elif beta is None:
        problems.append(f"like_snntorch: expected beta for {chosen}, got none; beta=0.9")
    if problems:
        raise ConversionError(problems)
    surrogate, strict = surrogate_of(spike_grad) if spike_grad else (ATan(math.pi), None)
    late = SnntorchConstants(soft=reset_mechanism == "subtract")
    given = {"beta": as_tensor(beta), "threshold": as_tensor(threshold)}
    asked = {"beta": learn_beta and chosen != "Lapicque", "threshold": learn_threshold}
    if alpha is not None:
        given["alpha"], asked["alpha"] = as_tensor(alpha), learn_alpha
    learned = {
        key: as_parameter(value)
        for key, value in given.items()
        if asked[key] or isinstance(value, Parameter)
    }
    held = reset_mechanism == "zero" and chosen != "Leaky"
    values = {key: number(value) for key, value in late(given, **given).items()}
    layer = LIFLayer(
        shape, **over(shape, values), gain=number(gain), reset=_RESETS[reset_mechanism],
        refractory_ticks=int(held), strict=strict is None or strict, surrogate=surrogate,
    )  # fmt: skip
    return layer.tie(late, learned) if learned else layer


def _kind(alpha: Number | None, R: Number | None, C: Number | None) -> SnntorchKind:
    if alpha is not None:
        return "Synaptic"
    return "Leaky" if R is None and C is None else "Lapicque"


def _problems(reset_mechanism: str, threshold: Number, **given: Any) -> list[str]:
    problems = [
        f"like_snntorch: expected {name}={_DEFAULTS[name][0]!r}, got {got!r}; {_DEFAULTS[name][1]}"
        for name, got in given.items()
        if type(got) is not type(_DEFAULTS[name][0]) or got != _DEFAULTS[name][0]
    ]
    if reset_mechanism not in _RESETS:
        problems.append(
            f"like_snntorch: expected reset_mechanism {', '.join(map(repr, _RESETS))}, got "
            f"{reset_mechanism!r}"
        )
    if least(threshold) <= 0:
        problems.append(
            f"like_snntorch: expected a threshold above 0, got {least(threshold):g}, with which "
            "the neuron resets before its first spike; add a constant to its input"
        )
    return problems
