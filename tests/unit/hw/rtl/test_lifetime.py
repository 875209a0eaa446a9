# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

pytestmark = pytest.mark.rtl

# Models share Verilator's notion of a current one: freeing them in another order than they were
# made once ended in a deadlock or a crash at exit.
SCRIPT = """
from spikesim.hw.rtl.model import RtlModel
from tests.equivalence.random_programs import SMALL

models = [RtlModel(SMALL) for _ in range(4)]
models[2].run_clocks(10)
for k in (1, 0, 1):
    del models[k]
print("freed")
"""


def test_models_can_be_freed_in_any_order_and_at_exit():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert (0, "freed\n") == (done.returncode, done.stdout), done.stderr
