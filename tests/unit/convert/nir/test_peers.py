# SPDX-License-Identifier: Apache-2.0
"""Files that each peer wrote give its spikes, or are refused with both readings."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.convert import from_nir

FOLDER = Path(__file__).parents[3] / "reference" / "nir"
RECORDED = np.load(FOLDER / "spikes.npz")

#: File, reset it was recorded with, and what has to be said about it.
READ = [
    ("snntorch_mlp", "subtract", {"reset": "subtract"}),
    ("snntorch_mlp", "zero", {"reset": "zero"}),
    ("snntorch_mlp", "none", {"reset": "none"}),
    ("snntorch_synaptic", "subtract", {"reset": "subtract"}),
    ("snntorch_synaptic", "zero", {"reset": "zero"}),
    ("snntorch_recurrent", "subtract", {"reset": "subtract"}),
    ("snntorch_recurrent", "zero", {"reset": "zero"}),
    ("snntorch_conv", "subtract", {"reset": "subtract"}),
    ("snntorch_conv", "zero", {"reset": "zero"}),
    ("spikingjelly_dense", "", {}),
    ("spikingjelly_conv", "", {}),
    ("norse_mlp", "", {"dt": 1e-3}),
    ("sinabs_normed", "", {"reset": "soft", "norm_input": True}),
    ("sinabs_bare", "", {"reset": "soft", "norm_input": False}),
]


@pytest.mark.parametrize(("name", "reset", "options"), READ)
def test_a_file_of_a_peer_fires_as_the_peer_did(name, reset, options):
    net = from_nir(FOLDER / f"{name}.nir", dtype=torch.float64, **options)
    x = torch.from_numpy(RECORDED[f"{name}.input"]).double()
    expected = RECORDED[f"{name}.{reset}"]
    with torch.no_grad():
        found, _ = nn.run(net, x)
    assert expected.sum() >= 20
    assert np.array_equal(expected, found.numpy())
