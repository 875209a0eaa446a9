# SPDX-License-Identifier: Apache-2.0
"""Run a small network on every engine of an installed wheel; ``tools/wheel.py`` calls it.

usage: wheel_engines.py ENVIRONMENT CACHE
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import spikesim
from spikesim import LIF, Network
from spikesim.hw.compile import compile_network
from spikesim.hw.rtl.build import hdl_root

STEPS = 20


def main(environment: str, cache: str) -> None:
    """Raise unless all engines agree and only the cache has grown."""
    package = Path(spikesim.__file__).parent
    assert package.is_relative_to(environment), f"spikesim comes from {package}, not the wheel"
    assert hdl_root() == package / "_hdl", f"Verilog sources come from {hdl_root()}"
    before = _files(package)
    net, spikes = _network()
    as_float = spikesim.run(net, spikes, STEPS)
    program = compile_network(net).program
    runs = {
        name: spikesim.run(program, spikes, STEPS, engine=name)
        for name in ("golden", "golden-readable", "rtl", "virtual")
    }
    assert as_float.counts("out").sum() > 0, "the network is silent: nothing was tested"
    for name, run in runs.items():
        assert run.same_spikes(runs["golden"]), f"{name} differs from the golden model"
        print(f"wheel: {name}: {run.counts('out').sum()} spikes, as the golden model")
    assert _files(package) == before, "running has written into the installed package"
    built = list(Path(cache).glob("spikesim/rtl/spk-*.so"))
    assert built, f"no library of the core in {cache}"


def _network() -> tuple[Network, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    net = Network(dt=1e-3, name="wheel")
    net.add_input("in", 16)
    net.add_population("out", 16, LIF(beta=0.9, v_th=1.0, reset="soft"))
    net.connect("in", "out", rng.normal(0.1, 0.2, (16, 16)))
    return net, {"in": rng.random((STEPS, 16)) < 0.3}


def _files(package: Path) -> set[Path]:
    """Files but for compiled code, which Python and numba keep beside its source where they can."""
    return {path for path in package.rglob("*") if path.parent.name != "__pycache__"}


if __name__ == "__main__":
    main(*sys.argv[1:])
