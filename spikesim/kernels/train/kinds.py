# SPDX-License-Identifier: Apache-2.0
"""Numbers that kernels and their callers agree on; importing them loads no compiler."""

BETA, ALPHA, GAIN, BIAS, V_TH, JUMP, FLOOR = range(7)
"""Rows of the constants of LIF neurons. JUMP is what a spike adds to the membrane: the value after
a hard reset, the amount of a soft one times -1, -0.0 without either."""

HARD, SOFT, STRICT, DETACH, CURRENT, HOLD, GATE, FLOORED, JUMPS = [1 << k for k in range(9)]
"""Bits of the kind of neuron; JUMPS: a hard reset leads elsewhere than to 0."""

ATAN, FAST_SIGMOID, TRIANGLE, SIGMOID, BOXCAR = range(5)
"""Surrogates, as ``nn.SurrogateCode`` numbers them."""

LEARNED = ("beta", "alpha", "gain", "bias", "v_th", "reset_amount")
"""Constants that have a gradient, in the order of their places."""
OF_BETA, OF_ALPHA, OF_GAIN = range(3)
"""Places of some."""
