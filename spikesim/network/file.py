# SPDX-License-Identifier: Apache-2.0
"""Networks on disk."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import LIF, CsrRows, read_archive, write_archive
from spikesim.errors import ValidationError
from spikesim.network.network import Network
from spikesim.network.population import Population, Projection

VERSION = 1
_COLUMNS = ("indptr", "targets", "weights", "delays")
_NEURONS = {"LIF": LIF}


def save_network(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to one file; it is validated first, and appears whole or not at all.

    Raises
    ------
    ValidationError
        With every problem of the network, or if the folder does not exist.
    """
    net.validate()
    arrays: dict[str, npt.NDArray[Any]] = {}
    populations = []
    for k, population in enumerate(net.populations.values()):
        scalars: dict[str, Any] = {}
        for field in fields(LIF):
            value = getattr(population.neuron, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"population/{k}/{field.name}"] = value
            elif isinstance(value, float):
                scalars[field.name] = {"float": value.hex()}  # exact, and inf is legal JSON
            else:
                scalars[field.name] = value
        kind = type(population.neuron).__name__
        populations.append(
            {"name": population.name, "n": population.n, "neuron": kind, "scalars": scalars}
        )
    for k, projection in enumerate(net.projections.values()):
        for column in _COLUMNS:
            arrays[f"projection/{k}/{column}"] = getattr(projection.rows, column)
    header = {
        "dt": net.dt.hex(),
        "name": net.name,
        "seed": net.seed,
        "inputs": [[population.name, population.n] for population in net.inputs.values()],
        "populations": populations,
        "projections": [[p.name, p.pre.name, p.post.name] for p in net.projections.values()],
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
    header, arrays = read_archive(path, "network", VERSION)
    who = f"network file {os.fspath(path)!r}"
    try:
        return _build(header, arrays)
    except ValidationError as error:
        raise ValidationError([f"{who}: {text}" for text in error.problems]) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValidationError(
            f"{who}: expected the parts of a version {VERSION} network, got {error!r}"
        ) from error


def _build(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Network:
    net = Network(float.fromhex(header["dt"]), header["name"], header["seed"])
    problems: list[str] = []
    for name, n in header["inputs"]:
        net.inputs[name] = Population(name, n)
    for k, entry in enumerate(header["populations"]):
        if entry["neuron"] not in _NEURONS:
            problems.append(f"population {entry['name']!r}: unknown neuron {entry['neuron']!r}")
            continue
        values: dict[str, Any] = {
            name: float.fromhex(value["float"]) if isinstance(value, dict) else value
            for name, value in entry["scalars"].items()
        }
        prefix = f"population/{k}/"
        values |= {
            key.removeprefix(prefix): array
            for key, array in arrays.items()
            if key.startswith(prefix)
        }
        try:
            neuron = _NEURONS[entry["neuron"]](**values)
        except ValidationError as error:
            problems += [f"population {entry['name']!r}: {text}" for text in error.problems]
            continue
        net.populations[entry["name"]] = Population(entry["name"], entry["n"], neuron)
    known = {**net.inputs, **net.populations}
    for k, (name, pre, post) in enumerate(header["projections"]):
        strangers = [end for end in (pre, post) if end not in known]
        if strangers:
            problems.append(f"projection {name!r}: unknown populations {strangers}")
            continue
        columns: dict[str, Any] = {c: arrays[f"projection/{k}/{c}"] for c in _COLUMNS}
        try:
            rows = CsrRows(**columns, n_post=known[post].n)
        except ValidationError as error:
            problems += [f"projection {name!r}: {text}" for text in error.problems]
            continue
        net.projections[name] = Projection(name, known[pre], known[post], rows)
    net._outputs = None if header["outputs"] is None else tuple(header["outputs"])
    if problems:
        raise ValidationError(problems)
    net.validate()
    return net
