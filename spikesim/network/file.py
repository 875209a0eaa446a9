# SPDX-License-Identifier: Apache-2.0
"""Networks on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from spikesim.core import Content, CsrRows, read_archive, write_archive
from spikesim.core.shape import COUNT, EachOf, Or
from spikesim.errors import ValidationError, errors_of
from spikesim.learning import PlasticityRule
from spikesim.network.connect import Rule, Shape
from spikesim.network.description import DESCRIBED, describe, rebuild
from spikesim.network.distribution import Distribution
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.part import PartSynapses, SlicePlace
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import GivenRows

if TYPE_CHECKING:
    from spikesim.network.network import Network

VERSION = 4
_OLDEST = 3
_COLUMNS = {"indptr": "iu", "targets": "iu", "weights": "f", "delays": "iu"}
_FORM = {
    "dt": str, "name": str, "seed": int, "units": str, "meta?": dict,
    "inputs": [(str, COUNT)], "shapes?": EachOf([COUNT]),
    "populations": [{"name": str, "n": COUNT, "neuron": DESCRIBED, "start_tick?": COUNT}],
    "projections": [
        {
            "name": str, "pre": str, "post": str, "receptor": COUNT,
            "synapses": Or(None, DESCRIBED), "plasticity": Or(None, DESCRIBED),
        }
    ],
    "outputs": Or(None, [str]), "same?": EachOf(str),
}  # fmt: skip


def save_network(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to one file; it is validated first, and appears whole or not at all.

    Raises
    ------
    ValidationError
        With every problem of the network, if a parameter of a model is of a kind that files
        do not hold, or if the folder does not exist.
    """
    net.validate()
    arrays: dict[str, npt.NDArray[Any]] = {}
    populations = []
    for k, population in enumerate(net.populations.values()):
        entry = describe(population.neuron, f"population/{k}/", arrays)
        populations.append(
            {
                "name": population.name,
                "n": population.n,
                "neuron": entry,
                "start_tick": population.start_tick,
            }
        )
    projections = []
    for k, projection in enumerate(net.projections.values()):
        synapses = None  # rows in columns, or the rule that draws them
        if isinstance(projection.synapses, GivenRows):
            for column in _COLUMNS:
                arrays[f"projection/{k}/{column}"] = getattr(projection.rows, column)
        else:
            synapses = describe(projection.synapses, f"projection/{k}/synapses/", arrays)
        rule = projection.plasticity
        projections.append(
            {
                "name": projection.name,
                "pre": projection.pre.name,
                "post": projection.post.name,
                "synapses": synapses,
                "receptor": projection.receptor,
                "plasticity": rule and describe(rule, f"projection/{k}/plasticity/", arrays),
            }
        )
    header = {
        "dt": net.dt.hex(),
        "name": net.name,
        "seed": net.seed,
        "units": net.units,
        "meta": net.meta,
        "inputs": [[population.name, population.n] for population in net.inputs.values()],
        "shapes": {
            p.name: p.shape for p in (*net.inputs.values(), *net.populations.values()) if p.has_axes
        },
        "populations": populations,
        "projections": projections,
        "outputs": None if net._outputs is None else list(net._outputs),
        "same": _taken_out(arrays),
    }
    write_archive(path, "network", VERSION, header, arrays)


def _taken_out(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, str]:
    """Leave one of equal arrays of rules, such as the kernel of a sum of populations.

    Gives the array that stays by the name of each that goes.
    """
    first: dict[Any, str] = {}
    same = {}
    for key in [key for key in arrays if key.split("/")[2:3] == ["synapses"]]:
        array = arrays[key]
        kept = first.setdefault((array.dtype.str, array.shape, array.tobytes()), key)
        if kept != key:
            same[key] = kept
            del arrays[key]
    return same


def load_network(path: str | os.PathLike[str], make: type[Network]) -> Network:
    """Read a network file.

    Raises
    ------
    ValidationError
        If the file is absent, damaged, of another kind or version, or describes a network
        that is not legal (then with every problem).
    """
    header, arrays = read_archive(path, "network", VERSION, _FORM, oldest=_OLDEST)
    for key, first in header.get("same", {}).items():
        arrays[key] = arrays[first]
    with errors_of(arrays.who):
        return _build(header, arrays, make)


def _upgrade(population: dict[str, Any]) -> None:
    """Make an entry of version 3 one of today, with the same meaning."""
    model, fields = population["neuron"]["class"], population["neuron"]["fields"]
    population["start_tick"] = fields.pop("start_tick", 0)
    if model == "spikesim.neurons.parrot.Parrot":
        fields["merge"] = True  # arrivals in one tick were one spike


def _build(header: dict[str, Any], arrays: Content, make: type[Network]) -> Network:
    try:
        dt = float.fromhex(header["dt"])
    except (ValueError, OverflowError):
        raise ValidationError(
            f"header.dt: expected a hexadecimal float, got {header['dt']!r}"
        ) from None
    net = make(dt, header["name"], header["seed"], header["units"])
    net.meta = dict(header.get("meta", {}))  # absent in older files
    problems: list[str] = []
    refused = set()
    shapes = {name: tuple(sizes) for name, sizes in header.get("shapes", {}).items()}
    for name, n in header["inputs"]:
        net.inputs[name] = Population(name, n, shape=shapes.pop(name, ()))
    for k, entry in enumerate(header["populations"]):
        if "start_tick" not in entry:  # written as version 3
            _upgrade(entry)
        try:
            neuron = rebuild(entry["neuron"], f"population/{k}/", arrays)
        except ValidationError as error:
            problems += [f"population {entry['name']!r}: {text}" for text in error.problems]
            refused.add(entry["name"])
            continue
        name = entry["name"]
        net.populations[name] = Population(
            name, entry["n"], neuron, entry["start_tick"], shapes.pop(name, ())
        )
    known = {**net.inputs, **net.populations}
    strange = sorted(shapes.keys() - refused)
    problems += [f"header.shapes: unknown populations {strange}"] if strange else []
    for k, entry in enumerate(header["projections"]):
        name, ends = entry["name"], [entry["pre"], entry["post"]]
        if refused & set(ends):
            continue  # told once
        strangers = [end for end in ends if end not in known]
        if strangers:
            problems.append(f"projection {name!r}: unknown populations {strangers}")
            continue
        try:
            with errors_of(f"projection {name!r}"):
                pre, post = (known[end] for end in ends)
                net.projections[name] = _projection(k, entry, pre, post, arrays, dt)
        except ValidationError as error:
            problems += error.problems
    net._outputs = None if header["outputs"] is None else tuple(header["outputs"])
    for what, entries, made in (
        ("inputs", header["inputs"], net.inputs),
        ("populations", header["populations"], net.populations),
        ("projections", header["projections"], net.projections),
    ):
        if not problems and len(made) < len(entries):
            problems.append(f"header.{what}: expected each name once")
    if problems:
        raise ValidationError(problems)
    net.validate()
    return net


def _projection(
    k: int, entry: dict[str, Any], pre: Population, post: Population, arrays: Content, dt: float
) -> Projection:
    if entry["synapses"] is None:
        columns: dict[str, Any] = {
            column: arrays.take(f"projection/{k}/{column}", kinds, None)
            for column, kinds in _COLUMNS.items()
        }
        synapses: Any = GivenRows(CsrRows(**columns, n_post=post.n))
    else:
        synapses = rebuild(entry["synapses"], f"projection/{k}/synapses/", arrays)
        _check_drawn(synapses, Shape(pre.n, post.n, pre is post), dt)
    rule = entry["plasticity"]
    rule = rule and rebuild(rule, f"projection/{k}/plasticity/", arrays)
    if rule is not None and not isinstance(rule, PlasticityRule):
        raise ValidationError(f"expected a plasticity rule, got {rule!r}")
    return Projection(entry["name"], pre, post, synapses, entry["receptor"], rule)


def _check_drawn(synapses: object, shape: Shape, dt: float) -> None:
    """Refuse what is not drawn by a rule between populations, or slices of them."""
    if isinstance(synapses, PartSynapses):
        for place in (synapses.pre, synapses.post):
            if not isinstance(place, SlicePlace):
                raise ValidationError(f"expected the place of a slice, got {place!r}")
            _check_fields(place, dict.fromkeys(("first", "step", "n", "of"), int))
        shape = Shape(synapses.pre.n, synapses.post.n, getattr(synapses.drawn, "shape", shape)[2])
        synapses = synapses.drawn
    if not isinstance(synapses, DrawnSynapses):
        raise ValidationError(f"expected drawn synapses, got {synapses!r}")
    if synapses.shape != shape or not isinstance(synapses.shape.same, bool):
        raise ValidationError(f"expected synapses of {shape}, got {synapses.shape}")
    kinds = {
        "rule": Rule, "key": int, "weights": (int, float, Distribution, type(None)),
        "delays": (int, Distribution), "dt": float, "least": int,
    }  # fmt: skip
    _check_fields(synapses, kinds)
    if synapses.dt != dt or synapses.least not in (0, 1) or not 0 <= synapses.key < 2**64:
        raise ValidationError(f"expected synapses drawn at dt {dt}, got {synapses!r}")


def _check_fields(thing: object, kinds: Mapping[str, Any]) -> None:
    for name, kind in kinds.items():
        value = getattr(thing, name)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValidationError(f"{type(thing).__name__}.{name}: got {value!r}")
