# SPDX-License-Identifier: Apache-2.0
"""What every neuron model says about itself: state, inputs, constants, and its update as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy.typing as npt

Constants = dict[str, Any]

ACTS_AT = ("start", "end")


class NeuronModel(ABC):
    """A neuron model: a frozen dataclass of parameters that describes one tick of one neuron.

    The engine writes the text of ``template`` into a loop over neurons and compiles that
    once per model, so a new model is one subclass and no engine code.

    Attributes
    ----------
    states : tuple of str
        Float state variables, the membrane ``"v"`` first. All can be recorded.
    counters : tuple of str
        Integer state variables: ticks left, from one of the whole-numbered constants down
        to 0. None may get larger than these, since 16 bits hold it where they are enough.
    receptors : tuple of str
        Names of the input channels; a projection ends on one of them.
    acts_at : {"start", "end"}
        When an input acts within the tick in which it arrives: from its start on, as a current
        that flows through the tick, or at its end, as a jump of the membrane. A spike happens at
        the end of its tick, so of a delay in seconds, which is the time from the spike until its
        input acts, ``delay / dt`` ticks are needed with "end" and one more with "start".
    start_tick : int
        First tick in which the population lives.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    counters: ClassVar[tuple[str, ...]] = ("refr",)
    acts_at: ClassVar[Literal["start", "end"]] = "end"
    start_tick: int = 0

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return ("syn",)

    @abstractmethod
    def constants(self, dt: float, n: int) -> Constants:
        """Constants of the template for ticks of ``dt`` seconds and ``n`` neurons.

        Scalars stay scalars, which is faster; arrays hold one value per neuron.
        """

    @abstractmethod
    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Value of every state and counter before the first tick, each of shape (n,)."""

    @abstractmethod
    def template(self) -> str:
        """Update of one neuron in one tick, as Python text on scalars without branches.

        It reads and writes states and counters, reads the constants and the inputs
        ``in_0``, ``in_1``, … (sum of the weights that arrive in this tick, by receptor),
        and assigns the bool ``spike``. Allowed are arithmetic, comparisons, ``&``, ``|``,
        ``a if c else b``, min, max, exp, sqrt and temporaries.
        """

    def problems(self, n: int) -> list[str]:
        """Why these parameters do not fit ``n`` neurons; empty when they do."""
        return []

    def doubts(self, dt: float) -> list[str]:
        """Why legal parameters look like ones in another unit; empty when they do not."""
        return []

    def to_threshold(self) -> dict[str, float]:
        """How much of an input takes the membrane from rest to threshold, by itself.

        A lower bound of the weight per receptor, and of the constant current ``"i_ext"``; inputs
        of which nothing is known, or that pull away from the threshold, are left out.
        """
        return {}
