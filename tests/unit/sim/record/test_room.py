# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Trace, Weights, parse_record
from spikesim.sim.record import room
from spikesim.sim.record.recorder import recordable, trace_headers
from spikesim.sim.record.room import available_memory, check_memory, trace_bytes
from spikesim.sim.record.sink import TraceHeader


def test_memory_of_traces_is_known_before_the_run():
    net = Network(dt=1e-3)
    net.add_population("layer.0", 2, LIF(beta=0.5))
    net.add_population("b", 3, LIF(beta=0.5))
    net.connect("b", "layer.0", np.ones((3, 2)), name="p")
    record = (Trace("b.v", neurons=[0, 2], every=3), Rate("b", 4e-3), Weights("p", 5))
    headers = trace_headers(net, parse_record(record, recordable(net)), "float32")
    # 4 samples of 2 float32, 3 of one float64, 2 of 6 float32; each with its tick in 8 bytes.
    expected = {"b.v": 4 * (8 + 8), "b.rate": 3 * (8 + 8), "p.w": 2 * (24 + 8)}
    assert expected == trace_bytes(headers, 10)


def test_a_trace_that_does_not_fit_is_refused_with_its_bytes():
    traces = {"a.v": TraceHeader(1, "float32"), "b.v": TraceHeader(10, "float32")}
    check_memory(traces, 100, available=6700)
    with pytest.raises(ValidationError, match=r"6,000 bytes over 100 ticks, of them 4,800 .*to="):
        check_memory(traces, 100, available=6600)


def test_the_machine_says_how_much_memory_it_has():
    assert 1 << 20 < available_memory() < 1 << 50


@pytest.mark.parametrize(
    ("limit", "used", "cache", "expected"),
    [
        (None, 0, 0, 4096 * 1024),  # no such group
        ("max", 9000, 0, 4096 * 1024),
        (3_000_000, 1_000_000, 0, 2_000_000),
        (3_000_000, 1_000_000, 400_000, 2_400_000),  # the page cache would be given up
        (90_000_000, 1_000_000, 0, 4096 * 1024),  # more than the machine has
        (3_000_000, 3_500_000, 0, 0),
    ],
)
def test_the_smaller_of_free_memory_and_what_a_group_has_left_counts(
    tmp_path, monkeypatch, limit, used, cache, expected
):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9999 kB\nMemAvailable: 4096 kB\n")
    if limit is not None:
        group = tmp_path / "sys" / "fs" / "cgroup"
        group.mkdir(parents=True)
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon 7\ninactive_file {cache}\nslab 5\n")
    monkeypatch.setattr(room, "Path", lambda place: Path(tmp_path, *Path(place).parts[1:]))
    assert expected == available_memory()
