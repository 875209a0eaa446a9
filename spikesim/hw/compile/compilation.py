# SPDX-License-Identifier: Apache-2.0
"""The record that goes through the passes, what a pass is, and how passes are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from spikesim.errors import CompileError
from spikesim.fixed import Quantization
from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.hw.config import CoreConfig
from spikesim.hw.program import Program
from spikesim.network import Network

if TYPE_CHECKING:
    from spikesim.hw.compile.calibrate import Calibration, Samples
    from spikesim.hw.compile.lower import Lowered
    from spikesim.hw.compile.report import CompileReport
    from spikesim.hw.compile.segment import Needs

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Compilation:
    """One compilation under way: what was asked for, and what the passes so far have made of it.

    Frozen: a pass gives a new record (``dataclasses.replace``), so a trial leaves no trace.

    Parameters
    ----------
    net : Network
    config : CoreConfig
        The core.
    settings : Quantization
        How floats become integers; calibration lowers gain shifts here.
    samples : mapping of str to bool array, shape (batch, steps, n), optional
        Input spikes to calibrate on.
    record : tuple of str, optional
        Populations whose spikes leave the core; all by default.
    events_per_step : int, optional
        Most input spikes in one step, stated or measured.
    steps : int, optional
        Ticks of one run, for times in the report.

    Attributes
    ----------
    calibration : Calibration or None
        By pass ``calibrate``.
    quantized : mapping of str to QuantizedPopulation, or None
        By ``quantize``: integers of every population.
    lowered : Lowered or None
        By ``lower``: tables and rows in the core's terms.
    needs : Needs or None
        By ``segment``: rows cut into segments that fit.
    program : Program or None
        By ``allocate``.
    report : CompileReport or None
        By ``summarize``.
    problems : tuple of str
        Everything found so far that forbids the program.
    warnings : tuple of str
        Everything worth saying about a program that is made.
    behind : tuple of Pass
        The passes that will run after the present one.
    """

    net: Network
    config: CoreConfig
    settings: Quantization = field(default_factory=Quantization)
    samples: Samples | None = None
    record: tuple[str, ...] | None = None
    events_per_step: int | None = None
    steps: int | None = None
    calibration: Calibration | None = None
    quantized: Mapping[str, QuantizedPopulation] | None = None
    lowered: Lowered | None = None
    needs: Needs | None = None
    program: Program | None = None
    report: CompileReport | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    behind: tuple[Pass, ...] = ()

    def adding(self, *, problems: Iterable[str] = (), warnings: Iterable[str] = ()) -> Compilation:
        """Give the record with more problems or warnings; the passes behind go on."""
        return replace(
            self,
            problems=(*self.problems, *problems),
            warnings=(*self.warnings, *warnings),
        )

    def without_problems(self) -> Compilation:
        """Give the record itself, or raise CompileError with all problems so far.

        For a pass behind which nothing can be judged while there is a problem.
        """
        if self.problems:
            raise CompileError(list(self.problems))
        return self


Pass = Callable[[Compilation], Compilation]
"""One decision of the compiler.

It reads the record, never changes what it reads, and gives a record with its own part added.
What it finds wrong goes into ``problems``, so that the user sees everything at once.
"""


def made(part: Made | None, by: str) -> Made:
    """Give a part of the record, or say which pass has to come before.

    Raises
    ------
    CompileError
        If no earlier pass has made it.

    Examples
    --------
    >>> made({"out": 3}, "quantize")
    {'out': 3}
    """
    if part is None:
        raise CompileError(
            f"passes: expected the part that {by!r} makes, got none; order the passes so that "
            f"{by!r} comes before the one that needs it"
        )
    return part


def run_passes(compilation: Compilation, passes: Iterable[Pass]) -> Compilation:
    """Send a record through passes in order.

    Raises
    ------
    CompileError
        With all problems, when the last pass or one that could not go on has run; or if a pass
        gives something else than a record.
    """
    rest = tuple(passes)
    while rest:
        step, *behind = rest
        rest = tuple(behind)
        given = step(replace(compilation, behind=rest))
        if not isinstance(given, Compilation):
            name = getattr(step, "__name__", repr(step))
            raise CompileError(
                f"pass {name!r}: expected a Compilation in return, got {type(given).__name__}; "
                "give the record it was handed, or dataclasses.replace of it"
            )
        compilation = given
    return compilation.without_problems()
