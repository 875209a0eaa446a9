# SPDX-License-Identifier: Apache-2.0
"""Gradients of a convolution with max-pooling: only what was the largest of its window has one.

That is a quarter of the pixels, so both gradients take a quarter of the products. Windows are sums
of rows of an image as `conv.lay_image` lays it; they stay in vector registers.
"""

from __future__ import annotations

import functools

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.conv import lay_image, take_image
from spikesim.kernels.train.conv_rows import sum_windows


def lanes_of_window(run: int) -> int:
    """Numbers of a row of a window that are summed at a time: 16, 32 or 64."""
    return 16 if run <= 16 else 32 if run <= 32 else 64


@functools.cache
def weight_gradient(rows: int, lanes: int):
    """Kernel of the weight gradient, for kernels of so many rows."""

    @kernel
    def accumulate(
        grad, chosen, x, n, c_out, c_in, height, width, pad, k_width, image, offsets, part, total
    ):  # fmt: skip
        """Add up the gradients of the weights over ``n`` images.

        Parameters
        ----------
        grad, chosen : float and uint8 arrays, shape (n * c_out * out_high * out_wide,)
            Gradient of the pooled output, and which pixel each is of.
        x : float array, shape (n * c_in * height * width,)
        image, offsets, part : float, int32 and float arrays
            Scratch: an image, a number per pooled pixel, ``rows * lanes``.
        total : float array, shape (c_out, chunks, rows * lanes)
            Added to: rows of the kernel, each cut into chunks of ``lanes``.
        """
        row = (width + 2 * pad) * c_in
        out_high = (height + 2 * pad - rows + 1) // 2
        out_wide = (width + 2 * pad - k_width + 1) // 2
        pixels = out_high * out_wide
        for b in range(n):
            lay_image(x, b * c_in * height * width, c_in, height, width, pad, image)
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
def sort_by_pixel(
    grad, chosen, at, c_out, out_high, out_wide, wide, step, begin, offsets, factors
):  # fmt: skip
    """List the channels that have a gradient at each pixel of one image, and the gradients.

    Parameters
    ----------
    grad, chosen : float and uint8 arrays
        Of the pooled output, (c_out, out_high, out_wide) from ``at`` on.
    wide : int
        Pixels in a row.
    step : int
        By which channels are multiplied in ``offsets``.
    begin : int64 array, shape (pixels + 1,)
        Where the list of each pixel ends; written.
    offsets, factors : int32 and float arrays, shape (c_out * out_high * out_wide,)
        Written.
    """
    begin[:] = 0
    here = at
    for _ in range(c_out):
        for y in range(out_high):
            for j in range(out_wide):
                which = np.int64(chosen[here])
                begin[(2 * y + which // 2) * wide + 2 * j + which % 2 + 1] += 1
                here += 1
    for k in range(begin.size - 1):
        begin[k + 1] += begin[k]
    here = at
    for c in range(c_out):
        for y in range(out_high):
            for j in range(out_wide):
                which = np.int64(chosen[here])
                pixel = (2 * y + which // 2) * wide + 2 * j + which % 2
                offsets[begin[pixel]] = c * step
                factors[begin[pixel]] = grad[here]
                begin[pixel] += 1
                here += 1


@functools.cache
def input_gradient(rows: int, lanes: int):
    """Kernel of the input gradient, for kernels of so many rows."""

    @kernel
    def scatter(
        grad, chosen, weights, chunks, n, c_out, c_in, height, width, pad, k_width, begin, offsets,
        factors, image, part, out,
    ):  # fmt: skip
        """Gradient of ``n`` images.

        Parameters
        ----------
        grad, chosen : float and uint8 arrays, shape (n * c_out * out_high * out_wide,)
            Gradient of the pooled output, and which pixel each is of.
        weights : float array, shape (chunks * c_out * rows * lanes,)
            Rows of the kernels, cut into chunks of ``lanes``.
        begin, offsets, factors : int64, int32 and float arrays
            Scratch: a number per pixel and one, and numbers per pooled pixel and channel.
        image, part : float arrays
            Scratch: an image, ``rows * lanes``.
        out : float array, shape (n * c_in * height * width,)
            Written.
        """
        row = (width + 2 * pad) * c_in
        high, wide = height + 2 * pad - rows + 1, width + 2 * pad - k_width + 1
        out_high, out_wide = high // 2, wide // 2
        pooled = out_high * out_wide
        for b in range(n):
            at = b * c_out * pooled
            sort_by_pixel(
                grad, chosen, at, c_out, out_high, out_wide, wide, rows * lanes, begin, offsets,
                factors,
            )  # fmt: skip
            image[:] = 0
            lo = 0
            for y in range(high):
                for j in range(wide):
                    hi = begin[y * wide + j]  # moved on to its end
                    for chunk in range(chunks if hi > lo else 0):
                        sum_windows(
                            weights, chunk * c_out * rows * lanes, lanes, offsets, factors, 0, lo,
                            hi, part, rows, lanes,
                        )  # fmt: skip
                        for r in range(rows):
                            to = (y + r) * row + j * c_in + chunk * lanes
                            into = image[to : to + lanes]
                            here = part[r * lanes : (r + 1) * lanes]
                            for k in range(lanes):
                                into[k] += here[k]
                    lo = hi
            take_image(image, c_in, height, width, pad, out, b * c_in * height * width)

    return scatter
