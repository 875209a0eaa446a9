# SPDX-License-Identifier: Apache-2.0
"""What every plasticity rule says about itself: traces, constants, and its events as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

from spikesim.core.quantity import MEMORY, TRACE, only_plain
from spikesim.core.text.checked import Checked
from spikesim.learning.events import event_problems

TRACE_MODES = ("add", "set", "hold")


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


class PairWindow(NamedTuple):
    """All-to-all pair STDP of the kind that has a fast kernel.

    Amplitudes are those of dw = a_plus * x and dw = -a_minus * y in the unit of the weight
    (additive), or of dw = a_plus * (w_max - w) * x and dw = -a_minus * (w - w_min) * y.
    """

    additive: bool
    a_plus: float
    a_minus: float


class PlasticityRule(metaclass=Checked):
    """A rule of synaptic change: a frozen dataclass of parameters, without any state.

    The texts are in the language of ``spikesim.core.text``. They read the constants, the bounds and
    the traces by name, and are read when a rule is made.

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

    def text_problems(self) -> list[str]:
        """All problems of parameters and texts, asked for when a rule is made."""
        given: Any = self
        items = fields(given) if is_dataclass(given) else ()
        found = only_plain((item.name, getattr(self, item.name)) for item in items)
        who = type(self).__name__
        return [f"{who}: {text}" for text in found or self.problems()]

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
        """Text that runs once per arriving spike and piece of row: reads and assigns pre traces.

        It may assign ``release``, the factor by which the delivered weight is scaled, 1 before.
        """
        return ""

    def on_pre(self) -> str:
        """Text of a pre event: reads all traces (pre: before this arrival).

        It assigns ``w`` and the eligibility.
        """
        return ""

    def on_post(self) -> str:
        """Text of a post event: reads all traces, assigns ``w`` and the eligibility."""
        return ""

    def between(self) -> str:
        """Text for the time between two events of a synapse, of rules with an eligibility.

        It assigns ``w`` and the eligibility, and reads no traces. Eligibility and modulator have
        their values at its start; ``area`` is the integral, in seconds, of the product of their
        decays.
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
        extra = [trace.tau for trace in (self.eligibility, self.modulator) if trace is not None]
        if extra and not any(math.isfinite(tau) for tau in extra):
            found.append("expected a finite tau of eligibility or modulator, got inf")
        return found + event_problems(self)
