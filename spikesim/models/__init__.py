# SPDX-License-Identifier: Apache-2.0
"""Networks from papers, each with its published numbers, ours, and the command that prints both.

A model is a frozen set of parameters whose defaults are the paper's; ``network(seed)`` builds
the network and ``inputs(seed)`` gives what drives it. ``python -m spikesim.models.brunel``, and
so on, runs the comparison. docs/models.md shows all of them.
"""
