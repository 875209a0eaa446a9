# SPDX-License-Identifier: Apache-2.0
"""Real processes: whatever ends one of them, none of the others waits for ever."""

import subprocess
import sys
import textwrap

import pytest

from spikesim.sim.parallel.mpi import find_mpiexec

HEAD = """
import sys
from mpi4py import MPI
from spikesim import Network, simulate
from spikesim.neurons import LIF
from spikesim.sim import Simulator
net = Network(dt=1e-3)
net.add_population("clock", 64, LIF(beta=1.0, bias=0.25, v_th=1.0))
rank = MPI.COMM_WORLD.Get_rank()
simulator = Simulator(net, comm="world")
session = simulator.start({}, 1000)
session.advance(10)
"""


def run(body, processes=2):
    pytest.importorskip("mpi4py")
    return subprocess.run(
        [find_mpiexec(), "-n", str(processes), sys.executable, "-c", HEAD + textwrap.dedent(body)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["in the user's code", "in a run", "while others build"])
def test_an_error_in_one_rank_ends_all_with_its_traceback(where):
    body = {
        "in the user's code": """
            if rank == 1:
                raise RuntimeError("the user's own bug")
            session.advance(990)
        """,
        "in a run": """
            def fail(done, steps):
                raise RuntimeError("the user's own bug")
            session.advance(990, progress=fail if rank == 0 else False)
        """,
        "while others build": """
            if rank == 1:
                raise RuntimeError("the user's own bug")
            Simulator(net, comm="world")
        """,
    }[where]
    done = run(body)
    assert done.returncode != 0
    assert "RuntimeError: the user's own bug" in done.stderr
    assert f"rank {0 if where == 'in a run' else 1} of 2:\nTraceback" in done.stderr


@pytest.mark.parametrize("code", [0, 3])
def test_a_rank_that_leaves_early_ends_the_others(code):
    done = run(f"""
        if rank == 1:
            sys.exit({code})
        session.advance(990)
    """)
    assert done.returncode != 0
    assert "rank 1 of 2 stopped: its process ended before the run did" in done.stderr


def test_ranks_that_all_come_to_their_end_are_not_disturbed():
    done = run(
        """
        session.advance(990)
        recording = session.finish()
        # By one rank, since lines of several may reach the terminal in pieces.
        counts = MPI.COMM_WORLD.gather(len(recording.spikes.get("clock", ())))
        if rank == 0:
            print(counts, flush=True)
        left_open = simulator.start({}, 10)
    """,
        processes=3,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert "[16000, 0, 0]" == done.stdout.strip()
