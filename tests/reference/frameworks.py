# SPDX-License-Identifier: Apache-2.0
"""Modules of other frameworks run over time, each by its own habits, as spikes (T, B, ...)."""

import torch

STEPS = 48


def drive(*shape, seed=0, mean=0.4, spread=0.6):
    """Input (T, B, ...) in float64 that brings neurons with a threshold near 1 to fire."""
    noise = torch.randn(STEPS, *shape, dtype=torch.float64, generator=torch.manual_seed(seed))
    return spread * noise + mean


def snntorch_spikes(layer, x):
    """Spikes of a neuron of snnTorch, its state passed on by hand or hidden."""
    if layer.init_hidden:
        layer.reset_mem()
        out = [layer(tick) for tick in x.unbind(0)]
        return torch.stack([s[0] if layer.output else s for s in out]).to(x.dtype)
    out, state = [], ()
    for tick in x.unbind(0):
        spikes, *state = layer(tick, *state)
        out.append(spikes)
    return torch.stack(out).to(x.dtype)


def spikingjelly_spikes(net, x):
    """Spikes of a module of SpikingJelly, from rest, whatever its step mode."""
    from spikingjelly.activation_based import functional

    functional.reset_net(net)
    multi = any(getattr(module, "step_mode", "s") == "m" for module in net.modules())
    return net(x) if multi else torch.stack([net(tick) for tick in x.unbind(0)])


def norse_spikes(module, x):
    """Output of a cell of Norse, or of a SequentialState of such."""
    out, state = [], None
    for tick in x.unbind(0):
        spikes, state = module(tick, state)
        out.append(spikes)
    return torch.stack(out)


def sinabs_spikes(layer, x):
    """Spikes of a layer of sinabs, which has the batch first."""
    layer.reset_states()
    return layer(x.transpose(0, 1)).transpose(0, 1).to(x.dtype)


class KeepsType(torch.autograd.Function):
    """Spikes above the threshold in the type of the membrane, derivative ``1 / (1 + u**2)``."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return grad / (1 + u**2)


def gradients(run, x, *parameters):
    """Gradients of randomly weighted spikes by the input and by parameters, and the spikes."""
    a = x.clone().requires_grad_()
    spikes = run(a)
    weights = torch.rand(spikes.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    loss = (spikes * weights).sum()
    return spikes.detach(), torch.autograd.grad(loss, [a, *parameters])
