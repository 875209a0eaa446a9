# SPDX-License-Identifier: Apache-2.0
"""Replace the program on a core: write what is not zero, compare CRC-32, enable last."""

from __future__ import annotations

import zlib

import numpy as np

from spikesim.engine.progress import Progress, counting
from spikesim.hw.device.capabilities import Capabilities
from spikesim.hw.device.port import Port
from spikesim.hw.device.requests import (
    WRITE_HALFWORDS,
    clear_request,
    crc_request,
    write_requests,
)
from spikesim.hw.generated import WINDOWS, Clear, Reg, Window
from spikesim.hw.image import Halfwords
from spikesim.hw.link.errors import VerifyError
from spikesim.hw.link.exchange import Request
from spikesim.hw.program import Program

_ALL_BUT_ERRORS = Clear.STATE | Clear.COUNTS | Clear.QUEUES | Clear.WEIGHTS | Clear.TABLES
# Clocks that CLEAR and CRC32 take for one halfword, generously, times the slowness of a simulated
# board.
_CLOCKS_PER_HALFWORD = 16 * 20


def window_halfwords(capabilities: Capabilities) -> dict[Window, int]:
    """Size in halfwords of each window that a program fills."""
    config = capabilities.config
    return {
        Window.WEIGHT: config.weight_words * config.weight_stride,
        Window.SEG: config.n_segments * WINDOWS[Window.SEG].stride,
        Window.PARAM: config.n_neurons * WINDOWS[Window.PARAM].stride,
        Window.POP: config.n_populations * WINDOWS[Window.POP].stride,
    }


def load_program(
    port: Port, program: Program, verify: bool = True, progress: Progress = False
) -> None:
    """Write a program that suits the core; see ``Device.load``.

    Raises
    ------
    VerifyError
        A region's CRC-32 differs; PROGRAM_ID stays 0, so the core refuses to run.
    """
    capabilities = port.capabilities
    images = {Window[name]: halfwords for name, halfwords in program.image().items()}
    sizes = window_halfwords(capabilities)
    requests = write_requests(Window.REG, Reg.PROGRAM_ID.address, np.zeros(2, np.uint16))
    requests.append(clear_request(_ALL_BUT_ERRORS))
    for window, halfwords in images.items():
        requests += _nonzero_writes(window, halfwords)
    patience = sum(sizes.values()) * _CLOCKS_PER_HALFWORD / max(capabilities.clk_hz, 1)
    with counting(progress, f"load {program.name}, frames") as report:
        port.burst(requests, patience=patience, progress=lambda done: report(done, len(requests)))
    if verify:
        _verify(port, images, sizes, patience)
    identity = [program.program_id & 0xFFFF, program.program_id >> 16]
    port.burst(
        [
            *write_requests(Window.REG, Reg.PROGRAM_ID.address, np.array(identity, np.uint16)),
            clear_request(Clear.STATE | Clear.COUNTS | Clear.QUEUES),
        ],
        patience=patience,
    )


def _nonzero_writes(window: Window, halfwords: Halfwords) -> list[Request]:
    """WRITE frames of an image onto cleared memory: frames of zeros alone are left out."""
    return [
        request
        for at in range(0, halfwords.size, WRITE_HALFWORDS)
        if halfwords[at : at + WRITE_HALFWORDS].any()
        for request in write_requests(window, at, halfwords[at : at + WRITE_HALFWORDS])
    ]


def _verify(
    port: Port, images: dict[Window, Halfwords], sizes: dict[Window, int], patience: float
) -> None:
    requests = [crc_request(window, 0, size) for window, size in sizes.items()]
    answers = port.burst(requests, patience=patience)
    wrong = []
    for (window, size), answer in zip(sizes.items(), answers, strict=True):
        padded = np.zeros(size, "<u2")
        padded[: images[window].size] = images[window]
        expected = zlib.crc32(padded.tobytes())
        got = int.from_bytes(answer or b"", "little")
        if expected != got:
            wrong.append(f"{window.name}: expected CRC-32 {expected:08x}, got {got:08x}")
    if wrong:
        raise VerifyError(
            f"device {port.name}: {'; '.join(wrong)}; load again, and suspect the "
            "board's memory or supply if it happens twice"
        )
