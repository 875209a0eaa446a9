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
from spikesim.kernels.train.event_rows import STRIPE_BYTES, add_chosen_rows

SLACK = 64
"""Numbers behind an image that vectors may read."""
_GROUP = 4  # bits that choose a row
_ENTRIES = 1 << _GROUP
_AT_A_TIME = 5  # tables, 20 KB


def lanes_of_pixel(channels: int, dtype) -> int:
    """Count the numbers of one pixel in a row of the table: a quarter of it, half or all."""
    lanes = STRIPE_BYTES // np.dtype(dtype).itemsize
    n = lanes // 4
    while n < min(channels, lanes):
        n *= 2
    return n


def groups_of_row(kernel_width: int, channels: int, pixels: int) -> int:
    """Count the groups of bits that a row of the kernel sees, for so many adjacent pixels."""
    return -(-(kernel_width + pixels - 1) * channels // _GROUP)


@kernel
def fill_tables(weight, c_out, c_in, height, width, pixels, each, groups, table):
    """Sum the weights of any four adjacent bits.

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
def take_image(image, c_in, height, width, pad, out, at):
    """Take an image that lies pixel by pixel back to ``out``, (c_in, height, width) from ``at``."""
    row = (width + 2 * pad) * c_in
    for c in range(c_in):
        for y in range(height):
            begin = (y + pad) * row + pad * c_in + c
            for j in range(width):
                out[at] = image[begin + j * c_in]
                at += 1


@kernel
def all_spikes(x):
    """Whether there is nothing but 0 and 1."""
    odd = 0
    for k in range(x.size):
        odd += x[k] * x[k] != x[k]
    return odd == 0


@kernel
def largest(part, a, b, c, d, n, best, which, to):
    """Largest of four numbers, and which it is: the first of equal ones.

    ``best[to:][:n]`` of ``part`` from ``a``, ``b``, ``c`` and ``d`` on, in this order.
    """
    first, second, third, fourth = (
        part[a : a + n],
        part[b : b + n],
        part[c : c + n],
        part[d : d + n],
    )
    into, chosen = best[to : to + n], which[to : to + n]
    for k in range(n):
        top, code = first[k], np.int32(0)
        code = np.int32(1) if second[k] > top else code
        top = second[k] if second[k] > top else top
        code = np.int32(2) if third[k] > top else code
        top = third[k] if third[k] > top else top
        code = np.int32(3) if fourth[k] > top else code
        into[k] = fourth[k] if fourth[k] > top else top
        chosen[k] = code


@kernel
def sum_chosen(bits, row, places, table, base, high, wide, step, sums):
    """Sum the rows of tables that the bits of each window choose.

    Parameters
    ----------
    bits : uint8 array
        See `convolve`; windows of one output row begin ``row`` behind those of the row before.
    row : int
    places : int64 array
        Of each group of bits in a window.
    table : float array
        Tables of all groups from ``base`` on.
    base : int
    high, wide, step : int
        Windows: rows, in each row, and how far apart.
    sums : float array, shape (high * wide * lanes,)
        Written.
    """
    lanes = sums.size // (high * wide)
    # A few tables at a time stay in the nearest cache together with all sums of an image.
    for first in range(0, places.size, _AT_A_TIME):
        last = min(first + _AT_A_TIME, places.size)
        for y in range(high):
            for j in range(wide):
                to = (y * wide + j) * lanes
                add_chosen_rows(
                    table, base, bits, y * row + j * step, places, first, last, sums, to
                )  # fmt: skip


@kernel
def convolve(
    x, n, c_in, height, width, pad, k_height, k_width, pool, table, pixels, each, groups, bias,
    image, bits, places, sums, best, which, out, chosen,
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
    places : int64 array, shape (k_height * groups,)
        Scratch.
    sums : float array
        Scratch: all pixels of an image, in rows of whole ``pixels``, times ``each``.
    best, which : float and int32 arrays, shape (out_high * out_wide * each,)
        Scratch.
    out : float array, shape (n * c_out * out_high * out_wide,)
        Written.
    chosen : uint8 array, shape of ``out``
        Which of the pixels of a window was the largest, the first of equal ones; written where
        ``pool`` is 2.
    """
    c_out = bias.size
    row = (width + 2 * pad) * c_in
    high, wide = height + 2 * pad - k_height + 1, width + 2 * pad - k_width + 1
    out_high, out_wide = high // pool, wide // pool
    windows = -(-wide // pixels)
    for k in range(places.size):
        places[k] = k // groups * row + k % groups * _GROUP
    for b in range(n):
        lay_image(x, b * c_in * height * width, c_in, height, width, pad, image)
        for j in range(bits.size - 3):
            code = image[j] + 2 * image[j + 1] + 4 * image[j + 2] + 8 * image[j + 3]
            bits[j] = np.uint8(np.int32(code))
        for first in range(0, c_out, each):
            base = first // each * places.size * _ENTRIES * pixels * each
            sums[:] = 0
            sum_chosen(bits, row, places, table, base, high, windows, pixels * c_in, sums)
            for y in range(out_high):
                for j in range(out_wide):
                    at = (y * pool * windows * pixels + j * pool) * each
                    below, to = at + windows * pixels * each, (y * out_wide + j) * each
                    if pool == 2:
                        largest(sums, at, at + each, below, below + each, each, best, which, to)
                    else:
                        best[to : to + each] = sums[at : at + each]
            at = (b * c_out + first) * out_high * out_wide
            for c in range(min(each, c_out - first)):
                for k in range(out_high * out_wide):
                    out[at] = best[k * each + c] + bias[first + c]
                    if pool == 2:
                        chosen[at] = np.uint8(which[k * each + c])
                    at += 1
