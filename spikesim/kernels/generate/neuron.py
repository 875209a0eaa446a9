# SPDX-License-Identifier: Apache-2.0
"""From the update of one neuron, as text, to a compiled loop over a population."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikesim.kernels.generate.expressions import IMPORTS, code_lines, indent, own
from spikesim.kernels.generated import load_generated
from spikesim.neurons.update import is_float, read_update

_TEXT = '''# SPDX-License-Identifier: Apache-2.0
"""Generated: update of one neuron model."""
{imports}


@kernel
def update(tick, start_tick, slots, stride, acc, flags{arguments}):
    n = flags.size
    shift = (tick & (slots - 1)) * stride
{views}
    if tick < start_tick:
        flags[:] = 0
{freeze}
        return
    for k in range(n):
{loads}
{body}
{stores}
        flags[k] = {spike}
{clear}
'''


def update_kernel(
    template: str,
    states: Sequence[str],
    counters: Sequence[str],
    n_receptors: int,
    constants: Mapping[str, Any],
    dtype: str,
) -> Any:
    """Compile the update of a neuron model for a population.

    Parameters
    ----------
    template : str
        See ``neurons.NeuronModel.template``.
    states, counters : sequences of str
        Float and integer state variables.
    n_receptors : int
        Inputs ``in_0`` … of the template.
    constants : mapping of str to scalar or array
        Only kind and rank matter here: float or int, one for all or one per neuron.
    dtype : {"float32", "float64"}
        Type of all floats.

    Returns
    -------
    kernel
        ``update(tick, start_tick, slots, stride, acc, flags, base_0, scale_0, …, *states,
        *counters, *constants)``. Input r of neuron k is
        ``acc[(tick mod slots) * stride + base_r + k] * scale_r``, which is cleared.
        ``flags`` (uint8) is 1 where a neuron fires.

    Raises
    ------
    ValidationError
        If the template is not in the language that ``core.text`` describes.
    """
    return load_generated(
        update_text(template, states, counters, n_receptors, constants, dtype)
    ).update


def update_text(
    template: str,
    states: Sequence[str],
    counters: Sequence[str],
    n_receptors: int,
    constants: Mapping[str, Any],
    dtype: str,
) -> str:
    """Source of the kernel that ``update_kernel`` compiles."""
    forms = tuple(
        (name, is_float(value), np.asarray(value).ndim > 0) for name, value in constants.items()
    )
    return _text(template, tuple(states), tuple(counters), n_receptors, forms, dtype)


@functools.cache
def _text(
    template: str,
    states: tuple[str, ...],
    counters: tuple[str, ...],
    n_receptors: int,
    forms: tuple[tuple[str, bool, bool], ...],
    dtype: str,
) -> str:
    """Write the source; ``forms`` are name, float or int, one per neuron or not, of constants."""
    zeros = {name: 0.0 if real else 0 for name, real, _ in forms}
    text = read_update(template, states, counters, n_receptors, zeros)
    held, receptors = [*states, *counters], range(n_receptors)
    arguments = [f"base_{r}, scale_{r}" for r in receptors]
    arguments += [own(name, "all") for name in held]
    arguments += [own(name, "all" if many else "") for name, _, many in forms]
    loaded = [*held, *(name for name, _, many in forms if many)]
    inputs = [f"{own(f'in_{r}')} = np.{dtype}(acc_{r}[k]) * scale_{r}" for r in receptors]
    # Slices of known length let the compiler drop index checks and prove what overlaps.
    views = [f"acc_{r} = acc[shift + base_{r} : shift + base_{r} + n]" for r in receptors]
    return _TEXT.format(
        imports=IMPORTS.format(dtype=dtype),
        arguments="".join(f", {argument}" for argument in arguments),
        views=indent(views or ["pass"], 1),
        clear=indent([f"acc_{r}[k] = 0" for r in receptors] or ["pass"], 2),
        freeze=indent([f"acc_{r}[:] = 0" for r in receptors] or ["pass"], 2),
        loads=indent([*inputs, *(f"{own(x)} = {own(x, 'all')}[k]" for x in loaded)], 2),
        body=indent(code_lines(text, dtype), 2),
        stores=indent([f"{own(name, 'all')}[k] = {own(name)}" for name in held], 2),
        spike=own("spike"),
    )
