# SPDX-License-Identifier: Apache-2.0
"""One call for every engine.

Engines are imported when they are first used: a float run loads no hardware code, and a
golden run loads no numba kernel of ``sim``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Recording

if TYPE_CHECKING:
    from spikesim.hw.program import Program


def run(
    net_or_program: Network | Program,
    inputs: Mapping[str, Any],
    steps: int,
    engine: str | object | None = None,
    record: Iterable[str] | str = ("spikes",),
    **options: Any,
) -> Recording:
    """Run a network or a compiled program on any engine.

    Parameters
    ----------
    net_or_program : Network or Program
        A network given to a hardware engine is compiled first.
    inputs : mapping of str to SpikeTrains, bool array of shape (<= steps, n), or Poisson
        Spikes of each input; one that is left out is silent.
    steps : int
        Ticks to run.
    engine : str or object, optional
        ``"numba"`` (floating point), ``"golden"`` (integer model), ``"rtl"`` (Verilated
        core), ``"board"`` (device behind ``port=``), ``"virtual"`` (a virtual board, started for
        this run), or an open device. Default: "numba" for a network, "golden" for a program.
    record : iterable of str
        ``"spikes"``, ``"population.v"``, ``"population.i"``.
    **options
        For "numba" those of ``sim.simulate`` (seed, dtype, ...). For the others those of
        the engine, and ``compile_options``: a mapping for ``hw.compile.compile_network``.

    Returns
    -------
    Recording

    Raises
    ------
    ValidationError
        If the engine is unknown or cannot run what was given, or the inputs are not legal.
    CompileError
        If a network does not fit the core.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.5, v_th=1.0))
    >>> run(net, {}, 6).raster("clock")[:, 0].tolist()
    [False, True, False, True, False, True]
    """
    chosen = _choose(net_or_program, engine)
    if chosen == "numba":
        from spikesim.sim import simulate

        assert isinstance(net_or_program, Network)  # _choose refuses anything else
        return simulate(net_or_program, inputs, steps, record=record, **options)
    from spikesim.hw.engine import run_program

    program: Any = net_or_program
    if isinstance(net_or_program, Network):
        from spikesim.hw.compile import compile_network

        program = compile_network(net_or_program, **options.pop("compile_options", {})).program
    names = (record,) if isinstance(record, str) else tuple(record)
    return run_program(program, inputs, steps, chosen, names, **options)


def explain(
    net_or_program: Network | Program, engine: str | object | None = None, **options: Any
) -> str:
    """Which kernel or device would run this, and why, as text.

    Parameters
    ----------
    net_or_program : Network or Program
    engine : str or object, optional
        As for ``run``.
    **options
        For "numba": dtype, threads. For the others: ``compile_options``.

    Returns
    -------
    str
        One statement per line.

    Raises
    ------
    ValidationError
        If the engine is unknown or cannot run what was given.
    """
    chosen = _choose(net_or_program, engine)
    if chosen == "numba":
        from spikesim.sim import explain as explain_float

        assert isinstance(net_or_program, Network)  # _choose refuses anything else
        return explain_float(net_or_program, **options)
    what = chosen if isinstance(chosen, str) else type(chosen).__name__
    program: Any = net_or_program
    if isinstance(net_or_program, Network):
        from spikesim.hw.compile import compile_network

        program = compile_network(net_or_program, **options.get("compile_options", {})).program
        how = "the network is compiled to integers first"
    else:
        how = "the program runs as it is, integers only"
    return f"engine {what}: {how}\n{getattr(program, 'program', program).report()}"


def _choose(net_or_program: object, engine: str | object | None) -> Any:
    """Engine to use; refuses what is known to be wrong before anything is compiled."""
    is_network = isinstance(net_or_program, Network)
    if engine is None:
        engine = "numba" if is_network else "golden"
    if engine == "numba":
        if not is_network:
            raise ValidationError(
                f"run: expected a Network for engine 'numba', got "
                f"{type(net_or_program).__name__}; choose engine='golden' for a Program"
            )
        return engine
    from spikesim.hw.engine import ENGINES, find_engine
    from spikesim.hw.program import Program

    problems: list[str] = []
    program = getattr(net_or_program, "program", net_or_program)
    if not is_network and not isinstance(program, Program):
        problems.append(
            f"run: expected a Network or a Program, got {type(net_or_program).__name__}"
        )
    if isinstance(engine, str) and engine not in ENGINES:
        problems.append(
            f"run: expected an engine among {['numba', *ENGINES]} or a device, got {engine!r}"
        )
    elif not problems:
        find_engine(engine)  # type: ignore[arg-type]  # refuses objects that are no engine
    if problems:
        raise ValidationError(problems)
    return engine
