# SPDX-License-Identifier: Apache-2.0
"""How floats become integers: the one class of settings, for training and for compiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from spikesim.errors import ValidationError
from spikesim.fixed.arith import MAX_BITS

GRANULARITIES = ("neuron", "population")
MAX_GAIN_SHIFT = 7
#: Widths where neither the settings nor a core name any: those of the default core.
WEIGHT_BITS, STATE_BITS = 8, 18


@dataclass(frozen=True)
class Quantization:
    """How the floats of a network become integers.

    The same object goes to ``nn.IntegerNet`` and to ``hw.compile_network``; then the network that
    was trained and the program hold the same integers.

    Parameters
    ----------
    granularity : {"neuron", "population"}
        One scale per neuron, or one per population. Where a convolution ends, all neurons of a
        channel share one, so that the codes are those of its kernel. A population whose reset
        value, soft reset amount, floor or initial membrane is shared by its neurons always gets
        one scale.
    weight_bits, state_bits : int, optional
        Widths of the codes, 2 to 16 and 2 to 50. By default those of the core that is compiled
        for; without a core, in training, 8 and 18.
    gain_shift : int, optional
        Shift from accumulator to state of every population, 0 to 7; by default, the largest
        that leaves head-room.
    gain_shifts : mapping of str to int
        Shift by population; wins over ``gain_shift``.
    v_th_limit : int, optional
        Largest threshold code; default ``2**(state_bits - 4)``, which leaves eight thresholds of
        head-room on either side before the state saturates.
    ranges : mapping of str to float or sequence of float
        By population, the weight times gain that the largest code stands for: one number, or one
        per channel or neuron. Larger weights are clipped. By default the largest there is; see
        ``nn.calibrate``.
    power_of_two : bool
        Take the next lower power of two as the scale, so that a code times its unit is a shift,
        and a threshold of 1 has a code of its own. Otherwise scales are any real numbers, and
        thresholds are rounded to whole codes.

    Raises
    ------
    ValidationError
        With every value that no core can have.

    Examples
    --------
    >>> settings = Quantization(gain_shift=4, gain_shifts={"out": 2})
    >>> settings.shift_of("hidden"), settings.shift_of("out")
    (4, 2)
    >>> settings.with_widths(4, 16).weight_bits
    4
    """

    granularity: Literal["neuron", "population"] = "neuron"
    weight_bits: int | None = None
    state_bits: int | None = None
    gain_shift: int | None = None
    gain_shifts: Mapping[str, int] = field(default_factory=dict)
    v_th_limit: int | None = None
    ranges: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    power_of_two: bool = False

    def __post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise ValidationError(problems)

    def shift_of(self, name: str) -> int | None:
        """Give the fixed shift of a population, or None where it is to be chosen."""
        return self.gain_shifts.get(name, self.gain_shift)

    def with_widths(self, weight_bits: int, state_bits: int) -> Quantization:
        """Give the same settings with these widths where none are set."""
        return replace(
            self,
            weight_bits=self.weight_bits or weight_bits,
            state_bits=self.state_bits or state_bits,
        )

    @property
    def top(self) -> int:
        """Largest weight code; codes are symmetric."""
        return (1 << ((self.weight_bits or WEIGHT_BITS) - 1)) - 1

    @property
    def rail(self) -> int:
        """One above the largest state code."""
        return 1 << ((self.state_bits or STATE_BITS) - 1)

    @property
    def limit(self) -> int:
        """Largest threshold code."""
        return max(1, self.rail >> 3) if self.v_th_limit is None else self.v_th_limit

    def _problems(self) -> list[str]:
        problems = []
        if self.granularity not in GRANULARITIES:
            problems.append(
                f"quantization: expected granularity 'neuron' or 'population', got "
                f"{self.granularity!r}"
            )
        ranges = [
            ("weight_bits", self.weight_bits, 2, 16),
            ("state_bits", self.state_bits, 2, MAX_BITS),
            ("gain_shift", self.gain_shift, 0, MAX_GAIN_SHIFT),
            ("v_th_limit", self.v_th_limit, 1, 1 << MAX_BITS),
        ]
        if not isinstance(self.gain_shifts, Mapping):
            problems.append(
                "quantization: expected gain_shifts as a mapping of population to shift, got "
                f"{self.gain_shifts!r}"
            )
        else:
            ranges += [
                (f"gain_shifts[{name!r}]", shift, 0, MAX_GAIN_SHIFT)
                for name, shift in self.gain_shifts.items()
            ]
        for name, got, low, high in ranges:
            if got is None:
                continue
            whole = isinstance(got, (int, np.integer)) and not isinstance(got, bool)
            if not whole or not low <= got <= high:
                problems.append(
                    f"quantization: expected {low} <= {name} <= {high} as an integer, got {got!r}"
                )
        return problems + self._range_problems()

    def _range_problems(self) -> list[str]:
        problems = []
        if not isinstance(self.power_of_two, bool):
            problems.append(
                f"quantization: expected power_of_two as True or False, got {self.power_of_two!r}"
            )
        if not isinstance(self.ranges, Mapping):
            return [
                *problems,
                "quantization: expected ranges as a mapping of population to the largest weight, "
                f"got {self.ranges!r}",
            ]
        for name, given in self.ranges.items():
            try:
                values = np.asarray(given, dtype=np.float64)
            except (TypeError, ValueError):
                values = np.full(1, np.nan)
            if values.ndim > 1 or not np.all(np.isfinite(values) & (values >= 0.0)):
                problems.append(
                    f"quantization: expected ranges[{name!r}] as numbers of 0 or more, one or one "
                    f"per channel or neuron, got {given!r}"
                )
        return problems
