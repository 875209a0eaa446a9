# SPDX-License-Identifier: Apache-2.0
"""From the texts of a plasticity rule to compiled loops over synapses.

Deferred: a synapse is touched when a spike of its source arrives; it then takes all post
spikes since the previous arrival, one by one, from a ring of the last 64 of its target.
Immediate: a post spike visits its column at once. Both compute every trace as value at its
last event times a table entry, so they give the same bits.
"""

from __future__ import annotations

import ast
import functools
import math
from types import ModuleType

from spikesim.kernels import rule_text as fixed
from spikesim.kernels.generated import load_generated
from spikesim.learning.rule import PlasticityRule, SpikeTrace

DEPTH = 64
"""Post spikes that the ring of a target holds."""


def rule_kernels(rule: PlasticityRule, dtype: str) -> ModuleType:
    """Compile the kernels of a rule.

    Parameters
    ----------
    rule : PlasticityRule
        Equal texts and trace modes share compiled code; numbers are arguments.
    dtype : {"float32", "float64"}
        Type of weights, traces and constants. float64 delivers into float accumulators.

    Returns
    -------
    module
        With ``arrive``, ``post``, ``settle``, ``flush`` (deferred), ``arrive_now``,
        ``post_now`` (immediate, with a column index), ``arrive_dense``, ``post_dense``.
    """
    return load_generated(rule_text(rule, dtype))


def table_traces(rule: PlasticityRule) -> list[float]:
    """Time constants (seconds) of the rows of the decay tables, in the order kernels use."""
    taus = [trace.tau for trace in (*rule.pre_traces, *rule.post_traces)]
    extra = [trace.tau for trace in (rule.eligibility, rule.modulator) if trace is not None]
    product = [1 / sum(1 / tau for tau in extra)] if any(map(math.isfinite, extra)) else []
    return [*taus, *extra, *product] or [math.inf]


def kept_traces(rule: PlasticityRule) -> list[int]:
    """Post traces whose values at a post spike are needed when it is applied, by number."""
    return _read(rule.post_traces, rule.on_post())


def constant_values(rule: PlasticityRule) -> dict[str, float]:
    """Constants of the kernels by name, in order: those of the rule and what traces need."""
    values = {"w_min": rule.w_min, "w_max": rule.w_max, **rule.constants()}
    for trace in (*rule.pre_traces, *rule.post_traces):
        values |= {f"_by_{trace.name}": trace.by, f"_top_{trace.name}": trace.top}
    values["_area"] = table_traces(rule)[-1]
    return values


def rule_text(rule: PlasticityRule, dtype: str) -> str:
    """Source of the kernels of a rule."""
    text = _RuleText(rule, f"np.{dtype}", exact=dtype == "float64")
    parts = [fixed.HEADER.format(exp=f"exp_{dtype}"), text.arrive(), text.dense(), text.columns()]
    parts += [text.post(), text.pending()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


class _RuleText:
    """Writes the parts of the kernels of one rule."""

    def __init__(self, rule: PlasticityRule, real: str, exact: bool) -> None:
        self.rule, self.real, self.exact = rule, real, exact
        self.pre, self.post_traces = rule.pre_traces, rule.post_traces
        self.defers = bool(rule.on_post())
        names = list(constant_values(rule))
        self.constants = [f"{name} = consts[{i}]" for i, name in enumerate(names)]
        self.bounded = math.isfinite(rule.w_min) or math.isfinite(rule.w_max)
        self.tables = len(self.pre) + len(self.post_traces)

    def text(self, source: str) -> list[str]:
        """Lines of a rule's text with typed literals."""
        return list(_typed(source, self.real))

    def changes(self, source: str) -> list[str]:
        """Lines of an event that changes the weight, clipped."""
        clip = ["w = min(max(w, w_min), w_max)"] if self.bounded else []
        return [*self.text(source), *clip] if source else []

    def modulator(self, tick: str) -> list[str]:
        """Value of the common signal at a tick."""
        if self.rule.modulator is None:
            return []
        row = self.tables + (self.rule.eligibility is not None)
        name = self.rule.modulator.name
        return [f"{name} = signal[0] * decay(tables, {row}, {tick} - signal_tick[0])"]

    def drift(self, tick: str) -> list[str]:
        """From the last event of the synapse, at ``_s``, to a tick."""
        rule = self.rule
        if rule.eligibility is None:
            return self.modulator(tick)
        row, name = self.tables, rule.eligibility.name
        last = row + 1 + (rule.modulator is not None)
        area = f"area = _area * ({self.real}(1) - decay(tables, {last}, {tick} - _s))"
        lines = [*self.modulator("_s"), area, *self.changes(rule.between())]
        lines += [f"{name} = {name} * decay(tables, {row}, {tick} - _s)", f"_s = {tick}"]
        return lines + self.modulator(tick)

    def load(self, since: list[str]) -> list[str]:
        """Weight and eligibility of synapse ``_j``, and when they were true."""
        if self.rule.eligibility is None:
            return ["w = weights[_j]"]
        state = f"{self.rule.eligibility.name} = eligibility[_j]"
        return ["w = weights[_j]", state, f"_s = max({', '.join([*since, 'signal_tick[0]'])})"]

    def store(self, out: str = "") -> list[str]:
        """Write weight and eligibility of synapse ``_j`` back."""
        lines = [f"{out}weights[_j] = w"] if self.rule.changes_weights else []
        if self.rule.eligibility is not None:
            lines.append(f"{out}eligibility[_j] = {self.rule.eligibility.name}")
        return lines or ["pass"]

    def pend(self, keep: str) -> list[str]:
        """Apply the post spikes in the ring since arrival ``_a``, except the newest ``keep``."""
        if not self.defers:
            return []
        # The ring is touched only where two or more are pending.
        newest = "np.int64(hot[_k, 2] if _e == _end - 1 else ticks[_k, _e & 63])"
        body = [f"_p = {newest}", *self.drift("_p")]
        for r, trace in enumerate(self.pre):
            body.append(f"{trace.name} = decay(tables, {r}, _p - _a) * pre[_slot, {r}]")
        for r in kept_traces(self.rule):
            body.append(f"{self.post_traces[r].name} = before[_k, _e & 63, {r}]")
        body += self.changes(self.rule.on_post())
        return [
            "_since = max(_a, np.int64(hot[_k, 1]) + 1)",
            "_end = hot[_k, 0]",
            "_e0 = _end",
            "if hot[_k, 2] >= _since and _end > 0:",
            "    _e0 -= 1",
            "    if hot[_k, 3] >= _since:",
            "        while _e0 > 0 and _e0 > _end - 64 and ticks[_k, (_e0 - 1) & 63] >= _since:",
            "            _e0 -= 1",
            f"for _e in range(_e0, _end - {keep}):",
            *_indent(body),
        ]

    def deliver(self) -> list[str]:
        """Add the weight, scaled by what is released, to the accumulator."""
        sent = "w * release" if self.rule.on_arrival() else "w"
        if self.exact:
            return [f"_here[_k] += {sent}"]
        # The unit is a power of 2, so the product is exact.
        return [f"_here[_k] += rounded(({sent}) * {self.real}(inv_scale))"]

    def before_row(self) -> list[str]:
        """Pre traces at this arrival, and what it releases."""
        lines = ["_a = np.int64(last[_slot])"]
        for r, trace in enumerate(self.pre):
            lines.append(f"{trace.name} = decay(tables, {r}, tick - _a) * pre[_slot, {r}]")
        if self.rule.on_arrival():
            lines += ["release = " + f"{self.real}(1)", *self.text(self.rule.on_arrival())]
        return lines + [f"_now_{t.name} = {t.name}" for t in self.pre]

    def after_row(self) -> list[str]:
        """Pre traces after this arrival."""
        lines = [
            f"pre[_slot, {r}] = {_stepped(trace, f'_now_{trace.name}')}"
            for r, trace in enumerate(self.pre)
        ]
        return [*lines, "last[_slot] = tick"]

    def on_pre(self, post: str) -> list[str]:
        """Depression or whatever an arrival does; ``post`` tells how to get post traces."""
        if not self.rule.on_pre():
            return []
        lines = [f"{t.name} = _now_{t.name}" for t in self.pre]
        for r, trace in enumerate(self.post_traces):
            lines.append(f"{trace.name} = {post.format(r=r, table=len(self.pre) + r)}")
        return lines + self.changes(self.rule.on_pre())

    def visit(self, before: list[str], since: list[str], post: str) -> list[str]:
        """One synapse at an arrival."""
        lines = [*self.load(since), *before, *self.drift("tick"), *self.deliver()]
        return [*lines, *self.on_pre(post), *self.store()]

    def post_table(self) -> list[str]:
        """Post traces of target ``_k`` that an arrival reads, kept for all arrivals of a tick."""
        return [
            f"post_now[{r}, _k] = " + fixed.POST_TRACE.format(r=r, table=len(self.pre) + r)
            for r in _read(self.post_traces, self.rule.on_pre())
        ]

    def arrive(self) -> str:
        """Sparse arrivals, deferred and immediate."""
        listed = f"(post_now[{{r}}, _k] if _many else {fixed.POST_TRACE})"
        late = ["np.int64(hot[_k, 1])"] if self.defers else []
        seen = ["np.int64(hot[_k, 2])"] if self.defers else []
        tabled = [*fixed.TABLED, *_indent(self.post_table() or ["pass"], 2)]
        return "\n\n".join(
            fixed.ARRIVE.format(
                name=name,
                more=more,
                prepare=_lines(prepare, 1),
                constants=_lines(self.constants, 1),
                before_row=_lines(self.before_row(), 2),
                body=_lines(self.visit(pend, ["_a", *since], value), 3),
                after_row=_lines(self.after_row(), 2),
            ).strip("\n")
            + "\n"
            for name, pend, since, more, prepare, value in (
                ("arrive", self.pend("0"), late, "", [], fixed.POST_TRACE),
                ("arrive_now", [], seen, "post_now, ", tabled, listed),
            )
        )

    def dense(self) -> str:
        """Arrivals that reach every target."""
        seen = ["np.int64(hot[_k, 2])"] if self.defers else []
        read = _read(self.post_traces, self.rule.on_pre())
        skips = self.skips(self.rule.on_pre(), self.post_traces)
        change = self.on_pre("post_now[{r}, _k]")
        return fixed.DENSE.format(
            constants=_lines(self.constants, 1),
            fill=_lines(self.post_table() or ["pass"], 3),
            keep=_some([f"post_now[{r}, _k]" for r in read]) if skips else "1",
            before_row=_lines(self.before_row(), 2),
            # A vector pass over all costs as much as some visits one by one.
            full="16 * n_alive[0] > _n" if skips else "True",
            body=_lines(_row_view(self.visit([], ["_a", *seen], "post_now[{r}, _k]")), 4),
            deliver=_lines(self.deliver(), 4),
            change=_lines(change if skips else ["pass"], 4),
            after_row=_lines(self.after_row(), 2),
        )

    def skips(self, text: str, traces: tuple[SpikeTrace, ...]) -> bool:
        """Whether an event changes nothing where all ``traces`` are 0."""
        if self.rule.eligibility is not None:
            return False
        return not text or vanishes(text, {trace.name for trace in traces})

    def columns(self) -> str:
        """Post spikes that visit their column at once."""
        read = [f"{t.name} = _post_{t.name}" for t in self.post_traces]
        value = "{t} = decay(tables, {r}, tick - _a) * pre[_slot, {r}]"
        sparse = [value.format(t=t.name, r=r) for r, t in enumerate(self.pre)]
        dense = [f"{t.name} = pre_now[{r}, _slot]" for r, t in enumerate(self.pre)]
        used = _read(self.pre, self.rule.on_post())
        fill = [f"pre_now[{r}, _slot] = {sparse[r].partition(' = ')[2]}" for r in used]
        skips = self.skips(self.rule.on_post(), self.pre)
        since = ["np.int64(last[_slot])", "np.int64(hot[_k, 2])"]
        change = self.changes(self.rule.on_post())
        start, end = [*self.load(since), *self.drift("tick")], [*read, *change, *self.store()]
        return fixed.COLUMNS.format(
            constants=_lines(self.constants, 1),
            fill=_lines(["_a = np.int64(last[_slot])", *fill], 3),
            keep=_some([f"pre_now[{r}, _slot]" for r in used]) if skips else "1",
            values=_lines(self.post_before(), 2),
            sparse=_lines(["_a = np.int64(last[_slot])", *start, *sparse, *end], 3),
            dense=_lines([*start, *dense, *end], 3),
            # Nothing is ever pending here.
            update=_lines([*self.post_after(), "hot[_k, 1] = tick"], 2),
        )

    def post_before(self) -> list[str]:
        """Post traces of target ``_k`` at its spike, before it changes them."""
        table = len(self.pre)
        return [
            f"_post_{trace.name} = decay(tables, {table + r}, tick - hot[_k, 2])"
            f" * post_value[_k, {r}]"
            for r, trace in enumerate(self.post_traces)
        ]

    def post_after(self) -> list[str]:
        """Post traces of target ``_k`` after its spike."""
        lines = [
            f"post_value[_k, {r}] = {_stepped(trace, f'_post_{trace.name}')}"
            for r, trace in enumerate(self.post_traces)
        ]
        return [*lines, "hot[_k, 2] = tick"]

    def post(self) -> str:
        """Deferred: enter spikes into the ring."""
        names = {r: self.post_traces[r].name for r in kept_traces(self.rule)}
        kept = [f"before[_k, _e, {r}] = _post_{name}" for r, name in names.items()]
        return fixed.POST.format(
            constants=_lines(self.constants, 1),
            values=_lines(["hot[_k, 3] = hot[_k, 2]", *self.post_before(), *self.post_after()], 2),
            ring=_lines(
                ["_e = hot[_k, 0] & 63", *kept, *fixed.RING] if self.defers else ["pass"], 2
            ),
        )

    def pending(self) -> str:
        """Deferred: apply what is pending, all of it or what leaves the ring."""
        since = ["_a", *(["np.int64(hot[_k, 1])"] if self.defers else [])]
        start = self.load(since)
        old = [*start, *self.pend("32"), *self.store()]
        every = [*start, *self.pend("0"), *self.drift("tick"), *self.store("out_")]
        return fixed.PENDING.format(
            constants=_lines(self.constants, 1),
            old=_lines(old if self.defers else ["pass"], 4),
            every=_lines(every if self.rule.changes_weights else ["pass"], 3),
        )


@functools.cache
def _typed(source: str, real: str) -> tuple[str, ...]:
    """Lines with typed literals; every session asks for the same ones."""
    return tuple(ast.unparse(_Typed(real).visit(ast.parse(source))).splitlines())


def vanishes(text: str, traces: set[str]) -> bool:
    """Whether a text leaves the weight where all ``traces`` are 0, as long as it is finite.

    Examples
    --------
    >>> vanishes("w = w - a * y * (w - w_min)", {"y"}), vanishes("w = w + a * (y - b)", {"y"})
    (True, False)
    """
    body = ast.parse(text).body
    change = body[0].value if len(body) == 1 and isinstance(body[0], ast.Assign) else None
    if not isinstance(change, ast.BinOp) or not isinstance(change.op, (ast.Add, ast.Sub)):
        return False
    from_weight = isinstance(change.left, ast.Name) and change.left.id == "w"
    return from_weight and _is_zero(change.right, traces)


def _is_zero(node: ast.expr, zero: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in zero
    if not isinstance(node, ast.BinOp):
        return False
    left, right = _is_zero(node.left, zero), _is_zero(node.right, zero)
    if isinstance(node.op, ast.Mult):
        return left or right
    return isinstance(node.op, (ast.Add, ast.Sub)) and left and right


def _read(traces: tuple[SpikeTrace, ...], text: str) -> list[int]:
    """Numbers of the traces that a text reads."""
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return [r for r, trace in enumerate(traces) if trace.name in names]


def _some(values: list[str]) -> str:
    """1 where one of the values is not 0, else 0; without a branch."""
    return " | ".join(f"np.int32({value} != 0)" for value in values) or "0"


def _stepped(trace: SpikeTrace, value: str) -> str:
    """SpikeTrace after its event."""
    if trace.mode == "hold":
        return value
    new = f"{value} + _by_{trace.name}" if trace.mode == "add" else f"_by_{trace.name}"
    return f"min({new}, _top_{trace.name})" if math.isfinite(trace.top) else new


def _row_view(lines: list[str]) -> list[str]:
    """Address a row through views, which lets the dense loop be vectorized."""
    names = {"weights[_j]": "_w_row[_k]", "eligibility[_j]": "_e_row[_k]"}
    for old, new in names.items():
        lines = [line.replace(old, new) for line in lines]
    return lines


def _indent(lines: list[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


def _lines(lines: list[str], depth: int) -> str:
    return "\n".join(_indent(lines, depth))


class _Typed(ast.NodeTransformer):
    """Give literals the type of the weights: one float64 would widen all that it meets."""

    def __init__(self, real: str) -> None:
        self.real = real

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Cast a number."""
        return ast.parse(f"{self.real}({node.value!r})", mode="eval").body

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Leave a whole exponent as it is: a power of 2 is one product."""
        node.left = self.visit(node.left)
        whole = isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant)
        if not (whole and isinstance(node.right.value, int)):  # type: ignore[attr-defined]
            node.right = self.visit(node.right)
        return node
