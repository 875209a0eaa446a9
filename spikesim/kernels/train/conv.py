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
from spikesim.kernels.train.conv_rows import VECTOR_BYTES, pool_block
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
def take_image(image, c_in, height, width, pad, out, at):
    """Take an image that lies pixel by pixel back to ``out``, (c_in, height, width) from ``at``."""
    row = (width + 2 * pad) * c_in
    if pad == 0:  # it is one line
        height, width = 1, height * width
    for c in range(c_in):
        for y in range(height):
            begin = (y + pad) * row + pad * c_in + c
            apart = image[begin : begin + (width - 1) * c_in + 1 : c_in]
            into = out[at : at + width]
            for j in range(width):
                into[j] = apart[j]
            at += width


@kernel
def all_spikes(x):
    """Whether there is nothing but 0 and 1."""
    odd = 0
    for k in range(x.size):
        odd += x[k] * x[k] != x[k]
    return odd == 0


@kernel
def lay_spikes(x, first, ticks, stride, n, c_in, height, width, pad, ones):
    """Lay images of spikes pixel by pixel, a byte for each number, with a margin of ``pad``.

    Parameters
    ----------
    x : float array
        Images (c_in, height, width), ``n`` after each other from ``first + t * stride`` on.
    first, ticks, stride, n : int
    ones : uint8 array
        Images of all ticks; written but for margins.

    Returns
    -------
    bool
        Whether there is nothing but 0 and 1.
    """
    row, whole = (width + 2 * pad) * c_in, (height + 2 * pad) * (width + 2 * pad) * c_in
    if pad == 0:  # an image is one line
        height, width = 1, height * width
    odd, to = 0, 0
    for t in range(ticks):
        at = first + t * stride
        for _ in range(n):
            for c in range(c_in):
                for y in range(height):
                    given = x[at : at + width]
                    begin = to + (y + pad) * row + pad * c_in + c
                    for j in range(width):
                        odd += given[j] * given[j] != given[j]
                    if c_in == 1:
                        into = ones[begin : begin + width]
                        for j in range(width):
                            into[j] = given[j] != 0
                    else:
                        apart = ones[begin : begin + (width - 1) * c_in + 1 : c_in]
                        for j in range(width):
                            apart[j] = given[j] != 0
                    at += width
            to += whole
    return odd == 0


@kernel
def codes_of(ones, at, size, codes):
    """Write what four numbers of the image ``ones[at:][:size]`` are together, from each one on."""
    image = ones[at : at + size]
    for j in range(size - 3):
        codes[j] = np.uint8(image[j] | image[j + 1] << 1 | image[j + 2] << 2 | image[j + 3] << 3)
    for j in range(max(0, size - 3), size):
        code = 0
        for k in range(size - j):
            code |= image[j + k] << k
        codes[j] = code


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
def take_largest(
    sums, offsets, each, down, bias, first, out, chosen, at, n_out, best, which
):  # fmt: skip
    """Write the largest of each two by two pixels for the channels from ``first`` on.

    Parameters
    ----------
    sums : float array
        Pixels of ``each`` channels.
    offsets : int32 array
        Where the first pixel of each window is; whole vectors, ``n_out`` of which count.
    each, down : int
        How far the pixels to the right and below are.
    bias, out, chosen
        As of `convolve`.
    at : int
        Where the first channel of this image begins in ``out``.
    best, which : float and uint8 arrays, a vector by a vector
        Scratch.
    """
    lanes = VECTOR_BYTES // sums.itemsize
    for c0 in range(0, min(each, bias.size - first), lanes):
        for k0 in range(0, n_out, lanes):
            pool_block(sums, c0, offsets, k0, each, down, best, which)
            n = min(lanes, n_out - k0)
            for c in range(min(lanes, bias.size - first - c0)):
                to, constant = at + (c0 + c) * n_out + k0, bias[first + c0 + c]
                into, code = out[to : to + n], chosen[to : to + n]
                row, its = best[c * lanes : c * lanes + n], which[c * lanes : c * lanes + n]
                for k in range(n):
                    into[k] = row[k] + constant
                for k in range(n):
                    code[k] = its[k]


@kernel
def convolve(
    ones, n, c_in, height, width, pad, k_height, k_width, pool, table, pixels, each, groups, bias,
    bits, places, offsets, sums, best, which, out, chosen,
):  # fmt: skip
    """Convolution of stride 1 of ``n`` images of spikes, then the largest of each ``pool``².

    Parameters
    ----------
    ones : uint8 array
        As `lay_spikes` writes it.
    table, pixels, each, groups
        As of `fill_tables`.
    bias : float array, shape (c_out,)
    bits : uint8 array
        Scratch: an image, see `codes_of`, and 0 behind it.
    places : int64 array, shape (k_height * groups,)
        Scratch.
    offsets : int32 array
        Scratch: a number per pixel that comes out, up to whole vectors; zero.
    sums : float array
        Scratch: all pixels of an image, in rows of whole ``pixels``, times ``each``.
    best, which : float and uint8 arrays
        Scratch: a vector of vectors.
    out : float array, shape (n * c_out * out_high * out_wide,)
        Written.
    chosen : uint8 array, shape of ``out``
        Which of the pixels of a window was the largest, the first of equal ones; written where
        ``pool`` is 2.
    """
    c_out = bias.size
    row = (width + 2 * pad) * c_in
    size = (height + 2 * pad) * row
    high, wide = height + 2 * pad - k_height + 1, width + 2 * pad - k_width + 1
    out_high, out_wide = high // pool, wide // pool
    windows = -(-wide // pixels)
    n_out = out_high * out_wide
    for k in range(n_out):
        offsets[k] = (k // out_wide * windows * pixels + k % out_wide) * pool * each
    for k in range(places.size):
        places[k] = k // groups * row + k % groups * _GROUP
    for b in range(n):
        codes_of(ones, b * size, size, bits)
        for first in range(0, c_out, each):
            base = first // each * places.size * _ENTRIES * pixels * each
            sums[:] = 0
            sum_chosen(bits, row, places, table, base, high, windows, pixels * c_in, sums)
            here = b * c_out + first
            if pool == 2:
                down = windows * pixels * each
                take_largest(
                    sums, offsets, each, down, bias, first, out, chosen, here * n_out, n_out,
                    best, which,
                )  # fmt: skip
                continue
            for c in range(min(each, c_out - first)):
                at = (here + c) * n_out
                for y in range(high):
                    row_of = y * windows * pixels
                    for j in range(wide):
                        out[at] = sums[(row_of + j) * each + c] + bias[first + c]
                        at += 1
