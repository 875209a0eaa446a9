# SPDX-License-Identifier: Apache-2.0
"""Batch normalization over time, and dropout of the same neurons in all ticks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.time.stateful import RUNNING, Stateful


class BatchNorm(torch.nn.modules.batchnorm._BatchNorm):
    """Batch normalization whose statistics are over time, batch and space, one for each channel.

    In training the mean and the variance are those of all T * B samples of a channel; running
    ones follow them as in ``torch.nn.BatchNorm2d``. A single tick (`nn.step`, or the forward
    method of a module of yours, which is called tick by tick) has statistics of its own, so
    training with single ticks is another training. Ticks that the mask of a batch (`nn.run`, `fit`)
    calls padding are in no statistics, and 0 comes out of them in training; where fewer than two
    values are left, as in the last ticks of the longest sample, tick by tick, the running
    statistics serve. Within a `Recurrent` no mask is known. In evaluation every entry is
    ``(x - mean) / sqrt(var + eps) * weight + bias`` with the running ones: sequences and ticks
    give the same bits.

    Parameters
    ----------
    channels : int
        Size of the axis behind that of the batch; input is (T, B, channels, ...).
    eps : float
        Added to the variance.
    momentum : float
        Share of a new batch in the running statistics.
    affine : bool
        Learn ``weight`` and ``bias`` per channel.

    References
    ----------
    Zheng, Wu, Deng, Hu, Li: Going deeper with directly-trained larger spiking neural networks.
    AAAI 2021, section 3.1; without their factor ``alpha v_th``, with which ``weight`` can begin.

    Examples
    --------
    >>> norm = BatchNorm(1, affine=False)
    >>> [round(v, 3) for v in norm(torch.tensor([1.0, 3.0]).reshape(2, 1, 1)).flatten().tolist()]
    [-1.0, 1.0]
    """

    over_time = True

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__(channels, eps, momentum, affine)

    def forward(self, x: Tensor) -> Tensor:
        """Output for input (T, B, channels, ...); within a tick, (B, channels, ...)."""
        running = RUNNING.now
        axis = 2 if running is None or running.whole else 1
        if x.shape[axis : axis + 1] != (self.num_features,):
            axes = ", ".join((*("T", "B")[2 - axis :], str(self.num_features), "..."))
            raise ValidationError(
                f"BatchNorm: expected input of shape ({axes}), got {tuple(x.shape)}"
            )
        if not self.training:
            return self._affine(x, axis)
        flat = x.flatten(0, axis - 1)
        if running is None or running.mask is None:
            out: Tensor = super().forward(flat)
            return out.reshape(x.shape)
        real = running.mask.flatten()
        kept = flat[real]
        if kept.numel() < 2 * self.num_features:
            left = running.mask.reshape(*x.shape[:axis], *[1] * (x.ndim - axis))
            return self._affine(x, axis) * left
        found: Tensor = super().forward(kept)
        return found.new_zeros(flat.shape).index_put((real,), found).reshape(x.shape)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Keep eps beside the tensors, where modules of torch, which do not ask, may load them."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination._metadata[prefix[:-1]]["eps"] = self.eps

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Any, strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        given = local_metadata.get("eps", self.eps)
        if given != self.eps:
            error_msgs.append(
                f"{prefix[:-1] or 'BatchNorm'}: expected a state_dict saved with eps={self.eps}, "
                f"got eps={given}; build the BatchNorm as it was"
            )
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def _affine(self, x: Tensor, axis: int) -> Tensor:
        """Entry by entry: the kernels of torch round by the size of what they are given."""
        shape = (self.num_features, *[1] * (x.ndim - axis - 1))
        factor = 1.0 / (self.running_var + self.eps).sqrt()
        if self.affine:
            factor = factor * self.weight
        out = (x - self.running_mean.reshape(shape)) * factor.reshape(shape)
        return out + self.bias.reshape(shape) if self.affine else out

    def _check_input_dim(self, input: Any) -> None:
        """Nothing is left to check."""


class Dropout(Stateful):
    """Dropout that leaves out the same entries in every tick of a sequence.

    The mask is drawn at the first tick of a run in training and is its state: parts of a sequence
    that pass the state on, and the loop of `nn.step`, share it. ``torch.nn.Dropout`` draws anew
    in every tick, which a neuron that sums over ticks hardly notices.

    Parameters
    ----------
    p : float
        Share of entries that are left out; the others are divided by ``1 - p``.

    Raises
    ------
    ValidationError
        If p is not between 0 and 1, or for a state of another shape or type.

    References
    ----------
    Lee, Sarwar, Panda, Srinivasan, Roy: Enabling spike-based backpropagation for training deep
    neural network architectures. Frontiers in Neuroscience 14, 2020, section 2.3.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> out = Dropout(0.5)(torch.ones(3, 1, 6))
    >>> bool((out == out[0]).all()), sorted(set(out.flatten().tolist()))
    (True, [0.0, 2.0])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValidationError(f"Dropout: expected p from 0 to below 1, got {p}")
        self.p = p

    def init(self, x: Tensor) -> Any:
        """Give the mask for input (B, ...) in training, else nothing."""
        return (torch.rand_like(x) >= self.p).to(x.dtype) / (1.0 - self.p) if self.training else ()

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One tick: what is left of input (B, ...), and the mask."""
        out, state = self.seq(x[None], state)
        return out[0], state

    def seq(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """All ticks: what is left of input (T, B, ...), and the mask."""
        if not self.training:
            return x, () if state is None else state
        mask = state if isinstance(state, Tensor) else self.init(x.new_empty(x.shape[1:]))
        if (mask.shape, mask.dtype, mask.device) != (x.shape[1:], x.dtype, x.device):
            raise ValidationError(
                f"Dropout: expected a state of shape {tuple(x.shape[1:])}, {x.dtype} on "
                f"{x.device}, got {tuple(mask.shape)}, {mask.dtype} on {mask.device}; begin anew "
                "without a state (nn.reset)"
            )
        return x * mask, mask

    def extra_repr(self) -> str:
        """Give the share."""
        return f"p={self.p}"
