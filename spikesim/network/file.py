# SPDX-License-Identifier: Apache-2.0
"""Networks on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from spikesim.core import Content, CsrRows, read_archive, write_archive
from spikesim.core.shape import COUNT, Or
from spikesim.errors import ValidationError, errors_of
from spikesim.learning import PlasticityRule
from spikesim.network.connect import Rule, Shape
from spikesim.network.description import DESCRIBED, describe, rebuild
from spikesim.network.distribution import Distribution
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.network import Network
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import GivenRows

VERSION = 3
_COLUMNS = {"indptr": "iu", "targets": "iu", "weights": "f", "delays": "iu"}
_FORM = {
    "dt": str, "name": str, "seed": int, "units": str,
    "inputs": [(str, COUNT)],
    "populations": [{"name": str, "n": COUNT, "neuron": DESCRIBED}],
    "projections": [
        {
            "name": str, "pre": str, "post": str, "receptor": COUNT,
            "synapses": Or(None, DESCRIBED), "plasticity": Or(None, DESCRIBED),
        }
    ],
    "outputs": Or(None, [str]),
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
        populations.append({"name": population.name, "n": population.n, "neuron": entry})
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
        "inputs": [[population.name, population.n] for population in net.inputs.values()],
        "populations": populations,
        "projections": projections,
        "outputs": None if net._outputs is None else list(net._outputs),
    }
    write_archive(path, "network", VERSION, header, arrays)


def load_network(path: str | os.PathLike[str]) -> Network:
    """Read a network file.

    Raises
    ------
    ValidationError
        If the file is absent, damaged, of another kind or version, or describes a network
        that is not legal (then with every problem).
    """
    header, arrays = read_archive(path, "network", VERSION, _FORM)
    with errors_of(arrays.who):
        return _build(header, arrays)


def _build(header: dict[str, Any], arrays: Content) -> Network:
    try:
        dt = float.fromhex(header["dt"])
    except (ValueError, OverflowError):
        raise ValidationError(
            f"header.dt: expected a hexadecimal float, got {header['dt']!r}"
        ) from None
    net = Network(dt, header["name"], header["seed"], header["units"])
    problems: list[str] = []
    for name, n in header["inputs"]:
        net.inputs[name] = Population(name, n)
    for k, entry in enumerate(header["populations"]):
        try:
            neuron = rebuild(entry["neuron"], f"population/{k}/", arrays)
        except ValidationError as error:
            problems += [f"population {entry['name']!r}: {text}" for text in error.problems]
            continue
        net.populations[entry["name"]] = Population(entry["name"], entry["n"], neuron)
    known = {**net.inputs, **net.populations}
    for k, entry in enumerate(header["projections"]):
        name, pre, post = entry["name"], entry["pre"], entry["post"]
        strangers = [end for end in (pre, post) if end not in known]
        if strangers:
            problems.append(f"projection {name!r}: unknown populations {strangers}")
            continue
        synapses, rule = entry["synapses"], entry["plasticity"]
        try:
            if synapses is None:
                columns: dict[str, Any] = {
                    column: arrays.take(f"projection/{k}/{column}", kinds, None)
                    for column, kinds in _COLUMNS.items()
                }
                synapses = GivenRows(CsrRows(**columns, n_post=known[post].n))
            else:
                synapses = rebuild(synapses, f"projection/{k}/synapses/", arrays)
                problems += [
                    f"projection {name!r}: {text}"
                    for text in _drawn_problems(synapses, known[pre], known[post], dt)
                ]
            rule = rule and rebuild(rule, f"projection/{k}/plasticity/", arrays)
            if rule is not None and not isinstance(rule, PlasticityRule):
                problems.append(f"projection {name!r}: expected a plasticity rule, got {rule!r}")
        except ValidationError as error:
            problems += [f"projection {name!r}: {text}" for text in error.problems]
            continue
        net.projections[name] = Projection(
            name, known[pre], known[post], synapses, entry["receptor"], rule
        )
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


def _drawn_problems(
    synapses: object, pre: Population, post: Population, dt: float
) -> Iterator[str]:
    """Why something of a file is not what a rule draws between two populations."""
    if not isinstance(synapses, DrawnSynapses):
        yield f"expected drawn synapses, got {synapses!r}"
        return
    shape = Shape(pre.n, post.n, pre is post)
    if synapses.shape != shape or not isinstance(synapses.shape.same, bool):
        yield f"expected synapses of {shape}, got {synapses.shape}"
    expected: dict[str, Any] = {
        "rule": Rule, "key": int, "weights": (int, float, Distribution),
        "delays": (int, Distribution), "dt": float, "least": int,
    }  # fmt: skip
    for name, kinds in expected.items():
        value = getattr(synapses, name)
        if isinstance(value, bool) or not isinstance(value, kinds):
            yield f"expected {name} of drawn synapses, got {value!r}"
            return
    if synapses.dt != dt or synapses.least not in (0, 1) or not 0 <= synapses.key < 2**64:
        yield f"expected synapses drawn at dt {dt}, got {synapses!r}"
