# SPDX-License-Identifier: Apache-2.0
"""Projections whose synapses learn their delays."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.arithmetic import exact
from spikesim.nn.layers.delay import check_past
from spikesim.nn.layers.taps import DelayGranularity, InterpolatedTaps, PrunedTaps, Taps
from spikesim.nn.ops.event_linear import event_linear
from spikesim.nn.time.stateful import Stateful

Method = Literal["gauss", "triangle", "prune"]


class Delayed(Stateful):
    """A projection whose synapses wait: ``y[t] = sum over k of W[k] x[t - k]``.

    The base of `DelayedLinear` and `DelayedConv`. The state is the input of the last
    ``max_delay`` ticks, oldest first; a tick, a sequence and its parts give the same bits.

    Attributes
    ----------
    synapses : Taps
        The weights, and how they become delays.
    """

    def __init__(self, synapses: Taps) -> None:
        super().__init__()
        self.synapses = synapses

    @property
    def max_delay(self) -> int:
        """Largest delay, in ticks."""
        return self.synapses.max_delay

    def delays(self) -> Tensor:
        """Delay of every weight, in ticks, shape (n_post, n_pre, ...); whole when hardened."""
        return self.synapses.delays().detach().expand(self.synapses().shape[1:]).clone()

    def harden(self) -> None:
        """Give every weight a whole delay, for good; the weights can be trained on."""
        self.synapses.harden()

    def init(self, x: Tensor) -> Tensor:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        self._expect(x, 1)
        return x.new_zeros(self.max_delay, *x.shape)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One tick: output for input (B, ...), and the new state."""
        self._expect(x, 1)
        out, after = self.seq(x[None], state)
        return out[0], after

    def seq(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All ticks: output (T, B, ...) for input (T, B, ...), and the state after the last."""
        self._expect(x, 2)
        n, longest = len(x), self.max_delay
        past = x.new_zeros(longest, *x.shape[1:]) if state is None else state
        check_past(type(self).__name__, past, x.new_empty(longest, *x.shape[1:]))
        whole = torch.cat([past, x])
        shared = self.synapses.shared()
        if shared is None:
            weights = self.synapses().to(x.dtype)
            out = self._sum(lambda k, x: self._product(x, weights[k]), whole)
        else:
            weight, kernel, by_source = (*(part.to(x.dtype) for part in shared[:2]), shared[2])
            each = whole if by_source else self._product(whole, weight)
            of = self._by_channel(kernel, by_source)
            out = self._sum(lambda k, x: exact.spread(of[k], x.shape) * x, each)
            out = self._product(out, weight) if by_source else out
        return out, whole[n:].clone()  # a view would keep all of the sequence

    def _sum(self, term: Callable[[int, Tensor], Tensor], whole: Tensor) -> Tensor:
        """Sum of the terms of each delay k, for what came in k ticks before."""
        longest, n = self.max_delay, len(whole) - self.max_delay
        terms = (term(k, whole[longest - k : longest - k + n]) for k in self._ticks())
        return functools.reduce(torch.add, terms)

    def _by_channel(self, kernel: Tensor, by_source: bool) -> Tensor:
        """Kernel (delay, n_post or 1, n_pre or 1, ...) as (delay, channels, ...) of one side."""
        return kernel.select(1 if by_source else 2, 0)

    def at_each_delay(self) -> Iterator[tuple[int, torch.nn.Module]]:
        """Delays that are there, and the projection without delay of all that have it.

        Raises
        ------
        ValidationError
            If delays are no whole numbers yet.
        """
        if not self.synapses.hard:
            raise ValidationError(
                f"expected whole delays, got a {type(self).__name__} that learns them; call "
                "nn.harden_delays(net), train its weights on, and export then"
            )
        weights = self.synapses()
        for k in self._ticks():
            yield k, self._without_delay(weights[k])

    @abstractmethod
    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        """Output (T, B, ...) of weights without delay; no row depends on another."""

    @abstractmethod
    def _without_delay(self, weight: Tensor) -> torch.nn.Module:
        """Give a module of torch with these weights."""

    @abstractmethod
    def _expect(self, x: Tensor, leading: int) -> None:
        """Refuse input of another shape."""

    def _ticks(self) -> list[int]:
        """Delays to be summed over; those of no weight are left out where they are known."""
        if not self.synapses.hard:
            return list(range(self.max_delay + 1))
        return [int(k) for k in self.synapses.delays().unique()] or [0]


class DelayedLinear(Delayed):
    """Dense projection whose synapses learn their delays; input (T, B, n_pre).

    Parameters
    ----------
    n_pre, n_post : int
        Sizes.
    max_delay : int, ticks
        Delays are 0 to this.
    method : {"gauss", "triangle", "prune"}
        A weight spread about a learned delay (``nn.taps.InterpolatedTaps``), or one for every
        delay, pruned to one (``nn.taps.PrunedTaps``).
    granularity : {"synapse", "axon", "dendrite"}
        What has a delay of its own: each pair, each source, or each target. Pruning is by pair.
    scale : float
        Factor on the initial weights.

    Raises
    ------
    ValidationError
        For sizes or delays that are no whole numbers, an unknown name, pruning by another
        granularity, or input or a state of another shape or type.

    Examples
    --------
    >>> layer = DelayedLinear(1, 1, max_delay=4)
    >>> with torch.no_grad():
    ...     _ = layer.synapses.weight.fill_(0.5), layer.synapses.raw_delay.fill_(0.0)
    >>> layer.harden()
    >>> layer(torch.tensor([1.0, 0.0, 0.0, 0.0]).reshape(4, 1, 1)).flatten().tolist()
    [0.0, 0.0, 0.5, 0.0]
    """

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        max_delay: int,
        *,
        method: Method = "gauss",
        granularity: DelayGranularity = "synapse",
        scale: float = 1.0,
    ) -> None:
        _check("DelayedLinear", (n_pre, n_post), max_delay)
        self.in_features, self.out_features = n_pre, n_post
        super().__init__(
            _taps("DelayedLinear", (n_post, n_pre), max_delay, method, granularity, scale)
        )

    def extra_repr(self) -> str:
        """Sizes and range."""
        return f"{self.in_features}, {self.out_features}, max_delay={self.max_delay}"

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        return event_linear(x, weight)

    def _without_delay(self, weight: Tensor) -> torch.nn.Module:
        return _with(weight, torch.nn.Linear(self.in_features, self.out_features, bias=False))

    def _expect(self, x: Tensor, leading: int) -> None:
        if x.shape[leading:] != (self.in_features,) or not x.is_floating_point():
            raise _other_input("DelayedLinear", x, leading, str(self.in_features))


class DelayedConv(Delayed):
    """Convolution over one or two axes of space whose synapses learn their delays.

    Input is (T, B, in_channels, width) or (T, B, in_channels, height, width): time is an axis of
    its own, over which each weight has one delay.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    kernel_size : tuple of int
        (width,) or (height, width) of the kernel in space; (1,) and (1, 1) are allowed.
    max_delay : int, ticks
        Delays are 0 to this.
    stride, padding, dilation : int
        As of ``torch.nn.Conv2d``, the same for all axes of space.
    groups : int
        As of ``torch.nn.Conv2d``.
    method : {"gauss", "triangle", "prune"}
        As of `DelayedLinear`.
    granularity : {"synapse", "axon", "dendrite"}
        What has a delay of its own: each weight of the kernel, each input channel (within its
        group), or each output channel.
    scale : float
        Factor on the initial weights.

    Raises
    ------
    ValidationError
        As `DelayedLinear`, and if the groups do not divide the channels.

    Examples
    --------
    >>> layer = DelayedConv(2, 3, (5, 5), max_delay=6, padding=2, granularity="dendrite")
    >>> layer(torch.rand(4, 1, 2, 8, 8)).shape
    torch.Size([4, 1, 3, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sequence[int],
        max_delay: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        method: Method = "gauss",
        granularity: DelayGranularity = "synapse",
        scale: float = 1.0,
    ) -> None:
        if not isinstance(kernel_size, Sequence) or len(kernel_size) not in (1, 2):
            raise ValidationError(
                "DelayedConv: expected kernel_size as (width,) or (height, width) in space, got "
                f"{kernel_size!r}; the delays are max_delay"
            )
        _check("DelayedConv", (in_channels, out_channels, *kernel_size, groups), max_delay)
        if in_channels % groups or out_channels % groups:
            raise ValidationError(
                f"DelayedConv: expected channels that {groups} groups divide, got {in_channels} "
                f"and {out_channels}"
            )
        self.in_channels, self.kernel_size = in_channels, tuple(kernel_size)
        self.options = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
        }  # fmt: skip
        shape = (out_channels, in_channels // groups, *kernel_size)
        super().__init__(_taps("DelayedConv", shape, max_delay, method, granularity, scale))

    def extra_repr(self) -> str:
        """Sizes and range."""
        return f"{self.in_channels}, kernel_size={self.kernel_size}, max_delay={self.max_delay}"

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        flat = x.reshape(-1, *x.shape[2:])
        axes = len(self.kernel_size)
        stride, padding, dilation = (
            (self.options[name],) * axes for name in ("stride", "padding", "dilation")
        )
        out = exact.conv(flat, weight, stride, padding, dilation, self.options["groups"])
        return out.reshape(*x.shape[:2], *out.shape[1:])

    def _by_channel(self, kernel: Tensor, by_source: bool) -> Tensor:
        of = super()._by_channel(kernel, by_source)
        groups = self.options["groups"] if by_source else 1
        return of.repeat(1, groups, *[1] * len(self.kernel_size))

    def _without_delay(self, weight: Tensor) -> torch.nn.Module:
        kind: Any = (torch.nn.Conv1d, torch.nn.Conv2d)[len(self.kernel_size) - 1]
        return _with(
            weight,
            kind(self.in_channels, len(weight), self.kernel_size, bias=False, **self.options),
        )

    def _expect(self, x: Tensor, leading: int) -> None:
        right = x.shape[leading : leading + 1] == (self.in_channels,)
        if not right or x.ndim != leading + 1 + len(self.kernel_size) or not x.is_floating_point():
            space = ("width",) if len(self.kernel_size) == 1 else ("height", "width")
            raise _other_input("DelayedConv", x, leading, str(self.in_channels), *space)


def _with(weight: Tensor, layer: torch.nn.Module) -> torch.nn.Module:
    """Give a layer whose weight is part of another tensor, to which it hands on its gradient."""
    del layer.weight
    layer.weight = weight
    return layer


def _taps(
    who: str, shape: tuple[int, ...], max_delay: int, method: Any, granularity: Any, scale: float
) -> Taps:
    fan_in = max(1, math.prod(shape[1:]))
    if method not in ("gauss", "triangle", "prune"):
        raise ValidationError(
            f"{who}: expected method 'gauss', 'triangle' or 'prune', got {method!r}"
        )
    if granularity not in ("synapse", "axon", "dendrite"):
        raise ValidationError(
            f"{who}: expected granularity 'synapse', 'axon' or 'dendrite', got {granularity!r}"
        )
    if method == "prune":
        if granularity != "synapse":
            raise ValidationError(
                f"{who}: expected granularity 'synapse' with method 'prune', got {granularity!r}; "
                "take 'gauss' or 'triangle'"
            )
        return PrunedTaps(shape, max_delay, scale * math.sqrt(6.0 / (fan_in * (max_delay + 1))))
    weight = torch.rand(shape).mul_(2.0).sub_(1.0).mul_(scale / math.sqrt(fan_in))
    return InterpolatedTaps(weight, max_delay, method, granularity)


def _check(who: str, sizes: Sequence[Any], max_delay: Any) -> None:
    problems = []
    if not all(isinstance(n, int) and n >= 1 for n in sizes):
        problems.append(f"{who}: expected sizes as whole numbers above 0, got {tuple(sizes)}")
    if isinstance(max_delay, bool) or not isinstance(max_delay, int) or max_delay < 0:
        problems.append(f"{who}: expected max_delay in whole ticks, 0 or more, got {max_delay!r}")
    if problems:
        raise ValidationError(problems)


def _other_input(who: str, x: Tensor, leading: int, *axes: str) -> ValidationError:
    wanted = ", ".join((*("T", "B")[2 - leading :], *axes))
    return ValidationError(
        f"{who}: expected float input of shape ({wanted}), got {x.dtype} of shape "
        f"{tuple(x.shape)}; sequences are for nn.run, single ticks (B, ...) for nn.step"
    )
