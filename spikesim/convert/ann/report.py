# SPDX-License-Identifier: Apache-2.0
"""What a conversion came to: in words, and as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spikesim.nn.energy import CONVENTIONS, EnergyReport

#: Share of images on which both nets should name the same class.
ENOUGH = 0.95
_NEAR = 0.99


@dataclass(frozen=True)
class Point:
    """The spiking net after some ticks.

    Attributes
    ----------
    steps : int
        Ticks T.
    agreement : float, 0..1
        Share of images that it gives the class of the ANN.
    accuracy : float, 0..1, or None
        Share of images that it gives the right class, where labels are known.
    """

    steps: int
    agreement: float
    accuracy: float | None


@dataclass(frozen=True)
class ConvertedLayer:
    """Neurons that stand for one call of an activation.

    Attributes
    ----------
    path, ann : str
        Of the neurons in the spiking net; what they were in the ANN.
    n_neurons, n_dead : int
        Neurons; channels that were silent on the calibration data.
    thresholds : (float, float)
        Smallest and largest.
    rate : float
        Spikes of a neuron in a tick, those of -1 counted as well.
    error : float
        Root of the mean squared difference of both nets, as a share of that of the activation.
    exact : float, 0..1
        Share of neurons that count exactly what the activation of the ANN is in T levels.
    """

    path: str
    ann: str
    n_neurons: int
    n_dead: int
    thresholds: tuple[float, float]
    rate: float
    error: float
    exact: float


@dataclass(frozen=True)
class Energy:
    """Operations of an image, as `nn.energy` counts them, by which alone energies are estimated.

    Attributes
    ----------
    ann : EnergyReport
        Of the artificial net: products everywhere.
    spiking : EnergyReport
        Of the spiking one in all ticks. Layers that see the input give the same in all of them,
        and are counted once.
    """

    ann: EnergyReport
    spiking: EnergyReport


@dataclass(frozen=True)
class TunedBlock:
    """What fine-tuning did to a block.

    Attributes
    ----------
    path : str
        Of its neurons in the spiking net, or "the output".
    before, after : float
        Root of the mean squared error of the scores, as a share of them, with spikes up to this
        block and the artificial net behind it; on calibration samples that were held out. What did
        not get better stays as it was.
    """

    path: str
    before: float
    after: float


@dataclass(frozen=True)
class Report:
    """What a conversion came to.

    Attributes
    ----------
    method : str
        Neurons and thresholds.
    chosen : mapping of str to float
        Error of the output on calibration data by rule of thresholds, where one was chosen.
    curve : tuple of Point
        Against the number of ticks, the last of which is what was converted for.
    accuracy_ann : float, 0..1, or None
    judged_on : str
        Which images curve, rates and errors are of.
    layers : tuple of ConvertedLayer
    energy : Energy
        At the last point of the curve.
    core : tuple of str
        What of the net goes to the core, or what keeps it from there, a line each.
    tuned : tuple of TunedBlock
        Blocks whose weights were trained.
    """

    method: str
    chosen: Mapping[str, float]
    curve: tuple[Point, ...]
    accuracy_ann: float | None
    judged_on: str
    layers: tuple[ConvertedLayer, ...]
    energy: Energy
    core: tuple[str, ...]
    tuned: tuple[TunedBlock, ...] = ()

    @property
    def suggested_steps(self) -> int:
        """Fewest ticks of the curve from which on 99 % of classes agree; else the most."""
        found = self.curve[-1].steps
        for point in reversed(self.curve):
            if point.agreement < _NEAR:
                break
            found = point.steps
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against using the net as it is."""
        last = self.curve[-1]
        if last.agreement >= ENOUGH:
            return ()
        return (
            f"after {last.steps} ticks {100 * last.agreement:.1f} % of classes agree with the ANN, "
            f"expected {100 * ENOUGH:.0f} %; give more steps, neuron='signed' where the net need "
            "not go to the core, or train with nn.QCFS",
        )

    def __str__(self) -> str:
        """Give the report as a page of text."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"converted: {self.method}"
        for name, error in self.chosen.items():
            yield f"  {name}: error of the output {100 * error:.2f} %"
        known = "" if self.accuracy_ann is None else f", ANN {100 * self.accuracy_ann:.2f} % right"
        for block in self.tuned:
            yield (
                f"  {block.path} fine-tuned: error of the scores {100 * block.before:.2f} % to "
                f"{100 * block.after:.2f} %"
            )
        yield f"judged on {self.judged_on}{known}"
        for point in self.curve:
            right = "" if point.accuracy is None else f", {100 * point.accuracy:.2f} % right"
            yield f"  T = {point.steps}: {100 * point.agreement:.2f} % agree with the ANN{right}"
        yield f"suggested: T = {self.suggested_steps}"
        for layer in self.layers:
            low, high = layer.thresholds
            yield (
                f"  {layer.path} for {layer.ann}: {layer.n_neurons} neurons, {layer.n_dead} dead "
                f"channels, thresholds {low:.3g} to {high:.3g}, rate {layer.rate:.3f}, error "
                f"{100 * layer.error:.1f} %, {100 * layer.exact:.1f} % exact"
            )
        for convention in CONVENTIONS:
            ann, spikes = (one.total(convention) for one in (self.energy.ann, self.energy.spiking))
            yield (
                f"an image, counted as {convention}: ANN {ann.mac:.4g} MAC, {ann.ac:.4g} AC, "
                f"{ann.picojoules() / 1e3:.4g} nJ; spikes {spikes.mac:.4g} MAC, "
                f"{spikes.ac:.4g} AC, {spikes.picojoules() / 1e3:.4g} nJ"
            )
        yield from (f"core: {text}" for text in self.core)
        yield from (f"warning: {text}" for text in self.warnings)
