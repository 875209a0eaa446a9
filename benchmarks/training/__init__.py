# SPDX-License-Identifier: Apache-2.0
"""Training steps and inference beside snnTorch and SpikingJelly."""
