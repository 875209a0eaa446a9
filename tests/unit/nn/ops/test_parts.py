# SPDX-License-Identifier: Apache-2.0
import threading
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.nn.ops.parts import in_parts  # noqa: E402


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("n", [0, 1, 64, 65, 640, 1000])
@pytest.mark.parametrize("asked", [1, 2, 3])
def test_parts_cover_everything_once_and_begin_at_tiles(threads, n, asked):
    threads(asked)
    seen, who = [], set()

    def work(lo, hi, tile, extra):
        seen.append((lo, hi, tile, extra))
        who.add(threading.get_ident())

    in_parts(work, n, 64, 1 << 20, "extra")
    seen.sort()
    assert seen[0][0] == 0
    assert seen[-1][1] == n
    assert all(a[1] == b[0] and b[0] % 64 == 0 for a, b in pairwise(seen))
    assert {row[2:] for row in seen} == {(64, "extra")}
    assert len(seen) == max(1, min(asked, -(-n // 64)))


def test_little_work_stays_in_one_thread_and_errors_come_out_of_others(threads):
    threads(2)
    seen = []
    in_parts(lambda lo, hi, tile: seen.append((lo, hi)), 1000, 10, 100)
    assert seen == [(0, 1000)]

    def fail(lo, hi, tile):
        if lo:
            raise ArithmeticError("second part")

    with pytest.raises(ArithmeticError, match="second part"):
        in_parts(fail, 1000, 10, 1 << 20)


def test_any_number_of_threads_gives_the_same_bits(threads):
    x = torch.randn(20, 16, 4096, generator=torch.Generator().manual_seed(1))
    layers = [nn.LIFLayer(4096), nn.LIFLayer(4096, alpha=0.5, learn={"beta": "layer"})]
    for layer in layers:
        found = []
        for count in (1, 2, 3):
            threads(count)
            leaf = x.clone().requires_grad_()
            layer.zero_grad()
            with nn.backend("numba"):
                spikes, _ = layer.seq(leaf)
            spikes.sum().backward()
            found.append([spikes, leaf.grad, *(p.grad.clone() for p in layer.parameters())])
        for other in found[1:]:
            assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
