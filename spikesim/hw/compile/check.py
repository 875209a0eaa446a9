# SPDX-License-Identifier: Apache-2.0
"""Three passes: what the core cannot express or hold, before and after quantization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.hw.compile.canonical import not_canonical
from spikesim.hw.compile.compilation import Compilation, made
from spikesim.hw.config import NAMED_CORES, CoreConfig, way_out
from spikesim.hw.generated import PARAM_FIELDS, POP_FIELDS
from spikesim.network import Network, Population
from spikesim.neurons import LIF

MAX_REFRACTORY = (1 << PARAM_FIELDS["refr_len"].width) - 1
MAX_START_TICK = (1 << POP_FIELDS["start_tick"].width) - 1


def check_description(compilation: Compilation) -> Compilation:
    """Refuse networks that are broken, empty, or made of parts the core has no words for.

    Raises
    ------
    CompileError
        With every reason; nothing behind could judge such a network.
    """
    net = compilation.net
    problems: list[str] = []
    try:
        net.validate()
    except ValidationError as error:
        problems += error.problems
    if not net.populations:
        problems.append("network: expected at least one population, got none")
    problems += foreign_parts(net)
    problems += [
        f"record: expected populations among {list(net.populations)}, got {name!r}"
        for name in compilation.record or ()
        if name not in net.populations
    ]
    return compilation.adding(problems=problems).without_problems()


def check_limits(compilation: Compilation) -> Compilation:
    """Collect sizes, delays and parameters beyond the core, and input it might not hold."""
    net, config, events = compilation.net, compilation.config, compilation.events_per_step
    return compilation.adding(
        problems=check_network(net, config) + event_problems(config, events, roomy_cores(net)),
        warnings=event_warnings(net, config) if events is None else (),
    )


def check_integers(compilation: Compilation) -> Compilation:
    """Collect integers that the core's words hold but its records and padding cannot bear."""
    quantized = made(compilation.quantized, "quantize")
    return compilation.adding(
        problems=check_quantized(compilation.net, quantized, compilation.config),
        warnings=accumulator_warnings(quantized),
    )


def foreign_parts(net: Network) -> list[str]:
    """Models and rules that the core does not know."""
    problems = not_canonical(net)
    problems += [
        f"projection {projection.name!r}: expected fixed weights, got the rule "
        f"{type(projection.plasticity).__name__}; train first and connect the learned weights"
        for projection in net.projections.values()
        if projection.plasticity is not None
    ]
    return problems


def lif_of(population: Population) -> LIF:
    """Neuron of a population behind the pass ``canonical``."""
    assert isinstance(population.neuron, LIF)
    return population.neuron


def check_network(net: Network, config: CoreConfig) -> list[str]:
    """Sizes, delays and parameters beyond the core's limits."""
    problems = _size_problems(net, config)
    problems += _delay_problems(net, config)
    for name, population in net.populations.items():
        neuron = lif_of(population)
        longest = int(np.max(neuron.refractory_ticks, initial=0))
        if longest > MAX_REFRACTORY:
            problems.append(
                f"population {name!r}: expected refractory_ticks <= {MAX_REFRACTORY}, got "
                f"{longest}; use a longer dt or a shorter refractory time"
            )
        if population.start_tick > MAX_START_TICK:
            problems.append(
                f"population {name!r}: expected start_tick <= {MAX_START_TICK}, got "
                f"{population.start_tick}"
            )
    return problems


def check_quantized(
    net: Network, quantized: Mapping[str, QuantizedPopulation], config: CoreConfig
) -> list[str]:
    """Integers that fit their words but that padding or the shared record cannot bear."""
    problems = []
    for name, q in quantized.items():
        neuron = lif_of(net.populations[name])
        top = config.max_state
        for what, codes in (("v_init", q.v_init), ("v_floor", np.array([q.v_floor]))):
            if codes.size and codes.max() >= top:
                problems.append(
                    f"population {name!r}: expected {what} below code {top}, got "
                    f"{int(codes.max())}; a padding neuron would fire, use a smaller gain_shift"
                )
        shared = [("v_init", q.v_init)]
        if neuron.reset == "soft" and not np.array_equal(q.reset_amount, q.v_th):
            shared.append(("reset_amount", q.reset_amount))
        for what, codes in shared:
            if codes.size and codes.min() != codes.max():
                problems.append(
                    f"population {name!r}: expected one {what} for all neurons (the core keeps it "
                    f"once per population), got codes {int(codes.min())} to {int(codes.max())}; "
                    "split the population into one per value"
                )
    return problems


def accumulator_warnings(quantized: Mapping[str, QuantizedPopulation]) -> list[str]:
    """Name populations whose accumulators could saturate if all sources fired at once."""
    return [
        f"population {name!r}: if every source fired in one tick an accumulator would reach "
        f"{q.acc_bound}, beyond 16 bits; it saturates then, in delivery order"
        for name, q in quantized.items()
        if not q.acc_exact
    ]


def event_problems(
    config: CoreConfig, events_per_step: int | None, among: Iterable[str] = tuple(NAMED_CORES)
) -> list[str]:
    """Problem of a stated or measured number of input spikes in one step.

    Parameters
    ----------
    among : iterable of str
        Named cores that may be advised.
    """
    room = config.event_queue - 1
    if events_per_step is None or events_per_step <= room:
        return []
    return [
        f"input: expected at most {room} spikes in one step (event queue of "
        f"{config.event_queue} words), got {events_per_step}; spread them over more steps, "
        f"{way_out('event_queue', events_per_step + 1, among)}"
    ]


def event_warnings(net: Network, config: CoreConfig) -> list[str]:
    """Warn of inputs that could overrun the event queue if every line fired at once."""
    lines = sum(p.n for p in net.inputs.values())
    room = config.event_queue - 1
    if lines <= room:
        return []
    return [
        f"input: {lines} lines could fire in one step, the event queue holds {room} spikes; runs "
        "with busier steps are refused"
    ]


def roomy_cores(net: Network) -> tuple[str, ...]:
    """Named cores with axons, neurons, records and delay slots enough for a network."""
    return tuple(
        name
        for name, make in NAMED_CORES.items()
        if all(getattr(make(), field) >= need for field, need in _needs(net, make()).items())
    )


def _needs(net: Network, config: CoreConfig) -> dict[str, int]:
    """Least value of each field of a core that depends on the network alone."""
    slots = [1]
    for projection in net.projections.values():
        longest = int(projection.rows.delays.max(initial=0))
        slots.append(longest + (1 if projection.pre.is_input else 0))
    return {
        "n_axons": sum(p.n for p in net.inputs.values()),
        "n_neurons": config.lanes * sum(-(-p.n // config.lanes) for p in net.populations.values()),
        "n_populations": len(net.populations),
        "delay_slots": max(slots),
    }


def _size_problems(net: Network, config: CoreConfig) -> list[str]:
    lanes, needs, roomy = config.lanes, _needs(net, config), roomy_cores(net)
    axons, groups = needs["n_axons"], needs["n_neurons"] // lanes
    problems = []
    if axons > config.n_axons:
        problems.append(
            f"inputs: need {axons} axons, the core has {config.n_axons}; crop or pool the input, "
            f"{way_out('n_axons', axons, roomy)}"
        )
    if groups > config.n_groups:
        problems.append(
            f"populations: need {groups} groups of {lanes} neurons "
            f"({net.n_neurons} neurons, each population padded to whole groups), the core has "
            f"{config.n_groups}; use fewer neurons, "
            f"{way_out('n_neurons', needs['n_neurons'], roomy)}"
        )
    if len(net.populations) > config.n_populations:
        problems.append(
            f"populations: need {len(net.populations)} records, the core has "
            f"{config.n_populations}; merge populations with equal constants, "
            f"{way_out('n_populations', needs['n_populations'], roomy)}"
        )
    return problems


def _delay_problems(net: Network, config: CoreConfig) -> list[str]:
    problems = []
    for name, projection in net.projections.items():
        limit = config.delay_slots - (1 if projection.pre.is_input else 0)
        longest = int(projection.rows.delays.max(initial=0))
        if longest > limit:
            late = int((projection.rows.delays > limit).sum())
            slots = longest + config.delay_slots - limit
            problems.append(
                f"projection {name!r}: expected delays of at most {limit} ticks, got {longest} "
                f"({late} synapses); use a longer dt or shorter delays, "
                f"{way_out('delay_slots', slots, roomy_cores(net))}"
            )
    return problems
