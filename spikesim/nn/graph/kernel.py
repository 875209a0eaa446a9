# SPDX-License-Identifier: Apache-2.0
"""Convolutions of spikes that stay convolutions: no matrix is made of the kernel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from spikesim.errors import ValidationError
from spikesim.network import Convolution
from spikesim.nn.arithmetic import exact

Sizes = tuple[int, ...]
_LARGEST = 2**28
"""Entries of a matrix: 2 GB."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution in one or two dimensions, with the numbers of torch.

    Attributes
    ----------
    weights : float64 tensor, shape (out_channels, in_channels / groups, *window)
    size : tuple of int
        Of the input: height and width, or length.
    stride, padding, dilation : tuple of int
        For each axis of ``size``.
    groups : int

    Examples
    --------
    >>> pool = Kernel.average(1, (1, 2), (1, 4))
    >>> pool.in_shape, pool.out_shape, pool.matrix()[:, 1].tolist()
    ((1, 1, 4), (1, 1, 2), [0.0, 0.0, 0.5, 0.5])
    """

    weights: Tensor
    size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int = 1

    @classmethod
    def identity(cls, shape: Sizes) -> Kernel:
        """Give what leaves channels of this shape as they are."""
        channels, *size = shape
        ones = (1,) * len(size)
        weights = torch.ones(channels, 1, *ones, dtype=torch.float64)
        return cls(weights, tuple(size), ones, (0,) * len(size), ones, channels)

    @classmethod
    def average(
        cls, channels: int, window: Sizes, size: Sizes, stride: Sizes = (), padding: Sizes = ()
    ) -> Kernel:
        """Average pooling; the stride is the window by default, and padding counts as zeros."""
        weights = torch.full((channels, 1, *window), 1.0 / math.prod(window), dtype=torch.float64)
        none = (0,) * len(size)
        return cls(
            weights, size, stride or window, padding or none, (1,) * len(size), channels
        )  # fmt: skip

    @cached_property
    def rule(self) -> Convolution:
        """Synapses of a network, with the weights rounded to float32.

        Raises
        ------
        ValidationError
            If nothing of it fits the input, or a weight is not finite.
        """
        return Convolution(
            self.weights.numpy(force=True), self.size, self.stride, self.padding, self.dilation,
            self.groups,
        )  # fmt: skip

    @property
    def in_shape(self) -> Sizes:
        """Channels and axes of the input."""
        return self.rule.in_shape

    @property
    def out_shape(self) -> Sizes:
        """Channels and axes of the output."""
        return self.rule.out_shape

    def matrix(self) -> Tensor:
        """Give it as a float64 matrix (n_in, n_out)."""
        n_in = math.prod(self.in_shape)
        each = unit_matrix(n_in, math.prod(self.out_shape)).reshape(n_in, *self.in_shape)
        convolve = functional.conv1d if len(self.size) == 1 else functional.conv2d
        out: Tensor = convolve(
            each, self.weights, None, self.stride, self.padding, self.dilation, self.groups
        )
        return out.reshape(n_in, -1)

    def of(self, values: Tensor) -> Tensor:
        """Convolution of one input, float64 (n_in,), term after term; flat like the input."""
        wide, inner = self._padded(())
        wide[inner] = values.reshape(self.in_shape)
        channels, each, *window = self.weights.shape
        out = torch.zeros(self.out_shape, dtype=torch.float64)
        for c, (tap, seen) in itertools.product(range(each), self._seen().items()):
            term = wide[c::each].repeat_interleave(channels // self.groups, 0)[seen]
            weight = self.weights[(slice(None), c, *tap)]
            out = out + weight.reshape(-1, *[1] * len(window)) * term
        return out.reshape(-1)

    def then(self, matrix: Tensor) -> Tensor:
        """Give its matrix times another one, float64 (n_out, m)."""
        if not self._is_depthwise():
            return exact.product(self.matrix(), matrix)
        wide, inner = self._padded((matrix.shape[1],))
        given = matrix.reshape(*self.out_shape, -1)
        for tap, seen in self._seen().items():
            weight = self.weights[(slice(None), 0, *tap)]
            wide[seen] += weight.reshape(-1, *[1] * (given.ndim - 1)) * given
        return wide[inner].reshape(-1, matrix.shape[1])

    def _padded(self, more: Sizes) -> tuple[Tensor, tuple[slice, ...]]:
        """Zeros for a padded input, and where the input lies in them."""
        sizes = [n + 2 * p for n, p in zip(self.size, self.padding, strict=True)]
        inner = (slice(p, p + n) for n, p in zip(self.size, self.padding, strict=True))
        wide = torch.zeros(self.in_shape[0], *sizes, *more, dtype=torch.float64)
        return wide, (slice(None), *inner)

    def _seen(self) -> dict[Sizes, tuple[slice, ...]]:
        """By tap, what all outputs see of the padded input through it."""
        found = {}
        for tap in itertools.product(*map(range, self.weights.shape[2:])):
            parts = zip(tap, self.dilation, self.stride, self.out_shape[1:], strict=True)
            steps = (slice(k * d, k * d + s * (n - 1) + 1, s) for k, d, s, n in parts)
            found[tap] = (slice(None), *steps)
        return found

    def scaled(self, factor: Tensor) -> Kernel:
        """Give it with every output channel times a factor, float64 (out_channels,)."""
        return replace(self, weights=self.weights * factor.reshape(-1, *[1] * (len(self.size) + 1)))

    def selected(self, channels: Sequence[int]) -> Kernel:
        """Give it with these output channels only, in this order."""
        return replace(self._ungrouped(), weights=self._ungrouped().weights[list(channels)])

    def placed(self, first: int, channels: int) -> Kernel:
        """Give it as the output channels from ``first`` on among so many, the others 0."""
        plain = self._ungrouped()
        wide = torch.zeros(channels, *plain.weights.shape[1:], dtype=torch.float64)
        wide[first : first + len(plain.weights)] = plain.weights
        return replace(plain, weights=wide)

    def plus(self, other: Kernel) -> Kernel | None:
        """Give the sum as one kernel, or None where there is none."""
        ends = self.in_shape, self.out_shape, self.stride
        if ends != (other.in_shape, other.out_shape, other.stride):
            return None
        groups = math.gcd(self.groups, other.groups)
        taps = self._ungrouped(groups)._taps()
        for place, weights in other._ungrouped(groups)._taps().items():
            taps[place] = taps[place] + weights if place in taps else weights
        both = Kernel._of_taps(taps, self.size, self.stride, groups)
        try:
            return both if both.out_shape == self.out_shape else None
        except ValidationError:  # the common window is beyond the padded input
            return None

    def after(self, before: Kernel) -> Kernel | None:
        """Give this behind another as one kernel, or None where there is none.

        Where this one is padded, the other must not reach over that border: the padding counts
        as 0 here, and not as what the other would make of the input.
        """
        axes = zip(
            before.size, before.weights.shape[2:], before.stride, before.padding, before.dilation,
            before.out_shape[1:], self.padding, strict=True,
        )  # fmt: skip
        for size, taps, stride, padding, dilation, seen, beyond in axes:
            apart = dilation * (taps - 1) - padding < stride and stride * seen - padding >= size
            if beyond and not apart:
                return None
        one, other, groups = self, before, self.groups
        if self._is_depthwise():
            groups = before.groups
        elif not before._is_depthwise():
            one, other, groups = self._ungrouped(), before._ungrouped(), 1
        found: dict[Sizes, Tensor] = {}
        for (a, weights), (b, first) in itertools.product(
            one._taps().items(), other._taps().items()
        ):
            place = tuple(s * x + y for s, x, y in zip(before.stride, a, b, strict=True))
            if self._is_depthwise():
                term = weights * first
            elif before._is_depthwise():
                share = len(weights) // groups
                term = weights * first.reshape(groups, -1).repeat_interleave(share, 0)
            else:
                term = exact.product(weights, first)
            found[place] = found[place] + term if place in found else term
        stride = tuple(x * y for x, y in zip(self.stride, before.stride, strict=True))
        return Kernel._of_taps(found, before.size, stride, groups)

    @classmethod
    def _of_taps(
        cls, taps: Mapping[Sizes, Tensor], size: Sizes, stride: Sizes, groups: int
    ) -> Kernel:
        """Give the kernel of what `_taps` gives."""
        axes = [sorted(set(axis)) for axis in zip(*taps, strict=True)]
        steps = tuple(math.gcd(*(k - axis[0] for k in axis)) or 1 for axis in axes)
        window = [(axis[-1] - axis[0]) // step + 1 for axis, step in zip(axes, steps, strict=True)]
        shape = next(iter(taps.values())).shape
        wide = torch.zeros(*shape, *window, dtype=torch.float64)
        for place, weights in taps.items():
            at = ((k - a[0]) // step for k, a, step in zip(place, axes, steps, strict=True))
            wide[(slice(None), slice(None), *at)] = weights
        return cls(wide, size, stride, tuple(-axis[0] for axis in axes), steps, groups)

    def _taps(self) -> dict[Sizes, Tensor]:
        """Weights (out_channels, in_channels / groups) by where they lie, seen from the stride."""
        found = {}
        for tap in itertools.product(*map(range, self.weights.shape[2:])):
            parts = zip(tap, self.padding, self.dilation, strict=True)
            found[tuple(d * k - p for k, p, d in parts)] = self.weights[:, :, *tap]
        return found

    def _ungrouped(self, groups: int = 1) -> Kernel:
        """Give it with fewer groups, which divide those it has; what did not meet weighs 0."""
        if groups == self.groups:
            return self
        n_out, each, *window = self.weights.shape
        weights = torch.zeros(n_out, each * self.groups // groups, *window, dtype=torch.float64)
        out = torch.arange(n_out)
        within = out // (n_out // self.groups) % (self.groups // groups) * each
        weights[out[:, None], within[:, None] + torch.arange(each)] = self.weights
        return replace(self, weights=weights, groups=groups)

    def _is_depthwise(self) -> bool:
        return self.groups == self.in_shape[0] == self.out_shape[0]


def unit_matrix(n_in: int, n_out: int) -> Tensor:
    """Float64 unit matrix (n_in, n_in) to make a matrix (n_in, n_out) of.

    Raises
    ------
    ValidationError
        If that would be beyond all memory.
    """
    if n_in * max(n_in, n_out) > _LARGEST:
        raise ValidationError(
            f"expected a matrix of at most {_LARGEST} entries, got {n_in} x {max(n_in, n_out)}; "
            "make the layer smaller"
        )
    return torch.eye(n_in, dtype=torch.float64)
