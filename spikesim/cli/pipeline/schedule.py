# SPDX-License-Identifier: Apache-2.0
"""Do the demo's work on two processes: whatever is ready next."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from spikesim.cli.pipeline.evaluate import SeedEvaluation, evaluate_seed
from spikesim.cli.pipeline.training import TrainedFiles, train_seed
from spikesim.core.optional import optional_library
from spikesim.errors import SpikesimError

WORKERS = 2
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Workload:
    """What to do.

    Attributes
    ----------
    files : sequence of TrainedFiles
        One per seed; the first also goes over the bit-level line.
    quick, retrain : bool
        Short training; training even if the files are there.
    limit : int, optional
        Images per seed.
    uart_images : int
        Images of the first seed on the bit-level line.
    """

    files: Sequence[TrainedFiles]
    quick: bool
    retrain: bool
    limit: int | None
    uart_images: int


@dataclass
class Listener:
    """Whom to tell; each function may be called many times.

    Attributes
    ----------
    built : callable
        The core is compiled.
    trained : callable
        A seed's network is there; gets the seconds it took.
    classified : callable
        So many more images ran on the board.
    """

    built: Callable[[], None]
    trained: Callable[[float], None]
    classified: Callable[[int], None]


@dataclass
class _Running:
    build: Future[None]
    training: dict[int, Future[float]]
    evaluating: dict[int, Future[SeedEvaluation]] = field(default_factory=dict)
    told_built: bool = False


def execute(plan: Workload, listener: Listener) -> list[SeedEvaluation]:
    """Build the core and train at the same time, then evaluate each seed as it gets ready.

    Returns
    -------
    list of SeedEvaluation
        In the order of ``plan.files``.
    """
    loky = optional_library("joblib.externals.loky", "demo")
    # As in a sweep: loky starts workers afresh, where fork would copy threads of numeric libraries
    # in unknown states, and notices one that dies.
    with multiprocessing.get_context("spawn").Manager() as manager:
        pool = loky.ProcessPoolExecutor(
            WORKERS, initializer=_ignore_interrupt, env=dict.fromkeys(_THREADS, "1")
        )
        try:
            images: queue.Queue[int] = manager.Queue()
            running = _Running(
                pool.submit(_build),
                {
                    k: pool.submit(train_seed, files, plan.quick)
                    for k, files in enumerate(plan.files)
                    if plan.retrain or not files.present
                },
            )
            ready = [k for k in range(len(plan.files)) if k not in running.training]
            for _ in ready:
                listener.trained(0.0)
            return _pump(plan, listener, pool, running, ready, images)
        except BrokenProcessPool as error:
            raise SpikesimError(
                f"demo: expected its {WORKERS} processes to work to the end, one died (out of "
                "memory, or a crash in compiled code); run it again: trained networks are kept"
            ) from error
        finally:
            pool.shutdown(wait=True, kill_workers=True)


_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _pump(
    plan: Workload, listener: Listener, pool: Any, running: _Running, ready: list[int], images: Any
) -> list[SeedEvaluation]:
    while len(running.evaluating) < len(plan.files) or not _all_done(running):
        if not running.told_built and running.build.done():
            running.build.result()
            running.told_built = True
            listener.built()
        for k in [k for k, task in running.training.items() if task.done()]:
            listener.trained(running.training.pop(k).result())
            ready.append(k)
        if running.told_built:
            for k in sorted(ready):
                uart = plan.uart_images if k == 0 else 0
                running.evaluating[k] = pool.submit(
                    evaluate_seed, plan.files[k], plan.limit, uart, partial(images.put)
                )
            ready.clear()
        for task in running.evaluating.values():
            if task.done():
                task.result()  # raises what the worker raised
        _drain(images, listener)
    _drain(images, listener)
    return [running.evaluating[k].result() for k in range(len(plan.files))]


def _all_done(running: _Running) -> bool:
    return all(task.done() for task in running.evaluating.values())


def _drain(images: Any, listener: Listener) -> None:
    try:
        listener.classified(images.get(timeout=_POLL_SECONDS))
        while True:
            listener.classified(images.get_nowait())
    except queue.Empty:
        return


def _build() -> None:
    from spikesim.hw.config import CoreConfig
    from spikesim.hw.rtl.build import build_library

    build_library(CoreConfig.default())


def _ignore_interrupt() -> None:
    """Ctrl-C reaches the whole group; only the parent answers it, by ending the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
