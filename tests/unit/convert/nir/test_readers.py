# SPDX-License-Identifier: Apache-2.0
"""Files of ours, read and run by the peers' own importers.

Thresholds are no sums of weights: at the threshold itself the frameworks differ.
"""

import nir
import norse.torch as norse
import pytest
import torch
from snntorch.import_nir import import_from_nir as snntorch_from_nir
from spikingjelly.activation_based.nir_exchange import import_from_nir as spikingjelly_from_nir

from spikesim import nn
from spikesim.convert import to_nir

TICKS = 40


def dense(n_pre, n_post):
    """Weights and bias of few bits: float32 sums of them are exact."""
    layer = torch.nn.Linear(n_pre, n_post)
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-2, 6, (n_post, n_pre)) / 16)
        layer.bias.copy_(torch.randint(-1, 3, (n_post,)) / 16)
    return layer


def as_a_jump():
    """A weight is a jump of the membrane, as snnTorch and SpikingJelly want it."""
    return nn.SpikingNet(
        dense(6, 5), nn.LIFLayer(5, beta=0.8, v_th=1.0173),
        dense(5, 4), nn.LIFLayer(4, beta=0.9, alpha=0.5, v_th=1.0173),
    )  # fmt: skip


def of_unit_resistance():
    """An input is scaled by the leak, as Norse wants it."""
    return nn.SpikingNet(
        dense(6, 5), nn.LIFLayer(5, beta=0.8, gain=0.2, v_th=0.1573), dense(5, 4),
        nn.LIFLayer(4, beta=0.9, gain=0.1, v_th=0.0313),
    )  # fmt: skip


def in_spikingjelly(graph):
    return spikingjelly_from_nir(graph, dt=1e-4, dtype=torch.float32)


def in_norse(graph):
    return norse.from_nir(graph, dt=1e-3)


@pytest.mark.parametrize(
    ("make", "dt", "read"),
    [
        (as_a_jump, 1e-4, in_spikingjelly),
        (as_a_jump, 1e-4, snntorch_from_nir),
        (of_unit_resistance, 1e-3, in_norse),
    ],
)
def test_a_peer_reads_what_we_write_and_fires_alike(make, dt, read, tmp_path):
    torch.manual_seed(1)
    net = make()
    to_nir(net, tmp_path / "net.nir", dt=dt)
    x = torch.randint(0, 8, (TICKS, 2, 6)) / 4
    peer, state, found = read(nir.read(tmp_path / "net.nir")), None, []
    with torch.no_grad():
        expected, _ = nn.run(net, x)
        for tick in x:
            out, state = peer(tick, state)
            found.append(out)
    assert 40 < expected.sum() < 300
    assert torch.equal(expected, torch.stack(found))
