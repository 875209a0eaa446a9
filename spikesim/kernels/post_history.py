# SPDX-License-Identifier: Apache-2.0
"""What targets remember of their own spikes, once for all plastic synapses onto them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from spikesim.kernels.generate.layout import APPLIED, COUNT, NEWEST, PREVIOUS
from spikesim.kernels.jit import kernel
from spikesim.kernels.plastic_arrays import LONG_AGO, SPAN, history_arrays, history_form
from spikesim.learning.rule import PlasticityRule

if TYPE_CHECKING:
    from spikesim.kernels.plastic import PlasticBlock

Call = tuple[Callable[..., None], tuple[Any, ...]]
_NEVER = np.iinfo(np.int64)


class PostHistory:
    """Rings of post spikes and post traces of the targets of one block.

    As large as the 64 or 128 synapses of a target, so a thousand projections onto one population
    must not have a thousand of them. All blocks of the deferred method whose rules remember the
    same of a post spike (``form``) can share one; those of the other methods cannot.

    Parameters
    ----------
    rule : PlasticityRule
        One of those that share it.
    dt : float
        Tick in seconds.
    n_post : int
        Targets of the block.
    dtype, method : str
        See ``PlasticBlock``.

    Attributes
    ----------
    form : hashable
        Equal for all that may share.
    arrays : dict of str to array
        What the kernels read and write, by the name of their argument.
    """

    def __init__(
        self, rule: PlasticityRule, dt: float, n_post: int, dtype: str, method: str
    ) -> None:
        self.form = self.form_of(rule, dt, dtype, method)
        self.n_post, self.method = n_post, method
        self.arrays = history_arrays(rule, dt, n_post, np.dtype(dtype), method)
        # Weakly: blocks have their history, and hold too much to wait for a collection.
        self._blocks: list[weakref.ref[PlasticBlock]] = []
        self._settles = method == "deferred" and bool(rule.on_post())

    @staticmethod
    def form_of(rule: PlasticityRule, dt: float, dtype: str, method: str) -> Hashable:
        """Say what has to be equal for two rules to share a history, beside the targets."""
        return dt, dtype, method, history_form(rule, dt, np.dtype(dtype), method)

    @property
    def blocks(self) -> list[PlasticBlock]:
        """All that share it; the first one enters the post spikes."""
        found = (reference() for reference in self._blocks)
        return [block for block in found if block is not None]

    def join(self, block: PlasticBlock) -> None:
        """Keep the history for one more block."""
        self._blocks.append(weakref.ref(block))

    def post(self, fired: np.ndarray, n_fired: np.ndarray) -> list[Call]:
        """Kernels to call, in order and in every tick, after the neurons' update.

        For all blocks that share the history, so ask when all of them are there.

        Parameters
        ----------
        fired : int32 array
            Targets that fired, counted within the block; ``n_fired[0]`` of them.
        """
        first, *_ = blocks = self.blocks
        if not (first.rule.on_post() or first.rule.post_traces):
            return []
        names = {"deferred": "post", "immediate": "post_now", "dense": "post_dense"}
        calls = [first.call(names[self.method], fired=fired, n_fired=n_fired)]
        return calls + (self._settling(blocks) if self._settles else [])

    @property
    def horizon(self) -> int:
        """The tick before which ``rebase`` has to be called again."""
        return self._origin + SPAN if self._moves else _NEVER.max

    def rebase(self, tick: int) -> None:
        """Let ticks count from ``tick``, the next one, so that 32 bits go on to hold them.

        It does not matter for a single bit when this is done. Pending spikes of targets that are
        ``SPAN`` ticks old are applied. Events that are twice as old become as old as that: every
        decay from them to what comes is over, or never is.
        """
        a, shift = self.arrays, tick - self._origin
        if not self._moves:
            return
        if self._settles:
            a["danger"][0], a["cut"][0] = 1, shift - SPAN
            for function, args in self._settling(self.blocks):
                function(tick, *args)
            a["cut"][0] = _NEVER.min
        columns = [APPLIED, NEWEST, *([PREVIOUS] if self.method == "deferred" else [])]
        stored = [a["ticks"], *(a["history"][:, column] for column in columns)]
        if "record" in a:
            stored.append(a["record"].reshape(-1, 8)[:, :4])
            a["epoch"][0] -= shift
        for block in self.blocks:
            stored += [block.arrays["last"], block.arrays["flushed"]]
            block.arrays["signal_tick"][0] -= shift
        for ticks in stored:
            ticks[...] = np.maximum(ticks.astype(np.int64) - shift, LONG_AGO)
        a["origin"][0] = tick

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return sum(a.nbytes for a in self.arrays.values() if isinstance(a, np.ndarray))

    @property
    def _moves(self) -> bool:
        """Whether stored ticks have 32 bits."""
        return bool(self.arrays["ticks"].dtype == np.int32)

    @property
    def _origin(self) -> int:
        return int(self.arrays["origin"][0])

    def _settling(self, blocks: list[PlasticBlock]) -> list[Call]:
        """Apply to all synapses what leaves the rings, if anything does."""
        a = self.arrays
        rings = (a["ticks"], a["history"], a["leaving"])
        return [
            (leave, (*rings, a["newest"], a["cut"], a["danger"])),
            *(block.call("settle") for block in blocks),
            (left, (*rings, a["danger"])),
        ]


@kernel
def leave(tick, ticks, history, leaving, newest, cut, danger):
    """Say which spikes leave the rings, if any are about to be lost.

    The newest 32 of a target stay, except those up to ``cut``.

    Parameters
    ----------
    ticks : integer array, shape (n_post, 64)
        Ring of each target.
    history : integer array, shape (n_post, 4)
        See ``generate.layout``.
    leaving : int64 array, shape (n_post,)
        How many spikes of each target leave, of all that were entered; written.
    newest : int64 array, shape (1,)
        Tick of the newest of them; written.
    cut : int64 array, shape (1,)
    danger : int32 array, shape (1,)
        Whether there is anything to do.
    """
    if danger[0] == 0:
        return
    newest[0] = cut[0]
    for k in range(leaving.size):
        count = history[k, COUNT]
        stop = max(count - 32, 0)
        while stop < count and ticks[k, stop & 63] <= cut[0]:
            stop += 1
        leaving[k] = stop
        if stop > 0:
            newest[0] = max(newest[0], np.int64(ticks[k, (stop - 1) & 63]))


@kernel
def left(tick, ticks, history, leaving, danger):
    """Note that what leaves the rings is applied to all synapses; arrays as in ``leave``."""
    if danger[0] == 0:
        return
    danger[0] = 0
    for k in range(leaving.size):
        if leaving[k] > 0:
            history[k, APPLIED] = max(history[k, APPLIED], ticks[k, (leaving[k] - 1) & 63])
