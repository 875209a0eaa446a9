# SPDX-License-Identifier: Apache-2.0
"""NIR files as the peers write them, and the spikes of the peers.

Written by ``python -m tests.reference.nir.write``.

Every net is exported in float32, as users do, by the exporter of its framework, and then recorded
in float64. What is done beside, because the released exporters or nir 1.0.8 ask for it:

- snnTorch 1.0.0 gets constants per neuron and ``ignore_dims=[0]``, and a step function that keeps
  float64;
- graphs of Norse 1.1.0 and sinabs 3.1.3 hold scalars, which ``nir.write`` only takes without
  compression;
- sinabs gets a spike function that keeps float64.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import sinabs.layers
import sinabs.nir
import snntorch
import torch
from sinabs.activation import MultiSpike
from snntorch import utils as snntorch_utils
from snntorch.export_nir import export_to_nir as snntorch_to_nir
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir as spikingjelly_to_nir

FOLDER = Path(__file__).parent
TICKS, BATCH, SEED = 60, 3, 11
Net = torch.nn.Module


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad


class _Several(MultiSpike):
    @staticmethod
    def forward(ctx: Any, v_mem: torch.Tensor, spike_threshold: Any, surrogate: Any) -> Any:
        return (v_mem > 0) * torch.div(v_mem, spike_threshold, rounding_mode="trunc")


def _strong(net: Net, factor: float) -> Net:
    with torch.no_grad():
        for name, values in net.named_parameters():
            if name.endswith("weight"):
                values.mul_(factor).add_(0.05 * factor)  # mostly excitatory
    return net


def _options(reset: str, **more: Any) -> dict[str, Any]:
    return {"init_hidden": True, "spike_grad": _Step.apply, "reset_mechanism": reset, **more}


def _snntorch_mlp(reset: str) -> Net:
    beta = torch.tensor([0.95, 0.9, 0.8, 0.6, 0.3])
    first = snntorch.Leaky(beta, threshold=torch.full((5,), 0.5), **_options(reset))
    last = snntorch.Leaky(
        torch.full((4,), 0.9), threshold=torch.ones(4), output=True, **_options(reset)
    )
    return _strong(
        torch.nn.Sequential(torch.nn.Linear(8, 5), first, torch.nn.Linear(5, 4, bias=False), last),
        2.0,
    )


def _snntorch_synaptic(reset: str) -> Net:
    first = snntorch.Synaptic(
        torch.tensor([0.9, 0.8, 0.5, 0.3, 0.1]),
        torch.tensor([0.5, 0.6, 0.7, 0.8, 0.9]),
        threshold=torch.ones(5),
        **_options(reset),
    )
    last = snntorch.Synaptic(
        torch.full((4,), 0.7), torch.full((4,), 0.8), threshold=torch.ones(4), output=True,
        **_options(reset),
    )  # fmt: skip
    return _strong(
        torch.nn.Sequential(torch.nn.Linear(8, 5), first, torch.nn.Linear(5, 4), last), 2.0
    )


def _snntorch_recurrent(reset: str) -> Net:
    first = snntorch.RLeaky(
        torch.full((5,), 0.8), threshold=torch.full((5,), 0.5), linear_features=5, **_options(reset)
    )
    last = snntorch.Leaky(
        torch.full((4,), 0.9), threshold=torch.full((4,), 0.5), output=True, **_options(reset)
    )
    return _strong(
        torch.nn.Sequential(torch.nn.Linear(8, 5), first, torch.nn.Linear(5, 4), last), 2.0
    )


def _snntorch_conv(reset: str) -> Net:
    first = snntorch.Leaky(
        torch.full((3, 6, 6), 0.8), threshold=torch.full((3, 6, 6), 0.5), **_options(reset)
    )
    last = snntorch.Leaky(
        torch.full((4,), 0.9), threshold=torch.full((4,), 0.5), output=True, **_options(reset)
    )
    return _strong(
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3, padding=1, bias=False), first, torch.nn.AvgPool2d(2),
            torch.nn.Flatten(), torch.nn.Linear(27, 4), last,
        ), 0.8,
    )  # fmt: skip


def _jelly_dense(_: str) -> Net:
    return _strong(
        torch.nn.Sequential(
            layer.Linear(8, 5), neuron.LIFNode(tau=3.0, decay_input=False, v_threshold=0.5),
            layer.Linear(5, 4), neuron.LIFNode(tau=2.0, v_reset=-0.2, v_threshold=0.5),
            layer.Linear(4, 4), neuron.IFNode(v_reset=0.1),
        ), 4.0,
    )  # fmt: skip


def _jelly_conv(_: str) -> Net:
    return _strong(
        torch.nn.Sequential(
            layer.Conv2d(1, 3, 3, padding=1, stride=2), neuron.LIFNode(tau=2.0, v_threshold=0.3),
            layer.AvgPool2d(3), layer.Flatten(), layer.Linear(3, 4),
            neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75),
        ), 3.0,
    )  # fmt: skip


def _norse_mlp(_: str) -> Net:
    return _strong(
        norse.SequentialState(
            torch.nn.Linear(8, 5), norse.LIFBoxCell(), torch.nn.Linear(5, 4), norse.LIFCell()
        ),
        12.0,
    )


def _sinabs_options() -> dict[str, Any]:
    return {"batch_size": BATCH, "spike_fn": _Several}


def _sinabs_normed(_: str) -> Net:
    lif = sinabs.layers.LIFSqueeze(tau_mem=10.0, **_sinabs_options())
    last = sinabs.layers.LIFSqueeze(tau_mem=4.0, **_sinabs_options())
    into, out = _strong(torch.nn.Linear(8, 5), 9.0), _strong(torch.nn.Linear(5, 4), 18.0)
    return torch.nn.Sequential(into, lif, out, last)


def _sinabs_bare(_: str) -> Net:
    lif = sinabs.layers.LIFSqueeze(tau_mem=10.0, norm_input=False, **_sinabs_options())
    last = sinabs.layers.IAFSqueeze(**_sinabs_options())
    return torch.nn.Sequential(torch.nn.Linear(8, 5), lif, torch.nn.Linear(5, 4), last)


def _run_snntorch(net: Net, x: torch.Tensor) -> torch.Tensor:
    snntorch_utils.reset(net)
    return torch.stack([net(tick)[0] for tick in x])


def _run_jelly(net: Net, x: torch.Tensor) -> torch.Tensor:
    functional.reset_net(net)
    return torch.stack([net(tick) for tick in x])


def _run_norse(net: Net, x: torch.Tensor) -> torch.Tensor:
    spikes, state = [], None
    for tick in x:
        out, state = net(tick, state)
        spikes.append(out)
    return torch.stack(spikes)


def _run_sinabs(net: Net, x: torch.Tensor) -> torch.Tensor:
    for module in net.modules():
        if hasattr(module, "reset_states"):
            module.reset_states()
    flat = x.transpose(0, 1).reshape(-1, *x.shape[2:])  # batch first, then time
    return net(flat).reshape(len(x[0]), len(x), -1).transpose(0, 1)


def _write_sinabs(net: Net, x: torch.Tensor) -> Any:
    flat = x.transpose(0, 1).reshape(-1, *x.shape[2:])
    net(flat)
    return sinabs.nir.to_nir(net, flat)


Run = Callable[[Net, torch.Tensor], torch.Tensor]
#: Of each peer: how its nets run over (T, B, ...), how they become a graph, and compression.
PEERS: dict[str, tuple[Run, Callable[[Net, torch.Tensor], Any], str | None]] = {
    "snntorch": (
        _run_snntorch, lambda net, x: snntorch_to_nir(net, x[0, :1], ignore_dims=[0]), None
    ),
    "spikingjelly": (_run_jelly, lambda net, x: spikingjelly_to_nir(net, x[0, :1]), "gzip"),
    "norse": (_run_norse, lambda net, x: norse.to_nir(net, x[0, :1]), None),
    "sinabs": (_run_sinabs, _write_sinabs, None),
}  # fmt: skip
#: Of each file: the peer, its net, and the resets that it is recorded with.
FILES: dict[str, tuple[str, Callable[[str], Net], tuple[str, ...]]] = {
    "snntorch_mlp": ("snntorch", _snntorch_mlp, ("subtract", "zero", "none")),
    "snntorch_synaptic": ("snntorch", _snntorch_synaptic, ("subtract", "zero")),
    "snntorch_recurrent": ("snntorch", _snntorch_recurrent, ("subtract", "zero")),
    "snntorch_conv": ("snntorch", _snntorch_conv, ("subtract", "zero")),
    "spikingjelly_dense": ("spikingjelly", _jelly_dense, ("",)),
    "spikingjelly_conv": ("spikingjelly", _jelly_conv, ("",)),
    "norse_mlp": ("norse", _norse_mlp, ("",)),
    "sinabs_normed": ("sinabs", _sinabs_normed, ("",)),
    "sinabs_bare": ("sinabs", _sinabs_bare, ("",)),
}


def main() -> None:
    """Write all files, their recordings and the manifest."""
    torch.set_num_threads(1)
    recorded: dict[str, np.ndarray] = {}
    manifest = {}
    for name, (peer, make, resets) in FILES.items():
        run, convert, compression = PEERS[peer]
        generator = torch.Generator().manual_seed(SEED)
        axes = (1, 6, 6) if name.endswith("conv") else (8,)
        x = (torch.rand(TICKS, BATCH, *axes, generator=generator) < 0.4).float()
        recorded[f"{name}.input"] = x.numpy().astype(np.uint8)
        for reset in resets:
            torch.manual_seed(SEED)
            net = make(reset)
            if reset == resets[0]:
                nir.write(FOLDER / f"{name}.nir", convert(net, x), compression=compression)
            with torch.no_grad():
                spikes = run(net.double(), x.double())
            recorded[f"{name}.{reset}"] = spikes.numpy().astype(np.uint8)
        manifest[f"{name}.nir"] = f"{peer} {version(peer)}, nir {version('nir')}"
    np.savez_compressed(FOLDER / "spikes.npz", **recorded)
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(FOLDER.iterdir())
        if path.suffix in (".nir", ".npz")
    }
    text = json.dumps({"writers": manifest, "seed": SEED, "sha256": hashes}, indent=2) + "\n"
    (FOLDER / "MANIFEST.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
