# SPDX-License-Identifier: Apache-2.0
"""The plastic synapses of one projection onto one block: their arrays, and the calls of a tick."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from spikesim.errors import ValidationError
from spikesim.kernels import plastic_normalize, plastic_pair
from spikesim.kernels.aligned import aligned
from spikesim.kernels.generate import layout
from spikesim.kernels.generate.layout import constant_values, kept_traces, table_traces
from spikesim.kernels.generate.rule import ARGUMENTS, rule_kernels
from spikesim.learning.rule import PlasticityRule

Call = tuple[Callable[..., None], tuple[Any, ...]]
METHODS = ("deferred", "immediate", "dense")
_RANGE = 64.0
"""Time constants that the fast pair kernel looks ahead; e**-64 is a normal float32 still."""
_FADED = {"float32": 17.0, "float64": 37.0}
"""Time constants after which a trace is 0: less than the rounding of its value at its event."""
STATE = {
    "synapse": ("weights", "eligibility"),
    "slot": ("last", "pre"),
    "target": ("ticks", "before", "history", "count", "done", "post_value", "record"),
    "block": ("signal", "signal_tick", "epoch"),
}
"""Arrays that change, by what their first axis counts."""


class PlasticBlock:
    """State and kernels of plastic synapses; all targets belong to one owner.

    Synapses are stored piece by piece; a *slot* is one piece: the synapses of one source that
    its spike reaches in the same tick. Each slot has its own last arrival and pre traces.

    Parameters
    ----------
    rule : PlasticityRule
        What arrivals and post spikes do.
    dt : float
        Tick in seconds.
    slot_start : int64 array, shape (n_slots + 1,)
        Where the synapses of each slot begin; consecutive.
    targets : integer array, shape (nnz,)
        Target of each synapse, counted within the block. Ignored by "dense", where slot i
        holds the synapses of source i onto all targets in order.
    weights : float array, shape (nnz,), unit of the weight
        Start weights; copied in the type of the run.
    n_post : int
        Targets of the block.
    dtype : {"float32", "float64"}
        "float32" delivers integers into an int32 accumulator, "float64" floats.
    method : {"deferred", "immediate", "dense"}
        When post spikes reach the weights: at the next arrival, or at once, through a column
        index or a dense matrix.

    Attributes
    ----------
    arrays : dict of str to array
        Everything that the kernels read and write, by the name of their argument.

    Raises
    ------
    ValidationError
        If the method is unknown, or a start weight lies outside the rule's bounds.

    Examples
    --------
    >>> from spikesim.learning import PairSTDP
    >>> block = PlasticBlock(PairSTDP(w_max=1.0), 1e-3, np.array([0, 2]), np.array([0, 1]),
    ...                      np.array([0.5, 0.25]), n_post=2)
    >>> block.read(tick=0).tolist()
    [0.5, 0.25]
    """

    def __init__(
        self,
        rule: PlasticityRule,
        dt: float,
        slot_start: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        n_post: int,
        dtype: str = "float32",
        method: str = "deferred",
    ) -> None:
        who = type(rule).__name__
        if method not in METHODS:
            raise ValidationError(f"{who}: expected a method of {METHODS}, got {method!r}")
        if weights.size and not (rule.w_min <= weights.min() and weights.max() <= rule.w_max):
            raise ValidationError(
                f"{who}: expected start weights of {rule.w_min} to {rule.w_max}, got "
                f"{weights.min()} to {weights.max()}; clip them or widen the bounds"
            )
        self.rule, self.dt, self.method, self.n_post = rule, dt, method, n_post
        self.fast = method == "deferred" and dtype == "float32" and rule.pair is not None
        self.kernels: ModuleType = plastic_pair if self.fast else rule_kernels(rule, dtype)
        self.arrays = _arrays(
            rule, dt, slot_start, targets, weights, n_post, np.dtype(dtype), method == "deferred"
        )
        if self.fast:
            self._add_pair_arrays()
        elif method == "immediate":
            self._add_columns()
        elif method == "dense":
            self._add_lists()

    def arrive(
        self,
        piece_lo: np.ndarray,
        piece_hi: np.ndarray,
        piece_slot: np.ndarray,
        n_pieces: np.ndarray,
        acc: np.ndarray,
        base: int,
        inv_scale: float,
    ) -> Call:
        """Kernel and arguments (after the tick) for delivering due pieces.

        Parameters
        ----------
        piece_lo, piece_hi, piece_slot : int64 arrays
            Range of synapses and slot of each due piece; ranges unused by "dense".
        n_pieces : int64 array, shape (1,)
            How many pieces are due.
        acc : int32 or float64 array
            Accumulators; target k is at ``base + k``.
        inv_scale : float
            Integer units per unit of the weight (int32), a power of 2.
        """
        names = {"deferred": "arrive", "immediate": "arrive_now", "dense": "arrive_dense"}
        return self._call(
            names[self.method],
            piece_lo=piece_lo,
            piece_hi=piece_hi,
            piece_slot=piece_slot,
            n_pieces=n_pieces,
            acc=acc,
            base=base,
            inv_scale=float(inv_scale),
        )

    def post(self, fired: np.ndarray, n_fired: np.ndarray) -> list[Call]:
        """Kernels to call, in order and in every tick, after the neurons' update.

        Parameters
        ----------
        fired : int32 array
            Targets that fired, counted within the block; ``n_fired[0]`` of them.
        """
        if not (self.rule.on_post() or self.rule.post_traces):
            return []
        names = {"deferred": "post", "immediate": "post_now", "dense": "post_dense"}
        calls = [self._call(names[self.method], fired=fired, n_fired=n_fired)]
        if self.method == "deferred" and self.rule.on_post():
            calls.append(self._call("settle"))
        return calls

    def read(self, tick: int) -> np.ndarray:
        """Weights with everything applied that happened before ``tick``; changes nothing."""
        if not self._pends:
            return self.arrays["weights"].copy()
        out = np.empty_like(self.arrays["weights"])
        scratch = np.empty_like(self.arrays["eligibility"])
        self._run("flush", tick, out_weights=out, out_eligibility=scratch)
        return out

    def flush(self, tick: int) -> None:
        """Bring the stored weights to the start of ``tick``, in place.

        The pending window sums are split here, which may change the last bits of what
        follows; ``read`` does not.
        """
        a = self.arrays
        if self._pends:
            self._run("flush", tick, out_weights=a["weights"], out_eligibility=a["eligibility"])
        if self.fast:
            a["count"][:] = 0
            a["done"][:] = -1
            a["record"].reshape(-1, 8)[:, :4] = -2
        elif self.method == "deferred":
            a["history"][:, [layout.COUNT, layout.APPLIED]] = 0, -1
        a["signal"][0] = self._signal(tick)
        a["signal_tick"][0] = tick

    def reward(self, tick: int, amount: float) -> None:
        """Raise the common signal at the start of ``tick``.

        Raises
        ------
        ValidationError
            If the rule has none.
        """
        if self.rule.modulator is None:
            raise ValidationError(
                f"{type(self.rule).__name__}: expected a rule with a modulator for a reward, "
                "got one without; use RewardSTDP"
            )
        self.flush(tick)
        self.arrays["signal"][0] += amount

    def normalize(self, tick: int, total: float) -> None:
        """Scale the weights onto each target so that they sum to ``total`` (unit of the weight).

        Targets whose weights sum to 0 keep them; scaled weights are clipped to the bounds.
        """
        self.flush(tick)
        weights = self.arrays["weights"]
        sums, factors = np.zeros(self.n_post, np.float64), np.empty(self.n_post, weights.dtype)
        bounds = (weights.dtype.type(bound) for bound in (self.rule.w_min, self.rule.w_max))
        args = (sums, factors, float(total), *bounds)
        if self.method == "dense":
            plastic_normalize.normalize_dense(weights.reshape(-1, self.n_post), *args)
        else:
            plastic_normalize.normalize(self.arrays["targets"], weights, *args)

    @property
    def nbytes(self) -> int:
        """Memory of what is learned and kept, without the targets, which belong to the table."""
        arrays = (a for a in self.arrays.values() if isinstance(a, np.ndarray))
        return sum(a.nbytes for a in arrays) - self.arrays["targets"].nbytes

    def state(self) -> dict[str, np.ndarray]:
        """All arrays of ``STATE`` that there are, between two ticks; views, nothing is flushed."""
        arrays = {n: self.arrays[n] for names in STATE.values() for n in names if n in self.arrays}
        if "record" in arrays:
            arrays["record"] = arrays["record"].reshape(-1, 8)
        if self.rule.eligibility is None:
            del arrays["eligibility"]
        return arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to a state, in place, so that bound kernels go on with it.

        Raises
        ------
        ValidationError
            If it is that of other synapses.
        """
        own = self.state()
        for name, mine in own.items():
            other = state.get(name)
            if other is None or other.shape != mine.shape or other.dtype != mine.dtype:
                got = "nothing" if other is None else f"{other.dtype} {other.shape}"
                raise ValidationError(
                    f"plastic state: expected {name!r} as {mine.dtype} {mine.shape}, got {got}; "
                    "resume with the network, rule, dtype and updates of the checkpoint"
                )
        for name, mine in own.items():
            mine[...] = state[name]
        if self.method == "dense":
            listed = np.flatnonzero(self.arrays["history"][:, layout.LISTED])
            self.arrays["alive"][: listed.size] = listed
            self.arrays["n_alive"][0] = listed.size
            self.arrays["post_now"][:] = 0

    @property
    def _pends(self) -> bool:
        """Whether stored weights may be behind."""
        late = self.method == "deferred" and bool(self.rule.on_post())
        return late or self.rule.eligibility is not None

    def _signal(self, tick: int) -> Any:
        a = self.arrays
        if self.rule.modulator is None:
            return a["signal"][0]
        row = a["tables"].shape[0] - 2
        return a["signal"][0] * _decay(a["tables"][row], tick - int(a["signal_tick"][0]))

    def _call(self, name: str, **given: Any) -> Call:
        function = getattr(self.kernels, name)
        values = self.arrays | given
        if name == "flush" and self.method == "dense":
            values["targets"] = self._targets()
        names = plastic_pair.ARGUMENTS[name] if self.fast else ARGUMENTS[name]
        # From a list: a tuple cut to its length from a longer one ends in a list of free tuples
        # that Python keeps, 140 bytes in each call up to 0.3 MB.
        return function, tuple([values[argument] for argument in names])

    def _run(self, name: str, tick: int, **given: Any) -> None:
        function, args = self._call(name, **given)
        function(tick, *args)

    def _targets(self) -> np.ndarray:
        if self.method != "dense":
            return self.arrays["targets"]
        return np.tile(np.arange(self.n_post, dtype=np.int32), self.arrays["last"].size)

    def _add_pair_arrays(self) -> None:
        pair, a = self.rule.pair, self.arrays
        assert pair is not None
        record = np.zeros((self.n_post, 8), np.int32)
        record[:, :4] = -2
        taus = [trace.tau for trace in (*self.rule.pre_traces, *self.rule.post_traces)]
        epoch_ticks = max(2, int(10 * min(taus) / self.dt))
        amplitudes = [pair.a_plus, pair.a_minus, self.rule.w_min, self.rule.w_max]
        a["tables"] = decay_tables(table_traces(self.rule), self.dt, np.float32, _RANGE)
        a["additive"] = pair.additive
        a["record"] = record.reshape(-1)
        a["count"], a["done"] = np.zeros(self.n_post, np.int32), np.full(self.n_post, -1, np.int32)
        a["epoch"] = np.array([epoch_ticks], np.int64)
        a["epoch_ticks"] = epoch_ticks
        a["pair"] = np.array(amplitudes, np.float32)
        longest = int(np.diff(a["slot_start"]).max(initial=0))
        a["late"] = np.zeros(longest + 1, np.int64)

    def _add_lists(self) -> None:
        a = self.arrays
        n_slots, n_pre = a["pre"].shape
        dtype = a["weights"].dtype
        a["post_now"] = np.zeros((a["post_value"].shape[1], self.n_post), dtype)
        a["alive"], a["n_alive"] = np.zeros(self.n_post, np.int32), np.zeros(1, np.int64)
        a["pre_now"] = np.zeros((n_pre, n_slots), dtype)
        a["rows"] = np.zeros(n_slots + 1, np.int32)

    def _add_columns(self) -> None:
        a = self.arrays
        order = np.argsort(a["targets"], kind="stable")
        counts = np.bincount(a["targets"], minlength=self.n_post)
        slots = np.repeat(np.arange(a["last"].size), np.diff(a["slot_start"]))
        a["post_now"] = np.zeros((a["post_value"].shape[1], self.n_post), a["weights"].dtype)
        a["column_start"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # Half the memory wherever it will do.
        index = np.int32 if order.size < 2**31 else np.int64
        a["column_synapse"], a["column_slot"] = order.astype(index), slots[order].astype(index)


def decay_tables(taus: list[float], dt: float, dtype: Any, reach: float = 0.0) -> np.ndarray:
    """Give exp(-k dt / tau) as products of two entries, one row per time constant.

    Entry ``k & 255`` times entry ``256 + (k >> 8)``; 0 within 256 ticks after ``reach`` time
    constants, by default where the decay is below the rounding of the type.

    >>> tables = decay_tables([0.02], 1e-3, np.float64)
    >>> bool(abs(_decay(tables[0], 300) - np.exp(-15.0)) < 1e-20)
    True
    """
    reach = reach or _FADED[np.dtype(dtype).name]
    finite = [tau for tau in taus if np.isfinite(tau)]
    ticks = int(np.ceil(reach * max(finite, default=0.0) / dt))
    coarse = np.arange((ticks >> 8) + 2) * 256.0
    tables = np.ones((len(taus), 256 + coarse.size), np.float64)
    for row, tau in zip(tables, taus, strict=True):
        if np.isfinite(tau):
            row[:256] = np.exp(-np.arange(256) * (dt / tau))
            row[256:] = np.exp(-coarse * (dt / tau))
            row[256:][coarse * (dt / tau) > reach] = 0.0
            row[-1] = 0.0
    return tables.astype(dtype)


def _decay(row: np.ndarray, ticks: int) -> Any:
    return row[ticks & 255] * row[256 + min(ticks >> 8, row.size - 257)]


def _arrays(
    rule: PlasticityRule,
    dt: float,
    slot_start: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    n_post: int,
    dtype: np.dtype[Any],
    late: bool,
) -> dict[str, Any]:
    """Arrays of all methods; those that a rule does not use have one element per target."""
    n_slots, own = slot_start.size - 1, aligned(weights.size, dtype)
    own[:] = weights
    n_pre, n_traces = max(1, len(rule.pre_traces)), max(1, len(rule.post_traces))
    # The rings are most of what a target takes: as much as 64 or 128 of its synapses.
    depth = layout.DEPTH if late and rule.on_post() else 1
    kept = depth if kept_traces(rule) else 1
    return {
        "slot_start": np.asarray(slot_start, np.int64),
        "targets": np.ascontiguousarray(targets),
        "weights": own,
        "eligibility": np.zeros(own.size if rule.eligibility is not None else 0, dtype),
        "last": np.full(n_slots, -1, np.int32),
        "pre": np.zeros((n_slots, n_pre), dtype),
        "ticks": np.full((n_post, depth), -2, np.int32),
        "before": np.zeros((n_post, kept, n_traces), dtype),
        "history": np.tile(np.array([0, -1, -1, 0], np.int32), (n_post, 1)),
        "oldest": np.full(n_post, -1, np.int32),
        "danger": np.zeros(1, np.int32),
        "post_value": np.zeros((n_post, n_traces), dtype),
        "signal": np.zeros(1, dtype),
        "signal_tick": np.zeros(1, np.int64),
        "consts": np.array(list(constant_values(rule).values()), dtype),
        "tables": decay_tables(table_traces(rule), dt, dtype),
    }
