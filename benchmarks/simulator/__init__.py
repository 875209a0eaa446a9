# SPDX-License-Identifier: Apache-2.0
"""Speed of the simulator against NEST, Brian2 and BindsNET: ``python -m benchmarks.simulator``."""
