# SPDX-License-Identifier: Apache-2.0
"""Gradients of a convolution with max-pooling: only what was the largest of its window has one.

That is a quarter of the pixels, so both gradients take a quarter of the products. Windows are sums
of rows of an image that lies pixel by pixel, as of `conv.lay_spikes`; they stay in vector
registers.
"""

from __future__ import annotations

import functools

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.conv import take_image
from spikesim.kernels.train.conv_rows import sum_windows


def lanes_of_window(run: int) -> int:
    """Numbers of a row of a window that are summed at a time: 8, 16, 32 or 64."""
    return next(n for n in (8, 16, 32, 64) if run <= n or n == 64)


@functools.cache
def weight_gradient(rows: int, lanes: int):
    """Kernel of the weight gradient, for kernels of so many rows."""

    @kernel
    def accumulate(
        grad, chosen, images, n, c_out, c_in, height, width, pad, k_width, image, offsets, part,
        total,
    ):  # fmt: skip
        """Add up the gradients of the weights over ``n`` images.

        Parameters
        ----------
        grad, chosen : float and uint8 arrays, shape (n * c_out * out_high * out_wide,)
            Gradient of the pooled output, and which pixel each is of.
        images : float or uint8 array
            Pixel by pixel, with margins, as of `conv.lay_spikes`.
        image, offsets, part : float, int32 and float arrays
            Scratch: an image and 0 behind it, a number per pooled pixel, ``rows * lanes``.
        total : float array, shape (c_out, chunks, rows * lanes)
            Added to: rows of the kernel, each cut into chunks of ``lanes``.
        """
        row = (width + 2 * pad) * c_in
        out_high = (height + 2 * pad - rows + 1) // 2
        out_wide = (width + 2 * pad - k_width + 1) // 2
        pixels, size = out_high * out_wide, (height + 2 * pad) * row
        for b in range(n):
            given = images[b * size : (b + 1) * size]
            for k in range(size):
                image[k] = given[k]
            for c in range(c_out):
                at = (b * c_out + c) * pixels
                for y in range(out_high):
                    for j in range(out_wide):
                        k = y * out_wide + j
                        which = np.int64(chosen[at + k])
                        here = (2 * y + which // 2) * row + (2 * j + which % 2) * c_in
                        offsets[k] = here
                for chunk in range(total.shape[1]):
                    sum_windows(
                        image, chunk * lanes, row, offsets, grad, at, 0, pixels, part, rows, lanes
                    )  # fmt: skip
                    into = total[c, chunk]
                    for k in range(rows * lanes):
                        into[k] += part[k]

    return accumulate


@kernel
def list_by_pixel(grad, chosen, at, c_out, apart, step, counts, offsets, factors):
    """List the channels that have their gradient at each of the four pixels of a window.

    Parameters
    ----------
    grad, chosen : float and uint8 arrays
        A number per channel, ``apart`` from each other, from ``at`` on.
    c_out, apart : int
    step : int
        By which channels are multiplied in ``offsets``.
    counts : int64 array, shape (4,)
        How many there are; written.
    offsets, factors : int32 and float arrays, shape (4 * c_out,)
        ``c_out`` places for each pixel; written.
    """
    counts[:] = 0
    place = np.int32(0)
    for _ in range(c_out):
        which = np.uint64(chosen[at])
        k = which * np.uint64(c_out) + np.uint64(counts[which])
        offsets[k] = place
        factors[k] = grad[at]
        counts[which] += 1
        place += np.int32(step)
        at += apart


@functools.cache
def input_gradient(rows: int, lanes: int):
    """Kernel of the input gradient, for kernels of so many rows."""

    @kernel
    def scatter(
        grad, chosen, weights, chunks, ticks, n, first, stride, c_out, c_in, height, width, pad,
        k_width, counts, offsets, factors, image, part, out,
    ):  # fmt: skip
        """Gradient of ``n`` images of each tick, written from ``first + t * stride`` on.

        Parameters
        ----------
        grad, chosen : float and uint8 arrays, shape (n * c_out * out_high * out_wide,)
            Gradient of the pooled output, and which pixel each is of.
        weights : float array, shape (chunks * c_out * rows * lanes,)
            Rows of the kernels, cut into chunks of ``lanes``.
        counts, offsets, factors : int64, int32 and float arrays
            Scratch; see `list_by_pixel`.
        image, part : float arrays
            Scratch: an image, ``rows * lanes``.
        out : float array
            Images (c_in, height, width), written.
        """
        row = (width + 2 * pad) * c_in
        out_wide = (width + 2 * pad - k_width + 1) // 2
        pooled = (height + 2 * pad - rows + 1) // 2 * out_wide
        for b in range(ticks * n):
            image[:] = 0
            for k in range(pooled):
                y, j = 2 * (k // out_wide), 2 * (k % out_wide)
                list_by_pixel(
                    grad, chosen, b * c_out * pooled + k, c_out, pooled, rows * lanes, counts,
                    offsets, factors,
                )  # fmt: skip
                for which in range(4):
                    here = (y + which // 2) * row + (j + which % 2) * c_in
                    lo = which * c_out
                    hi = lo + counts[which]
                    for chunk in range(chunks if hi > lo else 0):
                        sum_windows(
                            weights, chunk * c_out * rows * lanes, lanes, offsets, factors, 0, lo,
                            hi, part, rows, lanes,
                        )  # fmt: skip
                        for r in range(rows):
                            to = here + r * row + chunk * lanes
                            into = image[to : to + lanes]
                            its = part[r * lanes : (r + 1) * lanes]
                            for c in range(lanes):
                                into[c] += its[c]
            to = first + b // n * stride + b % n * (c_in * height * width)
            take_image(image, c_in, height, width, pad, out, to)

    return scatter
