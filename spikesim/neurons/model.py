# SPDX-License-Identifier: Apache-2.0
"""What every neuron model says about itself: state, inputs, constants, and its update as text."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy.typing as npt

from spikesim.core.text.checked import Checked
from spikesim.errors import ValidationError
from spikesim.neurons.update import construction_problems, population_problems

if TYPE_CHECKING:
    from spikesim.neurons.lif import LIF

Constants = dict[str, Any]

ACTS_AT = ("start", "end")


class NeuronModel(metaclass=Checked):
    """A neuron model: a frozen dataclass of parameters that describes one tick of one neuron.

    The engine writes the text of ``template`` into a loop over neurons and compiles that
    once per model, so a new model is one subclass and no engine code. The text is read when a
    model is made, and once more, with tick and number of neurons, when a population takes it.

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
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    counters: ClassVar[tuple[str, ...]] = ("refr",)
    acts_at: ClassVar[Literal["start", "end"]] = "end"

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return ("syn",)

    @abstractmethod
    def constants(self, dt: float, n: int) -> Constants:
        """Constants of the template for ticks of ``dt`` seconds and ``n`` neurons.

        Scalars stay scalars, which is faster; arrays hold one value per neuron. A float is a float
        of the run, a whole number an int. A ValueError says why this tick is none for the model.
        """

    @abstractmethod
    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Value of every state and counter before the first tick, each of shape (n,)."""

    @abstractmethod
    def template(self) -> str:
        """Update of one neuron in one tick, as text in the language of ``spikesim.core.text``.

        It reads and writes states and counters, reads the constants and the inputs
        ``in_0``, ``in_1``, … (sum of the weights that arrive in this tick, by receptor),
        and assigns the bool ``spike``. Other names that it assigns are temporaries.
        """

    @property
    def only_dt(self) -> float | None:
        """Tick in seconds that the constants hold for, where they hold for one only."""
        return None

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``neurons.LIF`` has no words for; empty where ``per_tick`` gives one."""
        return ["an update of its own"]

    def per_tick(self, dt: float) -> LIF:
        """Give the same neuron in the canonical form, which torch and hardware share.

        Its membrane is counted from v_rest, so that a membrane at rest is exactly 0.

        Parameters
        ----------
        dt : float
            Tick in seconds.

        Raises
        ------
        ValidationError
            If the model is no leaky integrator of one current; with every reason.
        """
        raise ValidationError(
            f"{type(self).__name__}: expected a leaky integrator of one current and a constant "
            f"threshold, which LIF is, got {', '.join(self.beyond_lif(dt))}; run it in the float "
            "engine, or model it as LIF, LIFDelta or LIFExp"
        )

    def changed(self, **values: Any) -> Self:
        """Give the same model with other parameters; raises ValidationError as construction does.

        Examples
        --------
        >>> from spikesim.neurons import LIFExp
        >>> cell = LIFExp(tau_mem=20e-3, capacitance=200e-12).changed(capacitance=100e-12)
        >>> cell.tau_mem, cell.resistance
        (0.02, 200000000.0)
        """
        given: Any = self  # a dataclass
        return cast(Self, replace(given, **values))

    def problems(self, n: int) -> list[str]:
        """Why these parameters do not fit ``n`` neurons; empty when they do."""
        return []

    def text_problems(self) -> list[str]:
        """Why names, constants or template are not sound; empty when they are."""
        return construction_problems(self)

    def population_problems(self, dt: float, n: int) -> list[str]:
        """Why template, constants or start values do not fit n neurons in ticks of dt seconds."""
        return population_problems(self, dt, n)

    def doubts(self, dt: float) -> list[str]:
        """Why legal parameters look like ones in another unit; empty when they do not."""
        return []

    @property
    def repeats(self) -> bool:
        """Whether each single arrival is to become one spike, so that none may be lost."""
        return False

    @property
    def conductances(self) -> tuple[str, ...]:
        """Receptors whose weights are conductances: a reversal potential decides what they do."""
        return ()

    def to_threshold(self) -> dict[str, float]:
        """How much of an input takes the membrane from rest to threshold, by itself.

        A lower bound of the weight per receptor, and of the constant current ``"i_ext"``; inputs
        of which nothing is known, or that pull away from the threshold, are left out.
        """
        return {}

    def from_reset(self) -> dict[str, float]:
        """How much of an input takes the membrane from its reset to threshold; as above.

        The next spike takes as much, however near to the threshold the membrane rests.
        """
        return {}
