# SPDX-License-Identifier: Apache-2.0
"""What every plasticity rule says about itself: traces, constants, and its events as text."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from spikesim.core.quantity import MEMORY, TRACE, only_plain
from spikesim.errors import ValidationError

TRACE_MODES = ("add", "set", "hold")
_FUNCTIONS = {"min", "max", "exp", "sqrt", "abs"}
_NODES = (
    ast.Module, ast.Assign, ast.Name, ast.Load, ast.Store, ast.Constant, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.IfExp, ast.Call, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


@dataclass(frozen=True)
class SpikeTrace:
    """A variable that decays as exp(-t / tau) and changes at an event.

    Parameters
    ----------
    name : str
        How the texts of the rule call it.
    tau : float
        Time constant in seconds, > 0; inf does not decay.
    mode : {"add", "set", "hold"}
        At its event the trace grows by ``by``, becomes ``by``, or stays, so that only the
        text of the rule changes it.
    by : float
        Step or value, in the unit of the trace.
    top : float
        The trace never exceeds it.
    """

    name: str
    tau: float
    mode: str = "add"
    by: float = 1.0
    top: float = math.inf

    def problems(self) -> Iterator[str]:
        """Say what is wrong with the parameters."""
        if not self.tau > 0:
            yield f"trace {self.name!r}: expected tau > 0 seconds, got {self.tau}"
        if self.mode not in TRACE_MODES:
            yield f"trace {self.name!r}: expected a mode of {TRACE_MODES}, got {self.mode!r}"
        if not self.name.isidentifier() or self.name.startswith("_"):
            yield f"trace {self.name!r}: expected an identifier without leading underscore"


class PairWindow(NamedTuple):
    """All-to-all pair STDP of the kind that has a fast kernel.

    Amplitudes are those of dw = a_plus * x and dw = -a_minus * y in the unit of the weight
    (additive), or of dw = a_plus * (w_max - w) * x and dw = -a_minus * (w - w_min) * y.
    """

    additive: bool
    a_plus: float
    a_minus: float


class PlasticityRule:
    """A rule of synaptic change: a frozen dataclass of parameters, without any state.

    The texts are Python on scalars: assignments, arithmetic, comparisons, ``a if c else b``,
    min, max, exp, sqrt, abs and ``**``. They read the constants and the traces by name.

    Order within tick t, the same in every engine. A *pre event* is the arrival of a spike at
    the synapse: the delay is axonal. A *post event* is a spike of the target.

    1. All post events before t have been applied; ``on_arrival`` runs once per arriving
       spike, the weight is delivered, ``on_pre`` changes it, then the pre traces change.
    2. Post events of t run ``on_post``, which sees the arrivals of t, and the post traces as
       they were before this event; then the post traces change.

    The weight is clipped to ``w_min`` … ``w_max`` after each text.

    Attributes
    ----------
    w_min, w_max : float
        Bounds of the weight, in its unit, or infinite; the texts may read them.
    """

    # Annotations only: a value here would become the default of every rule's field.
    w_min: float
    w_max: float

    def __post_init__(self) -> None:
        given: Any = self
        found = only_plain((item.name, getattr(self, item.name)) for item in fields(given))
        found = found or self.problems()
        if found:
            raise ValidationError([f"{type(self).__name__}: {text}" for text in found])

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """Traces that change at arrivals."""
        return ()

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """Traces that change at spikes of the target."""
        return ()

    @property
    def eligibility(self) -> SpikeTrace | None:
        """One more variable per synapse, mode "hold": the texts change it."""
        return None

    @property
    def modulator(self) -> SpikeTrace | None:
        """A signal common to all synapses, such as dopamine, which a reward raises."""
        return None

    @property
    def pair(self) -> PairWindow | None:
        """The same rule for the fast pair kernel, or None where it has no such form."""
        return None

    def constants(self) -> dict[str, float]:
        """Numbers that the texts read."""
        return {}

    def on_arrival(self) -> str:
        """Text that runs once per arriving spike and piece of row; may change pre traces.

        It may assign ``release``, the factor by which the delivered weight is scaled.
        """
        return ""

    def on_pre(self) -> str:
        """Text of a pre event: reads all traces (pre: before this arrival), assigns ``w``."""
        return ""

    def on_post(self) -> str:
        """Text of a post event: reads all traces, assigns ``w``."""
        return ""

    def between(self) -> str:
        """Text for the time between two events of a synapse, assigns ``w``.

        Eligibility and modulator have their values at its start; ``area`` is the integral, in
        seconds, of the product of their decays.
        """
        return ""

    @property
    def changes_weights(self) -> bool:
        """Whether weights ever change; if not, a rule only scales what is delivered."""
        return bool(self.on_pre() or self.on_post() or self.between())

    def doubts(self) -> list[str]:
        """Why legal time constants look like ones in another unit; empty when they do not."""
        found = [TRACE.doubt(f"tau of trace {trace.name!r}", trace.tau)
                 for trace in (*self.pre_traces, *self.post_traces)]  # fmt: skip
        found += [MEMORY.doubt(f"tau of {trace.name!r}", trace.tau)
                  for trace in (self.eligibility, self.modulator) if trace is not None]  # fmt: skip
        return [f"{type(self).__name__}: {text}" for text in found if text]

    def problems(self) -> list[str]:
        """Everything that is wrong with the rule, with its texts too; empty when it is fine."""
        traces = [*self.pre_traces, *self.post_traces]
        traces += [trace for trace in (self.eligibility, self.modulator) if trace is not None]
        found = [text for trace in traces for text in trace.problems()]
        if not self.w_min < self.w_max:
            found.append(f"expected w_min < w_max, got {self.w_min} and {self.w_max}")
        for name, value in self.constants().items():
            if not math.isfinite(value):
                found.append(f"expected a finite {name}, got {value}")
        extra = [trace.tau for trace in (self.eligibility, self.modulator) if trace is not None]
        if extra and not any(math.isfinite(tau) for tau in extra):
            found.append("expected a finite tau of eligibility or modulator, got inf")
        given = [trace.name for trace in traces] + list(self.constants())
        names = {*given, "w_min", "w_max"}
        if len(names) < len(given) + 2:
            found.append(f"expected different names, got {given} besides w_min, w_max")
        texts = {"on_arrival": {"release"}, "on_pre": {"w"}, "on_post": {"w"}}
        for text, more in (texts | {"between": {"w", "area"}}).items():
            problems = _text_problems(getattr(self, text)(), names | more)
            found += (f"{text}: {problem}" for problem in problems)
        return found


def _text_problems(text: str, names: set[str]) -> Iterator[str]:
    known = set(names)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"not Python ({error})"
        return
    for statement in tree.body:
        for node in ast.walk(statement):
            if not isinstance(node, _NODES):
                yield f"{ast.unparse(node)!r} is not allowed in a rule"
                return
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if node.id not in known | _FUNCTIONS:
                    yield f"unknown name {node.id!r}; known are {sorted(known)}"
        known |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
