# SPDX-License-Identifier: Apache-2.0
"""Data sets as plain arrays, clips and event frames, and augmentation."""

from spikesim.data.audio import bands, read_wav
from spikesim.data.augment import Shift, Warp, shift, warp
from spikesim.data.clips import Batches, Clips, pad
from spikesim.data.digits import digits
from spikesim.data.events import EventFrames, event_frames
from spikesim.data.images import fashion_mnist, mnist
from spikesim.data.own import load
from spikesim.data.provenance import Provenance
from spikesim.data.speech import audio_folder, fsdd
from spikesim.data.split import Split

__all__ = [
    "Batches", "Clips", "EventFrames", "Provenance", "Shift", "Split", "Warp", "audio_folder",
    "bands", "digits", "event_frames", "fashion_mnist", "fsdd", "load", "mnist", "pad",
    "read_wav", "shift", "warp",
]  # fmt: skip
