# SPDX-License-Identifier: Apache-2.0
"""Output neurons, whose counts take the place of scores."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from spikesim.convert.ann.reading import AnnGraph


def with_output_neurons(ann: AnnGraph, batches: Iterable[Tensor]) -> float:
    """Put an activation at the end of a net, in place, and tell what it adds to all scores.

    So much is added that no score of these data is below 0: what is taken off again by who reads
    the counts, and changes neither the largest nor a softmax.
    """
    with torch.no_grad():
        offset = -min(float(ann.module(x).min()) for x in batches)
    graph, (path, *_) = ann.module.graph, ann.activations
    own = f"{path.rpartition('.')[0]}.output"
    ann.module.add_submodule(own, torch.nn.ReLU())
    end = next(iter(reversed(graph.nodes)))
    with graph.inserting_before(end):
        above = graph.call_function(torch.add, (end.args[0], offset))
        end.args = (graph.call_module(own, (above,)),)
    ann.module.recompile()
    ann.activations[own], ann.ceilings[own] = "the output", float("inf")
    return offset
