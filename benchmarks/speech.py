# SPDX-License-Identifier: Apache-2.0
"""Accuracy on spoken digits, with and without memory in the net: ``python -m benchmarks.speech``.

The Free Spoken Digit Dataset (Jackson et al., doi:10.5281/zenodo.1342401): loudness of 24 bands
every 10 ms becomes spikes up and down (send on delta, steps of 5 dB), which one layer of neurons
sees for 0.6 s. They have no other memory than their membrane ("plain"), a recurrent projection, or
delays of 0 to 150 ms, learned: all weights of a synapse but one are pruned in the first half of the
training, which leaves whole ticks.

Tested on the official split, and on each speaker in turn, of whom nothing was heard in training,
with one seed. ``--data`` is the folder of WAV files, or an .npz file that holds them as arrays pcm
(int16, one after another), offsets, label, speaker, index, speaker_names and sample_rate.
"""

from __future__ import annotations

import sys
import wave
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import held_out
from benchmarks.held_out import CHECKPOINTS, Benchmark, Case
from spikesim import data, nn

BANDS, TICKS, SLOTS = 24, 60, 16
OFFICIAL, UNSEEN = "official", "unseen speaker"
SPEAKERS = 6

# A wide surrogate lets gradients explode over 60 ticks of recurrence.
neuron = partial(nn.LIFLayer, reset="soft", surrogate=nn.FastSigmoid(25.0))


def plain(n: int) -> torch.nn.Module:
    """Neurons with a slow membrane."""
    return net(nn.Linear(2 * BANDS, n), neuron(n, beta=0.9), n)


def delays(n: int) -> torch.nn.Module:
    """Neurons with a faster membrane whose synapses learn to wait."""
    waiting = nn.DelayedLinear(2 * BANDS, n, SLOTS - 1, method="prune")
    return net(waiting, neuron(n, beta=0.7), n)


def recurrent(n: int) -> torch.nn.Module:
    """Neurons with a slow membrane that hear each other."""
    loop = nn.Recurrent(neuron(n, beta=0.9), nn.Linear(n, n, scale=0.3))
    return net(nn.Linear(2 * BANDS, n), loop, n)


def net(first: torch.nn.Module, neurons: torch.nn.Module, n: int) -> torch.nn.Module:
    """Give a layer of n neurons and a readout that adds up what they send."""
    readout = nn.Linear(n, 10, bias=True)
    return torch.nn.Sequential(first, nn.BatchNorm(n), neurons, nn.Dropout(0.2), readout)


def narrow(model: torch.nn.Module, done: float) -> None:
    """Prune from a fifth of the training on, to whole delays at its half."""
    nn.narrow_delays(model, min(1.0, max(0.0, (done - 0.2) / 0.3)))
    if done >= 0.5:
        nn.harden_delays(model)


def later(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Begin each of samples (n, T, channels) 0 to 5 ticks later."""
    out, by = np.zeros_like(x), rng.integers(0, 6, len(x))
    for ticks in range(6):
        out[by == ticks, ticks:] = x[by == ticks, : x.shape[1] - ticks]
    return out


def split(path: str | None, part: str) -> data.Split:
    """Give spikes (n, T, channels) of both parts."""
    folder = recordings(Path(str(path)))
    unseen = None
    if part != OFFICIAL:
        names = {file.name.split("_", 1)[1].rsplit("_", 1)[0] for file in folder.glob("*.wav")}
        unseen = sorted(names)[int(part.rpartition(" ")[2]) - 1]
    options = {"n": BANDS, "window": 32e-3, "low": 100.0, "high": 3900.0, "decibels": 50.0}
    clips = data.fsdd(folder, unseen=unseen, **options)
    arrays: list[np.ndarray] = []
    for one in clips:
        arrays += [spikes(one), one.labels]
    return data.Split(f"fsdd-{part}", *arrays)


def spikes(clips: data.Clips) -> np.ndarray:
    """Spikes float32 (n, T, 2 * bands) of loudness, for steps of a tenth of its range."""
    x, mask = (torch.from_numpy(part[:TICKS]) for part in data.pad(clips.clips))
    both = nn.encode.threshold_crossing(x, 0.1).flatten(2) * mask[..., None]
    found = np.zeros((len(clips), TICKS, both.shape[2]), np.float32)
    found[:, : len(both)] = both.transpose(0, 1).numpy()
    return found


@lru_cache(maxsize=1)
def recordings(path: Path) -> Path:
    """Folder of WAV files, made from an npz file where that is what there is."""
    if path.suffix != ".npz":
        return path / "recordings" if (path / "recordings").is_dir() else path
    with np.load(path) as file:
        found = {name: file[name] for name in file.files}
    folder = CHECKPOINTS / "fsdd" / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for k, (start, end) in enumerate(zip(found["offsets"], found["offsets"][1:], strict=False)):
        who = found["speaker_names"][found["speaker"][k]]
        with wave.open(f"{folder}/{found['label'][k]}_{who}_{found['index'][k]}.wav", "wb") as wav:
            wav.setparams((1, 2, int(found["sample_rate"]), 0, "NONE", ""))
            wav.writeframes(found["pcm"][start:end].astype("<i2").tobytes())
    return folder


def cases() -> list[Case]:
    """All nets on the official split and on each speaker, and small ones on the official split."""
    kinds: dict[str, tuple[Callable[[int], torch.nn.Module], Any]] = {
        "plain": (plain, None), "recurrent": (recurrent, None), "delays": (delays, narrow),
    }  # fmt: skip
    training = {
        "epochs": 12, "lr": 1e-2, "batch_size": 100, "loss": nn.CountCrossEntropy(0.1),
        "augment": later,
    }  # fmt: skip
    speakers = [(f"{UNSEEN}: {k + 1}", 128) for k in range(SPEAKERS)]
    found = []
    for part, n in ((OFFICIAL, 128), *speakers, (OFFICIAL, 32)):
        for name, (make, follow) in kinds.items():
            seeds = None if part == OFFICIAL else 1
            must = 0.93 if (part, n) == (OFFICIAL, 128) and name != "plain" else None
            found.append(Case(f"{name}-{n}", partial(make, n), training, part, seeds, must, follow))
    return found


BENCHMARK = Benchmark("speech", cases(), split)


def main(argv: Sequence[str] | None = None) -> int:
    return held_out.main(BENCHMARK, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
