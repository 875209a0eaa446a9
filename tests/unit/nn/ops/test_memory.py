# SPDX-License-Identifier: Apache-2.0
import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim.nn.ops import memory  # noqa: E402

MB = 1 << 20


@pytest.fixture
def rooms(monkeypatch):
    made = memory.Rooms()
    monkeypatch.setattr(memory, "_ROOMS", made)
    return made


def test_memory_comes_back_with_the_last_view_and_not_before(rooms):
    first = memory.empty((3, MB), torch.float32)
    place, view = first.data_ptr(), first[1:]
    del first
    assert rooms.idle == 0
    second = memory.empty((3, MB), torch.float32)
    assert second.data_ptr() != place
    del view
    assert rooms.idle == 12 * MB
    assert memory.empty((3 * MB,), torch.float32).data_ptr() == place


def test_memory_in_a_graph_is_not_given_away(rooms):
    factor = torch.ones(MB, requires_grad=True)
    x = memory.empty((MB,), torch.float32).fill_(2.0)
    y = (x * factor).sum()
    del x
    memory.empty((MB,), torch.float32).fill_(9.0)
    y.backward()
    assert (factor.grad == 2.0).all()


def test_only_rooms_of_the_size_are_taken_and_the_oldest_go(rooms):
    small, large = rooms.take(4 * MB), rooms.take(9 * MB)
    places = {room.size: room.ctypes.data for room in (small, large)}
    rooms.give(small, kept=16 * MB)
    rooms.give(large, kept=16 * MB)
    del small, large
    assert rooms.take(6 * MB).ctypes.data not in places.values()
    assert rooms.take(9 * MB).ctypes.data == places[9 * MB]
    rooms.give(np.zeros(14 * MB, np.uint8), kept=16 * MB)  # 4 + 14 are too many: the first goes
    assert rooms.idle == 14 * MB


@pytest.mark.parametrize("size", [1, 7, MB, MB + 1, 3 * MB + 5, 100 * MB + 1])
def test_a_room_is_at_most_an_eighth_too_large(size):
    room = memory.Rooms().take(size)
    assert size <= room.size <= size + size / 8 + 1


def test_release_returns_all_to_the_system(rooms):
    made = memory.empty((2 * MB,), torch.float64)
    assert made.dtype == torch.float64
    del made
    gc.collect()
    assert rooms.idle == 16 * MB
    memory.release()
    assert rooms.idle == 0
