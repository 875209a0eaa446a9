# SPDX-License-Identifier: Apache-2.0
"""Who wrote a NIR file, and what that writer means by its numbers.

The format says ``tau dv/dt = v_leak - v + r I``, a spike above the threshold and a reset to
``v_reset``; it knows no tick and no other reset. What its writers put down is not always that:

========================  =========================================================================
nir                       as the format says
snntorch 1.0              dt = 1e-4 s, r = tau / dt; the reset of the neuron is lost
spikingjelly 2.0          dt = 1e-4 s unless given, r = tau / dt or 1; fires at the threshold
norse up to 1.1           tau = dt / tau_inv, dt times too small; w_in and r of IF are left out
sinabs 3.1                tau in steps, exact decay; norm_input and the reset are lost
rockpool                  r = tau / dt exp(-dt / tau), exact decay; the reset is lost
========================  =========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikesim.convert.nir.tree import NEURONS, Graph, Node
from spikesim.errors import ConversionError

Method = Literal["euler", "exact"]
Values = dict[str, np.ndarray]

_USUAL_DT = 1e-4
_NORSE_DT = 1e-3
_ROUNDED = 1e-5
"""Relative: two quotients of numbers that were rounded to float32, with room."""
_LONGEST = 1e4
"""Ticks per time constant beyond which steps were meant, not seconds."""


@dataclass(frozen=True)
class Writer:
    """What a writer means.

    Attributes
    ----------
    name : str
    dt : float or None, seconds
        Tick of its files where they have only one; 1 where they count steps.
    method : {"euler", "exact"}
        How its neurons decay.
    strict : bool
        Whether they fire only above the threshold.
    resets : tuple of str
        What a neuron of its file may do on a spike; one that stands alone is what it does.
    corrected : callable
        From the fields of a neuron and the tick to what the format means, and what was changed.
    warnings : tuple of str
        What its neurons do that no file tells and no neuron here does.
    """

    name: str
    dt: float | None = None
    method: Method = "euler"
    strict: bool = True
    resets: tuple[str, ...] = ("hard",)
    corrected: Callable[[str, Values, float], list[str]] = lambda kind, values, dt: []
    warnings: tuple[str, ...] = ()


def _norse(kind: str, values: Values, dt: float) -> list[str]:
    done = []
    for key in ("tau", "tau_mem", "tau_syn"):
        if key in values:
            values[key] = values[key] / dt
            done.append(f"{key} x {1 / dt:g}")
    if kind in ("CubaLIF", "CubaLI"):
        values["w_in"] = values["tau_syn"] / dt
        done.append("w_in = tau_syn / dt")
    if kind == "IF":
        values["r"] = values["r"] / dt
        done.append(f"r x {1 / dt:g}")
    return done


def _rockpool(kind: str, values: Values, dt: float) -> list[str]:
    if kind not in ("CubaLIF", "CubaLI"):
        return []
    # i <- b (i + x), v <- a v + i: a current that jumped by x acts on v with b.
    a, b = np.exp(-dt / values["tau_mem"]), np.exp(-dt / values["tau_syn"])
    values["r"], values["w_in"] = b / (1.0 - a), 1.0 / (1.0 - b)
    return ["gain exp(-dt / tau_syn) in place of r and w_in"]


_SEVERAL = "it may send several spikes a tick, here one: equal while no membrane reaches 2 v_th"
_FLOOR = "its files do not tell a floor of the membrane (min_v_mem); read as none"
_HARD = "its files do not tell reset_method and v_reset; read as a reset to v_reset of the file"

WRITERS: Mapping[str, Writer] = {
    writer.name: writer
    for writer in (
        Writer("nir"),
        Writer("spikesim"),
        Writer("snntorch", _USUAL_DT, resets=("subtract", "zero", "soft", "hard")),
        Writer("spikingjelly", strict=False),
        Writer("norse", corrected=_norse, warnings=(_HARD,)),
        Writer(
            "sinabs", 1.0, method="exact", strict=False, resets=("soft", "hard"),
            warnings=(_SEVERAL, _FLOOR),
        ),
        Writer(
            "rockpool", method="exact", strict=False, resets=("soft", "hard"),
            corrected=_rockpool, warnings=(_SEVERAL,),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Recognized:
    """Who wrote a graph, the tick, and why that is so."""

    writer: Writer
    dt: float
    why: str


def recognize(graph: Graph, dt: float | None, writer: str) -> Recognized:
    """Tell by whom a graph was written, and with which tick it is read.

    Raises
    ------
    ConversionError
        If there are two readings, or none, with the argument that decides.
    """
    facts = _Facts(graph)
    if writer != "auto":
        chosen = WRITERS[writer]
        if writer == "spikesim" and not graph.metadata:
            raise ConversionError(
                f"{graph.who}: expected what spikesim wrote, got a graph without its metadata; "
                "leave writer out"
            )
        known = graph.metadata.get("dt") if writer == "spikesim" else chosen.dt
        return _with_tick(facts, chosen, dt, known, "as was asked for")
    if graph.metadata:
        return _with_tick(
            facts, WRITERS["spikesim"], dt, graph.metadata.get("dt"), "by its metadata"
        )
    for recognizer in (_gain_of_one, _steps, _too_small, _with_decay, _bare_sums):
        found = recognizer(facts, dt)
        if found is not None:
            return found
    if dt is None:
        if not graph.of_kind(*NEURONS, "Delay"):
            return Recognized(WRITERS["nir"], 1.0, "nothing in it takes time")
        raise ConversionError(
            f"{graph.who}: expected the length of a tick, which is not in the file and which no "
            "known writer's numbers tell; give dt=... in seconds"
        )
    return Recognized(WRITERS["nir"], dt, "nothing tells of another writer")


class _Facts:
    """What the neurons of a graph have in common."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.neurons = graph.of_kind(*NEURONS)
        self.taus = [
            node.array(key) for node in self.neurons for key in node.values if "tau" in key
        ]
        self.leaky = [node for node in self.neurons if node.kind not in ("I", "IF")]
        # The names of nirtorch's older tracer, which snnTorch, Norse and sinabs use.
        self.older_names = [node.name for node in graph.of_kind("Input")] == ["input"]

    def every(self, key: str, value: float) -> bool:
        """Whether a field is one number wherever it stands."""
        found = [node.array(key) for node in self.neurons if key in node.values]
        return all(np.array_equal(one, np.full_like(one, value)) for one in found)

    def unit_gain(self, dt: float) -> bool:
        """Whether every weight is a jump of the membrane, in ticks of that length."""
        for node in self.neurons:
            whole = node.array("r") * dt
            for key in ("tau", "tau_mem"):
                if key in node.values:
                    whole = whole / node.array(key)
            if "w_in" in node.values:
                whole = whole * node.array("w_in") * dt / node.array("tau_syn")
            if not np.allclose(whole, 1.0, rtol=_ROUNDED, atol=0.0):
                return False
        return bool(self.neurons)

    def two(self, first: str, second: str, way: str) -> ConversionError:
        """Say that there are two readings."""
        return ConversionError(
            f"{self.graph.who}: two readings are possible: {first}; or {second}; {way}"
        )


def _gain_of_one(facts: _Facts, dt: float | None) -> Recognized | None:
    """SnnTorch and SpikingJelly: r = tau / dt, with dt = 1e-4 s."""
    jelly = facts.unit_gain(_USUAL_DT) and not facts.older_names
    if not facts.unit_gain(_USUAL_DT):
        jelly = _jelly_with_decay(facts)
        if not jelly:
            return None
    name = "spikingjelly" if jelly else "snntorch"
    if not jelly and not (facts.every("v_leak", 0.0) and facts.every("v_reset", 0.0)):
        return None
    if dt is not None and not np.isclose(dt, _USUAL_DT, rtol=1e-9):
        raise facts.two(
            f"{name} wrote it with r = tau / dt for dt = {_USUAL_DT:g} s, so that a weight is a "
            "jump of the membrane",
            f"the format's own numbers are meant, in ticks of {dt:g} s",
            f"leave dt out, or give writer={name!r} and dt={_USUAL_DT:g}, for the first, "
            "writer='nir' for the second",
        )
    return Recognized(WRITERS[name], _USUAL_DT, f"r = tau / dt with dt = {_USUAL_DT:g} s")


def _jelly_with_decay(facts: _Facts) -> bool:
    """SpikingJelly with decay_input: r = 1 on LIF, beside others that tell the tick."""
    others = [node for node in facts.neurons if not (node.kind == "LIF" and _is(node, "r", 1.0))]
    if facts.older_names or not others or len(others) == len(facts.neurons):
        return False
    known = _Facts(Graph(facts.graph.who, {node.name: node for node in others}, (), {}))
    return known.unit_gain(_USUAL_DT)


def _steps(facts: _Facts, dt: float | None) -> Recognized | None:
    """Sinabs: time constants in steps."""
    kinds = {node.kind for node in facts.neurons} <= {"LIF", "LI", "IF"}
    if not (facts.leaky and kinds and facts.every("r", 1.0) and facts.every("v_leak", 0.0)):
        return None
    if min(tau.min() for tau in facts.taus) < 1.0:
        return None
    if dt is None or dt == 1.0:
        return Recognized(WRITERS["sinabs"], 1.0, "tau of 1 and more, r = 1: steps")
    if max(tau.max() for tau in facts.taus) / dt < _LONGEST:
        return None
    raise facts.two(
        f"sinabs wrote tau = {facts.taus[0].flat[0]:g} in steps",
        f"it is seconds, {facts.taus[0].flat[0] / dt:g} ticks of {dt:g} s",
        "give writer='sinabs' without dt for the first, writer='nir' for the second",
    )


def _too_small(facts: _Facts, dt: float | None) -> Recognized | None:
    """Norse: tau is dt times too small."""
    if not facts.taus:
        return None
    least, most = (float(f([f(tau) for tau in facts.taus])) for f in (np.min, np.max))
    bare = facts.every("r", 1.0) and facts.every("w_in", 1.0) and facts.older_names
    if dt is None:
        if bare and most < _NORSE_DT / 10 and _scalars(facts):
            raise ConversionError(
                f"{facts.graph.who}: expected the length of a tick; tau = {least:g} looks as if "
                "Norse had written dt / tau_inv: give dt=0.001, its default, or the dt it was "
                "written with; or give writer='nir' with dt below tau"
            )
        return None
    if most >= dt or not bare or least / dt <= dt:
        return None
    why = f"tau = {least:g} below dt = {dt:g}, r and w_in 1"
    if _scalars(facts):
        return Recognized(WRITERS["norse"], dt, f"{why}, scalars")
    raise facts.two(
        f"Norse wrote dt / tau_inv, so that tau is {least / dt:g} s",
        f"tau is {least:g} s and dt = {dt:g} too long for it",
        "give writer='norse' for the first; for the second writer='nir' with dt below tau, or "
        "method='exact'",
    )


def _scalars(facts: _Facts) -> bool:
    return all(node.array(key).ndim == 0 for node in facts.leaky for key in ("r", "v_leak"))


def _with_decay(facts: _Facts, dt: float | None) -> Recognized | None:
    """Rockpool: r has the decay of a tick in it."""
    cuba = [node for node in facts.neurons if node.kind in ("CubaLIF", "CubaLI")]
    if dt is None or not cuba or len(cuba) < len(facts.neurons) or not facts.every("w_in", 1.0):
        return None
    for node in cuba:
        tau = node.array("tau_mem")
        if not np.allclose(node.array("r"), tau / dt * np.exp(-dt / tau), rtol=_ROUNDED, atol=0.0):
            return None
    return Recognized(WRITERS["rockpool"], dt, "r = tau / dt exp(-dt / tau), w_in = 1")


def _bare_sums(facts: _Facts, dt: float | None) -> Recognized | None:
    """IF with r = 1 and nothing that tells the tick: a weight may be the jump."""
    if facts.leaky or not facts.neurons or not facts.every("r", 1.0) or dt == 1.0:
        return None
    tick = "a tick" if dt is None else f"dt = {dt:g} s"
    raise facts.two(
        "r = 1 means that a weight is a jump of the membrane, as Norse and sinabs write it",
        f"it is 1 per second, so that a weight adds {tick} times itself",
        "give dt=1.0 or writer='norse' or 'sinabs' for the first, writer='nir' with dt=... for "
        "the second",
    )


def _with_tick(facts: _Facts, writer: Writer, dt: float | None, known: Any, why: str) -> Recognized:
    if known is not None:
        known = _tick(facts, known)
    tick = known if dt is None else dt
    if tick is None:
        raise ConversionError(
            f"{facts.graph.who}: expected the length of a tick, which files of {writer.name!r} do "
            "not tell; give dt=... in seconds"
        )
    if known is not None and not np.isclose(tick, known, rtol=1e-9):
        way = "leave dt out" + ("" if writer.name == "sinabs" else ", or give writer='nir'")
        raise facts.two(
            f"its constants are for dt = {known:g}, as {writer.name} writes them",
            f"they are meant in ticks of {tick:g} s",
            way,
        )
    return Recognized(writer, tick, why)


def _tick(facts: _Facts, known: Any) -> float:
    try:
        tick = float(known)
    except (TypeError, ValueError):
        tick = 0.0
    if not 0.0 < tick < np.inf:
        raise ConversionError(
            f"{facts.graph.who}: expected a tick above 0 in the metadata, got {known!r}; give "
            "writer='nir' with dt=..."
        )
    return tick


def _is(node: Node, key: str, value: float) -> bool:
    array = node.array(key)
    return bool(np.array_equal(array, np.full_like(array, value)))


def writer_names(also: Sequence[str] = ("auto",)) -> str:
    """Names that ``writer=`` takes, for messages."""
    return ", ".join(repr(name) for name in (*also, *WRITERS))
