# SPDX-License-Identifier: Apache-2.0
"""A training in a file, from which it goes on to the same bits."""

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikesim.core.atomic import place_problems, replacing
from spikesim.data.split import digest
from spikesim.errors import ValidationError
from spikesim.nn.layers.conversion import SignedIF
from spikesim.nn.layers.delay import Delay
from spikesim.nn.neurons.adaptive import ALIFLayer
from spikesim.nn.neurons.constants import without_address
from spikesim.nn.neurons.lif import LIFLayer

_KIND, _VERSION = "spikesim training", 1
_SHOWN = 500
"""Letters of a setting that a message can bear."""


def save(path: Path, document: Mapping[str, Any]) -> None:
    """Write a training as a whole; a killed writer leaves the file before it."""
    with replacing(path) as file:
        torch.save({"kind": _KIND, "version": _VERSION, **document}, file)


def load(path: Path, settings: Mapping[str, Any], net: Mapping[str, str]) -> dict[str, Any] | None:
    """Read a training; None where there is no file yet.

    Parameters
    ----------
    path : Path
        Nothing but numbers and texts is read from it, no code.
    settings : mapping
        What it has to have been begun with.
    net : mapping
        `description` of the net it has to be of.

    Raises
    ------
    ValidationError
        If it is damaged, no training, or one of another net or other settings, with all that
        differs.
    """
    problems = place_problems(path, f"checkpoint {path}")
    if problems:
        raise ValidationError(problems)
    if not path.exists():
        return None
    who = f"checkpoint {path}"
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValidationError(
            f"{who}: expected a training that fit has saved, got a file that is damaged or of "
            f"another kind ({reason}); remove it to begin anew"
        ) from None
    if not isinstance(found, dict) or (found.get("kind"), found.get("version")) != (
        _KIND,
        _VERSION,
    ):
        raise ValidationError(
            f"{who}: expected a training that fit of this version has saved, got another file; "
            "choose another name"
        )
    problems = [
        f"{who}: expected a training of this net, but {line}"
        for line in _differences(found["net"], net)
    ] + [
        f"{who}: expected a training with these settings, but {line}"
        for line in _differences(found["settings"], settings)
    ]
    if problems:
        raise ValidationError([*problems, f"{who}: choose another name, or remove it"])
    return found


def description(model: torch.nn.Module) -> dict[str, str]:
    """Say what a net is made of, module for module and tensor for tensor.

    Without the values of tensors, but for constants of neurons and delays, which no training
    changes.

    Examples
    --------
    >>> description(torch.nn.Linear(2, 3, bias=False))["weight"]
    'float32 (3, 2)'
    """
    parts = {
        f"module {path!r}": f"{type(module).__name__}({_fixed(module.extra_repr())})"
        for path, module in model.named_modules()
    }
    tensors = {
        name: f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        for name, value in model.state_dict().items()
        if not name.endswith("_extra_state")  # of no fixed size; the parts tell what stands in it
    }
    constants = {
        f"constant {path}.{name}": told(value.numpy(force=True))
        for path, module in model.named_modules()
        if isinstance(module, LIFLayer | ALIFLayer | Delay | SignedIF)
        for name, value in module._buffers.items()
        if value is not None
    }
    return parts | tensors | constants


def told(value: Any) -> str:
    """Name a setting so that two processes name it alike.

    Examples
    --------
    >>> told(np.arange(3)).split()[:2]
    ['int64', '(3,)']
    >>> told([0.5, None])
    '(0.5, None)'
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {digest(value)}"
    if isinstance(value, tuple | list):
        parts = ", ".join(told(part) for part in value)
        return f"({parts})" if len(parts) <= _SHOWN else f"{len(value)} parts {_hash(parts)}"
    return without_address(repr(value))


def random_state(streams: Mapping[str, Any]) -> dict[str, Any]:
    """State of all random numbers that a training may draw, as numbers and texts.

    Parameters
    ----------
    streams : mapping of str to numpy or torch generator, or object with ``state_dict``
        Besides the global ones of torch, NumPy and Python.
    """
    version, words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "numpy": _plain(np.random.get_state(legacy=False)),  # noqa: NPY002 - users draw from it
        "python": [version, list(words), gauss],
        "streams": {name: _state_of(source) for name, source in streams.items()},
    }


def set_random_state(state: Mapping[str, Any], streams: Mapping[str, Any]) -> None:
    """Put all random numbers back to where ``random_state`` found them."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    np.random.set_state(_arrays(state["numpy"]))  # noqa: NPY002 - users draw from it
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    for name, source in streams.items():
        kept = state["streams"][name]
        if isinstance(source, np.random.Generator):
            source.bit_generator.state = _arrays(kept)
        elif isinstance(source, torch.Generator):
            source.set_state(kept)
        else:
            source.load_state_dict(kept)


def _state_of(source: Any) -> Any:
    if isinstance(source, np.random.Generator):
        return _plain(source.bit_generator.state)
    return source.get_state() if isinstance(source, torch.Generator) else source.state_dict()


def _plain(value: Any) -> Any:
    """Arrays as lists, which can be read without running code."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    return value.item() if isinstance(value, np.generic) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"array", "dtype"}:
        return np.array(value["array"], dtype=value["dtype"])
    return {k: _arrays(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _hash(text: str) -> str:
    return digest(np.frombuffer(text.encode(), np.uint8))


def _fixed(shown: str) -> str:
    """Give what neither training nor another process changes in the text of a module."""
    kept = [part for part in shown.split(", ") if not part.endswith("(learned)")]
    return without_address(", ".join(kept))


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} is {found.get(name, 'absent')} in it and {wanted.get(name, 'absent')} here"
        for name in dict.fromkeys([*wanted, *found])
        if found.get(name) != wanted.get(name)
    ]
