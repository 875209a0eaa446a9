# SPDX-License-Identifier: Apache-2.0
"""Two processes train as one does with the joint batch."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

SCRIPT = """
import os, sys
import numpy as np, torch
import torch.distributed as dist
from spikesim import nn
from spikesim.errors import ValidationError
from spikesim.nn import encode

rank, size, folder = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), sys.argv[1]
torch.set_num_threads(1)
if size > 1:
    dist.init_process_group("gloo")
rng = np.random.default_rng(3)
x, y = rng.random((45, 6)).astype(np.float32), np.arange(45) % 3

def net(seed):
    torch.manual_seed(seed)
    return nn.SpikingNet(nn.Linear(6, 12, scale=5.0), nn.LIFLayer(12, learn=("bias",)),
                         nn.Linear(12, 3, scale=5.0), nn.LIFLayer(3))

def rates(batch):
    return encode.rate(batch, 6)

# Processes begin with different weights: those of the first count. 45 = 5 batches of 11 and one
# of a single sample, of which the second process gets none.
model = net(rank)
history = nn.fit(model, x, y, encode=rates, epochs=3, batch_size=11, validation=(x, y), patience=2,
                 checkpoint=f"{folder}/{size}.pt")
own = [(rates(torch.from_numpy(x[k : k + 4])), torch.from_numpy(y[k : k + 4]))
       for k in range(4 * rank, 40, 4 * size)]
joint = [(rates(torch.from_numpy(x[k : k + 8])), torch.from_numpy(y[k : k + 8]))
         for k in range(0, 40, 8)]
loader = net(5)
nn.fit(loader, own if size > 1 else joint, epochs=2)
refused = ""
if size > 1:
    try:
        nn.fit(net(0), own[rank:], epochs=1)
    except ValidationError as error:
        refused = str(error)
np.savez(f"{folder}/{size}_{rank}.npz", refused=refused,
         loss=history.loss, accuracy=history.accuracy, silent=history.silent,
         validation=history.validation_accuracy,
         arrays=np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]),
         loader=np.concatenate([p.detach().numpy().ravel() for p in loader.parameters()]))
if size > 1:  # or its threads may still run when the process ends, which aborts it
    dist.barrier()
    dist.destroy_process_group()
"""
# A gradient is the mean of means: float32 rounds it in another order, and Adam divides by its size.
# Seen: 3e-7 of weights about 1; thirty times that is still a thousandth of one step.
BOUND = 1e-5


def start(folder, rank, size, port):
    own = {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
           "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)], env=os.environ | own,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_give_what_one_gives_with_the_joint_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [start(tmp_path, *at, port) for at in ((0, 1), (0, 2), (1, 2))]
    for process in running:
        _, errors = process.communicate(timeout=250)
        assert 0 == process.returncode, errors
    one, first, second = (dict(np.load(tmp_path / f"{name}.npz")) for name in ("1_0", "2_0", "2_1"))
    for kind in ("arrays", "loader"):
        assert np.array_equal(first[kind], second[kind])
        assert np.abs(one[kind] - first[kind]).max() < BOUND
    for kind in ("accuracy", "silent", "validation"):
        assert np.array_equal(first[kind], second[kind])
        assert np.allclose(one[kind], first[kind], atol=1 / 45 + 1e-9)  # a class on the edge
    assert np.allclose(one["loss"], first["loss"], rtol=1e-3)
    for known in (first, second):
        assert "expected as many batches in each of the 2 processes" in str(known["refused"])
        assert "[5, 4]" in str(known["refused"])
    assert (tmp_path / "2.pt").exists()
