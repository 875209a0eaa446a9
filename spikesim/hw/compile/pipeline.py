# SPDX-License-Identifier: Apache-2.0
"""From a network to a program: calibrate, quantize, check, lower, allocate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from spikesim.errors import CompileError, ValidationError
from spikesim.fixed import Quantization
from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.hw.compile.allocate import allocate, choose_segments
from spikesim.hw.compile.calibrate import Calibration, Samples, calibrate
from spikesim.hw.compile.check import (
    accumulator_warnings,
    check_network,
    check_quantized,
    event_problems,
    event_warnings,
    foreign_parts,
)
from spikesim.hw.compile.lower import lower
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.compile.report import CompileReport, compile_report
from spikesim.hw.config import CoreConfig
from spikesim.hw.program import Program
from spikesim.network import Network


@dataclass(frozen=True)
class CompileResult:
    """A program and what it cost.

    Attributes
    ----------
    program : Program
    report : CompileReport
    """

    program: Program
    report: CompileReport


def compile_network(
    net: Network,
    config: CoreConfig | None = None,
    *,
    quantization: Any = None,
    samples: Samples | None = None,
    record: Iterable[str] | None = None,
    events_per_step: int | None = None,
) -> CompileResult:
    """Compile a network for a core, or say everything that stands in the way.

    Parameters
    ----------
    net : Network
    config : CoreConfig, optional
        The core; the iCE40 UP5K build by default.
    quantization : Quantization or settings of quantization-aware training, optional
    samples : mapping of str to bool array, shape (batch, steps, n), optional
        Input spikes to calibrate on; gain shifts are lowered where the state saturates.
    record : iterable of str, optional
        Populations whose spikes leave the core; all by default.
    events_per_step : int, optional
        Most input spikes in one step, if it is known to be below the number of lines.

    Returns
    -------
    CompileResult

    Raises
    ------
    CompileError
        With every limit exceeded and every parameter the core cannot express: what is needed,
        what there is, and what to change.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3, name="pair")
    >>> _ = net.add_input("in", 2)
    >>> _ = net.add_population("out", 2, LIF(beta=0.9))
    >>> _ = net.connect("in", "out", [[0.5, 0.0], [0.0, 0.7]])
    >>> compile_network(net).program.groups
    {'out': (0, 2, 0)}
    """
    config = CoreConfig.default() if config is None else config
    settings = quantization or Quantization()
    chosen = None if record is None else tuple(record)
    _check_description(net, chosen)
    calibration = None
    if samples is not None:
        calibration = calibrate(
            lambda trial: _build(net, config, trial, chosen, events_per_step)[0], settings, samples
        )
        shifts = {**settings.gain_shifts, **calibration.gain_shifts}
        settings = replace(settings, gain_shifts=shifts)
        events_per_step = max(calibration.events_per_step, events_per_step or 0)
    program, quantized = _build(net, config, settings, chosen, events_per_step)
    warnings = accumulator_warnings(quantized) + _saturation_warnings(calibration)
    if events_per_step is None:
        warnings += event_warnings(net, config)
    report = compile_report(net, program, quantized, tuple(warnings), calibration)
    return CompileResult(program, report)


def _check_description(net: Network, record: tuple[str, ...] | None) -> None:
    problems: list[str] = []
    try:
        net.validate()
    except ValidationError as error:
        problems += error.problems
    if not net.populations:
        problems.append("network: expected at least one population, got none")
    problems += foreign_parts(net)
    problems += [
        f"record: expected populations among {list(net.populations)}, got {name!r}"
        for name in record or ()
        if name not in net.populations
    ]
    if problems:
        raise CompileError(problems)


def _build(
    net: Network,
    config: CoreConfig,
    settings: Quantization,
    record: tuple[str, ...] | None,
    events_per_step: int | None,
) -> tuple[Program, dict[str, QuantizedPopulation]]:
    """All passes after calibration; problems of all of them are raised together."""
    problems = check_network(net, config) + event_problems(config, events_per_step)
    quantized: dict[str, QuantizedPopulation] = {}
    try:
        quantized = quantize(net, config, settings)
    except CompileError as error:
        problems += error.problems
    if not quantized:
        raise CompileError(problems)
    problems += check_quantized(net, quantized, config)
    lowered = lower(net, quantized, config, record)
    need, too_much = choose_segments(lowered, config)
    problems += too_much
    if problems:
        raise CompileError(problems)
    meta: dict[str, str | int] = {"name": net.name, "tick_fs": round(net.dt * 10**15)}
    return allocate(lowered, need, config, net.outputs, meta), quantized


def _saturation_warnings(calibration: Calibration | None) -> list[str]:
    if calibration is None:
        return []
    return [
        f"population {name!r}: the state reached its rail on the samples even at gain shift 0; "
        "raise the leak, set v_floor, or use smaller weights"
        for name in calibration.saturated
    ]
