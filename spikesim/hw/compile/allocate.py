# SPDX-License-Identifier: Apache-2.0
"""A pass: addresses for weight words and segments, and with them the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spikesim.hw.compile.compilation import Compilation, made
from spikesim.hw.compile.lower import Layer, Lowered
from spikesim.hw.compile.segment import Needs
from spikesim.hw.config import CoreConfig
from spikesim.hw.image import PARAM_DTYPE, SEGMENT_DTYPE, Table
from spikesim.hw.program import Program


def allocate(compilation: Compilation) -> Compilation:
    """Make the program.

    Raises
    ------
    CompileError
        With the problems of all passes so far: a program is made whole or not at all.
    """
    lowered = made(compilation.lowered, "lower")
    needs = made(compilation.needs, "segment")
    net = compilation.without_problems().net
    meta: dict[str, str | int] = {
        **net.meta, "name": net.name, "tick_fs": round(net.dt * 10**15),
    }  # fmt: skip
    program = place(lowered, needs, compilation.config, net.outputs, meta)
    return replace(compilation, program=program)


def place(
    lowered: Lowered,
    need: Needs,
    config: CoreConfig,
    outputs: tuple[str, ...],
    meta: Mapping[str, str | int],
) -> Program:
    """Give every segment its entry and its words.

    Extensions of a row go to entries of sources without a row and to those beyond all sources.
    """
    sources = {**need.axon_pieces}
    sources |= {config.n_axons + j: pieces for j, pieces in need.neuron_pieces.items()}
    segments = np.zeros(config.n_segments, SEGMENT_DTYPE)
    free = iter([k for k in range(config.n_segments) if k not in sources])
    words: list[Layer] = []
    base = 0
    for source in sorted(sources):
        entry = source
        for k, piece in enumerate(sources[source]):
            if k > 0:
                following = next(free)
                segments[entry]["more"], segments[entry]["next"] = 1, following
                entry = following
            segment = segments[entry]
            segment["base"], segment["first"] = base, piece.first
            segment["count"], segment["delay"] = len(piece.words) - 1, piece.delay
            segment["valid"] = k == 0
            words.append(piece.words)
            base += len(piece.words)
    used = int(np.max(np.flatnonzero(_occupied(segments)), initial=-1)) + 1
    params = np.zeros(config.n_neurons, PARAM_DTYPE)
    params["v_th"] = config.max_state
    params[: lowered.params.size] = lowered.params
    return Program(
        config=config,
        weights=np.concatenate(words) if words else np.zeros((0, config.lanes), np.int16),
        segments=segments[:used],
        params=params,
        populations=lowered.populations,
        inputs=lowered.inputs,
        groups=lowered.groups,
        outputs=outputs,
        meta=meta,
    )


def _occupied(segments: Table) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    occupied: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = segments["valid"] == 1
    occupied[segments["next"][segments["more"] == 1]] = True
    return occupied
