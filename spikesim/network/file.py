# SPDX-License-Identifier: Apache-2.0
"""Networks on disk."""

from __future__ import annotations

import os
from typing import Any

import numpy.typing as npt

from spikesim.core import CsrRows, read_archive, write_archive
from spikesim.errors import ValidationError
from spikesim.network.description import describe, rebuild
from spikesim.network.network import Network
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import GivenRows

VERSION = 4
_OLDEST = 3
_COLUMNS = ("indptr", "targets", "weights", "delays")


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
    header, arrays = read_archive(path, "network", VERSION, oldest=_OLDEST)
    who = f"network file {os.fspath(path)!r}"
    try:
        return _build(header, arrays)
    except ValidationError as error:
        raise ValidationError([f"{who}: {text}" for text in error.problems]) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValidationError(
            f"{who}: expected the parts of a version {VERSION} network, got {error!r}"
        ) from error


def _upgrade(population: dict[str, Any]) -> None:
    """Make an entry of version 3 one of today, with the same meaning."""
    model, fields = population["neuron"]["class"], population["neuron"]["fields"]
    population["start_tick"] = fields.pop("start_tick", 0)
    if model == "spikesim.neurons.parrot.Parrot":
        fields["merge"] = True  # arrivals in one tick were one spike


def _build(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Network:
    net = Network(float.fromhex(header["dt"]), header["name"], header["seed"], header["units"])
    net.meta = dict(header.get("meta", {}))  # absent in older files
    problems: list[str] = []
    refused = set()
    for name, n in header["inputs"]:
        net.inputs[name] = Population(name, n)
    for k, entry in enumerate(header["populations"]):
        if "start_tick" not in entry:  # written as version 3
            _upgrade(entry)
        try:
            neuron = rebuild(entry["neuron"], f"population/{k}/", arrays)
        except ValidationError as error:
            problems += [f"population {entry['name']!r}: {text}" for text in error.problems]
            refused.add(entry["name"])
            continue
        net.populations[entry["name"]] = Population(
            entry["name"], entry["n"], neuron, entry["start_tick"]
        )
    known = {**net.inputs, **net.populations}
    for k, entry in enumerate(header["projections"]):
        name, pre, post = entry["name"], entry["pre"], entry["post"]
        if refused & {pre, post}:
            continue  # told once
        strangers = [end for end in (pre, post) if end not in known]
        if strangers:
            problems.append(f"projection {name!r}: unknown populations {strangers}")
            continue
        synapses, rule = entry["synapses"], entry["plasticity"]
        try:
            if synapses is None:
                columns: dict[str, Any] = {c: arrays[f"projection/{k}/{c}"] for c in _COLUMNS}
                synapses = GivenRows(CsrRows(**columns, n_post=known[post].n))
            else:
                synapses = rebuild(synapses, f"projection/{k}/synapses/", arrays)
            rule = rule and rebuild(rule, f"projection/{k}/plasticity/", arrays)
        except ValidationError as error:
            problems += [f"projection {name!r}: {text}" for text in error.problems]
            continue
        net.projections[name] = Projection(
            name, known[pre], known[post], synapses, entry["receptor"], rule
        )
    net._outputs = None if header["outputs"] is None else tuple(header["outputs"])
    if problems:
        raise ValidationError(problems)
    net.validate()
    return net
