# SPDX-License-Identifier: Apache-2.0
"""Layers that behave as those of SpikingJelly, Norse, sinabs and the core, from their arguments.

Numbers are kept as the framework keeps them, in torch's default type where it makes tensors of
them. Parameters that the framework trains can be given as
``torch.nn.Parameter``; they are shared, not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.nn import Parameter

from spikesim.errors import ConversionError
from spikesim.fixed import DECAY_BITS
from spikesim.nn.arithmetic.surrogate import FastSigmoid, Sigmoid, Surrogate
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.presets.constants import (
    Number,
    PlifConstants,
    SinabsConstants,
    as_tensor,
    number,
    on_grid,
    over,
    plain,
)
from spikesim.nn.presets.surrogates import Scaled, Stretched, TwoSidedExponential, surrogate_of

Shape = int | Sequence[int] | None


def like_spikingjelly(
    shape: Shape = None,
    *,
    tau: float | None = 2.0,
    decay_input: bool = True,
    v_threshold: float = 1.0,
    v_reset: float | None = 0.0,
    surrogate_function: Any = None,
    detach_reset: bool = False,
    c_decay: float | None = None,
    v_decay: float = 0.75,
    w: Parameter | None = None,
) -> LIFLayer:
    """Layer that spikes as one of SpikingJelly 2.0; arguments left out are those of LIFNode.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    tau : float or None, ticks
        None is IFNode.
    decay_input, v_threshold, v_reset, surrogate_function, detach_reset
        As of LIFNode; ``v_reset=None`` is a soft reset.
    c_decay, v_decay : float
        With ``c_decay`` this is CUBALIFNode; tau is not used.
    w : torch.nn.Parameter, optional
        That of ParametricLIFNode, which stands for ``tau = 1 / sigmoid(w)``.

    Raises
    ------
    ConversionError
        If the surrogate function does not spike, or tau is not above 1.

    Examples
    --------
    >>> neuron = like_spikingjelly(tau=2.0, v_reset=None).canonical()
    >>> neuron.beta, neuron.gain, neuron.reset
    (0.5, 0.5, 'soft')
    """
    rest = 0.0 if v_reset is None else float(v_reset)
    if tau is not None and not tau > 1.0:
        raise ConversionError(f"like_spikingjelly: expected tau above 1 tick, got {tau!r}")
    surrogate, strict = surrogate_of(surrogate_function or Sigmoid(4.0))
    alpha = 0.0
    if c_decay is not None:
        beta, gain, bias, alpha = float(v_decay), 1.0, 0.0, float(c_decay)
    elif tau is None:
        beta, gain, bias = 1.0, 1.0, 0.0
    else:
        beta, gain, bias = 1.0 - 1.0 / tau, 1.0 / tau if decay_input else 1.0, rest / tau
    layer = LIFLayer(
        shape, beta=beta, alpha=alpha, gain=gain, bias=bias, v_th=float(v_threshold),
        v_reset=rest, v_init=rest, reset="soft" if v_reset is None else "hard",
        strict=bool(strict), detach_reset=detach_reset, surrogate=surrogate,
    )  # fmt: skip
    return layer if w is None else layer.tie(PlifConstants(decay_input, rest), {"w": w})


def like_norse(
    shape: Shape = None,
    *,
    tau_mem_inv: Number | None = None,
    tau_syn_inv: Number | None = None,
    v_leak: Number = 0.0,
    v_th: Number = 1.0,
    v_reset: Number = 0.0,
    method: str | Callable[[Tensor], Tensor] = "super",
    reset_method: Literal["value", "subtract"] = "value",
    detach_reset: bool = False,
    dt: float = 1e-3,
) -> LIFLayer:
    """Layer that spikes as one of Norse 1.1; arguments left out are those of LIFBoxCell.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    tau_mem_inv, tau_syn_inv : float or array, 1/s
        With ``tau_syn_inv`` this is LIF and LIFCell. The current in the state of the layer is
        that before its decay.
    v_leak, v_th, v_reset, dt
        As of Norse.
    method : str or callable
        "super", or a spike function.
    reset_method : {"value", "subtract"}
        ``reset_value`` or ``reset_subtract``.
    detach_reset : bool
        As the recurrent cells of Norse do.

    Raises
    ------
    ConversionError
        If a step is longer than a time constant, or for a method that no spike function is given
        for.

    Examples
    --------
    >>> like_norse(v_leak=0.5).canonical().bias
    0.05000000074505806
    """
    problems = []
    rates: dict[str, Any] = {"tau_mem_inv": tau_mem_inv}
    if tau_mem_inv is None:
        rates["tau_mem_inv"] = as_tensor(100.0)
    if tau_syn_inv is not None:  # LIF makes tensors of all, LIFBoxCell leaves numbers as they are
        rates["tau_syn_inv"] = tau_syn_inv
        rates = {key: as_tensor(value) for key, value in rates.items()}
        v_leak, v_th, v_reset = as_tensor(v_leak), as_tensor(v_th), as_tensor(v_reset)
    shares = {
        name: as_tensor(dt * (rate if isinstance(rate, Tensor) else np.asarray(rate)), double=True)
        for name, rate in rates.items()
    }
    for name, share in shares.items():
        if not bool(((share >= 0) & (share <= 1)).all()):
            problems.append(
                f"like_norse: expected {name} between 0 and 1/dt = {1 / dt:g}, got "
                f"{float(share.max()) / dt:g}, whose Euler step overshoots; give a smaller dt"
            )
    if method == "super":
        method_of: Any = FastSigmoid(1.0)
    elif isinstance(method, str):
        problems.append(
            f"like_norse: expected method 'super' or a spike function, got {method!r}; "
            f"method=lambda u: norse.torch.functional.threshold.threshold(u, {method!r}, alpha)"
        )
    else:
        method_of = method
    if problems:
        raise ConversionError(problems)
    surrogate, strict = surrogate_of(method_of)
    k, leak = shares["tau_mem_inv"], as_tensor(v_leak).double()
    values = {
        "beta": number(1.0 - k), "gain": number(k), "bias": number(k * leak),
        "alpha": number(1.0 - shares["tau_syn_inv"]) if tau_syn_inv is not None else 0.0,
        "v_th": number(v_th), "v_reset": number(v_reset), "v_init": number(leak),
    }  # fmt: skip
    return LIFLayer(
        shape, **over(shape, values), reset="soft" if reset_method == "subtract" else "hard",
        strict=strict is None or strict, detach_reset=detach_reset, surrogate=surrogate,
    )  # fmt: skip


def like_sinabs(
    shape: Shape = None,
    *,
    tau_mem: Number | None = None,
    tau_syn: Number | None = None,
    spike_threshold: Number = 1.0,
    reset_value: float | None = None,
    subtract_value: float | None = None,
    min_v_mem: float | np.ndarray | None = None,
    norm_input: bool = True,
    grad_width: float = 0.5,
    grad_scale: float = 1.0,
    surrogate: Surrogate | None = None,
    train_alphas: bool = False,
) -> LIFLayer:
    """Layer that spikes as one of sinabs 3.1 with one spike a step (``spike_fn=SingleSpike``).

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    tau_mem, tau_syn : float, array or torch.nn.Parameter, steps
        Without ``tau_mem`` this is IAF. Given as parameters they are shared and stay learned; with
        ``train_alphas`` they are the decays themselves.
    spike_threshold, min_v_mem, norm_input
        As of sinabs. Gradients of neurons below ``min_v_mem`` are 0, those of sinabs are not.
    reset_value, subtract_value : float, optional
        ``MembraneReset(0)`` or ``MembraneSubtract(subtract_value)``, the default.
    grad_width, grad_scale : float
        Of ``SingleExponential``.
    surrogate : Surrogate, optional
        Another one.
    train_alphas : bool
        See above.

    Raises
    ------
    ConversionError
        For a reset value other than 0, which sinabs adds in every step, or a floor that is above
        what a reset leaves.

    Examples
    --------
    >>> like_sinabs(tau_mem=2.0).canonical().beta
    0.6065306663513184
    """
    threshold = as_tensor(spike_threshold)
    problems = []
    if reset_value:
        problems.append(
            f"like_sinabs: expected MembraneReset(0.0), got reset_value={reset_value:g}, which "
            "sinabs adds in every step; give it as a bias of the layer before"
        )
    if min_v_mem is not None and np.max(min_v_mem) > 0.0:
        problems.append(
            f"like_sinabs: expected min_v_mem of 0 or less, got {np.max(min_v_mem):g}, which "
            "would lift what a reset leaves"
        )
    if problems:
        raise ConversionError(problems)
    width = threshold * grad_width
    decays = {"tau_mem": tau_mem, "tau_syn": tau_syn}
    given = {key: as_tensor(value) for key, value in decays.items() if value is not None}
    how = SinabsConstants(norm_input and tau_mem is not None, train_alphas)
    values = {key: number(value) for key, value in how({}, **given).items()}
    layer = LIFLayer(
        shape, **over(shape, {"beta": 1.0, "v_th": number(threshold)} | values),
        reset="soft" if reset_value is None else "hard", reset_amount=subtract_value,
        v_floor=min_v_mem, strict=False, detach_reset=reset_value is not None,
        surrogate=surrogate or Scaled(
            Stretched(TwoSidedExponential(), plain(1.0 / width.double())),
            plain(grad_scale / width),
        ),
    )  # fmt: skip
    learned = {key: value for key, value in given.items() if isinstance(value, Parameter)}
    return layer.tie(how, learned) if learned else layer


def like_hardware(shape: Shape = None, *, bits: int = DECAY_BITS, **fields: Any) -> LIFLayer:
    """Layer whose decays the core holds as they are: multiples of ``2**-bits``.

    How wide weights and states are, and in which unit they count, depends on the weights and is
    chosen by `IntegerNet` and by the compiler.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    bits : int
        Of a decay; 12 in the core.
    **fields
        As of `LIFLayer`.

    Examples
    --------
    >>> like_hardware(2, beta=0.9).canonical().beta * 4096
    3686.0
    """
    decays = {"beta": fields.get("beta", 0.9375), "alpha": fields.get("alpha", 0.0)}
    rounded = {key: on_grid(value, 2.0**-bits) for key, value in decays.items()}
    return LIFLayer(shape, **(fields | rounded))
