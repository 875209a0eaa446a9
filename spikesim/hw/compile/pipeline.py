# SPDX-License-Identifier: Apache-2.0
"""From a network to a program: one call that sends it through the passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization
from spikesim.hw.compile.calibrate import Samples
from spikesim.hw.compile.compilation import Compilation, Pass, made, run_passes
from spikesim.hw.compile.passes import PASSES
from spikesim.hw.compile.report import CompileReport
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
    config: CoreConfig | str | None = None,
    *,
    quantization: Quantization | None = None,
    samples: Samples | None = None,
    record: Iterable[str] | None = None,
    events_per_step: int | None = None,
    steps: int | None = None,
    passes: Sequence[Pass] = PASSES,
) -> CompileResult:
    """Compile a network for a core, or say everything that stands in the way.

    Parameters
    ----------
    net : Network
    config : CoreConfig or str, optional
        The core, or the name of one: "up5k", the iCE40 UP5K build (default), or "large", with
        1,024 axons.
    quantization : Quantization, optional
        That of training, if integers were in the loop.
    samples : mapping of str to bool array, shape (batch, steps, n), optional
        Input spikes to calibrate on; gain shifts are lowered where the state saturates.
    record : iterable of str, optional
        Populations whose spikes leave the core; all by default.
    events_per_step : int, optional
        Most input spikes in one step, if it is known to be below the number of lines.
    steps : int, optional
        Ticks of one run, such as one image; the report then says how long it takes. By default
        those of the samples, or those that a trained network was trained with.
    passes : sequence of Pass
        What the network goes through; ``passes_with`` puts one of your own among them.

    Returns
    -------
    CompileResult

    Raises
    ------
    ValidationError
        If an argument is of another kind.
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
    problems = _argument_problems(net, quantization, events_per_step, steps, passes)
    core = None
    try:
        core = CoreConfig.of(config)
    except ValidationError as error:
        problems += [f"compile: {text}" for text in error.problems]
    if problems or core is None:
        raise ValidationError(problems)
    start = Compilation(
        net=net,
        config=core,
        settings=quantization or Quantization(),
        samples=samples,
        record=None if record is None else tuple([record] if isinstance(record, str) else record),
        events_per_step=events_per_step,
        steps=steps,
    )
    end = run_passes(start, passes)
    return CompileResult(made(end.program, "allocate"), made(end.report, "summarize"))


def _argument_problems(
    net: object, quantization: object, events_per_step: object, steps: object, passes: object
) -> list[str]:
    problems = []
    if not isinstance(net, Network):
        problems.append(f"compile: expected a Network, got {type(net).__name__}")
    if quantization is not None and not isinstance(quantization, Quantization):
        problems.append(
            "compile: expected quantization as a Quantization, such as TrainedModel.quant, got "
            f"{type(quantization).__name__}"
        )
    for name, value, least in (("events_per_step", events_per_step, 0), ("steps", steps, 1)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if value is not None and not (whole and value >= least):  # type: ignore[operator]  # whole
            problems.append(f"compile: expected {name} as an integer >= {least}, got {value!r}")
    if not isinstance(passes, Sequence) or not all(callable(step) for step in passes):
        problems.append(
            f"compile: expected passes as a sequence of functions, got {passes!r}; see "
            "hw.compile.PASSES and passes_with"
        )
    return problems
