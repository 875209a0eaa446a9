# SPDX-License-Identifier: Apache-2.0
"""Types of the fields of neuron models that say what is legal, and the check of all at once."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from spikesim.core import quantity as q
from spikesim.errors import ValidationError
from spikesim.neurons.model import NeuronModel
from spikesim.units import to_ticks

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
Value = float | FloatArray
ByReceptor = Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class PerReceptor(Mapping[str, Value]):
    """One number per receptor, in the order of the receptors; cannot be changed.

    Parameters
    ----------
    names : tuple of str
        Receptors.
    numbers : tuple of float or float array, shape (n,)
        The value of each.

    Examples
    --------
    >>> tau = PerReceptor(("exc", "inh"), (5e-3, 10e-3))
    >>> tau["inh"], list(tau)
    (0.01, ['exc', 'inh'])
    """

    names: tuple[str, ...]
    numbers: tuple[Value, ...]

    def __getitem__(self, name: str) -> Value:
        return dict(zip(self.names, self.numbers, strict=True))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Limits:
    """Which numbers a field may take.

    Parameters
    ----------
    low, high : float
        Smallest and largest legal value; ``-inf`` and ``inf`` are no bound.
    above : bool
        Whether ``low`` itself is illegal.
    also : float, optional
        One more legal value: ``inf`` or ``-inf``.
    whole : bool
        Whether the field is a single int.
    ticks : bool
        Whether the field is an int, or one per neuron, that 32 bits hold.
    receptors : bool
        Whether the field is one value per receptor, a mapping from name to value.
    quantity : Quantity
        Unit, and the sizes that are usual.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    also: float | None = None
    whole: bool = False
    ticks: bool = False
    receptors: bool = False
    quantity: q.Quantity = q.PURE

    def __str__(self) -> str:
        kind = "an int" if self.whole or self.ticks else "a finite number"
        if self.low == -math.inf and self.high == math.inf:
            return kind
        if self.high == math.inf:
            return f"{kind} {'>' if self.above else '>='} {self.low:g}"
        return f"{kind} of {self.low:g} to {self.high:g}"


# What the fields of models are made of: a number, or one number per neuron.
Real = Annotated[Value, Limits()]
Positive = Annotated[Value, Limits(low=0.0, above=True)]
Share = Annotated[Value, Limits(low=0.0, high=1.0)]
Level = Annotated[Value, Limits(also=math.inf)]
Floor = Annotated[Value, Limits(also=-math.inf)]
Ticks = Annotated[int | IntArray, Limits(low=0, ticks=True)]
NonNegative = Annotated[Value, Limits(low=0.0)]
TIME_CONSTANT = Limits(low=0.0, above=True, quantity=q.TIME_CONSTANT)
TimeConstant = Annotated[Value, TIME_CONSTANT]
SlowTimeConstant = Annotated[Value, Limits(low=0.0, above=True, quantity=q.SLOW_TIME_CONSTANT)]
AnyTimeConstant = Annotated[Value, Limits(low=0.0, above=True, quantity=q.ANY_TIME_CONSTANT)]
TimeConstantByReceptor = Annotated[
    Value | ByReceptor, Limits(low=0.0, above=True, receptors=True, quantity=q.TIME_CONSTANT)
]
Duration = Annotated[Value, Limits(low=0.0, quantity=q.DURATION)]
Potential = Annotated[Value, Limits(quantity=q.POTENTIAL)]
Threshold = Annotated[Value, Limits(also=math.inf, quantity=q.POTENTIAL)]
ModelCurrent = Annotated[Value, Limits(quantity=q.MODEL_CURRENT)]
Resistance = Annotated[Value, Limits(quantity=q.RESISTANCE)]
ModelConductance = Annotated[Value, Limits(low=0.0, above=True, quantity=q.MODEL_CONDUCTANCE)]
PerSecond = Annotated[Value, Limits(quantity=q.PER_SECOND)]
SIPotential = Annotated[Value, Limits(quantity=q.SI_POTENTIAL)]
SIPotentialByReceptor = Annotated[
    Value | ByReceptor, Limits(receptors=True, quantity=q.SI_POTENTIAL)
]
SlopeFactor = Annotated[Value, Limits(low=0.0, above=True, quantity=q.SI_POTENTIAL)]
Capacitance = Annotated[Value, Limits(low=0.0, above=True, quantity=q.CAPACITANCE)]
LeakConductance = Annotated[Value, Limits(low=0.0, above=True, quantity=q.CONDUCTANCE)]
Conductance = Annotated[Value, Limits(quantity=q.CONDUCTANCE)]
Current = Annotated[Value, Limits(quantity=q.CURRENT)]
PotentialByReceptor = Annotated[Value | ByReceptor, Limits(receptors=True, quantity=q.POTENTIAL)]
# Substeps are repeated text; beyond this a shorter tick is the better choice.
Substeps = Annotated[int, Limits(low=1, high=64, whole=True)]

_MOVED = {
    "start_tick": "start_tick is a matter of the population now: "
    "add_population(name, n, neuron, start_tick=...)",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ParametricModel(NeuronModel):
    """A neuron model whose fields are checked at construction, all problems at once.

    The type of a field says what is legal: an annotation with ``Limits``, a bool, or a
    Literal. Numbers become a float or a read-only float64 array of shape (n,), or, per
    receptor, a ``PerReceptor`` of such. Two models are equal when class and fields are.

    Raises
    ------
    ValidationError
        With every illegal parameter.
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Refuse keywords that stand elsewhere now; the dataclass sets the fields."""
        moved = [f"{cls.__name__}: {_MOVED[name]}" for name in given if name in _MOVED]
        if moved:
            raise ValidationError(moved)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        problems: list[str] = []
        model: Any = type(self)
        for name, hint in _field_types(model).items():
            self._check(name, hint, problems)
        # What follows from several fields is looked at only where each is legal by itself.
        if not problems:
            lengths = {name: value.size for name, value in self._arrays()}
            if len(set(lengths.values())) > 1:
                problems.append(f"{self._who}: expected arrays of one length, got {lengths}")
            else:
                problems += [f"{self._who}: {text}" for text in self.contradictions()]
        if problems:
            raise ValidationError(problems)

    def doubts(self, dt: float) -> list[str]:
        """Why these values look like ones in another unit than SI; empty when they do not."""
        given = list(self._quantities())
        found = [kind.doubt(name, value) for name, kind, value in given]
        if any("s" in kind.units for _, kind, _ in given):
            found.append(q.TICK.doubt("dt", dt))
        return [f"{self._who}: {text}" for text in found if text]

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        return []

    def problems(self, n: int) -> list[str]:
        """Why these parameters do not fit ``n`` neurons; empty when they do."""
        return [
            f"{self._who}: expected {name} as a scalar or of shape ({n},), got {value.shape}"
            for name, value in self._arrays()
            if value.size != n
        ]

    def ticks(self, name: str, dt: float) -> int | npt.NDArray[np.int32]:
        """Give a duration among the fields in ticks.

        Raises
        ------
        ValidationError
            If it is no multiple of dt.
        """
        given = getattr(self, name)
        if isinstance(given, float):
            return to_ticks(given, dt, f"{self._who}: {name}")
        converted = [to_ticks(float(value), dt, f"{self._who}: {name}") for value in given]
        return np.array(converted, dtype=np.int32)

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _check(self, name: str, hint: Any, problems: list[str]) -> None:
        given = getattr(self, name)
        if get_origin(hint) in (Union, types.UnionType):  # only "X | None" is in use
            if given is None:
                return
            hint = get_args(hint)[0]
        if get_origin(hint) is Annotated:
            limits = hint.__metadata__[0]
            if limits.receptors:
                checked: Any = self._by_receptor(name, given, limits, problems)
            else:
                checked = number(self._who, name, given, limits, problems)
            object.__setattr__(self, name, checked)
        elif get_origin(hint) is Literal and given not in get_args(hint):
            legal = get_args(hint)
            problems.append(f"{self._who}: expected {name} in {legal}, got {given!r}")
        elif hint is bool:
            if not isinstance(given, (bool, np.bool_)):
                problems.append(f"{self._who}: expected {name} as a bool, got {given!r}")
            object.__setattr__(self, name, bool(given))

    def _by_receptor(
        self, name: str, given: Any, limits: Limits, problems: list[str]
    ) -> PerReceptor:
        # A single value is a single receptor.
        by_name = dict(given) if isinstance(given, Mapping) else {"syn": given}
        stored = {}
        for receptor, value in by_name.items():
            # The external current owns the name i_ext.
            if not (isinstance(receptor, str) and receptor.isidentifier()) or receptor == "ext":
                problems.append(
                    f"{self._who}: expected receptor names that are identifiers other than "
                    f"'ext', got {receptor!r} in {name}"
                )
            what = f"{name}[{receptor!r}]"
            stored[receptor] = number(self._who, what, value, limits, problems)
        if not stored:
            problems.append(f"{self._who}: expected at least one receptor in {name}, got none")
        return PerReceptor(tuple(stored), tuple(stored.values()))

    def _values(self) -> Iterator[tuple[str, str, Any]]:
        """Every field and its name, that of a receptor included, with its value."""
        for item in fields(self):
            given = getattr(self, item.name)
            if isinstance(given, Mapping):
                for key, value in given.items():
                    yield item.name, f"{item.name}[{key!r}]", value
            elif given is not None:
                yield item.name, item.name, given

    def _arrays(self) -> Iterator[tuple[str, FloatArray]]:
        for _, name, value in self._values():
            if isinstance(value, np.ndarray):
                yield name, value

    def _quantities(self) -> Iterator[tuple[str, q.Quantity, Value]]:
        """Names, kinds and values of the fields that have a unit."""
        model: Any = type(self)
        hints = _field_types(model)
        for field, name, value in self._values():
            hint = hints[field]
            if get_origin(hint) in (Union, types.UnionType):
                hint = get_args(hint)[0]
            if get_origin(hint) is Annotated and hint.__metadata__[0].quantity.units:
                yield name, hint.__metadata__[0].quantity, value

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _same(getattr(self, item.name), getattr(other, item.name)) for item in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # equality by content of arrays


@functools.cache
def _field_types(model: type[ParametricModel]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {item.name: hints[item.name] for item in fields(model)}


def number(who: str, name: str, given: Any, limits: Limits, problems: list[str]) -> Any:
    """Give a parameter as a float, an int or a read-only array; add what is wrong to a list.

    Parameters
    ----------
    who, name : str
        Of the owner and of the parameter, for messages.
    given : number or array, shape (n,)
        What was passed.
    limits : Limits
        What is legal.
    problems : list of str
        Gets a sentence; what is given back is of no use then.
    """
    if limits.whole:
        legal = isinstance(given, int) and not isinstance(given, bool)
        if not (legal and limits.low <= given <= limits.high):
            problems.append(f"{who}: expected {name} as {limits}, got {given!r}")
        return given
    if limits.ticks:
        return _ticks(who, name, given, limits, problems)
    try:
        array = np.array(limits.quantity.plain(name, given), dtype=np.float64)
    except ValidationError as error:
        problems += [f"{who}: {text}" for text in error.problems]
        return 0.0
    except (TypeError, ValueError):
        problems.append(f"{who}: expected {name} as {limits}, got {given!r}")
        return 0.0
    if array.ndim > 1:
        problems.append(f"{who}: expected {name} as a scalar or of shape (n,), got {array.shape}")
        return 0.0
    bad = ~np.isfinite(array) | (array < limits.low) | (array > limits.high)
    bad |= (array == limits.low) if limits.above else False
    if limits.also is not None:
        bad &= array != limits.also
    if bad.any():
        first = array.reshape(-1)[int(np.argmax(bad))]
        problems.append(f"{who}: expected {name} as {limits}, got {first} ({int(bad.sum())} bad)")
        return 0.0
    if array.ndim == 0:
        return float(array)
    array.setflags(write=False)
    return array


def _ticks(who: str, name: str, given: Any, limits: Limits, problems: list[str]) -> int | IntArray:
    array = np.asarray(given)
    legal = array.dtype.kind in "iu" and array.ndim <= 1
    if not legal or (array < limits.low).any() or (array > np.iinfo(np.int32).max).any():
        problems.append(f"{who}: expected {name} as {limits} in ticks, got {given!r}")
        return 0
    if array.ndim == 0:
        return int(array)
    stored = array.astype(np.int32)
    stored.setflags(write=False)
    return stored


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        # The order of receptors is their number.
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


def scalar_or_array(value: npt.ArrayLike) -> Value:
    """Give a computed constant as a float, or per neuron as a float64 array of shape (n,)."""
    array = np.asarray(value, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def by_receptor(given: Value | ByReceptor) -> ByReceptor:
    """Give a per-receptor parameter as the mapping that construction made of it."""
    assert isinstance(given, Mapping)
    return given
