# SPDX-License-Identifier: Apache-2.0
"""Tables of integers to and from the halfwords that the link carries.

Positions are those of ``hdl/spec/core.toml``; what they mean is in ``docs/design/image.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.generated import FIELDS, WINDOWS, Window

Halfwords = npt.NDArray[np.uint16]
Table = npt.NDArray[Any]

SEGMENT_DTYPE = np.dtype([(name, np.int32) for name in FIELDS[Window.SEG]])
PARAM_DTYPE = np.dtype([(name, np.int32) for name in FIELDS[Window.PARAM]])
STATE_DTYPE = np.dtype([(name, np.int32) for name in FIELDS[Window.STATE]])
POPULATION_DTYPE = np.dtype([(name, np.int32) for name in FIELDS[Window.POP]])


def pack_table(window: Window, table: Table) -> Halfwords:
    """Halfwords of a table whose columns are the fields of a window.

    Parameters
    ----------
    window : Window
        SEG, PARAM, STATE or POP.
    table : structured int array, shape (n,)
        One column per field; values in range (see ``field_problems``).

    Returns
    -------
    uint16 array, shape (n * stride,)

    Examples
    --------
    >>> table = np.zeros(1, PARAM_DTYPE)
    >>> table["v_th"], table["bias"], table["refr_len"] = 5, -1, 2
    >>> [hex(x) for x in pack_table(Window.PARAM, table)]
    ['0x5', '0xfffc', '0x2f', '0x0']
    """
    places = [(f.lsb, f.width, table[name]) for name, f in FIELDS[window].items()]
    return _pack(places, table.shape[0], WINDOWS[window].stride)


def unpack_table(window: Window, halfwords: npt.ArrayLike, dtype: np.dtype[Any]) -> Table:
    """Give the inverse of ``pack_table``; bits outside the fields are ignored.

    Raises
    ------
    ValidationError
        If the halfwords are no whole number of entries.
    """
    rows = _rows(window.name, halfwords, WINDOWS[window].stride)
    table = np.zeros(rows.shape[0], dtype)
    for name, field in FIELDS[window].items():
        table[name] = _unpack(rows, field.lsb, field.width, field.signed)
    return table


def pack_weights(weights: npt.NDArray[np.signedinteger[Any]], weight_bits: int) -> Halfwords:
    """Halfwords of weight words, lane 0 in the low bits.

    Parameters
    ----------
    weights : int array, shape (n_words, lanes)
    weight_bits : int
        4, 8 or 16.

    Returns
    -------
    uint16 array, shape (n_words * lanes * weight_bits / 16,)
    """
    lanes = weights.shape[1]
    places = [(lane * weight_bits, weight_bits, weights[:, lane]) for lane in range(lanes)]
    return _pack(places, weights.shape[0], lanes * weight_bits // 16)


def unpack_weights(halfwords: npt.ArrayLike, lanes: int, weight_bits: int) -> npt.NDArray[np.int16]:
    """Give the inverse of ``pack_weights``, int16 array of shape (n_words, lanes)."""
    rows = _rows("WEIGHT", halfwords, lanes * weight_bits // 16)
    columns = [_unpack(rows, lane * weight_bits, weight_bits, True) for lane in range(lanes)]
    return np.stack(columns, axis=1).astype(np.int16)


def field_problems(window: Window, table: Table, who: str) -> list[str]:
    """Values that do not fit their field, one sentence per field."""
    problems = []
    for name, field in FIELDS[window].items():
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = low + (1 << field.width) - 1
        column = table[name]
        bad = (column < low) | (column > high)
        if bad.any():
            at = int(np.argmax(bad))
            problems.append(
                f"{who} {at}: expected {low} <= {name} <= {high}, got {int(column[at])} "
                f"({int(bad.sum())} entries outside)"
            )
    return problems


def _pack(places: Iterable[tuple[int, int, Table]], n: int, stride: int) -> Halfwords:
    rows = np.zeros((n, stride), dtype=np.int64)
    for lsb, width, column in places:
        value = column.astype(np.int64) & ((1 << width) - 1)
        done = 0
        while done < width:
            at, offset = divmod(lsb + done, 16)
            take = min(16 - offset, width - done)
            rows[:, at] |= ((value >> done) & ((1 << take) - 1)) << offset
            done += take
    return rows.astype(np.uint16).reshape(-1)


def _unpack(rows: npt.NDArray[np.int64], lsb: int, width: int, signed: bool) -> Table:
    value = np.zeros(rows.shape[0], dtype=np.int64)
    done = 0
    while done < width:
        at, offset = divmod(lsb + done, 16)
        take = min(16 - offset, width - done)
        value |= ((rows[:, at] >> offset) & ((1 << take) - 1)) << done
        done += take
    if signed:
        value -= (value >> (width - 1)) << width
    return value


def _rows(what: str, halfwords: npt.ArrayLike, stride: int) -> npt.NDArray[np.int64]:
    flat = np.asarray(halfwords).astype(np.int64)
    if flat.ndim != 1 or flat.size % stride:
        raise ValidationError(
            f"image of {what}: expected a multiple of {stride} halfwords, got shape {flat.shape}"
        )
    return flat.reshape(-1, stride)
