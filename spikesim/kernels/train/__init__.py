# SPDX-License-Identifier: Apache-2.0
"""Kernels that training and inference in torch are made of."""
