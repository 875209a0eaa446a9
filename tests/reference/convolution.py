# SPDX-License-Identifier: Apache-2.0
"""Convolution as written in a textbook, one product at a time."""

import itertools

import numpy as np


def convolved(kernel, image, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Output of a 2D convolution without bias.

    Parameters
    ----------
    kernel : array, shape (out, in / groups, rows, columns)
    image : array, shape (in, height, width)

    Examples
    --------
    >>> convolved(np.ones((1, 1, 1, 2)), np.array([[[1.0, 2.0, 4.0]]])).tolist()
    [[[3.0, 6.0]]]
    """
    out_channels, each, *window = kernel.shape
    sides = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(image.shape[1:], padding, dilation, window, stride, strict=True)
    ]
    out = np.zeros((out_channels, *sides))
    for o, c, i, j in itertools.product(range(out_channels), range(each), *map(range, window)):
        channel = o // (out_channels // groups) * each + c
        for y, x in itertools.product(*map(range, sides)):
            row = y * stride[0] - padding[0] + i * dilation[0]
            column = x * stride[1] - padding[1] + j * dilation[1]
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                out[o, y, x] += kernel[o, c, i, j] * image[channel, row, column]
    return out
