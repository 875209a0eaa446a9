# SPDX-License-Identifier: Apache-2.0
"""Which module is to blame when a net does not take its input or numbers stop being numbers.

Nothing here costs more than a look at a result. A NaN that enters a membrane never leaves it (nor
does infinity: a reset makes NaN of it), so the state after the last tick tells about every tick.
Only when something is found is the batch run again, with a look at every module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.time.running import run
from spikesim.nn.time.stateful import Stateful, each_tensor

_REFUSALS = (RuntimeError, ValueError, IndexError)
"""What torch raises on a shape or type that does not fit."""


def outputs(model: torch.nn.Module, x: Tensor, where: str, mask: Tensor | None = None) -> Tensor:
    """Run a net from rest and refuse what it cannot take or makes no numbers of.

    Parameters
    ----------
    model : torch.nn.Module
        As for `nn.run`.
    x : tensor, shape (T, B, ...)
    where : str
        Epoch and batch.
    mask : bool tensor, shape (T, B), optional
        As for `nn.run`.

    Returns
    -------
    tensor, shape (T, B, n)

    Raises
    ------
    ValidationError
        With the module: for input that is not finite, of a wrong shape, or a drive that is not
        finite.
    """
    if not finite([x]):
        raise ValidationError(
            f"{where}: expected finite input, got NaN or infinity; look at the data and at what "
            "encodes it"
        )
    try:
        out, state = run(model, x, mask=mask)
    except _REFUSALS as error:
        culprit = _first(model, x, lambda *_: False)
        if culprit is None:
            raise
        raise ValidationError(f"{where}: {culprit} was refused: {error}") from error
    if not isinstance(out, Tensor) or out.ndim != 3:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ValidationError(
            f"{where}: expected a net with outputs (T, B, classes), got {got}; end with one neuron "
            "for each class"
        )
    if not finite([out, *_tensors(state)]):
        raise ValidationError(f"{where}: expected finite drives, {blame(model, x)}")
    return out


def blame(model: torch.nn.Module, x: Tensor) -> str:
    """Say where the first number appears that is none, or that no module shows any."""
    culprit = _first(model, x, lambda given, made: not finite(given) or not finite(made))
    if culprit is None:
        return "which no module shows: look at the loss and the targets, or lower lr"
    return f"got NaN or infinity at {culprit}; lower lr, clip gradients, or look at its parameters"


def check_gradients(model: torch.nn.Module, where: str) -> None:
    """Refuse gradients that are not finite, before they reach a parameter."""
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    if grads and not finite(list(grads.values())):
        bad = [name for name, grad in grads.items() if not finite([grad])]
        raise ValidationError(
            f"{where}: expected finite gradients, got NaN or infinity for {', '.join(bad)}; lower "
            "lr, clip gradients, or look at the loss"
        )


def finite(tensors: list[Tensor]) -> bool:
    """Whether all entries are; one pass and one answer from the device."""
    sums = [t.detach().sum().float() for t in tensors if t.is_floating_point() and t.numel()]
    if not sums or bool(torch.stack([s.cpu() for s in sums]).isfinite().all()):
        return True
    # The sum of large numbers may be infinite where none of them is.
    return all(bool(t.isfinite().all()) for t in tensors if t.is_floating_point())


def _first(
    model: torch.nn.Module, x: Tensor, bad: Callable[[list[Tensor], list[Tensor]], bool]
) -> str | None:
    """First module whose call is bad, or that a run does not leave, with the shape it was given."""
    found: list[str] = []
    inside: list[str] = []

    def enter(who: str) -> Callable[..., None]:
        return lambda module, given: inside.append(f"{who}, given {_shapes(given)},")

    def leave(module: torch.nn.Module, given: Any, made: Any) -> None:
        who = inside.pop()
        if not found and bad(_tensors(given), _tensors(made)):
            found.append(who.rstrip(","))

    handles = []
    for path, module in _leaves("", model):
        who = f"module {path!r} ({type(module).__name__})" if path else type(module).__name__
        handles += [
            module.register_forward_pre_hook(enter(who)),
            module.register_forward_hook(leave),
        ]
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()
            run(model, x)
    except _REFUSALS:
        found += inside[-1:]
    finally:
        for module, mode in modes.items():
            module.training = mode
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _leaves(path: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    children = dict(module.named_children())
    if not children or isinstance(module, Stateful):
        yield path, module
        return
    for name, child in children.items():
        yield from _leaves(f"{path}.{name}" if path else name, child)


def _tensors(values: Any) -> list[Tensor]:
    kept: list[Tensor] = []

    def keep(part: Tensor) -> Tensor:
        kept.append(part)
        return part

    each_tensor(values, keep)
    return kept


def _shapes(values: Any) -> str:
    return ", ".join(str(tuple(part.shape)) for part in _tensors(values)) or "nothing"
