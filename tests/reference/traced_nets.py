# SPDX-License-Identifier: Apache-2.0
"""Nets and modules whose forward methods are traced for export."""

import torch

from spikesim import nn


class Net(torch.nn.Module):
    """Parts by name, and a forward given as a function of the net and the input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.how = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.how(self, x)


class Memory(nn.Stateful):
    def init(self, x):
        return torch.zeros_like(x)

    def step(self, x, state):
        return state, x


class Doubled(torch.nn.Linear):
    def forward(self, x):
        return 2.0 * super().forward(x)


class OverTime(torch.nn.Module):
    over_time = True

    def forward(self, x):
        return x.cumsum(0)


def lif(n=3):
    return nn.LIFLayer(n, beta=0.5)


def hooked(layer):
    layer.register_forward_hook(lambda module, args, out: 2.0 * out)
    return layer
