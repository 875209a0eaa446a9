# SPDX-License-Identifier: Apache-2.0
"""Connections given one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError


@dataclass(frozen=True, eq=False)
class PairList:
    """Connections listed by source and target.

    Weights and delays of ``Network.connect`` may then hold one value per pair, too.

    Parameters
    ----------
    pre, post : int array, shape (k,)
        Source and target of each synapse; pairs may repeat.

    Raises
    ------
    ValidationError
        If they are not integers of one length.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> from spikesim.network import Network
    >>> net = Network(dt=1e-3)
    >>> a = net.add_population("a", 3, LIF(beta=0.9))
    >>> pairs = PairList([2, 0], [1, 2])
    >>> net.connect(a, a, pairs, weight=[0.5, 0.25]).rows.weights.tolist()
    [0.25, 0.5]
    """

    pre: npt.NDArray[np.int64]
    post: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        problems = []
        for name in ("pre", "post"):
            array = np.asarray(getattr(self, name))
            if array.size == 0:
                array = array.reshape(-1).astype(np.int64)
            if array.ndim != 1 or array.dtype.kind not in "iu":
                problems.append(
                    f"PairList: expected {name} as integers with one axis, got {array.dtype}, "
                    f"shape {array.shape}"
                )
            else:
                object.__setattr__(self, name, array.astype(np.int64))
        if not problems and self.pre.size != self.post.size:
            problems.append(
                f"PairList: expected as many pre as post, got {self.pre.size}, {self.post.size}"
            )
        if problems:
            raise ValidationError(problems)

    def problems(self, n_pre: int, n_post: int) -> list[str]:
        """Pairs that do not fit the populations."""
        return [
            f"PairList: expected 0 <= {name} < {n}, got {int(array[np.argmax(bad)])} "
            f"({int(bad.sum())} outside)"
            for name, array, n in (("pre", self.pre, n_pre), ("post", self.post, n_post))
            if (bad := (array < 0) | (array >= n)).any()
        ]
