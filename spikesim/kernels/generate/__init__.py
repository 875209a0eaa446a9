# SPDX-License-Identifier: Apache-2.0
"""From the texts of models and rules to compiled loops.

Names of the user and names of the loop live apart: a variable ``v`` of a text is ``_v`` in the
loop, and what the loop keeps for it is ``all__v``, ``now__v`` and so on. Nobody can call a variable
``_v``, and nothing else in a loop begins with an underscore or has two of them in a row.
"""

from spikesim.kernels.generate.neuron import update_kernel, update_text
from spikesim.kernels.generate.rule import rule_kernels, rule_text

__all__ = ["rule_kernels", "rule_text", "update_kernel", "update_text"]
