# SPDX-License-Identifier: Apache-2.0
"""A run in progress: state, kernels of a tick, what learns, checkpoints."""
