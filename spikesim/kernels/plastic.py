# SPDX-License-Identifier: Apache-2.0
"""The plastic synapses of one projection onto one block: the calls of a tick, and their state."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from spikesim.errors import ValidationError
from spikesim.kernels import plastic_normalize, plastic_pair
from spikesim.kernels.decay_tables import decayed
from spikesim.kernels.generate import layout
from spikesim.kernels.generate.rule import ARGUMENTS, rule_kernels
from spikesim.kernels.plastic_arrays import STATE, PlasticSynapses, synapse_arrays
from spikesim.kernels.post_history import Call, PostHistory
from spikesim.learning.rule import PlasticityRule

METHODS = ("deferred", "immediate", "dense")


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
    slot_start : uint32 array, shape (n_slots + 1,)
        Where the synapses of each slot begin; consecutive. Kept, not copied.
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
    history : PostHistory, optional
        That of other blocks with the same targets and ``PostHistory.form_of`` their rule;
        default one of its own.

    Attributes
    ----------
    history : PostHistory
        Its ``post`` gives the kernels of post spikes.
    arrays : dict of str to array
        Everything that the kernels read and write, by the name of their argument.

    Raises
    ------
    ValidationError
        If the method is unknown, a start weight lies outside the rule's bounds, or the history
        is of another form.

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
        history: PostHistory | None = None,
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
        self.history = history or PostHistory(rule, dt, n_post, dtype, method)
        shares = method == "deferred" or not self.history.blocks
        same = self.history.form == PostHistory.form_of(rule, dt, dtype, method)
        if not (shares and same and self.history.n_post == n_post):
            raise ValidationError(
                f"{who}: expected a history of {n_post} targets as {method!r} rules of these "
                "traces keep it, got another one; give each block one of its own"
            )
        self.history.join(self)
        given = PlasticSynapses(rule, dt, slot_start, targets, weights, n_post, np.dtype(dtype))
        self.arrays = synapse_arrays(given, method) | self.history.arrays
        self.fast = "record" in self.arrays
        self.kernels: ModuleType = plastic_pair if self.fast else rule_kernels(rule, dtype)

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
        return self.call(
            names[self.method],
            piece_lo=piece_lo,
            piece_hi=piece_hi,
            piece_slot=piece_slot,
            n_pieces=n_pieces,
            acc=acc,
            base=base,
            inv_scale=float(inv_scale),
        )

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
        a["flushed"][0] = tick - self._origin
        a["signal"][0] = self._signal(tick)
        a["signal_tick"][0] = tick - self._origin

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
        """Memory of what is learned and kept, without the targets, which belong to the table.

        A history counts with the first block that has it.
        """
        own = (a for n, a in self.arrays.items() if n not in self.history.arrays)
        held = sum(a.nbytes for a in own if isinstance(a, np.ndarray))
        return held - self.arrays["targets"].nbytes + (self.history.nbytes if self._first else 0)

    def state(self) -> dict[str, np.ndarray]:
        """All arrays of ``STATE`` that there are, between two ticks; views, nothing is flushed.

        Those of the targets come from the first block that has the history.
        """
        kinds = [kind for kind in STATE if kind != "target" or self._first]
        names = [name for kind in kinds for name in STATE[kind]]
        arrays = {name: self.arrays[name] for name in names if name in self.arrays}
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

    @property
    def _first(self) -> bool:
        """Whether it speaks for the history."""
        return self.history.blocks[0] is self

    @property
    def _origin(self) -> int:
        return int(self.arrays["origin"][0])

    def _signal(self, tick: int) -> Any:
        a = self.arrays
        if self.rule.modulator is None:
            return a["signal"][0]
        row = a["tables"].shape[0] - 2
        age = tick - self._origin - int(a["signal_tick"][0])
        return a["signal"][0] * decayed(a["tables"][row], age)

    def call(self, name: str, **given: Any) -> Call:
        """One of its kernels, and the arguments after the tick; ``given`` are those of a call."""
        function = getattr(self.kernels, name)
        values = self.arrays | given
        if name == "flush" and self.method == "dense":
            values["targets"] = self._targets()
        names = plastic_pair.ARGUMENTS[name] if self.fast else ARGUMENTS[name]
        # From a list: a tuple cut to its length from a longer one ends in a list of free tuples
        # that Python keeps, 140 bytes in each call up to 0.3 MB.
        return function, tuple([values[argument] for argument in names])

    def _run(self, name: str, tick: int, **given: Any) -> None:
        function, args = self.call(name, **given)
        function(tick, *args)

    def _targets(self) -> np.ndarray:
        if self.method != "dense":
            return self.arrays["targets"]
        return np.tile(np.arange(self.n_post, dtype=np.int32), self.arrays["last"].size)
