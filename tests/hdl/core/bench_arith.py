# SPDX-License-Identifier: Apache-2.0
"""cocotb test of one arithmetic module against the function of the same name."""

from __future__ import annotations

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from spikesim.fixed import decay, sat_add, saturate, shift_left
from tests.hdl.core.core_tb import parameters


def words(bits: int, rng: random.Random, n: int = 300) -> list[int]:
    """Values of a signed word: both rails and their neighbours, then random ones."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    edges = [low, low + 1, -2, -1, 0, 1, 2, high - 1, high]
    return edges + [rng.randint(low, high) for _ in range(n)]


@cocotb.test()
async def sat_add_equals_its_definition(dut):
    bits, rng = parameters()["WIDTH"], random.Random(1)
    edges = words(bits, rng, 0)
    pairs = [(a, b) for a in edges for b in edges]
    pairs += zip(words(bits, rng), words(bits, rng), strict=True)
    for a, b in pairs:
        dut.a_i.value, dut.b_i.value = a, b
        for carry in (0, 1):
            dut.carry_i.value = carry
            await Timer(1, unit="ns")
            assert saturate(a + b + carry, bits) == dut.y_o.value.to_signed(), (a, b, carry)


@cocotb.test()
async def accumulator_takes_the_saturated_sum_or_the_other_word(dut):
    bits, rng = parameters()["WIDTH"], random.Random(5)
    edges = words(bits, rng, 0)
    pairs = [(a, b) for a in edges for b in edges]
    pairs += zip(words(bits, rng), words(bits, rng), strict=True)
    for a, b in pairs:
        other = rng.getrandbits(bits)
        dut.a_i.value, dut.b_i.value, dut.other_i.value = a, b, other
        dut.add_i.value = 1
        await Timer(1, unit="ns")
        assert sat_add(a, b, bits) == dut.y_o.value.to_signed(), (a, b)
        dut.add_i.value = 0
        await Timer(1, unit="ns")
        assert other == int(dut.y_o.value), (a, b)


@cocotb.test()
async def saturate_equals_its_definition(dut):
    wide, narrow = parameters()["IN"], parameters()["OUT"]
    rng = random.Random(2)
    for x in words(wide, rng) + words(narrow, rng) + [1 << (narrow - 1), -(1 << (narrow - 1)) - 1]:
        dut.x_i.value = x
        await Timer(1, unit="ns")
        assert saturate(x, narrow) == dut.y_o.value.to_signed(), x


@cocotb.test()
async def shift_left_equals_its_definition(dut):
    wide, narrow = parameters()["IN"], parameters()["OUT"]
    for x in words(wide, random.Random(3), 60):
        for g in range(8):
            dut.x_i.value, dut.g_i.value = x, g
            await Timer(1, unit="ns")
            assert shift_left(x, g, narrow) == dut.y_o.value.to_signed(), (x, g)


@cocotb.test()
async def decay_equals_its_definition_two_cycles_later(dut):
    bits, rng = parameters()["WIDTH"], random.Random(4)
    factors = [0, 1, 2048, 4095, 4096]
    pairs = [(z, a) for z in words(bits, rng, 20) for a in factors]
    pairs += [(z, rng.randint(0, 4096)) for z in words(bits, rng)]
    cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
    under_way: deque[tuple[int, int]] = deque()
    for z, a in pairs:
        dut.z_i.value, dut.a_i.value = z, a
        await RisingEdge(dut.clk)
        if len(under_way) == 2:
            before = under_way.popleft()
            assert decay(*before) == dut.d_o.value.to_signed() + int(dut.carry_o.value), before
        under_way.append((z, a))
