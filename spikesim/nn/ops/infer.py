# SPDX-License-Identifier: Apache-2.0
"""A row of projections and LIF populations over a whole sequence, as one operator of torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels import train


def infer_seq(
    x: Tensor, sizes: Sequence[int], stripes: Tensor, units: Tensor, bits: int, constants: Tensor,
    flags: Tensor, v: Tensor, i: Tensor, refr: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Spikes (T, B, n) of the last population for input (T, B, n_0), and the states after it.

    Arguments are those of ``kernels.train.infer.infer_seq``, the states (B * neurons,) before the
    first tick; without a gradient. The operator of this name, ``torch.ops.spikesim.infer_seq``,
    is for graphs: its call takes a quarter of what a small net does.
    """
    steps, batch = x.shape[:2]
    lanes = train.infer.LANES
    rows, most = steps * batch, -(-max(sizes) // lanes) * lanes
    out = x.new_empty(steps, batch, sizes[-1])
    state = v.clone(), i.clone(), refr.clone()
    values = x.contiguous().numpy().reshape(-1)
    train.infer.infer_seq(
        values, steps, batch, np.array(sizes), stripes.numpy(), units.numpy(), bits,
        constants.numpy(), flags.numpy(), state[0].numpy(), state[1].numpy(), state[2].numpy(),
        np.empty(rows * most, np.int32), np.empty(rows + 1, np.int64),
        np.empty(rows * most, values.dtype), np.empty(3 * lanes, values.dtype),
        np.empty(lanes, np.int32), np.empty(lanes, np.int64), np.empty(lanes),
        out.numpy().reshape(-1),
    )  # fmt: skip
    return out, *state


_operator = torch.library.custom_op(
    "spikesim::infer_seq", infer_seq, mutates_args=(), device_types="cpu"
)


@_operator.register_fake
def _(
    x: Tensor, sizes: Sequence[int], stripes: Tensor, units: Tensor, bits: int, constants: Tensor,
    flags: Tensor, v: Tensor, i: Tensor, refr: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    out = x.new_empty(x.shape[0], x.shape[1], sizes[-1])
    return out, torch.empty_like(v), torch.empty_like(i), torch.empty_like(refr)
