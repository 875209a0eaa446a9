# SPDX-License-Identifier: Apache-2.0
"""A pass: integers for every population, by the function that training uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization
from spikesim.fixed.constants import shared_by_run
from spikesim.fixed.quantize import ChannelWeights, quantize_lif
from spikesim.hw.compile.check import lif_of
from spikesim.hw.compile.compilation import Compilation
from spikesim.hw.config import CoreConfig
from spikesim.network import Convolution, Network, Projection
from spikesim.neurons import LIF


def quantize(compilation: Compilation) -> Compilation:
    """Choose integers for every population.

    Weight blocks of the result follow ``net.incoming(name)``; each has one code per synapse.

    Raises
    ------
    CompileError
        With every population that cannot be expressed, behind the problems found before; without
        integers nothing behind can go on.
    """
    net, config, settings = compilation.net, compilation.config, compilation.settings
    problems = _setting_problems(settings, net, config)
    quantized = {}
    settings = settings.with_widths(config.weight_bits, config.state_bits)
    for name, population in net.populations.items():
        neuron = lif_of(population)
        if not np.isfinite(np.asarray(neuron.v_th)).all():
            problems.append(
                f"population {name!r}: expected a finite v_th, got inf; the core has no neuron "
                "that never fires, so take a threshold above every membrane it can reach"
            )
            continue
        if neuron.v_floor is not None and np.isneginf(neuron.v_floor).all():
            neuron = replace(neuron, v_floor=None)  # two ways to say that there is no floor
        kernels = [_kernel(projection, neuron) for projection in net.incoming(name)]
        blocks = [
            (p.rows.weights, p.rows.targets) if rule is None else ChannelWeights.of(rule.kernel)
            for p, rule in zip(net.incoming(name), kernels, strict=True)
        ]
        try:
            found = quantize_lif(blocks, population.n, neuron, settings, name=name)
        except ValidationError as error:
            problems += error.problems
            continue
        codes = (
            block if rule is None else rule.by_synapse(block.T.reshape(rule.kernel.shape))
            for block, rule in zip(found.weights, kernels, strict=True)
        )
        quantized[name] = replace(found, weights=tuple(codes))
    if problems:
        compilation.adding(problems=problems).without_problems()
    return replace(compilation, quantized=quantized)


def _kernel(projection: Projection, neuron: LIF) -> Convolution | None:
    """Give the convolution that connects whole populations, if its channels can share codes."""
    rule = getattr(projection.synapses, "rule", None)
    if not isinstance(rule, Convolution):
        return None
    return rule if shared_by_run(neuron.gain, rule.kernel.shape[0]) else None


def _setting_problems(settings: Quantization, net: Network, config: CoreConfig) -> list[str]:
    problems = [
        f"quantization: expected {what} for {list(net.populations)}, got {name!r}"
        for what, names in (("gain shifts", settings.gain_shifts), ("ranges", settings.ranges))
        for name in names
        if name not in net.populations
    ]
    widths = (
        ("weight_bits", settings.weight_bits, config.weight_bits),
        ("state_bits", settings.state_bits, config.state_bits),
    )
    problems += [
        f"quantization: expected 2 <= {name} <= {limit}, the width of the core, got {got}; "
        "quantize to fewer bits or build a wider core"
        for name, got, limit in widths
        if got is not None and got > limit
    ]
    return problems
