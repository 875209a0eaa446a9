# SPDX-License-Identifier: Apache-2.0
"""Models and rules as JSON and arrays: the class by name, its fields by value."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.shape import Or, shape_problems
from spikesim.errors import ValidationError

Arrays = dict[str, npt.NDArray[Any]]
DESCRIBED = {"class": str, "fields": dict}
"""Form of what ``describe`` gives; see ``core.shape``."""
_ENCODED = Or({"float": str}, {"tuple": list}, {"object": DESCRIBED}, {"array": bool})


def describe(thing: Any, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """JSON form of a dataclass object; its array fields go to ``arrays[prefix + field]``.

    Raises
    ------
    ValidationError
        If it is no dataclass, its class does not stand at the top of a module, or a field is
        neither number, text, None, array, a sequence of such, nor itself a dataclass object of
        such fields.

    Examples
    --------
    >>> from spikesim.core import Clock
    >>> describe(Clock(0.5), "", {})
    {'class': 'spikesim.core.clock.Clock', 'fields': {'dt': {'float': '0x1.0000000000000p-1'}}}
    """
    kind = type(thing)
    if not is_dataclass(thing):
        raise ValidationError(
            f"network file: expected a dataclass object, got {kind.__name__}; write it as one"
        )
    if "." in kind.__qualname__:
        raise ValidationError(
            f"network file: expected a class at the top of a module, got {kind.__qualname__!r}, "
            "which a file cannot name; move it there"
        )
    values = {}
    for field in fields(thing):
        if field.init:
            name = f"{kind.__name__}.{field.name}"
            key = prefix + field.name
            values[field.name] = _encode(getattr(thing, field.name), name, key, arrays)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "fields": values}


# Where classes stood when older files were written.
_MOVED = {
    "spikesim.core.neuron.LIF": "spikesim.neurons.lif.LIF",
}


def rebuild(entry: dict[str, Any], prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Object from what ``describe`` gave.

    Only a dataclass of a module that is already imported is built: a file cannot make
    Python import anything.

    Raises
    ------
    ValidationError
        If the class is unknown, or refuses the values.
    """
    path = str(entry["class"])
    module, _, name = _MOVED.get(path, path).rpartition(".")
    kind = getattr(sys.modules.get(module), name, None) if name.isidentifier() else None
    if not (isinstance(kind, type) and is_dataclass(kind)):
        way = "import the module that defines it first"
        if module == "__main__":
            way = (
                "it stood in the script that saved it; move it to a module, import that, save again"
            )
        raise ValidationError(f"unknown model or rule {path!r}; {way}")
    values = {key: _decode(value, prefix + key, arrays) for key, value in entry["fields"].items()}
    try:
        return kind(**values)
    except ValidationError:
        raise
    except Exception as error:  # a model may raise anything on values that it never gave away
        raise ValidationError(
            f"{name}: expected the values of its fields, got some it does not take ({error!r})"
        ) from error


def _encode(value: Any, name: str, key: str, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays[key] = value
        return {"array": True}
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float):
        return {"float": value.hex()}  # exact, and inf is legal JSON
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (tuple, list)):
        parts = [_encode(v, name, f"{key}/{k}", arrays) for k, v in enumerate(value)]
        return {"tuple": parts}
    if is_dataclass(value) and not isinstance(value, type):
        return {"object": describe(value, f"{key}/", arrays)}
    raise ValidationError(
        f"network file: expected {name} as number, text, array or dataclass, got "
        f"{type(value).__name__}; files hold no functions"
    )


def _decode(value: Any, key: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if problems := shape_problems(value, _ENCODED, key):
        raise ValidationError(problems)
    kind, content = next(iter(value.items()))
    if kind == "float":
        return _from_hex(content, key)
    if kind == "tuple":
        return tuple(_decode(v, f"{key}/{k}", arrays) for k, v in enumerate(content))
    if kind == "object":
        return rebuild(content, f"{key}/", arrays)
    return arrays[key]


def _from_hex(text: str, key: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        raise ValidationError(f"{key}: expected a hexadecimal float, got {text!r}") from None
