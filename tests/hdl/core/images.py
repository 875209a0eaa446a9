# SPDX-License-Identifier: Apache-2.0
"""Random legal memory images for a core, as halfwords by window."""

from __future__ import annotations

import random
from collections.abc import Mapping

from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import FIELDS, Window

Image = dict[Window, list[int]]


def pack(window: Window, values: Mapping[str, int], halfwords: int) -> list[int]:
    """Give one entry of a table as halfwords."""
    raw = 0
    for name, value in values.items():
        field = FIELDS[window][name]
        raw |= (value & ((1 << field.width) - 1)) << field.lsb
    return [raw >> (16 * k) & 0xFFFF for k in range(halfwords)]


class ImageMaker:
    """Makes images; ``edgy`` is the share of values that lie on a rail or next to it."""

    def __init__(self, config: CoreConfig, rng: random.Random, edgy: float = 0.2) -> None:
        self.config = config
        self.rng = rng
        self.edgy = edgy

    def word(self, bits: int, scale: int | None = None) -> int:
        """One signed word: near zero mostly, on a rail now and then."""
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if self.rng.random() < self.edgy:
            return self.rng.choice([low, low + 1, -1, 0, 1, high - 1, high])
        reach = min(high, scale if scale is not None else high)
        return self.rng.randint(-reach, reach)

    def factor(self) -> int:
        """One decay factor, 0 to 4096."""
        return self.rng.choice([0, 1, 4095, 4096, self.rng.randint(2048, 4095)])

    def populations(self) -> list[dict[str, int]]:
        """Disjoint ascending populations over most of the groups."""
        groups, bits = self.config.n_groups, self.config.state_bits
        n = self.rng.randint(1, min(4, self.config.n_populations, groups))
        cuts = sorted(self.rng.sample(range(1, groups), n - 1))
        bounds = zip([0, *cuts], [*cuts, groups], strict=True)
        records = []
        for first, end in bounds:
            records.append(
                {
                    "first": first,
                    "last": self.rng.randint(first, end - 1),
                    "valid": 1,
                    "hold": self.rng.randint(0, 1),
                    "record": self.rng.randint(0, 1),
                    "reset": self.rng.randint(0, 3),
                    "gain": self.rng.choice([0, 0, 1, 7]),
                    "alpha_v": self.factor(),
                    "alpha_i": self.factor(),
                    "reset_value": self.word(bits, 500),
                    "v_floor": self.rng.choice([-(1 << (bits - 1)), -200, 0]),
                    "v_init": self.word(bits, 2000),
                    "start_tick": self.rng.choice([0, 0, 0, 3]),
                }
            )
        return records

    def segments(self, dense: float = 0.7) -> list[dict[str, int]]:
        """Rows for a share of the sources, chained over the entries that are left."""
        config = self.config
        table: list[dict[str, int]] = [{} for _ in range(config.n_segments)]
        heads = [s for s in range(config.n_sources) if self.rng.random() < dense]
        spare = [s for s in range(config.n_segments) if s not in set(heads)]
        self.rng.shuffle(spare)
        for head in heads:
            at = head
            for _ in range(self.rng.randint(1, 3)):
                following = spare.pop() if spare and self.rng.random() < 0.6 else None
                table[at] = self.segment(int(at == head), following)
                if following is None:
                    break
                at = following
            table[at]["more"] = 0
        return table

    def segment(self, valid: int, following: int | None) -> dict[str, int]:
        """One entry somewhere in the weights."""
        config = self.config
        first = self.rng.randrange(config.n_groups)
        count = self.rng.randint(1, min(config.n_groups - first, config.weight_words))
        if self.rng.random() < 0.3:
            count = 1
        return {
            "base": self.rng.randint(0, config.weight_words - count),
            "first": first,
            "count": count - 1,
            "delay": self.rng.randrange(config.delay_slots),
            "valid": valid,
            "more": int(following is not None),
            "next": following or 0,
        }

    def params(self) -> list[dict[str, int]]:
        """Constants of every neuron; low thresholds, so that much fires."""
        bits = self.config.state_bits
        return [
            {
                "v_th": self.word(bits, 600),
                "bias": self.word(bits, 40),
                "refr_len": self.rng.choice([0, 0, 1, 2, 255]),
            }
            for _ in range(self.config.n_neurons)
        ]

    def image(self) -> Image:
        """Every table and the weights."""
        config = self.config
        records = self.populations()
        records += [{} for _ in range(config.n_populations - len(records))]
        lanes, bits = config.lanes, config.weight_bits
        weights: list[int] = []
        for _ in range(config.weight_words):
            word = 0
            for lane in range(lanes):
                word |= (self.word(bits) & ((1 << bits) - 1)) << (lane * bits)
            weights += [word >> (16 * k) & 0xFFFF for k in range(config.weight_stride)]
        return {
            Window.WEIGHT: weights,
            Window.SEG: [h for s in self.segments() for h in pack(Window.SEG, s, 4)],
            Window.PARAM: [h for p in self.params() for h in pack(Window.PARAM, p, 4)],
            Window.POP: [h for r in records for h in pack(Window.POP, r, 16)],
        }
