# SPDX-License-Identifier: Apache-2.0
"""Lines that kernels of all methods share: a visit to a synapse, its row, and its target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from spikesim.core.text import Expression, Name, Operation, Text
from spikesim.kernels.generate.expressions import code_lines, own
from spikesim.kernels.generate.layout import constant_values
from spikesim.learning.events import EVENTS, read_event
from spikesim.learning.rule import PlasticityRule, SpikeTrace

W = own("w")
"""The weight in a kernel."""


FROM_ORIGIN = "tick = tick - origin[0]"
"""The first line of every kernel: all ticks of a block count from its origin."""


class Cells(NamedTuple):
    """Where weight and eligibility of a synapse stand."""

    weight: str = "weights[j]"
    eligibility: str = "eligibility[j]"


SYNAPSE = Cells()
"""The cells of synapse ``j``."""


def kernel(name: str, arguments: Sequence[str], lines: Sequence[str]) -> str:
    """Source of a kernel."""
    return (
        "\n".join(["@kernel", *block(f"def {name}(tick, {', '.join(arguments)}):", lines)]) + "\n"
    )


def block(head: str, lines: Sequence[str]) -> list[str]:
    """Lines under a head, one level deeper.

    >>> block("for k in range(n):", [])
    ['for k in range(n):', '    pass']
    """
    return [head, *(f"    {line}" for line in lines or ["pass"])]


class RulePieces:
    """Writes lines for one rule.

    Parameters
    ----------
    rule : PlasticityRule
    dtype : {"float32", "float64"}

    Attributes
    ----------
    constants : list of str
        Lines that load all constants.
    defers : bool
        Whether spikes of the target change weights, so that they may be pending.
    """

    def __init__(self, rule: PlasticityRule, dtype: str) -> None:
        self.rule, self.dtype = rule, dtype
        self.texts = {event: read_event(rule, event) for event in EVENTS}
        self.pre, self.post = rule.pre_traces, rule.post_traces
        self.defers = bool(rule.on_post())
        names = constant_values(rule)
        self.constants = [f"{name} = consts[{i}]" for i, name in enumerate(names)]
        self._bounded = math.isfinite(rule.w_min) or math.isfinite(rule.w_max)
        self._tables = len(self.pre) + len(self.post)

    def changes(self, event: str) -> list[str]:
        """Lines of an event that changes the weight, clipped."""
        lines = code_lines(self.texts[event], self.dtype)
        bounds = f"{W} = min(max({W}, {own('w_min')}), {own('w_max')})"
        return [*lines, bounds] if lines and self._bounded else lines

    def reads(self, event: str, traces: Sequence[SpikeTrace]) -> list[int]:
        """Numbers of the traces that an event reads."""
        reads = self.texts[event].reads
        return [r for r, trace in enumerate(traces) if trace.name in reads]

    def skips(self, event: str, traces: Sequence[SpikeTrace]) -> bool:
        """Whether an event changes nothing where all ``traces`` are 0."""
        if self.rule.eligibility is not None:
            return False
        text = self.texts[event]
        return not text.lines or vanishes(text, {trace.name for trace in traces})

    def modulator(self, tick: str) -> list[str]:
        """Value of the common signal at a tick."""
        if self.rule.modulator is None:
            return []
        row = self._tables + (self.rule.eligibility is not None)
        name = own(self.rule.modulator.name)
        return [f"{name} = signal[0] * decay(tables, {row}, {tick} - signal_tick[0])"]

    def drift(self, tick: str) -> list[str]:
        """From the last event of the synapse, at ``known``, to a tick."""
        rule = self.rule
        if rule.eligibility is None:
            return self.modulator(tick)
        row, name = self._tables, own(rule.eligibility.name)
        last = row + 1 + (rule.modulator is not None)
        area = f"area_tau * (np.{self.dtype}(1) - decay(tables, {last}, {tick} - known))"
        return [
            *self.modulator("known"),
            f"{own('area')} = {area}",
            *self.changes("between"),
            f"{name} = {name} * decay(tables, {row}, {tick} - known)",
            f"known = {tick}",
            *self.modulator(tick),
        ]

    def load(self, since: Sequence[str], cells: Cells = SYNAPSE) -> list[str]:
        """Weight and eligibility of a synapse, and when they were true."""
        lines = [f"{W} = {cells.weight}"]
        if self.rule.eligibility is not None:
            lines.append(f"{own(self.rule.eligibility.name)} = {cells.eligibility}")
            lines.append(f"known = max({', '.join([*since, 'signal_tick[0]'])})")
        return lines

    def store(self, cells: Cells = SYNAPSE) -> list[str]:
        """Write weight and eligibility of a synapse back."""
        lines = [f"{cells.weight} = {W}"] if self.rule.changes_weights else []
        if self.rule.eligibility is not None:
            lines.append(f"{cells.eligibility} = {own(self.rule.eligibility.name)}")
        return lines

    def deliver(self) -> list[str]:
        """Add the weight, scaled by what is released, to the accumulator."""
        sent = f"({W} * {own('release')})" if self.rule.on_arrival() else W
        if self.dtype == "float64":
            return [f"here[k] += {sent}"]
        # The unit is a power of 2, so the product is exact.
        return [f"here[k] += rounded({sent} * np.{self.dtype}(inv_scale))"]

    def before_row(self) -> list[str]:
        """Pre traces at this arrival, and what it releases."""
        lines = ["arrived = np.int64(last[slot])"]
        lines += [f"{own(t.name)} = {self.pre_trace(r)}" for r, t in enumerate(self.pre)]
        if self.rule.on_arrival():
            lines.append(f"{own('release')} = np.{self.dtype}(1)")
            lines += code_lines(self.texts["on_arrival"], self.dtype)
        return lines + [f"{own(t.name, 'now')} = {own(t.name)}" for t in self.pre]

    def after_row(self) -> list[str]:
        """Pre traces after this arrival."""
        lines = [
            f"pre[slot, {r}] = {_stepped(trace, own(trace.name, 'now'))}"
            for r, trace in enumerate(self.pre)
        ]
        return [*lines, "last[slot] = tick"]

    def visit(
        self,
        post: Sequence[str],
        *,
        since: Sequence[str],
        pending: Sequence[str] = (),
        cells: Cells = SYNAPSE,
    ) -> list[str]:
        """One synapse at an arrival.

        Parameters
        ----------
        post : sequence of str
            How to get each post trace.
        since : sequence of str
            Ticks of the last events that changed the synapse.
        pending : sequence of str
            Lines that come first.
        """
        lines = [*self.load(since, cells), *pending, *self.drift("tick"), *self.deliver()]
        return [*lines, *self.on_pre(post), *self.store(cells)]

    def on_pre(self, post: Sequence[str]) -> list[str]:
        """Depression or whatever an arrival does; ``post`` tells how to get each post trace."""
        if not self.rule.on_pre():
            return []
        lines = [f"{own(t.name)} = {own(t.name, 'now')}" for t in self.pre]
        lines += [f"{own(t.name)} = {how}" for t, how in zip(self.post, post, strict=True)]
        return lines + self.changes("on_pre")

    def pre_trace(self, r: int, tick: str = "tick") -> str:
        """Pre trace of slot ``slot``, which was ``pre`` at its last arrival, at a tick."""
        return f"decay(tables, {r}, {tick} - arrived) * pre[slot, {r}]"

    def post_trace(self, r: int) -> str:
        """Post trace of target ``k``, which was ``post_value`` at its newest spike, now."""
        row = len(self.pre) + r
        return f"decay(tables, {row}, tick - history[k, NEWEST]) * post_value[k, {r}]"

    def post_table(self) -> list[str]:
        """Post traces of target ``k`` that an arrival reads, kept for all arrivals of a tick."""
        reads = self.reads("on_pre", self.post)
        return [f"post_now[{r}, k] = {self.post_trace(r)}" for r in reads]

    def post_before(self) -> list[str]:
        """Post traces of target ``k`` at its spike, before it changes them."""
        return [f"{own(t.name, 'post')} = {self.post_trace(r)}" for r, t in enumerate(self.post)]

    def post_after(self) -> list[str]:
        """Post traces of target ``k`` after its spike."""
        lines = [
            f"post_value[k, {r}] = {_stepped(trace, own(trace.name, 'post'))}"
            for r, trace in enumerate(self.post)
        ]
        return [*lines, "history[k, NEWEST] = tick"]

    def sparse_arrivals(
        self, name: str, arguments: Sequence[str], prepare: Sequence[str], visit: Sequence[str]
    ) -> str:
        """Kernel that visits the synapses of all due pieces."""
        synapses = ["k = np.int64(targets[j])", *visit]
        row = [
            "slot = piece_slot[q]",
            *self.before_row(),
            *block("for j in range(piece_lo[q], piece_hi[q]):", synapses),
            *self.after_row(),
        ]
        nothing = block("if n_pieces[0] == 0:", ["return"])
        lines = [*nothing, FROM_ORIGIN, *self.constants, "here = acc[base:]", *prepare]
        return kernel(name, arguments, [*lines, *block("for q in range(n_pieces[0]):", row)])


def some(values: Sequence[str]) -> str:
    """1 where one of the values is not 0, else 0; without a branch."""
    return " | ".join(f"np.int32({value} != 0)" for value in values) or "0"


def vanishes(text: Text, traces: set[str]) -> bool:
    """Whether a text leaves the weight where all ``traces`` are 0, as long as it is finite.

    Examples
    --------
    >>> from spikesim.core.text import Scope, Variable, read_text
    >>> names = [Variable("w", "the weight", writable=True)]
    >>> names += [Variable(name, "a constant") for name in ("a", "b", "y", "w_min")]
    >>> texts = "w = w - a * y * (w - w_min)", "w = w + a * (y - b)"
    >>> [vanishes(read_text(text, Scope("rule", tuple(names))), {"y"}) for text in texts]
    [True, False]
    """
    change = text.lines[0].value if len(text.lines) == 1 and text.lines[0].name == "w" else None
    if not isinstance(change, Operation) or change.symbol not in ("+", "-"):
        return False
    from_weight = isinstance(change.operands[0], Name) and change.operands[0].name == "w"
    return from_weight and _is_zero(change.operands[1], traces)


def _is_zero(node: Expression, zero: set[str]) -> bool:
    if isinstance(node, Name):
        return node.name in zero
    if not isinstance(node, Operation) or node.symbol not in ("+", "-", "*"):
        return False
    left, right = (_is_zero(operand, zero) for operand in node.operands)
    return (left or right) if node.symbol == "*" else (left and right)


def _stepped(trace: SpikeTrace, value: str) -> str:
    """Value of a trace after its event."""
    if trace.mode == "hold":
        return value
    by = own(trace.name, "by")
    new = f"{value} + {by}" if trace.mode == "add" else by
    return f"min({new}, {own(trace.name, 'top')})" if math.isfinite(trace.top) else new
