# SPDX-License-Identifier: Apache-2.0
"""Layers of neurons as nodes of NIR: what the format says of them, and what our metadata adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikesim import nn
from spikesim.convert.nir.neurons import SURROGATES
from spikesim.errors import ValidationError

_CONSTANTS = ("beta", "alpha", "gain", "bias")


def private_traits(layer: nn.LIFLayer) -> list[str]:
    """Tell what a layer does that other readers of NIR would not know.

    Examples
    --------
    >>> private_traits(nn.LIFLayer(2, reset="soft", refractory_ticks=2))
    ["reset 'soft'", '2 refractory ticks']
    """
    lif = layer.canonical()
    traits = [] if lif.reset == "hard" else [f"reset {lif.reset!r}"]
    if np.any(lif.refractory_ticks):
        traits.append(f"{np.max(lif.refractory_ticks)} refractory ticks")
    if lif.v_floor is not None:
        traits.append("a floor")
    if np.any(lif.v_init):
        traits.append("a start value")
    return traits


def neuron_node(nir: Any, layer: nn.LIFLayer, shape: tuple[int, ...], dt: float) -> Any:
    """Give the node of neurons that fire.

    Raises
    ------
    ValidationError
        If no kind of node has such constants.
    """
    values = _spread(layer, shape)
    fires = {"v_threshold": values["v_th"], "v_reset": values["v_reset"]}
    if not np.isfinite(values["v_th"]).all():
        raise ValidationError("expected a finite threshold, got infinity; read the membrane out")
    kind, fields = _dynamics(values, dt)
    node = getattr(nir, f"{kind}F")
    return node(**fields, **fires, metadata={"spikesim": _private(layer, values)})


def integrator_node(nir: Any, layer: nn.LIFLayer, shape: tuple[int, ...], dt: float) -> Any:
    """Give the node of neurons that never fire, and give their membrane."""
    values = _spread(layer, shape)
    kind, fields = _dynamics(values, dt)
    private = {key: _one(values[key]) for key in (*_CONSTANTS, "v_init")}
    return getattr(nir, kind)(**fields, metadata={"spikesim": private})


def _dynamics(values: dict[str, np.ndarray], dt: float) -> tuple[str, dict[str, np.ndarray]]:
    """Kind of node, without its F, and its fields, by Euler's step backwards."""
    beta, alpha, gain, bias = (values[key] for key in _CONSTANTS)
    if (beta == 1.0).all() and not alpha.any():
        if bias.any():
            raise ValidationError(
                "expected no bias without a leak, for which NIR has no field, got one; put it into "
                "the layer before"
            )
        return "I", {"r": gain / dt}
    if (beta == 1.0).any() or (alpha == 1.0).any():
        raise ValidationError(
            "expected beta below 1, or 1 for all without a current, and alpha below 1, got "
            f"beta up to {beta.max():g} and alpha up to {alpha.max():g}; NIR has no such neuron: "
            "let it leak, or make a layer for each kind"
        )
    leak = 1.0 - beta
    shared = {"r": gain / leak, "v_leak": bias / leak}
    if not alpha.any():
        return "LI", {"tau": dt / leak, **shared}
    into = 1.0 - alpha
    return "CubaLI", {"tau_mem": dt / leak, "tau_syn": dt / into, "w_in": 1.0 / into, **shared}


def _spread(layer: nn.LIFLayer, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    lif = layer.canonical()
    names = (*_CONSTANTS, "v_th", "v_reset", "v_init")
    found = {}
    for name in names:
        value = np.asarray(getattr(lif, name), dtype=np.float64)
        flat = value.reshape(-1) if value.ndim else value
        found[name] = np.array(
            np.broadcast_to(flat.reshape(shape) if value.size > 1 else flat, shape)
        )
    return found


def _private(layer: nn.LIFLayer, values: dict[str, np.ndarray]) -> dict[str, Any]:
    lif = layer.canonical()
    kept: dict[str, Any] = {key: _one(values[key]) for key in (*_CONSTANTS, "v_init")}
    kept |= {"reset": lif.reset, "strict": int(lif.strict)}
    if lif.reset == "soft":
        kept["reset_amount"] = _shaped(lif.reset_amount, values, values["v_th"])
    if np.any(lif.refractory_ticks):
        kept["refractory"] = lif.refractory
        kept["refractory_ticks"] = _shaped(lif.refractory_ticks, values, None)
    if lif.v_floor is not None:
        kept["v_floor"] = _shaped(lif.v_floor, values, None)
    if type(layer.surrogate) in SURROGATES.values():
        kept |= {
            "surrogate": type(layer.surrogate).__name__,
            "slope": float(layer.surrogate.slope),  # type: ignore[attr-defined]
        }
    return kept


def _shaped(value: Any, values: dict[str, np.ndarray], default: np.ndarray | None) -> Any:
    if value is None:
        assert default is not None
        return _one(default)
    array = np.asarray(value)
    return _one(array.reshape(values["v_th"].shape) if array.size > 1 else array)


def _one(values: np.ndarray) -> Any:
    """Give a single number where all are equal; arrays as files take them."""
    first = values.flat[0]
    return first.item() if (values == first).all() else np.ascontiguousarray(values)
