# SPDX-License-Identifier: Apache-2.0
"""All engines by name, and the calls that use one.

Engines are imported when they are first used: a float run loads no hardware code, and a
golden run loads no numba kernel of ``sim``.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from spikesim.engine import Engine, Prepared
from spikesim.engine.bounds import steps_problems
from spikesim.engine.progress import Progress
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Item, Recording

if TYPE_CHECKING:
    from spikesim.hw.program import Program

ENGINES: Mapping[str, str] = {
    "float": "spikesim.sim.float_engine:FloatEngine",
    "golden": "spikesim.hw.engines:golden_engine",
    "golden-readable": "spikesim.hw.engines:readable_engine",
    "rtl": "spikesim.hw.engines:rtl_engine",
    "virtual": "spikesim.hw.engines:virtual_engine",
    "board": "spikesim.hw.engines:board_engine",
}
"""Engine name -> ``module:callable`` that gets the options of the engine and gives it."""


def run(
    net_or_program: Network | Program,
    inputs: Mapping[str, Any],
    steps: int,
    engine: str | Engine | None = None,
    record: Iterable[Item] | Item = ("spikes",),
    *,
    seed: int = 0,
    progress: Progress = False,
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
    engine : str or Engine, optional
        ``"float"`` (floating point), ``"golden"`` (integer model), ``"golden-readable"``,
        ``"rtl"`` (Verilated core), ``"virtual"`` (the same behind a serial port), ``"board"``
        (device on ``port=``), an open device, or an engine of your own. Default: "float" for a
        network, "golden" for a program.
    record : str, Trace, Rate, Weights, or iterable of them
        ``"spikes"``, ``"population.spikes"``, ``"population.v"``, ``"population.i"``; objects in
        the float engine.
    seed : int
        Of random inputs.
    progress : bool or callable
        True draws a bar, or logs; a callable gets (ticks done, steps).
    **options
        Of the engine. "float": dtype, threads, ... of ``sim.simulate``. The others:
        ``compile_options`` for ``hw.compile.compile_network``; "board": port, baud.

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
    if problems := steps_problems("run", steps):
        raise ValidationError(problems)
    with prepare(net_or_program, engine, **options) as ready:
        session = ready.start(inputs, steps, record=record, seed=seed)
        session.advance(int(steps), progress=progress)
        return session.finish()


def prepare(
    net_or_program: Network | Program, engine: str | Engine | None = None, **options: Any
) -> Prepared:
    """Make a network or program ready to run many times on an engine.

    Parameters
    ----------
    net_or_program, engine, **options :
        As for ``run``.

    Returns
    -------
    Prepared
        Opens sessions that are advanced by hand, and runs batches of samples. Use it as a
        context, or close it: it may hold a port or a process.

    Raises
    ------
    ValidationError, CompileError
        As for ``run``.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.5, v_th=1.0))
    >>> with prepare(net, "golden") as ready:
    ...     session = ready.start({})
    ...     session.advance(6)
    ...     session.counts("clock").tolist()
    [3]
    """
    return _engine_of(net_or_program, engine, options).prepare(net_or_program)


def explain(
    net_or_program: Network | Program, engine: str | Engine | None = None, **options: Any
) -> str:
    """Which kernel or device would run this, and why, as text.

    Parameters
    ----------
    net_or_program, engine, **options :
        As for ``run``.

    Returns
    -------
    str
        One statement per line.

    Raises
    ------
    ValidationError, CompileError
        As for ``run``.
    """
    return _engine_of(net_or_program, engine, options).explain(net_or_program)


def find_engine(engine: str | Engine, **options: Any) -> Engine:
    """Give the engine of a name, or an engine that was given as an object.

    Parameters
    ----------
    engine : str, Device or Engine
    **options
        Of the engine of this name.

    Raises
    ------
    ValidationError
        If there is no such engine, or it has no such option.
    """
    if not isinstance(engine, str):
        return _as_engine(engine, options)
    if engine not in ENGINES:
        near = difflib.get_close_matches({"numba": "float"}.get(engine, engine), ENGINES, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValidationError(
            f"run: expected an engine among {list(ENGINES)} or a device, got {engine!r}{hint}"
        )
    module, name = ENGINES[engine].split(":")
    make = getattr(importlib.import_module(module), name)
    known = list(inspect.signature(make).parameters)
    if unknown := [key for key in options if key not in known]:
        raise ValidationError(
            f"engine {engine!r}: expected options among {known}, got {unknown[0]!r}"
        )
    return cast(Engine, make(**options))


def _engine_of(model: object, engine: str | Engine | None, options: Mapping[str, Any]) -> Engine:
    if engine is None:
        engine = "float" if isinstance(model, Network) else "golden"
    return find_engine(engine, **options)


def _as_engine(engine: object, options: Mapping[str, Any]) -> Engine:
    if isinstance(engine, Engine):
        if options:
            raise ValidationError(
                f"run: expected options with the name of an engine only, got {list(options)} "
                f"beside {engine!r}"
            )
        return engine
    from spikesim.hw.device import Device
    from spikesim.hw.engines import device_engine

    if isinstance(engine, Device):
        return device_engine(engine, **options)
    raise ValidationError(
        f"run: expected an engine among {list(ENGINES)}, a device, or an object with name and "
        f"prepare, got {type(engine).__name__}"
    )
