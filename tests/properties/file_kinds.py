# SPDX-License-Identifier: Apache-2.0
"""Every kind of file that is read: how a small one is made, and what reading it gives."""

import gzip
from unittest import mock

import numpy as np

from spikesim.cli.compile import core_config
from spikesim.cli.pipeline.training import HeldOut
from spikesim.cli.presentation import Presentation
from spikesim.cli.samples import load_samples
from spikesim.core import SpikeTrains, read_archive, write_archive
from spikesim.data import mnist
from spikesim.data.images import read_idx
from spikesim.hw import Program
from spikesim.learning import PairSTDP
from spikesim.models.diehl_cook import DigitNetwork, Training
from spikesim.network import Convolution, FixedProbability, Network, PairList
from spikesim.neurons import LIF, LIFDelta
from spikesim.recording import Recording, parse_record
from spikesim.sim import Poisson, Simulator
from spikesim.sim.record import sink_hdf5
from spikesim.sim.record.recorder import Recorder, recordable
from spikesim.sim.record.sink_hdf5 import HDF5Sink
from spikesim.sim.run.health import InvalidStateError
from tests.equivalence.random_programs import random_program


def net():
    made = Network(dt=1e-3, seed=1, name="small")
    made.add_input("in", 6)
    made.add_population("a", 8, LIF(beta=0.9))
    made.add_population("b", 4, LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0))
    made.connect("in", "a", PairList([0, 1, 5], [1, 2, 7]), weight=0.5)
    made.connect("a", "b", FixedProbability(0.5), weight=0.4, delay=2e-3)
    made.connect("a", "a", PairList([0, 3], [1, 2]), weight=0.1, plasticity=PairSTDP(w_max=1.0))
    return made


def image_net():
    made = Network(dt=1e-3, name="image")
    made.add_input("in", (1, 3, 4))
    made.add_population("a", (2, 2, 2), LIF(beta=0.9))
    made.connect("in", "a", Convolution(np.linspace(-1, 1, 8).reshape(2, 1, 2, 2), stride=(1, 2)))
    made.connect("a", "a", Convolution.average(2, 1), delay_ticks=2)
    return made


SIMULATOR = Simulator(net())
DIGITS = DigitNetwork(n=4, n_in=9)
IMAGES, LABELS = np.linspace(0, 1, 5 * 9).reshape(5, 9), np.arange(5) % 2


def make_recording(path):
    trains = SpikeTrains([0, 2, 2], [0, 0, 1], n=2, steps=9)
    Recording(
        {"a": trains}, {"a.v": np.ones((3, 2), np.float32)}, 9, 1e-3, "numba", {"seed": 1},
        trace_ticks={"a.v": [0, 3, 6]}, trace_index={"a.v": [0, 1]},
    ).save(path)  # fmt: skip


def read_recording(path):
    made = Recording.load(path)
    return _plain(made), {k: v.tolist() for k, v in made.traces.items()}


def make_checkpoint(path):
    session = SIMULATOR.start({"in": Poisson(400.0)}, 50, seed=1)
    session.advance(50)
    session.save(path)


def read_checkpoint(path):
    try:
        return _plain(SIMULATOR.run({"in": Poisson(400.0)}, 60, seed=1, resume=path, record="a.v"))
    except InvalidStateError as error:
        return str(error)  # a sound file of a run that had gone wrong: the run says so


def _plain(made):
    return (
        {k: (v.n, v.steps, v.ticks.tolist(), v.index.tolist()) for k, v in made.spikes.items()},
        {k: v.tolist() for k, v in made.trace_ticks.items()}, made.steps, made.dt, made.engine,
        made.complete,
    )  # fmt: skip


def read_network(path):
    made = Network.load(path)
    return [
        made.dt, made.name, made.seed, made.units,
        [(p.name, p.n, p.shape) for p in made.inputs.values()],
        [(p.name, p.n, p.shape, repr(p.neuron)) for p in made.populations.values()],
        [
            (p.name, p.pre.name, p.post.name, p.receptor, repr(p.plasticity),
             [getattr(p.rows, c).tolist() for c in ("indptr", "targets", "weights", "delays")])
            for p in made.projections.values()
        ],
        made.outputs,
    ]  # fmt: skip


def make_training(path):
    Training(DIGITS, IMAGES, LABELS).save(path)


def read_training(path):
    made = Training(DIGITS, IMAGES, LABELS, resume=path)
    return made.position, made.history, made._right, made._assigned.tolist(), made._totals.tolist()


def make_samples(path):
    rasters = np.zeros((2, 3, 4), bool)
    rasters[1, 1] = True
    arrays = {"rasters": rasters, "labels": np.arange(2), "images": np.ones((2, 2, 2), np.float32)}
    write_archive(path, "samples", 1, {"seed": 0}, arrays)


def read_held_out(path):
    made = HeldOut.load(path)
    return made.rasters.tolist(), made.labels.tolist(), made.images.tolist()


def read_thing(path):
    header, arrays = read_archive(path, "thing", 1)
    return header, {k: (v.dtype.str, v.tolist()) for k, v in arrays.items()}


def make_recorded(path):
    # Chunks of a few rows: in larger ones most damage would fall on empty room.
    with mock.patch.object(sink_hdf5, "_SMALL_CHUNK", 256):
        monitors = parse_record(("spikes", "a.v"), recordable(SIMULATOR.net))
        recorder = Recorder(SIMULATOR.net, monitors, 40, sink=HDF5Sink(path))
        rng = np.random.default_rng(8)
        for start in (0, 25):
            ticks = np.arange(start, start + 15)
            recorder.spikes("a", ticks, ticks.astype(np.int32) % 8)
            recorder.spikes("b", ticks[::3], ticks[::3].astype(np.int32) % 4)
            recorder.trace("a.v", ticks, rng.random((15, 8), np.float32))
            recorder.window(start + 15)
    recorder.finish()


def read_recorded(path):
    made = Recording.open(path)
    return _plain(made), made.trace("a.v").tolist()


# Members of a zip file.
ARCHIVES = {
    "archive": (
        lambda path: write_archive(path, "thing", 1, {"n": 1}, {"x": np.arange(9.0)}),
        read_thing,
    ),
    "network": (lambda path: net().save(path), read_network),
    "network of images": (lambda path: image_net().save(path), read_network),
    "program": (
        lambda path: random_program(1).save(path),
        lambda path: Program.load(path).hash(),
    ),
    "recording": (make_recording, read_recording),
    "checkpoint": (make_checkpoint, read_checkpoint),
    "digit training": (make_training, read_training),
    "samples": (make_samples, read_held_out),
}
# All with a checksum of their own.
KINDS = ARCHIVES | {"hdf5": (make_recorded, read_recorded)}


def make_images(path):
    np.savez_compressed(path.with_suffix(".npz"), images=IMAGES.astype(np.float32), labels=LABELS)
    path.with_suffix(".npz").rename(path)


def read_images(path):
    made = load_samples(Presentation(str(path), 0, 2), latency=0, limit=None)
    return made.rasters.tolist(), None if made.labels is None else made.labels.tolist()


def make_mnist(path):
    x, y = np.arange(2 * 9, dtype=np.uint8).reshape(2, 3, 3), np.arange(2, dtype=np.uint8)
    np.savez_compressed(path.with_suffix(".npz"), x_train=x, y_train=y, x_test=x, y_test=y)
    path.with_suffix(".npz").rename(path)


def read_mnist(path):
    made = mnist(path)
    return made.x_train.tolist(), made.y_test.tolist(), made.x_test.tolist()


def idx_bytes():
    return b"\0\0\x08\x03" + np.array([4, 3, 2], ">i4").tobytes() + bytes(range(24))


# Files without a checksum of their own: their content may be other content, never a surprise.
FOREIGN = {
    "images": (make_images, read_images),
    "mnist": (make_mnist, read_mnist),
    "idx": (lambda path: path.write_bytes(idx_bytes()), lambda path: read_idx(path).tolist()),
    "idx.gz": (
        lambda path: path.write_bytes(gzip.compress(idx_bytes(), mtime=0)),
        lambda path: read_idx(path).tolist(),
    ),
    "toml": (
        lambda path: path.write_text("n_neurons = 64\nlanes = 4\n"),
        lambda path: core_config(str(path)),
    ),
}
SUFFIX = {"idx.gz": ".gz"}
