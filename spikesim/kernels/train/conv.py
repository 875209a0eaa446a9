# SPDX-License-Identifier: Apache-2.0
"""Convolution of spikes by tables, with max-pooling of two by two.

Inputs of an image lie channel by channel within a pixel, so that a row of the kernel sees one run
of bits. Four of those bits choose one row of a table, the sum of their weights: no more additions
than a quarter of the products, however many spikes there are. Adjacent pixels share a row of 64
numbers (float32) where there are few output channels.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event_rows import STRIPE_BYTES, sum_rows

SLACK = 64
"""Numbers behind an image that vectors may read."""
_GROUP = 4  # bits that choose a row
_ENTRIES = 1 << _GROUP


def lanes_of_pixel(channels: int, dtype) -> int:
    """Numbers of a row of the table that belong to one pixel: a quarter of it, half or all."""
    lanes = STRIPE_BYTES // np.dtype(dtype).itemsize
    n = lanes // 4
    while n < min(channels, lanes):
        n *= 2
    return n


def groups_of_row(kernel_width: int, channels: int, pixels: int) -> int:
    """Groups of bits that a row of the kernel sees, for so many adjacent pixels."""
    return -(-(kernel_width + pixels - 1) * channels // _GROUP)


@kernel
def fill_tables(weight, c_out, c_in, height, width, pixels, each, groups, table):
    """Sums of the weights of any four adjacent bits.

    Parameters
    ----------
    weight : float array, shape (c_out * c_in * height * width,)
    c_out, c_in, height, width : int
        Channels and kernel.
    pixels, each, groups : int
        Adjacent pixels in a row of the table, numbers of each, groups of bits of a row of the
        kernel.
    table : float array, shape (stripes * height * groups * 16 * pixels * each,)
        Written.
    """
    lanes = pixels * each
    taps = np.zeros(_GROUP * lanes, table.dtype)
    at = 0
    for first in range(0, c_out, each):
        for ky in range(height):
            for q in range(groups):
                taps[:] = 0
                for bit in range(_GROUP):
                    for p in range(pixels):
                        tap = q * _GROUP + bit - p * c_in
                        if tap < 0 or tap >= width * c_in:
                            continue
                        kx, ci = tap // c_in, tap % c_in
                        for c in range(min(each, c_out - first)):
                            place = (((first + c) * c_in + ci) * height + ky) * width + kx
                            taps[bit * lanes + p * each + c] = weight[place]
                for entry in range(_ENTRIES):
                    for c in range(lanes):
                        total = table.dtype.type(0)
                        for bit in range(_GROUP):
                            if entry >> bit & 1:
                                total += taps[bit * lanes + c]
                        table[at + c] = total
                    at += lanes


@kernel
def lay_image(x, at, c_in, height, width, pad, image):
    """Lay one image (c_in, height, width) pixel by pixel, with a margin of ``pad`` of zeros.

    ``image`` is a float array of (height + 2 pad) * (width + 2 pad) * c_in numbers and `SLACK`,
    its margin zero before.
    """
    row = (width + 2 * pad) * c_in
    for c in range(c_in):
        for y in range(height):
            to = (y + pad) * row + pad * c_in + c
            for j in range(width):
                image[to + j * c_in] = x[at]
                at += 1


@kernel
def all_spikes(x):
    """Whether there is nothing but 0 and 1."""
    odd = 0
    for k in range(x.size):
        odd += x[k] * x[k] != x[k]
    return odd == 0


@kernel
def convolve(
    x, n, c_in, height, width, pad, k_height, k_width, pool, table, pixels, each, groups, bias,
    image, bits, index, part, out, chosen,
):  # fmt: skip
    """Convolution of stride 1 of ``n`` images of spikes, then the largest of each ``pool``².

    Parameters
    ----------
    x : float array, shape (n * c_in * height * width,)
    table, pixels, each, groups
        As of `fill_tables`.
    bias : float array, shape (c_out,)
    image : float array
        Scratch; see `lay_image`.
    bits : uint8 array, size of ``image``
        Scratch: what four numbers of the image, from each one on, are together.
    index : int32 array, shape (k_height * groups,)
        Scratch.
    part : float array, shape (4, pixels * each)
        Scratch.
    out : float array, shape (n * c_out * out_height * out_width,)
        Written.
    chosen : uint8 array, shape of ``out``
        Which of the pixels of a window was the largest, the first of equal ones; written where
        ``pool`` is 2.
    """
    c_out, lanes = bias.size, pixels * each
    row = (width + 2 * pad) * c_in
    high, wide = height + 2 * pad - k_height + 1, width + 2 * pad - k_width + 1
    out_high, out_wide = high // pool, wide // pool
    # Pixels of a row at a time, and tables read for them: at least a window of the pool.
    span = max(pixels, pool)
    reads = span // pixels
    for b in range(n):
        lay_image(x, b * c_in * height * width, c_in, height, width, pad, image)
        for j in range(bits.size - 3):
            code = np.uint8(image[j]) | np.uint8(image[j + 1]) << 1
            bits[j] = code | np.uint8(image[j + 2]) << 2 | np.uint8(image[j + 3]) << 3
        for first in range(0, c_out, each):
            base = first // each * k_height * groups * _ENTRIES * lanes
            channels = min(each, c_out - first)
            for y in range(0, out_high * pool, pool):
                for left in range(0, out_wide * pool, span):
                    for dy in range(pool):
                        for r in range(reads):
                            start = (y + dy) * row + (left + r * pixels) * c_in
                            for ky in range(k_height):
                                for q in range(groups):
                                    g = ky * groups + q
                                    code = np.int32(bits[start + ky * row + q * _GROUP])
                                    index[g] = g * _ENTRIES + code
                            sum_rows(table, base, index, 0, index.size, part[dy * reads + r])
                    for p in range(0, span, pool):
                        xo = (left + p) // pool
                        if xo >= out_wide:
                            break
                        for c in range(channels):
                            to = ((b * c_out + first + c) * out_high + y // pool) * out_wide + xo
                            k = p * each + c
                            best = part[k // lanes, k % lanes]
                            if pool == 2:
                                which = np.uint8(0)
                                for d in range(1, 4):
                                    k = (p + d % 2) * each + c
                                    value = part[d // 2 * reads + k // lanes, k % lanes]
                                    if value > best:
                                        best, which = value, np.uint8(d)
                                chosen[to] = which
                            out[to] = best + bias[first + c]
