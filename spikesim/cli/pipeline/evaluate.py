# SPDX-License-Identifier: Apache-2.0
"""One seed on three engines: float simulator, golden model, RTL behind a serial port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikesim.cli.pipeline.board import run_images, step_through
from spikesim.cli.pipeline.compare import Tally, add_image
from spikesim.cli.pipeline.training import HeldOut, TrainedFiles
from spikesim.core import SpikeTrains
from spikesim.core.decode import classify
from spikesim.engines import prepare, run
from spikesim.hw.board import VirtualBoard
from spikesim.hw.compile import CompileResult, compile_network
from spikesim.hw.device import Device
from spikesim.hw.golden.fast import BatchResult, run_batch
from spikesim.hw.program import Program
from spikesim.network import Network
from spikesim.recording import Recording

#: Rate of the bit-level line: the core of the demo runs at 12 MHz and samples a bit 16 times.
UART_BAUD = 500_000
#: Images of each run whose state is read word by word; the others are compared by CRC-32.
READ_FIRST = 20


@dataclass
class Example:
    """One image in detail.

    Attributes
    ----------
    image : float array, shape (height, width)
    as_float, as_rtl : Recording
        Spikes, the input included.
    trace_float, trace_fixed : float arrays, shape (steps, n_outputs)
        Membranes in the network's unit.
    step_predicted, step_measured : int64 arrays, shape (steps,), clocks
    """

    image: np.ndarray
    as_float: Recording
    as_rtl: Recording
    trace_float: np.ndarray
    trace_fixed: np.ndarray
    step_predicted: np.ndarray
    step_measured: np.ndarray


@dataclass
class SeedEvaluation:
    """What one seed gave.

    Attributes
    ----------
    seed : int
    program : Program
    labels : int array, shape (n_images,)
    predicted : dict of int arrays, shape (n_images,)
        By engine: float, golden, rtl.
    cycles_predicted, cycles_measured : int64 arrays, shape (n_images,), clocks
    tally : Tally
        RTL in byte bypass against golden, all images.
    link_bytes : int
        Both directions, all boards.
    clock_hz : int
        What the core reports.
    example : Example or None
    uart : dict or None
        The first images again, every bit through the UART.
    """

    seed: int
    program: Program
    labels: np.ndarray
    predicted: dict[str, np.ndarray]
    cycles_predicted: np.ndarray
    cycles_measured: np.ndarray
    tally: Tally
    link_bytes: int = 0
    clock_hz: int = 0
    example: Example | None = None
    uart: dict[str, Any] | None = field(default=None)


def evaluate_seed(
    files: TrainedFiles,
    limit: int | None,
    uart_images: int,
    report: Callable[[int], None],
) -> SeedEvaluation:
    """Compile a trained network and run every held-out image on all engines.

    Parameters
    ----------
    files : TrainedFiles
    limit : int, optional
        Only the first images.
    uart_images : int
        How many images go over a bit-level line as well; with any, an example is kept too.
    report : callable
        Called with 1 after each image on the board.
    """
    held_out = HeldOut.load(files.samples)
    rasters, labels = held_out.rasters[:limit], held_out.labels[:limit]
    net = Network.load(files.network)
    compiled = compile_network(net)
    program = compiled.program
    golden = run_batch(program, rasters, record=("spikes", "cycles"))
    outcome = SeedEvaluation(
        files.seed, program, labels,
        {
            "float": _float_classes(net, rasters),
            "golden": classify(golden.counts[:, program.neurons(program.outputs[0])]),
        },
        golden.total_cycles, np.zeros(len(labels), np.int64), Tally(),
    )  # fmt: skip
    with VirtualBoard(program.config) as board, Device.open(board.port) as device:
        device.load(program, verify=True)
        _on_board(device, outcome, golden, rasters, report)
        if uart_images:
            outcome.example = _example(device, net, compiled, golden, rasters, held_out, labels)
        outcome.link_bytes += _traffic(device)
        outcome.clock_hz = device.capabilities.clk_hz
    if uart_images:
        outcome.uart = _over_uart(outcome, golden, rasters[:uart_images])
    return outcome


def _float_classes(net: Network, rasters: np.ndarray) -> np.ndarray:
    ((name, _),) = net.inputs.items()
    with prepare(net, "float", dtype="float64") as ready:
        batch = ready.batch({name: rasters}, rasters.shape[1])
    return classify(batch.counts[net.outputs[0]])


def _on_board(
    device: Device,
    outcome: SeedEvaluation,
    golden: BatchResult,
    rasters: np.ndarray,
    report: Callable[[int], None],
) -> None:
    program = outcome.program
    output, counts = program.outputs[0], []
    for k, done in enumerate(run_images(device, rasters, golden, READ_FIRST)):
        spikes = {name: done.record.raster(name) for name in program.groups}
        add_image(outcome.tally, program, golden, k, spikes, done.words, done.cycles)
        outcome.cycles_measured[k] = done.cycles
        counts.append(done.record.counts(output))
        report(1)
    outcome.predicted["rtl"] = classify(counts)


def _example(
    device: Device,
    net: Network,
    compiled: CompileResult,
    golden: BatchResult,
    rasters: np.ndarray,
    held_out: HeldOut,
    labels: np.ndarray,
) -> Example:
    """Take the image whose cycle count is the median: neither the busiest nor the emptiest."""
    k = int(np.argsort(golden.total_cycles, kind="stable")[len(labels) // 2])
    output = compiled.program.outputs[0]
    trace = f"{output}.v"
    ((name, _),) = net.inputs.items()
    as_float = run(
        net, {name: rasters[k]}, len(rasters[k]), "float", ("spikes", trace), dtype="float64"
    )
    record, cycles, codes = step_through(device, rasters[k], trace)
    assert golden.cycles is not None
    spikes = {name: SpikeTrains.from_raster(rasters[k]), **as_float.spikes}
    plain = Recording(
        spikes, {}, as_float.steps, as_float.dt, as_float.engine, {"label": int(labels[k])}
    )
    return Example(
        held_out.images[k], plain, record, np.asarray(as_float.trace(trace), dtype=float),
        codes / compiled.report.scales[output], golden.cycles[k], cycles,
    )  # fmt: skip


def _over_uart(outcome: SeedEvaluation, golden: BatchResult, rasters: np.ndarray) -> dict[str, Any]:
    """Program the core and run images with every bit through its UART."""
    program, tally = outcome.program, Tally()
    with (
        VirtualBoard(program.config, mode="uart") as board,
        Device.open(board.port) as device,
    ):
        device.set_baud(UART_BAUD)
        device.load(program, verify=True)
        for k, done in enumerate(run_images(device, rasters, golden, READ_FIRST)):
            spikes = {name: done.record.raster(name) for name in program.groups}
            add_image(tally, program, golden, k, spikes, done.words, done.cycles)
        outcome.link_bytes += _traffic(device)
    return {
        "images": len(rasters), "baud": UART_BAUD, "mismatching_spikes": tally.spikes,
        "mismatching_words": tally.words, "mismatching_cycles": tally.mismatches["cycles"],
    }  # fmt: skip


def _traffic(device: Device) -> int:
    statistics = device.statistics()
    return int(statistics["bytes_out"] + statistics["bytes_in"])
