# SPDX-License-Identifier: Apache-2.0
"""The update text of a neuron model: what it may read and assign, and whether a model is sound."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.core.text import Kind, Scope, Text, Variable, name_problems, read_text
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.neurons.model import NeuronModel

_RESERVED = {r"in_\d+": "an input", "spike": "the result"}
_LARGEST = np.iinfo(np.int32).max
# Every duration of a model is a multiple of a microsecond, and no time constant shorter. If one is
# not, the model says so, and is looked at when a population gives it its tick.
_SOME_DT = 1e-6


def read_update(
    template: str,
    states: Sequence[str],
    counters: Sequence[str],
    n_receptors: int,
    constants: Mapping[str, Any],
) -> Text:
    r"""Read the update of one neuron in one tick.

    Parameters
    ----------
    template : str
        See ``NeuronModel.template``.
    states, counters : sequences of str
        Float and integer state variables.
    n_receptors : int
        Inputs ``in_0`` and so on.
    constants : mapping of str to scalar or array
        Only their types matter here: float or int.

    Raises
    ------
    ValidationError
        With all that is wrong with the text.

    Examples
    --------
    >>> text = read_update("v = v + in_0\nspike = v >= v_th", ["v"], [], 1, {"v_th": 1.0})
    >>> sorted(text.reads)
    ['in_0', 'v', 'v_th']
    """
    variables = [Variable(name, "a state", writable=True) for name in states]
    variables += [Variable(name, "a counter", Kind.INT, writable=True) for name in counters]
    variables += [Variable(f"in_{r}", "an input") for r in range(n_receptors)]
    variables += [
        Variable(name, "a constant", Kind.FLOAT if is_float(value) else Kind.INT)
        for name, value in constants.items()
    ]
    variables.append(Variable("spike", "the result", Kind.BOOL, writable=True, given=False))
    return read_text(template, Scope("template", tuple(variables)))


def is_float(constant: Any) -> bool:
    """Whether a constant is a float, or an array of floats."""
    return isinstance(constant, float) or np.asarray(constant).dtype.kind == "f"


def construction_problems(model: NeuronModel) -> list[str]:
    """Say what is wrong with a model whatever the tick and the number of neurons."""
    problems = _declaration_problems(model)
    if not problems:
        try:
            with np.errstate(all="ignore"):  # values at this tick mean nothing
                constants = model.constants(_SOME_DT, 1)
        except (ValueError, ArithmeticError):
            return []  # it wants another tick
        problems = _text_problems(model, constants, None)
    return [f"{type(model).__name__}: {text}" for text in problems]


def population_problems(model: NeuronModel, dt: float, n: int) -> list[str]:
    """Say what is wrong with a model for ``n`` neurons and ticks of ``dt`` seconds."""
    who = type(model).__name__
    problems = _declaration_problems(model)
    if not problems:
        try:
            constants, start = model.constants(dt, n), model.initial(dt, n)
        except ValidationError as error:
            return list(error.problems)  # they name the model
        except ValueError as error:
            return [f"{who}: {error}"]
        problems = _text_problems(model, constants, n) + _start_problems(model, start, n)
    return [f"{who}: {text}" for text in problems]


def _declaration_problems(model: NeuronModel) -> list[str]:
    for what in ("states", "counters", "receptors"):
        names = getattr(model, what)
        if not (isinstance(names, tuple) and all(isinstance(name, str) for name in names)):
            return [f"expected {what} as a tuple of names, got {names!r}"]
    return []


def _text_problems(model: NeuronModel, constants: Any, n: int | None) -> list[str]:
    """Problems of the names, the constants, and the template with them.

    Where ``n`` is None, the constants are those of another tick and number of neurons.
    """
    if not isinstance(constants, Mapping):
        kind = type(constants).__name__
        return [f"constants: expected a mapping of names to numbers, got a {kind}"]
    problems = [
        problem
        for name, value in constants.items()
        if (problem := _constant_problem(name, value, n)) is not None
    ]
    if problems:
        return [f"constants: {text}" for text in problems]
    names = model.states, model.counters, model.receptors
    forms = tuple((name, is_float(value)) for name, value in constants.items())
    template = model.template()
    if not isinstance(template, str):
        return [f"template: expected a text, got {type(template).__name__}: {template!r}"]
    return list(_known_problems(template, *names, forms))


@functools.lru_cache(maxsize=1024)
def _known_problems(
    template: str,
    states: tuple[str, ...],
    counters: tuple[str, ...],
    receptors: tuple[str, ...],
    forms: tuple[tuple[str, bool], ...],
) -> tuple[str, ...]:
    """Problems of names and text; the same for all models of one form, of which there are many."""
    named = [(name, "a state") for name in states] + [(name, "a counter") for name in counters]
    problems = name_problems([*named, *((name, "a constant") for name, _ in forms)], _RESERVED)
    if problems:
        return tuple(problems)
    zeros = {name: 0.0 if real else 0 for name, real in forms}
    try:
        text = read_update(template, states, counters, len(receptors), zeros)
    except ValidationError as error:
        return error.problems
    return tuple(
        f"template: expected it to read 'in_{k}', what arrives at receptor {name!r}; a model "
        "that takes no input says so with receptors = ()"
        for k, name in enumerate(receptors)
        if f"in_{k}" not in text.reads
    )


def _constant_problem(name: object, value: Any, n: int | None) -> str | None:
    if isinstance(value, float) and value == value:
        return None  # as nearly all are
    array = _numbers(value)
    if array.dtype.kind not in "iuf":
        hint = "; write 1 or 0 for it" if array.dtype.kind == "b" else ""
        return f"expected {name!r} as a number, got {value!r}{hint}"
    if array.ndim > 1 or (array.ndim and n is not None and array.size != n):
        size = "n" if n is None else n
        return f"expected {name!r} as a scalar or of shape ({size},), got {array.shape}"
    if array.dtype.kind == "f":
        undefined = n is not None and bool(np.isnan(array).any())
        return f"expected {name!r} as a number, got nan" if undefined else None
    if array.size and max(int(array.max()), -int(array.min())) > _LARGEST:
        return f"expected {name!r} below 2**31, got {array.max()}; write it as a float"
    return None


def _start_problems(model: NeuronModel, start: Any, n: int) -> list[str]:
    """Problems of the values before the first tick."""
    if not isinstance(start, Mapping):
        return [f"initial: expected a mapping of names to arrays, got a {type(start).__name__}"]
    names = [*model.states, *model.counters]
    problems = [f"expected a value of {name!r}, got none" for name in names if name not in start]
    problems += [
        f"expected values of states and counters, {names}, got {name!r}"
        for name in start
        if name not in names
    ]
    for name in (name for name in names if name in start):
        array = _numbers(start[name])
        counts = name in model.counters
        if array.dtype.kind not in ("iu" if counts else "iuf") or np.isnan(array).any():
            what = "a counter, as whole numbers" if counts else "a state, as numbers"
            problems.append(f"expected {name!r}, {what}, got {array.reshape(-1)[:1].tolist()}")
        elif array.shape != (n,):
            problems.append(f"expected {name!r} of shape ({n},), got {array.shape}")
    return [f"initial: {text}" for text in problems]


def _numbers(value: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:  # rows of several lengths
        return np.array(str(value))
