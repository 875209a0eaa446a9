# SPDX-License-Identifier: Apache-2.0
"""See what modules of a net give while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def watched(
    net: torch.nn.Module, paths: Iterable[str], see: Callable[[str, Tensor, Tensor], None]
) -> Iterator[None]:
    """Call ``see(path, input, output)`` for every call of these modules within the block.

    Examples
    --------
    >>> net, seen = torch.nn.Sequential(torch.nn.ReLU()), []
    >>> with watched(net, ["0"], lambda path, given, out: seen.append((path, out.tolist()))):
    ...     _ = net(torch.tensor([-1.0, 2.0]))
    >>> seen
    [('0', [0.0, 2.0])]
    """
    hooks = []
    try:
        for path in paths:
            hooks.append(net.get_submodule(path).register_forward_hook(_hook(path, see)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _hook(path: str, see: Callable[[str, Tensor, Tensor], None]) -> Callable[..., None]:
    def hook(_module: torch.nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        see(path, given[0].detach(), out.detach())

    return hook
