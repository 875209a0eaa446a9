# SPDX-License-Identifier: Apache-2.0
"""The engine of everything that runs a program: which core it makes is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spikesim.errors import ValidationError
from spikesim.hw.core import ProgrammedCore
from spikesim.hw.prepared import PreparedProgram
from spikesim.hw.program import Program
from spikesim.network import Network


class CoreEngine:
    """Compiles networks where need be and puts programs onto cores; ``engine.Engine``.

    Parameters
    ----------
    name : str
    make_core : callable
        Gets a program, gives a core that holds it.
    compile_options : mapping, optional
        For ``hw.compile.compile_network``, where a network is given.

    Examples
    --------
    >>> from spikesim.hw.engines import golden_engine
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.5))
    >>> with golden_engine().prepare(net) as ready:
    ...     session = ready.start({})
    ...     session.advance(5)
    ...     session.counts("clock").tolist()
    [2]
    """

    def __init__(
        self,
        name: str,
        make_core: Callable[[Program], ProgrammedCore],
        compile_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._make_core, self._compile_options = make_core, dict(compile_options or {})

    def __repr__(self) -> str:
        return f"CoreEngine({self.name!r})"

    def prepare(self, model: Any) -> PreparedProgram:
        """Compile a network, or take a program as it is, and put it onto a core.

        Parameters
        ----------
        model : Network, Program, or what ``compile_network`` gave

        Raises
        ------
        ValidationError
            If it is none of these.
        CompileError
            If a network does not fit the core.
        """
        return PreparedProgram(self._make_core(self._program(model)))

    def explain(self, model: Any) -> str:
        """Say what would run, and what it takes of a core; compiles, but starts nothing."""
        how = (
            "the network is compiled to integers first"
            if isinstance(model, Network)
            else "the program runs as it is, integers only"
        )
        return f"engine {self.name}: {how}\n{self._program(model).report()}"

    def _program(self, model: Any) -> Program:
        if isinstance(model, Network):
            from spikesim.hw.compile import compile_network

            return compile_network(model, **self._compile_options).program
        program = getattr(model, "program", model)
        if not isinstance(program, Program):
            raise ValidationError(
                f"engine {self.name!r}: expected a Network or a Program, got {type(model).__name__}"
            )
        if self._compile_options:
            raise ValidationError(
                f"engine {self.name!r}: expected compile_options with a Network only, got a "
                "Program, which is compiled already"
            )
        return program
